// The tracking library for programs that log: start_run(), log, and the run ends with its scope.
//
//   ivory::tracking::TrackingClient client;  // MLFLOW_TRACKING_URI, or sqlite:///mlflow.db
//   auto run = client.start_run({.experiment = "digits", .run_name = "first"});
//   run.log_param("lr", 0.1);
//   for (int step = 0; step < 100; ++step) run.log_metric("loss", 1.0 / (step + 1), step);
//   run.log_artifact("model.bin");
//
// See docs/tracking-library.md.
#pragma once
#include <concepts>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/tracking/open_store.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

class ActiveRun;

// NOLINTBEGIN(readability-redundant-member-init): as CreateRun
struct ClientOptions {
  std::string tracking_uri = {};  // empty: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db
  Durability durability = Durability::kProcess;
  // What relative paths start from, and where .ivory/spool lies; empty: the process's.
  std::filesystem::path working_directory = {};
  // As of StoreOptions: {&file_store_scheme(), 1} of the library tracking_file adds file:./mlruns.
  std::span<const StoreScheme> further = {};
};

struct StartRun {
  // By name, made if there is none; empty: that of MLFLOW_EXPERIMENT_NAME or MLFLOW_EXPERIMENT_ID, else
  // Default.
  std::string experiment = {};
  std::string run_name = {};     // empty: the store invents one
  std::string description = {};  // the tag mlflow.note.content
  std::vector<KeyValue> tags = {};
  std::string parent_run_id = {};
  // Log system/cpu_utilization_percentage and so on every 10 s (docs/tracking-library.md), also when
  // MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING is true.
  bool system_metrics = false;
};
// NOLINTEND(readability-redundant-member-init)

using NamedValue = std::pair<std::string_view, double>;

// Starts runs in one tracking store.
// Threads: any method from any thread. Not across fork().
class TrackingClient {
 public:
  // Errors: those of open_store(): a server that is down is an error at once.
  explicit TrackingClient(ClientOptions options = {});

  // Makes a run that is RUNNING, with the tags of MLflow's fluent interface: mlflow.user, mlflow.source.name,
  // mlflow.source.type, mlflow.source.git.commit, and those of MLFLOW_RUN_CONTEXT. Errors: those of the
  // store.
  [[nodiscard]] ActiveRun start_run(const StartRun& start = {}) const;
  // Goes on with a run, which is RUNNING again.
  [[nodiscard]] ActiveRun resume_run(std::string_view run_id) const;
  // Everything else: experiments, searches, histories, models.
  [[nodiscard]] TrackingStore& store() const noexcept { return *store_; }
  [[nodiscard]] const std::string& tracking_uri() const noexcept { return options_.tracking_uri; }

 private:
  friend class ActiveRun;
  TrackingClient(ClientOptions options, std::shared_ptr<TrackingStore> store)
      : options_(std::move(options)), store_(std::move(store)) {}
  [[nodiscard]] ActiveRun activate(RunRecord run, bool system_metrics) const;
  ClientOptions options_;
  std::shared_ptr<TrackingStore> store_;  // shared with its runs, which may outlive the client
};

// A run that logs. It ends with its scope: FINISHED, or FAILED when the scope is left by an exception.
//
// Metrics, params and tags go into a buffer that a thread writes (async_logger.h): logging costs the caller a
// fraction of a microsecond. flush(), end() and the end of the scope are durable points, and errors of what
// was logged appear there. Artifacts are written at once. With a tracking server that goes away meanwhile,
// the run goes on: what it logs, copies of artifacts included, waits in .ivory/spool and is sent when the
// server answers again, when the run is gone on with, or by `ivory sync`. Threads: any method from any
// thread, but end() and the destructor alone.
class ActiveRun {
 public:
  ~ActiveRun();
  ActiveRun(ActiveRun&& other) noexcept;
  ActiveRun& operator=(ActiveRun&& other) = delete;
  ActiveRun(const ActiveRun&) = delete;
  ActiveRun& operator=(const ActiveRun&) = delete;

  [[nodiscard]] const std::string& run_id() const noexcept;
  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] const std::string& experiment_id() const noexcept;
  [[nodiscard]] const std::string& artifact_uri() const noexcept;

  void log_metric(std::string_view key, double value, std::int64_t step = 0);
  // All at one time.
  void log_metrics(std::initializer_list<NamedValue> metrics, std::int64_t step = 0);
  void log_metrics(const std::vector<Metric>& metrics);
  // A param keeps its first value; another is an error at the next durable point.
  void log_param(std::string_view key, std::string_view value);
  void log_param(std::string_view key, const char* value) { log_param(key, std::string_view(value)); }
  void log_param(std::string_view key, bool value) {
    log_param(key, std::string_view(value ? "True" : "False"));
  }
  template <class T>
    requires std::integral<T> || std::floating_point<T>
  void log_param(std::string_view key, T value) {
    if constexpr (std::integral<T>) {
      log_param(key, std::string_view(std::to_string(value)));
    } else {
      log_param(key, std::string_view(real_to_text(value)));
    }
  }
  void log_params(const std::vector<KeyValue>& params);
  void set_tag(std::string_view key, std::string_view value);
  void set_tags(const std::vector<KeyValue>& tags);

  void log_artifact(const std::filesystem::path& file, std::string_view folder = {});
  void log_artifacts(const std::filesystem::path& source, std::string_view folder = {});
  // As the artifact `path`: a text, and values as JSON.
  void log_text(std::string_view text, std::string_view path);
  void log_dict(const Params& values, std::string_view path);
  void log_inputs(const std::vector<DatasetInput>& datasets);

  // A run nested under this one, in its experiment unless `start` names another.
  [[nodiscard]] ActiveRun start_nested(const StartRun& start = {}) const;

  // A durable point. Errors: the first of what was logged since the last.
  void flush();
  // Ends the run now; nothing may be logged after it. The destructor then does nothing.
  // Errors: as flush(); the run has ended all the same.
  void end(RunStatus status = RunStatus::kFinished);

 private:
  friend class TrackingClient;
  struct State;
  explicit ActiveRun(std::unique_ptr<State> state);
  [[nodiscard]] State& state() const;
  std::unique_ptr<State> state_;
};

}  // namespace ivory::tracking
