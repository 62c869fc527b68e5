// Logged models in MLflow's tables of an SQL database.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include <ivory/storage/database.h>
#include <ivory/tracking/logged_models.h>

namespace ivory::tracking {

class SqlLoggedModels final : public LoggedModels {
 public:
  // The database lives longer.
  explicit SqlLoggedModels(storage::Database& database) : database_(database) {}

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
  storage::Database& database_;
};

}  // namespace ivory::tracking
