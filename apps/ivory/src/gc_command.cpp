// ivory gc: puts the tracking store in order, and what a client keeps of the runs of a server.
#include "command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include <ivory/base/asides.h>
#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/kept_files.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/artifact_store.h>
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
                   "remove for good, rows and artifacts, what was deleted longer ago: 30d, 12h, 0s; and what "
                   "this client fetched from a server, or has sent to it, and used longer ago");
  }

  int execute() override {
    if (!stale_ && age_.empty())
      throw Error(ErrorCode::kInvalidArgument,
                  "say what to put in order: `ivory gc --stale`, `ivory gc --older-than 30d`");
    std::optional<std::chrono::milliseconds> age;
    if (!age_.empty()) age = parse_duration(age_, "--older-than", "an age such as 30d, 12h or 0s");
    const Client client = Client::of_records(directory());
    Tracker& tracker = *client.tracker();
    Done done;
    if (stale_) done.closed = close_stale(client);
    // What was deleted on a server is removed where its store lies.
    if (age && !tracker.is_remote())
      done.removed = tracker.exists() ? client.remove_deleted_runs({}, *age) : 0;
    if (age) done.files = remove_kept_files(tracker, *age);
    print(json() ? as_json(done) : as_text(done, tracker));
    for (const std::string& failure : done.files.failures) log_error(failure);
    return done.files.failures.empty() ? 0 : 1;
  }

 private:
  struct Done {
    std::vector<RunRecord> closed;
    std::optional<std::size_t> removed;
    KeptFilesReport files;
  };

  static std::vector<RunRecord> close_stale(const Client& client) {
    std::vector<RunRecord> runs = stored_runs(client, {}, {.status = tracking::RunStatus::kRunning});
    std::erase_if(runs, [](const RunRecord& run) { return !tracking::is_stale(run); });
    for (const RunRecord& run : runs) {
      close(client.tracker()->store(), run);
      remove_half_written(run);
    }
    return runs;
  }

  // Its process is gone.
  static void remove_half_written(const RunRecord& run) try {
    const auto artifacts = tracking::open_artifact_store(run.artifact_uri)->local_path();
    if (artifacts) remove_leftovers_below(*artifacts);
  } catch (const Error& error) {
    log_warning(run.name + ": what it left half written stays: " + error.what());
  }

  static void close(tracking::TrackingStore& store, const RunRecord& run) {
    store.set_tag(run.run_id, {"ivory.error", "its process ended without closing it"});
    store.update_run(run.run_id, {.status = tracking::RunStatus::kFailed, .end_time_ms = last_sign(run)});
  }

  [[nodiscard]] std::string as_text(const Done& done, const Tracker& tracker) const {
    std::string text;
    if (stale_ && done.closed.empty()) text += "There are no stale runs.\n";
    for (const RunRecord& run : done.closed)
      text += run.run_id.substr(0, 8) + " " + run.name + " is FAILED now\n";
    if (done.removed) text += removal(*done.removed);
    if (!age_.empty()) text += removal(done.files, tracker);
    return text;
  }

  [[nodiscard]] std::string removal(std::size_t count) const {
    if (count == 0) return "No run was deleted longer ago than " + age_ + ".\n";
    return fmt::format("{} deleted {} removed for good.\n", count, count == 1 ? "run is" : "runs are");
  }

  [[nodiscard]] std::string removal(const KeptFilesReport& files, const Tracker& tracker) const {
    std::string text;
    if (files.fetched.runs > 0) text += removal(files.fetched, "were fetched");
    if (files.sent.runs > 0) text += removal(files.sent, "have been sent");
    if (tracker.is_remote() && text.empty())
      text += "No files that were fetched or have been sent were used longer ago than " + age_ + ".\n";
    if (files.kept > 0) {
      text += fmt::format(
          "{} {} files here: not ended (`ivory resume`, `ivory gc --stale`), or not sent yet (`ivory "
          "sync`).\n",
          files.kept, files.kept == 1 ? "run keeps its" : "runs keep their");
    }
    if (tracker.is_remote())
      text += "Deleted runs are removed for good where the store of " + tracker.shown_uri() +
              " lies: `ivory gc` there, with --tracking-uri its URI.\n";
    return text;
  }

  static std::string removal(const RemovedFiles& removed, std::string_view what) {
    return fmt::format("Files of {} {} that {} are removed: {} freed.\n", removed.runs,
                       removed.runs == 1 ? "run" : "runs", what, size_text(removed.bytes));
  }

  // "512 bytes", "1.5 MiB".
  static std::string size_text(std::uintmax_t bytes) {
    constexpr double kStep = 1024;
    constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB"};
    if (bytes < static_cast<std::uintmax_t>(kStep)) return fmt::format("{} bytes", bytes);
    std::size_t unit = 0;
    double size = static_cast<double>(bytes) / kStep;
    for (; size >= kStep && unit + 1 < kUnits.size(); ++unit) size /= kStep;
    return fmt::format("{:.1f} {}", size, kUnits.at(unit));
  }

  static Params as_params(const RemovedFiles& removed) {
    return Params{{"runs", removed.runs}, {"bytes", static_cast<std::int64_t>(removed.bytes)}};
  }

  [[nodiscard]] std::string as_json(const Done& done) const {
    Params document = Params::map();
    if (stale_) {
      Params list = Params::list();
      for (const RunRecord& run : done.closed) list.push_back(Params{{"id", run.run_id}, {"name", run.name}});
      document.set("closed", std::move(list));
    }
    if (done.removed) document.set("removed", *done.removed);
    if (!age_.empty()) {
      document.set("fetched", as_params(done.files.fetched));
      document.set("sent", as_params(done.files.sent));
      document.set("kept", done.files.kept);
      document.set("failures", done.files.failures.size());
    }
    return document.to_json(2) + "\n";
  }

  std::string age_;
  bool stale_ = false;
};

}  // namespace

std::unique_ptr<Command> make_gc_command() { return std::make_unique<GcCommand>(); }

}  // namespace ivory
