// Logged models in MLflow's folders: in that of their experiment, models/m-….
#pragma once
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include <ivory/tracking/logged_models.h>

#include "file_tree.h"

namespace ivory::tracking {

// Errors: kNotFound, also for a model that is deleted.
[[nodiscard]] std::filesystem::path active_model_folder(const FileTree& tree, std::string_view model_id);

class FileLoggedModels final : public LoggedModels {
 public:
  // The tree lives longer.
  explicit FileLoggedModels(const FileTree& tree) : tree_(tree) {}

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
  const FileTree& tree_;
};

}  // namespace ivory::tracking
