#include "runs_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/base/log.h>
#include <ivory/experiment/task.h>
#include <ivory/experiment/tracker.h>

#include "run_progress.h"

namespace ivory {
namespace {

Engine parse_engine(const std::string& name) {
  if (name == "thread") return Engine::kThread;
  return name == "process" ? Engine::kProcess : Engine::kAuto;
}

std::string hints(const Client& client, const std::string& name) {
  if (client.tracker() == nullptr) return {};
  const std::string uri = client.tracker()->shown_uri();
  std::string text = fmt::format("\nRecorded in {}. To see the runs: `ivory search {}`", uri, name);
  if (!client.tracker()->is_remote()) text += fmt::format(", or `mlflow ui --backend-store-uri {}`", uri);
  return text + ".\n";
}

// Tells how to go on with what was interrupted, or has failed.
void tell_resume(const std::string& name, const Task* task, const std::vector<RunOutcome>& outcomes) {
  const std::string what = task != nullptr ? task->name() : outcomes.empty() ? "" : outcomes.front().name;
  if (!what.empty()) log_info(fmt::format("To go on: `ivory resume {}/{}`", name, what));
}

[[noreturn]] void fail(const std::vector<RunOutcome>& outcomes) {
  std::string message;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].status != "FAILED") continue;
    const std::string run = outcomes[i].name.empty() ? fmt::format("run {}", i) : outcomes[i].name;
    message += fmt::format("{}{} failed: {}", message.empty() ? "" : "\n", run, outcomes[i].error);
  }
  throw Error(ErrorCode::kInternal, message);
}

}  // namespace

void RunsCommand::declare_engine(Options& options) {
  options.option("-j,--jobs", jobs_, "N", "runs at once; what they compute does not depend on it");
  options.choice("--engine", engine_, {"auto", "thread", "process"},
                 "where they run; auto: in processes if a module's state belongs to the process");
}

ExecutionOptions RunsCommand::engine_options() const {
  const std::int64_t jobs = jobs_.value_or(1);
  if (jobs < 1)
    throw Error(ErrorCode::kInvalidArgument, fmt::format("--jobs takes 1 or more, found {}", jobs));
  return {.jobs = static_cast<std::size_t>(jobs),
          .engine = parse_engine(engine_),
          .worker_command = {"/proc/self/exe", std::string(kWorkerCommand)}};
}

void RunsCommand::run_plan(const Client& client, const Experiment& experiment, const RunPlan& plan,
                           ExecutionOptions options) {
  options.jobs = std::min(options.jobs, plan.size());
  const InterruptGuard guard;
  RunProgressView view(experiment.name(), plan.size(), plan.varied());
  Executor executor(client, experiment, std::move(options), view);
  executor.check(plan);
  std::optional<Task> task;
  if (plan.size() > 1 && client.tracker() != nullptr) task.emplace(experiment.create_task());
  const std::vector<RunOutcome> outcomes = executor.run(plan, task ? &*task : nullptr);
  view.finish();
  report(client, experiment.name(), plan, task ? &*task : nullptr, outcomes);
}

void RunsCommand::report(const Client& client, const std::string& name, const RunPlan& plan, const Task* task,
                         const std::vector<RunOutcome>& outcomes) const {
  print_report(client, name, plan, task, outcomes);
  const bool failed = std::ranges::find(outcomes, "FAILED", &RunOutcome::status) != outcomes.end();
  if ((failed || interrupted()) && client.tracker() != nullptr) tell_resume(name, task, outcomes);
  if (failed) fail(outcomes);
  if (interrupted()) throw Interrupted{};
}

void RunsCommand::print_report(const Client& client, const std::string& name, const RunPlan& plan,
                               const Task* task, const std::vector<RunOutcome>& outcomes) const {
  if (json()) {
    Params document{{"experiment", name}};
    if (client.tracker() != nullptr) document.set("tracking_uri", client.tracker()->shown_uri());
    if (task != nullptr) document.set("task", {{"id", task->id()}, {"name", task->name()}});
    const Params numbers = report_params(outcomes);
    for (const auto& [key, value] : numbers.items()) document.set(key, value);
    print(document.to_json(2) + "\n");
  } else if (!outcomes.empty()) {
    print(report_text(outcomes, plan) + (quiet() ? std::string() : hints(client, name)));
  }
}

}  // namespace ivory
