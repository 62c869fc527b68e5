// ivory resume: goes on with what was left.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/experiment/resume.h>
#include <ivory/experiment/task.h>
#include <ivory/experiment/tracker.h>

#include "run_progress.h"
#include "studies_command.h"

namespace ivory {
namespace {

using tracking::RunRecord;

class ResumeCommand final : public StudiesCommand {
 public:
  void declare(Options& options) override {
    options.words(
        "RUN", words_,
        "runs, tasks or studies: digits/run#3, digits/task#0, digits/study#0, or the beginning of an id");
    declare_engine(options);
  }

  int execute() override {
    if (words_.empty())
      throw Error(ErrorCode::kInvalidArgument,
                  "say which: `ivory resume NAME/run#0`; `ivory search` lists them");
    const Client client(directory());
    std::vector<RunRecord> runs;
    for (const std::string& word : words_) add(client.resolve_run(word), runs);
    std::vector<ResumeLock> locks;
    for (const RunRecord& run : runs)
      if (!is_study(run)) locks.emplace_back(client, run);
    for (const RunRecord& run : runs) check(client, run);
    const InterruptGuard guard;
    for (const RunRecord& run : runs) resume(client, run);
    return 0;
  }

 private:
  static bool is_study(const RunRecord& run) { return run.name.starts_with("study#"); }

  // Each once.
  static void add(RunRecord run, std::vector<RunRecord>& runs) {
    if (std::ranges::find(runs, run.run_id, &RunRecord::run_id) == runs.end()) runs.push_back(std::move(run));
  }

  // Any number of processes may work on one study.
  static void check(const Client& client, const RunRecord& run) {
    if (is_study(run) && run.status == tracking::RunStatus::kRunning) return;
    if (const auto reason = reason_not_to_resume(client, run.run_id))
      throw Error(ErrorCode::kConflict, "there is nothing to resume: " + *reason);
  }

  // As its file was when the run was made; one killed before it had written that: as the file is now.
  static Experiment experiment_of(const Client& client, const RunRecord& run) {
    const std::string name = client.tracker()->store().get_experiment(run.experiment_id).name;
    Experiment experiment = client.create_experiment(name);
    try {
      return experiment.with_params(client.load_params(run.run_id));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
      return experiment;
    }
  }

  void resume(const Client& client, const RunRecord& run) const {
    if (is_study(run)) return resume_study(client, run);
    const Experiment experiment = experiment_of(client, run);
    if (run.find_tag(tracking::kTaskTag) == nullptr) return resume_run(client, experiment, run);
    resume_task(client, experiment, run);
  }

  void resume_study(const Client& client, const RunRecord& run) const {
    Study study = client.resume_study(run.run_id);
    const Params asked = study.recorded();
    if (asked.is_null())
      throw Error(ErrorCode::kConflict, run.name + " was ended before it was asked for anything");
    StudyCall call{.asked = asked};
    call.start = [&](const StudyRunOptions& options) { return study.resume(options); };
    run_study(client, study, study_options(), call);
  }

  void resume_run(const Client& client, const Experiment& experiment, const RunRecord& run) const {
    ExecutionOptions options = engine_options();
    options.jobs = 1;
    RunProgressView view(experiment.name() + " " + run.name, 1, {});
    Executor executor(client, experiment, std::move(options), view);
    const std::vector<RunOutcome> outcomes{executor.resume(run)};
    view.finish();
    report(client, experiment.name(), {}, nullptr, outcomes);
  }

  void resume_task(const Client& client, const Experiment& experiment, const RunRecord& run) const {
    Task task = experiment.create_task({}, {.run_id = run.run_id});
    if (task.plan() == nullptr)
      throw Error(ErrorCode::kConflict, task.name() + " was ended before it had made any run");
    const RunPlan plan = *task.plan();
    ExecutionOptions options = engine_options();
    options.jobs = std::min(options.jobs, plan.size());
    if (const std::string* mode = run.find_tag(tracking::kModeTag)) options.mode = *mode;
    RunProgressView view(experiment.name(), plan.size(), plan.varied());
    Executor executor(client, experiment, std::move(options), view);
    const std::vector<RunOutcome> outcomes = executor.resume(task);
    view.finish();
    report(client, experiment.name(), plan, &task, outcomes);
  }

  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Command> make_resume_command() { return std::make_unique<ResumeCommand>(); }

}  // namespace ivory
