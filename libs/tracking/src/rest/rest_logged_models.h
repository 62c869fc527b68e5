// The logged models behind MLflow's REST interface.
#pragma once
#include <ivory/tracking/logged_models.h>

#include "rest/rest_client.h"

namespace ivory::tracking {

// Repeats as RestTrackingStore: not the making of a model, nor what refuses to be done again.
class RestLoggedModels final : public LoggedModels {
 public:
  explicit RestLoggedModels(const RestClient& client) : client_(client) {}  // outlives it

  LoggedModel create_logged_model(const CreateLoggedModel& create) override;
  [[nodiscard]] std::optional<LoggedModel> find_logged_model(std::string_view model_id) const override;
  [[nodiscard]] LoggedModel get_logged_model(std::string_view model_id) const override;
  LoggedModel finalize_logged_model(std::string_view model_id, LoggedModelStatus status) override;
  void delete_logged_model(std::string_view model_id) override;
  LoggedModel set_logged_model_tags(std::string_view model_id, const std::vector<KeyValue>& tags) override;
  void delete_logged_model_tag(std::string_view model_id, std::string_view key) override;
  void log_logged_model_params(std::string_view model_id, const std::vector<KeyValue>& params) override;
  [[nodiscard]] Page<LoggedModel> search_logged_models(const SearchLoggedModels& search) const override;

 private:
  const RestClient& client_;
};

}  // namespace ivory::tracking
