#include <ivory/tracking/client.h>

#include <cstdlib>
#include <exception>

#include <nlohmann/json.hpp>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/async_logger.h>
#include <ivory/tracking/run_context.h>

#include "system_metrics.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

std::string variable_or(const char* name, std::string_view fallback) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody here sets any
  return std::string(value == nullptr || *value == '\0' ? fallback : std::string_view(value));
}

// As MLflow reads its variables that are true or false.
bool is_set(const char* name) {
  const std::string text = variable_or(name, "false");
  for (const std::string_view yes : {"true", "True", "TRUE", "1"})
    if (text == yes) return true;
  for (const std::string_view no : {"false", "False", "FALSE", "0"})
    if (text == no) return false;
  throw Error(ErrorCode::kInvalidArgument,
              "environment variable " + std::string(name) + ": found '" + text + "', expected true or false");
}

// The experiment of runs that name none: MLFLOW_EXPERIMENT_NAME, MLFLOW_EXPERIMENT_ID, else Default.
std::string experiment_of_environment(TrackingStore& store) {
  const std::string name = variable_or("MLFLOW_EXPERIMENT_NAME", "");
  const std::string id = variable_or("MLFLOW_EXPERIMENT_ID", "");
  if (id.empty()) return store.find_or_create_experiment(name.empty() ? "Default" : name).id;
  const ExperimentRecord experiment = store.get_experiment(id);
  if (!name.empty() && name != experiment.name)
    throw Error(ErrorCode::kInvalidArgument,
                "environment variables MLFLOW_EXPERIMENT_NAME and MLFLOW_EXPERIMENT_ID: experiment " + id +
                    " is named '" + experiment.name + "', found '" + name + "'");
  return experiment.id;
}

// A run waits no minutes for a server: what cannot be sent waits in the spool.
constexpr int kMaxRetries = 1;

bool is_remote(std::string_view uri) { return uri.starts_with("http://") || uri.starts_with("https://"); }

// MLFLOW_RUN_CONTEXT: a JSON object of tags.
void add_context(std::vector<KeyValue>& tags) {
  const std::string text = variable_or("MLFLOW_RUN_CONTEXT", "");
  if (text.empty()) return;
  const auto context = nlohmann::json::parse(text, nullptr, false);
  if (!context.is_object()) {
    throw Error(ErrorCode::kInvalidArgument,
                "environment variable MLFLOW_RUN_CONTEXT: found '" + text + "', expected a JSON object");
  }
  for (const auto& [key, value] : context.items())
    tags.push_back({key, value.is_string() ? value.get<std::string>() : value.dump()});
}

fs::path directory_of(const ClientOptions& options) {
  return options.working_directory.empty() ? fs::current_path() : fs::absolute(options.working_directory);
}

}  // namespace

struct ActiveRun::State {
  State(ClientOptions the_options, std::shared_ptr<TrackingStore> the_store, RunRecord the_run)
      : options(std::move(the_options)),
        store(std::move(the_store)),
        run(std::move(the_run)),
        artifacts(
            open_artifact_store(run.artifact_uri, options.durability, options.tracking_uri, kMaxRetries)) {
    AsyncOptions async{.durability = options.durability};
    if (is_remote(options.tracking_uri)) {
      async.spool_folder = directory_of(options) / ".ivory" / "spool";
      async.tracking_uri = options.tracking_uri;
    }
    logger = std::make_unique<AsyncLogger>(*store, run.run_id, std::move(async));
  }

  void end(RunStatus status) {
    ended = true;
    system_metrics.reset();
    logger->update({.status = status, .end_time_ms = now_ms()});
  }

  ClientOptions options;
  std::shared_ptr<TrackingStore> store;
  RunRecord run;
  std::unique_ptr<ArtifactStore> artifacts;
  std::unique_ptr<AsyncLogger> logger;
  std::unique_ptr<SystemMetricsThread> system_metrics;
  int exceptions = std::uncaught_exceptions();
  bool ended = false;
};

TrackingClient::TrackingClient(ClientOptions options) : options_(std::move(options)) {
  if (options_.tracking_uri.empty())
    options_.tracking_uri = variable_or("MLFLOW_TRACKING_URI", kDefaultTrackingUri);
  store_ = open_store(options_.tracking_uri, {.durability = options_.durability,
                                              .working_directory = options_.working_directory,
                                              .max_retries = kMaxRetries,
                                              .further = options_.further});
}

