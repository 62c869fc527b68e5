// ivory gc: puts the tracking store in order.
#include "command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include <ivory/base/error.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/liveness.h>

#include "durations.h"
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
    options.option("--older-than", age_, "AGE",
                   "remove for good, rows and artifacts, what was deleted longer ago: 30d, 12h, 0s");
  }

  int execute() override {
    if (!stale_ && age_.empty())
      throw Error(ErrorCode::kInvalidArgument,
                  "say what to put in order: `ivory gc --stale`, `ivory gc --older-than 30d`");
    std::optional<std::chrono::milliseconds> age;
    if (!age_.empty()) age = parse_duration(age_, "--older-than", "an age such as 30d, 12h or 0s");
    const Client client(directory());
    if (age) check_removable(*client.tracker());
    std::vector<RunRecord> closed;
    if (stale_) closed = close_stale(client);
    std::optional<std::size_t> removed;
    if (age) removed = client.tracker()->exists() ? client.remove_deleted_runs({}, *age) : 0;
    print(json() ? as_json(closed, removed) : as_text(closed, removed));
    return 0;
  }

 private:
  // Before anything is closed.
  static void check_removable(const Tracker& tracker) {
    if (!tracker.is_remote()) return;
    throw Error(ErrorCode::kUnsupported,
                "nothing can be removed for good over a server: run `ivory gc` where the store of " +
                    tracker.tracking_uri() + " lies, with --tracking-uri its URI");
  }

  static std::vector<RunRecord> close_stale(const Client& client) {
    std::vector<RunRecord> runs = stored_runs(client, {}, {.status = tracking::RunStatus::kRunning});
    std::erase_if(runs, [](const RunRecord& run) { return !tracking::is_stale(run); });
    for (const RunRecord& run : runs) close(client.tracker()->store(), run);
    return runs;
  }

  static void close(tracking::TrackingStore& store, const RunRecord& run) {
    store.set_tag(run.run_id, {"ivory.error", "its process ended without closing it"});
    store.update_run(run.run_id, {.status = tracking::RunStatus::kFailed, .end_time_ms = last_sign(run)});
  }

  [[nodiscard]] std::string as_text(const std::vector<RunRecord>& closed,
                                    std::optional<std::size_t> removed) const {
    std::string text;
    if (stale_ && closed.empty()) text += "There are no stale runs.\n";
    for (const RunRecord& run : closed) text += run.run_id.substr(0, 8) + " " + run.name + " is FAILED now\n";
    if (removed) text += removal(*removed);
    return text;
  }

  [[nodiscard]] std::string removal(std::size_t count) const {
    if (count == 0) return "No run was deleted longer ago than " + age_ + ".\n";
    return fmt::format("{} deleted {} removed for good.\n", count, count == 1 ? "run is" : "runs are");
  }

  [[nodiscard]] std::string as_json(const std::vector<RunRecord>& closed,
                                    std::optional<std::size_t> removed) const {
    Params document = Params::map();
    if (stale_) {
      Params list = Params::list();
      for (const RunRecord& run : closed) list.push_back(Params{{"id", run.run_id}, {"name", run.name}});
      document.set("closed", std::move(list));
    }
    if (removed) document.set("removed", *removed);
    return document.to_json(2) + "\n";
  }

  std::string age_;
  bool stale_ = false;
};

}  // namespace

std::unique_ptr<Command> make_gc_command() { return std::make_unique<GcCommand>(); }

}  // namespace ivory
