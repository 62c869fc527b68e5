#include "run_job.h"

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <ivory/base/interrupt.h>
#include <ivory/experiment/resume.h>
#include <ivory/yaml/yaml.h>

#include "state_values.h"

namespace ivory {
namespace {

using Clock = std::chrono::steady_clock;

// A name that no member of a parameter file has.
constexpr std::string_view kRecorder = "$recorder";

void start(const Client& client, const Experiment& experiment, const RunJob& job,
           const std::shared_ptr<RunRecorder>& recorder) {
  if (job.resume) {
    ResumedRun resumed = resume_run(client, job.run_id, job.mode);
    resumed.run.set(kRecorder, Value::object(recorder));
    resumed.run.start(resumed.mode);
  } else {
    Run run = experiment.create_run(job.arguments, "run", {.run_id = job.run_id});
    run.set(kRecorder, Value::object(recorder));
    run.start(job.mode);
  }
}

}  // namespace

Params RunJob::to_params() const {
  // YAML has a NaN among its reals.
  return {{"index", index},   {"arguments", to_yaml(arguments)},
          {"run_id", run_id}, {"name", name},
          {"mode", mode},     {"resume", resume}};
}

RunJob RunJob::from_params(const Params& params) {
  RunJob job{.index = static_cast<std::size_t>(params.at("index").as_int()),
             .arguments = parse_yaml(params.at("arguments").as_string()),
             .run_id = params.at("run_id").as_string(),
             .name = params.at("name").as_string(),
             .mode = params.at("mode").as_string(),
             .resume = params.at("resume").as_bool()};
  if (job.arguments.is_null()) job.arguments = Params::map();
  return job;
}

Params to_params(const RunProgress& progress) {
  return {{"epochs_done", progress.epochs_done},
          {"epochs", progress.epochs},
          {"metric", progress.metric},
          {"value", progress.value}};
}

RunProgress to_progress(const Params& params) {
  return {.epochs_done = static_cast<int>(params.at("epochs_done").as_int()),
          .epochs = static_cast<int>(params.at("epochs").as_int()),
          .metric = params.at("metric").as_string(),
          .value = detail::real_of(params.at("value"))};
}

RunOutcome do_job(const Client& client, const Experiment& experiment, const RunJob& job,
                  const RunRecorder::Listener& listener) {
  const auto recorder = std::make_shared<RunRecorder>(listener);
  const auto begun = Clock::now();
  std::string status = "FINISHED";
  std::string failure;
  try {
    start(client, experiment, job, recorder);
  } catch (const Interrupted&) {
    status = "KILLED";
  } catch (const std::exception& error) {
    status = "FAILED";
    failure = error.what();
  } catch (...) {
    status = "FAILED";
    failure = "an exception that is no std::exception";
  }
  RunOutcome outcome = recorder->outcome();
  outcome.id = job.run_id;
  outcome.name = job.name;
  outcome.status = std::move(status);
  outcome.error = std::move(failure);
  outcome.update = job.arguments;
  outcome.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return outcome;
}

}  // namespace ivory