ActiveRun TrackingClient::start_run(const StartRun& start) const {
  CreateRun create;
  create.experiment_id = start.experiment.empty() ? experiment_of_environment(*store_)
                                                  : store_->find_or_create_experiment(start.experiment).id;
  create.name = start.run_name;
  create.tags = run_context_tags(directory_of(options_));
  add_context(create.tags);
  if (!start.description.empty()) create.tags.push_back({std::string(kNoteTag), start.description});
  create.tags.insert(create.tags.end(), start.tags.begin(), start.tags.end());
  create.parent_run_id = start.parent_run_id;
  const bool system_metrics = start.system_metrics || is_set("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING");
  return activate(store_->create_run(create), system_metrics);
}

ActiveRun TrackingClient::resume_run(std::string_view run_id) const {
  store_->update_run(run_id, {.status = RunStatus::kRunning});
  return activate(store_->get_run(run_id), false);
}

ActiveRun TrackingClient::activate(RunRecord run, bool system_metrics) const {
  auto state = std::make_unique<ActiveRun::State>(options_, store_, std::move(run));
  if (system_metrics) state->system_metrics = std::make_unique<SystemMetricsThread>(*state->logger);
  return ActiveRun(std::move(state));
}

ActiveRun::ActiveRun(std::unique_ptr<State> state) : state_(std::move(state)) {}
ActiveRun::ActiveRun(ActiveRun&& other) noexcept = default;

ActiveRun::~ActiveRun() {
  if (state_ == nullptr || state_->ended) return;
  const bool failed = std::uncaught_exceptions() > state_->exceptions;
  try {
    end(failed ? RunStatus::kFailed : RunStatus::kFinished);
  } catch (const std::exception& error) {
    log_warning("run " + state_->run.name + ": " + error.what());
  }
}

ActiveRun::State& ActiveRun::state() const {
  if (state_ == nullptr || state_->ended)
    throw Error(ErrorCode::kConflict, "this run has ended: nothing can be logged to it any more");
  return *state_;
}

const std::string& ActiveRun::run_id() const noexcept { return state_->run.run_id; }
const std::string& ActiveRun::name() const noexcept { return state_->run.name; }
const std::string& ActiveRun::experiment_id() const noexcept { return state_->run.experiment_id; }
const std::string& ActiveRun::artifact_uri() const noexcept { return state_->run.artifact_uri; }

void ActiveRun::log_metric(std::string_view key, double value, std::int64_t step) {
  state().logger->log_metric(key, value, step);
}

void ActiveRun::log_metrics(std::initializer_list<NamedValue> metrics, std::int64_t step) {
  const TimeMs now = now_ms();
  for (const auto& [key, value] : metrics) state().logger->log_metric(key, value, step, now);
}

void ActiveRun::log_metrics(const std::vector<Metric>& metrics) {
  state().logger->log_batch({.metrics = metrics});
}

void ActiveRun::log_param(std::string_view key, std::string_view value) {
  log_params({{std::string(key), std::string(value)}});
}

void ActiveRun::log_params(const std::vector<KeyValue>& params) {
  state().logger->log_batch({.params = params});
}

void ActiveRun::set_tag(std::string_view key, std::string_view value) {
  set_tags({{std::string(key), std::string(value)}});
}

void ActiveRun::set_tags(const std::vector<KeyValue>& tags) { state().logger->log_batch({.tags = tags}); }

void ActiveRun::log_artifact(const fs::path& file, std::string_view folder) {
  const State& to = state();
  to.logger->log_artifact(*to.artifacts, file, folder);
}

void ActiveRun::log_artifacts(const fs::path& source, std::string_view folder) {
  const State& to = state();
  to.logger->log_artifacts(*to.artifacts, source, folder);
}

void ActiveRun::log_text(std::string_view text, std::string_view path) {
  const State& to = state();
  to.logger->write_artifact(*to.artifacts, path, text);
}

void ActiveRun::log_dict(const Params& values, std::string_view path) {
  constexpr int kIndent = 2;
  log_text(values.to_json(kIndent), path);
}

void ActiveRun::log_inputs(const std::vector<DatasetInput>& datasets) {
  state().logger->log_inputs(datasets);
}

ActiveRun ActiveRun::start_nested(const StartRun& start) const {
  const State& parent = state();
  StartRun nested = start;
  nested.parent_run_id = parent.run.run_id;
  if (nested.experiment.empty())
    nested.experiment = parent.store->get_experiment(parent.run.experiment_id).name;
  const TrackingClient client(parent.options, parent.store);
  return client.start_run(nested);
}

void ActiveRun::flush() { state().logger->flush(); }

void ActiveRun::end(RunStatus status) { state().end(status); }

}  // namespace ivory::tracking
