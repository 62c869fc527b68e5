// Models that runs log (MLflow 3): entities of their own beside runs.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/entities.h>
#include <ivory/tracking/page.h>

namespace ivory::tracking {

enum class LoggedModelStatus { kUnspecified, kPending, kReady, kUploadFailed };
// "LOGGED_MODEL_PENDING" …
[[nodiscard]] std::string_view to_text(LoggedModelStatus status) noexcept;
[[nodiscard]] std::optional<LoggedModelStatus> find_logged_model_status(std::string_view name) noexcept;

struct LoggedModel {
  std::string model_id;  // "m-" and 32 hex digits
  std::string experiment_id;
  std::string name;
  std::string artifact_uri;
  TimeMs creation_time = 0;
  TimeMs last_update_time = 0;
  LoggedModelStatus status = LoggedModelStatus::kPending;
  std::string model_type;
  std::string source_run_id;
  std::string status_message;
  std::vector<KeyValue> params;      // by key
  std::vector<KeyValue> tags;        // by key
  std::vector<ModelMetric> metrics;  // by key
  friend bool operator==(const LoggedModel&, const LoggedModel&) = default;
};

// NOLINTBEGIN(readability-redundant-member-init): as CreateRun
struct CreateLoggedModel {
  std::string experiment_id;
  std::string name = {};  // empty: adjective-noun-number
  std::string model_type = {};
  std::string source_run_id = {};
  std::vector<KeyValue> params = {};
  std::vector<KeyValue> tags = {};
};

struct LoggedModelOrder {
  std::string field_name;
  bool ascending = true;
  std::string dataset_name = {};  // of a metric
  std::string dataset_digest = {};
};

struct SearchLoggedModels {
  std::vector<std::string> experiment_ids = {};
  std::string filter = {};
  std::vector<Dataset> datasets = {};  // only their name and digest: what metric conditions look at
  std::vector<LoggedModelOrder> order_by = {};
  std::int64_t max_results = 50;
  std::string page_token = {};
};
// NOLINTEND(readability-redundant-member-init)

// The models of a tracking store. Threads, ownership, durability and errors: as TrackingStore.
class LoggedModels {
 public:
  virtual ~LoggedModels() = default;
  LoggedModels(const LoggedModels&) = delete;
  LoggedModels& operator=(const LoggedModels&) = delete;

  virtual LoggedModel create_logged_model(const CreateLoggedModel& create) = 0;
  // Empty for one that is deleted or was never there.
  [[nodiscard]] virtual std::optional<LoggedModel> find_logged_model(std::string_view model_id) const = 0;
  [[nodiscard]] virtual LoggedModel get_logged_model(std::string_view model_id) const = 0;
  virtual LoggedModel finalize_logged_model(std::string_view model_id, LoggedModelStatus status) = 0;
  virtual void delete_logged_model(std::string_view model_id) = 0;
  virtual LoggedModel set_logged_model_tags(std::string_view model_id, const std::vector<KeyValue>& tags) = 0;
  virtual void delete_logged_model_tag(std::string_view model_id, std::string_view key) = 0;
  virtual void log_logged_model_params(std::string_view model_id, const std::vector<KeyValue>& params) = 0;
  [[nodiscard]] virtual Page<LoggedModel> search_logged_models(const SearchLoggedModels& search) const = 0;

 protected:
  LoggedModels() = default;
};

}  // namespace ivory::tracking
