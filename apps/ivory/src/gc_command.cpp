// ivory gc: puts the tracking store in order.
#include "command.h"

#include <algorithm>

#include <ivory/base/error.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/liveness.h>

#include "stored_runs.h"

namespace ivory {
namespace {

using tracking::RunRecord;

// The last time at which the run was seen alive.
std::optional<tracking::TimeMs> last_sign(const RunRecord& run) {
  std::optional<tracking::TimeMs> last = run.start_time;
  for (const tracking::Metric& metric : run.metrics) last = std::max(last.value_or(0), metric.timestamp_ms);
  return last;
}

class GcCommand : public Command {
 public:
  void declare(Options& options) override {
    options.flag("--stale", stale_, "mark runs whose process is gone as FAILED");
  }

  int execute() override {
    if (!stale_) throw Error(ErrorCode::kInvalidArgument, "say what to close: `ivory gc --stale`");
    const Client client(directory());
    std::vector<RunRecord> runs = stored_runs(client, {}, {.status = tracking::RunStatus::kRunning});
    std::erase_if(runs, [](const RunRecord& run) { return !tracking::is_stale(run); });
    for (const RunRecord& run : runs) close(client.tracker()->store(), run);
    print(json() ? as_json(runs) : as_text(runs));
    return 0;
  }

 private:
  static void close(tracking::TrackingStore& store, const RunRecord& run) {
    store.set_tag(run.run_id, {"ivory.error", "its process ended without closing it"});
    store.update_run(run.run_id, {.status = tracking::RunStatus::kFailed, .end_time_ms = last_sign(run)});
  }

  static std::string as_text(const std::vector<RunRecord>& runs) {
    if (runs.empty()) return "There are no stale runs.\n";
    std::string text;
    for (const RunRecord& run : runs) text += run.run_id.substr(0, 8) + " " + run.name + " is FAILED now\n";
    return text;
  }

  static std::string as_json(const std::vector<RunRecord>& runs) {
    Params closed = Params::list();
    for (const RunRecord& run : runs) closed.push_back(Params{{"id", run.run_id}, {"name", run.name}});
    Params document = Params::map();
    document.set("closed", std::move(closed));
    return document.to_json(2) + "\n";
  }

  bool stale_ = false;
};

}  // namespace

std::unique_ptr<Command> make_gc_command() { return std::make_unique<GcCommand>(); }

}  // namespace ivory
