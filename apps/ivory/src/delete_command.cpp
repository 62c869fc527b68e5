// ivory delete, ivory restore: runs leave the listings, and come back.
#include "command.h"

#include <fmt/format.h>

#include <ivory/base/error.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/liveness.h>

namespace ivory {
namespace {

using tracking::RunRecord;

// What both have in common: runs by name, a task with its nested runs.
class LifecycleCommand : public Command {
 public:
  void declare(Options& options) override { options.words("RUN", names_, help_); }

  int execute() override {
    const Client client = Client::of_records(directory());
    if (names_.empty()) throw Error(ErrorCode::kInvalidArgument, "say which runs; see --help");
    std::vector<RunRecord> runs;
    for (const std::string& name : names_) add(client, name, runs);
    for (const RunRecord& run : runs) change(client.tracker()->store(), run);
    print(json() ? as_json(runs) : as_text(runs));
    return 0;
  }

 protected:
  LifecycleCommand(tracking::ViewType view, const char* help) : view_(view), help_(help) {}
  virtual void change(tracking::TrackingStore& store, const RunRecord& run) const = 0;
  [[nodiscard]] virtual std::string done() const = 0;

 private:
  // All are found before the first is changed.
  void add(const Client& client, const std::string& name, std::vector<RunRecord>& runs) const {
    RunRecord run = client.resolve_run(name, view_);
    tracking::RunQuery nested;
    nested.parent_run_id = run.run_id;
    nested.view = view_;
    nested.with_metrics = nested.with_params = false;
    std::vector<RunRecord> more = client.tracker()->open_read_only()->list_runs(nested);
    const auto wanted = view_ == tracking::ViewType::kDeletedOnly ? tracking::LifecycleStage::kDeleted
                                                                  : tracking::LifecycleStage::kActive;
    if (run.lifecycle_stage != wanted && more.empty())
      throw Error(ErrorCode::kConflict, "nothing to do: " + run.name + " is " +
                                            std::string(tracking::to_text(run.lifecycle_stage)) + " already");
    if (run.lifecycle_stage == wanted) runs.push_back(std::move(run));
    runs.insert(runs.end(), more.begin(), more.end());
  }

  [[nodiscard]] std::string as_text(const std::vector<RunRecord>& runs) const {
    std::string text;
    for (const RunRecord& run : runs) text += fmt::format("{} {} {}\n", run.run_id, run.name, done());
    return text;
  }

  static std::string as_json(const std::vector<RunRecord>& runs) {
    Params list = Params::list();
    for (const RunRecord& run : runs) list.push_back(Params{{"id", run.run_id}, {"name", run.name}});
    return list.to_json(2) + "\n";
  }

  tracking::ViewType view_;
  const char* help_;
  std::vector<std::string> names_;
};

class DeleteCommand : public LifecycleCommand {
 public:
  DeleteCommand()
      : LifecycleCommand(tracking::ViewType::kActiveOnly,
                         "runs, or tasks with their runs: digits/run#3, the beginning of an id") {}

 private:
  void change(tracking::TrackingStore& store, const RunRecord& run) const override {
    store.delete_run(run.run_id);
  }
  [[nodiscard]] std::string done() const override { return "is deleted; `ivory restore` brings it back"; }
};

class RestoreCommand : public LifecycleCommand {
 public:
  RestoreCommand()
      : LifecycleCommand(tracking::ViewType::kDeletedOnly,
                         "deleted runs, or tasks with their runs: digits/run#3, the beginning of an id") {}

 private:
  void change(tracking::TrackingStore& store, const RunRecord& run) const override {
    store.restore_run(run.run_id);
  }
  [[nodiscard]] std::string done() const override { return "is back"; }
};

}  // namespace

std::unique_ptr<Command> make_delete_command() { return std::make_unique<DeleteCommand>(); }
std::unique_ptr<Command> make_restore_command() { return std::make_unique<RestoreCommand>(); }

}  // namespace ivory
