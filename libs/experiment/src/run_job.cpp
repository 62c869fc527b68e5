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

#include "resume_record.h"
#include "state_values.h"

namespace ivory {
namespace {

using Clock = std::chrono::steady_clock;

// A name that no member of a parameter file has.
constexpr std::string_view kRecorder = "$recorder";
constexpr std::string_view kPruning = "$pruning";

// Before the run tracks itself: what an epoch is judged by is reported before it is saved.
void set_judge(Run& run, const Pruning::Judge& judge) {
  if (judge == nullptr) return;
  auto pruning = run.find<Pruning>();
  if (pruning == nullptr) {
    pruning = std::make_shared<Pruning>();
    run.insert(kPruning, Value::object(pruning), "tracking");
  }
  pruning->set_judge(judge);
}

ResumedRun make(Tracker* tracker, const Experiment& experiment, const RunJob& job) {
  if (job.resume) return resume_run(*tracker, experiment, tracker->store().get_run(job.run_id), job.mode);
  return {.run = experiment.create_run(job.arguments, "run", {.run_id = job.run_id}), .mode = job.mode};
}

// The step after which it was given up.
std::optional<std::int64_t> start(ResumedRun made, const std::shared_ptr<RunRecorder>& recorder,
                                  const Pruning::Judge& judge) {
  set_judge(made.run, judge);
  made.run.set(kRecorder, Value::object(recorder));
  made.run.start(made.mode);
  recorder->finish(made.run);
  return made.run.pruned_step();
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

RunOutcome do_job(Tracker* tracker, const Experiment& experiment, const RunJob& job,
                  const RunRecorder::Listener& listener, const Pruning::Judge& judge) {
  const auto recorder = std::make_shared<RunRecorder>(listener);
  const auto begun = Clock::now();
  std::string status = "FINISHED";
  std::string failure;
  std::optional<std::int64_t> pruned_step;
  try {
    pruned_step = start(make(tracker, experiment, job), recorder, judge);
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
  outcome.pruned_step = pruned_step;
  outcome.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return outcome;
}

}  // namespace ivory
