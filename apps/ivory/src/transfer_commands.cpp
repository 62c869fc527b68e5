// ivory export, ivory import, ivory sync: experiments from one store to another.
#include "command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/base/progress.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/sync.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/open_store.h>
#include <ivory/tracking/spool.h>
#include <ivory/tracking/transfer.h>
#include <ivory/tracking_file/file_store.h>

namespace ivory {
namespace {

namespace fs = std::filesystem;
using tracking::TransferCounts;
using tracking::TransferEnd;
using tracking::TransferReport;

bool is_server(std::string_view uri) { return uri.starts_with("http://") || uri.starts_with("https://"); }

// The folder that the store of an end lies in, if it is one of this machine.
std::optional<fs::path> folder_of(const TransferEnd& end, const fs::path& directory) {
  if (!end.artifact_root.empty()) return end.artifact_root.parent_path();
  std::string_view rest = end.tracking_uri;
  const auto take = [&rest](std::string_view start) {
    if (!rest.starts_with(start)) return false;
    rest.remove_prefix(start.size());
    return true;
  };
  if (take("sqlite:///")) return (fs::absolute(directory) / rest).parent_path();
  if (!take("file:")) return std::nullopt;
  if (take("//")) (void)take("localhost");
  return fs::absolute(directory) / rest;
}

// Two transfers at once into one store would each make what the other is about to make: the second waits for
// the first, and finds it there. Between machines nobody waits.
class TransferLock {
 public:
  TransferLock(const TransferEnd& from, const TransferEnd& to, const fs::path& directory) {
    auto folder = folder_of(to, directory);
    if (!folder) folder = folder_of(from, directory);
    if (!folder) return;
    descriptor_ = ::open(folder->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor_ < 0 || ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    log_info("another transfer goes on in '" + folder->string() + "': waiting for its end");
    while (::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~TransferLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  TransferLock(const TransferLock&) = delete;
  TransferLock& operator=(const TransferLock&) = delete;

 private:
  int descriptor_ = -1;
};

// The client's own store; it lives as long as the tracker.
TransferEnd end_of(Tracker& tracker) {
  return {.store = std::shared_ptr<tracking::TrackingStore>(std::shared_ptr<void>(), &tracker.store()),
          .tracking_uri = tracker.tracking_uri()};
}

TransferReport transfer_shown(const TransferEnd& from, const TransferEnd& to, const fs::path& directory,
                              std::vector<std::string> experiments) {
  const TransferLock lock(from, to, directory);
  std::unique_ptr<Progress> progress;
  tracking::TransferOptions options{.experiments = std::move(experiments)};
  options.on_progress = [&progress](const tracking::TransferProgress& now) {
    if (progress == nullptr)
      progress = std::make_unique<Progress>("runs", static_cast<std::int64_t>(now.total));
    progress->update(static_cast<std::int64_t>(now.done), now.experiment + "/" + now.run);
  };
  const TransferReport report = tracking::transfer(from, to, options);
  if (progress != nullptr) progress->finish();
  return report;
}

// The kinds of things that are moved, as they are called in JSON and for people.
struct Kind {
  std::string_view key;
  std::string_view name;
  TransferCounts TransferReport::* counts;
};
constexpr std::array kKinds{
    Kind{"runs", "runs", &TransferReport::runs},
    Kind{"logged_models", "logged models", &TransferReport::logged_models},
    Kind{"registered_models", "registered models", &TransferReport::registered_models},
    Kind{"model_versions", "model versions", &TransferReport::model_versions},
};

Params as_params(const TransferReport& report) {
  const auto number = [](std::size_t count) { return Params(static_cast<std::int64_t>(count)); };
  Params document = Params::map();
  document.set("experiments", number(report.experiments));
  for (const Kind& kind : kKinds) {
    const TransferCounts& counts = report.*kind.counts;
    document.set(fmt::format("{}_made", kind.key), number(counts.made));
    document.set(fmt::format("{}_completed", kind.key), number(counts.completed));
    document.set(fmt::format("{}_present", kind.key), number(counts.present));
  }
  document.set("deleted", number(report.deleted));
  document.set("files", number(report.files));
  document.set("refused", number(report.refused.size()));
  return document;
}

std::string as_text(const TransferCounts& counts, std::string_view name) {
  return fmt::format("{} {} copied, {} completed, {} already there", counts.made, name, counts.completed,
                     counts.present);
}

// Kinds but runs are told of where there are any.
std::string as_text(const TransferReport& report) {
  std::string text = fmt::format("{} experiments: {}; {} files\n", report.experiments,
                                 as_text(report.runs, "runs"), report.files);
  for (const Kind& kind : kKinds) {
    const TransferCounts& counts = report.*kind.counts;
    const bool any = counts.made + counts.completed + counts.present > 0;
    if (any && kind.key != "runs") text += as_text(counts, kind.name) + "\n";
  }
  if (report.deleted > 0) text += fmt::format("{} deleted, as where they come from\n", report.deleted);
  return text;
}

// What begins as "sqlite:", "file:", "http:" …; "C:" and "." are folders.
bool is_uri(const std::string& place) {
  const auto end = place.find(':');
  return end != std::string::npos && end > 1 && place.find('/') > end;
}

class TransferCommand : public Command {
 protected:
  // A folder that stands for itself, or any store: `place` is a path or a tracking URI.
  [[nodiscard]] TransferEnd open(const std::string& place, tracking::Access access) const {
    if (!is_uri(place)) return tracking::open_exported(place, access == tracking::Access::kReadOnly);
    return {tracking::open_store(place, {.working_directory = directory(),
                                         .access = access,
                                         .further = {&tracking::file_store_scheme(), 1}}),
            place};
  }
  // The status to end with.
  [[nodiscard]] int show(const TransferReport& report) const {
    print(json() ? as_params(report).to_json(2) + "\n" : as_text(report));
    return tell_refused(report);
  }
  static int tell_refused(const TransferReport& report) {
    for (const std::string& what : report.refused) log_error("the target refuses " + what);
    return report.refused.empty() ? 0 : 1;
  }
};

class ExportCommand : public TransferCommand {
 public:
  void declare(Options& options) override {
    options.word("PATH", path_,
                 "a folder, new or an earlier export: mlflow.db and mlruns, as MLflow makes them; or the "
                 "tracking URI of any store: file:./mlruns");
    options.words("EXPERIMENT", experiments_,
                  "which, and the models that come from them; all there is otherwise");
  }
  int execute() override {
    const Client client = Client::of_records(directory());
    Tracker& tracker = *client.tracker();
    if (!tracker.exists())
      throw Error(ErrorCode::kNotFound, "there is nothing to export: no runs yet in " + tracker.shown_uri());
    const TransferEnd from{.store = tracker.open_read_only(), .tracking_uri = tracker.tracking_uri()};
    tracking::check_experiments(from, experiments_);
    const TransferEnd to = open(path_, tracking::Access::kReadWrite);
    return show(transfer_shown(from, to, directory(), experiments_));
  }

 private:
  std::string path_;
  std::vector<std::string> experiments_;
};

class ImportCommand : public TransferCommand {
 public:
  void declare(Options& options) override {
    options.words("PATH", words_,
                  "a folder that `ivory export` made, or a tracking URI, and which experiments of it");
    options.option("--from", from_, "URI", "a tracking URI, or a folder, instead of PATH");
    options.option("--to", to_, "URI", "a tracking URI, or a folder, to go to; the client's store otherwise");
  }
  int execute() override {
    std::vector<std::string> experiments = words_;
    if (from_.empty()) {
      if (experiments.empty())
        throw Error(ErrorCode::kInvalidArgument, "say from where: a folder, or --from URI");
      experiments.erase(experiments.begin());
    }
    const TransferEnd from = open(from_.empty() ? words_.front() : from_, tracking::Access::kReadOnly);
    tracking::check_experiments(from, experiments);
    if (!to_.empty())
      return show(transfer_shown(from, open(to_, tracking::Access::kReadWrite), directory(), experiments));
    const Client client = Client::of_records(directory());
    return show(transfer_shown(from, end_of(*client.tracker()), directory(), experiments));
  }

 private:
  std::vector<std::string> words_;
  std::string from_, to_;
};

class SyncCommand : public TransferCommand {
 public:
  void declare(Options&) override {}
  int execute() override {
    const Client client = Client::of_records(directory());
    spools_ = tracking::sync_spools(client.directory() / ".ivory" / "spool");
    states_ = sync_states(client.directory());  // after the ends of the runs
    for (const std::string& failure : spools_.failures) log_error(failure);
    for (const std::string& failure : states_.failures) log_error(failure);
    const std::optional<TransferReport> offline = send_offline_runs(*client.tracker());
    const bool refused = offline && tell_refused(*offline) > 0;
    print(json() ? as_json(offline.value_or(TransferReport{})) : as_lines(offline));
    return !refused && spools_.failures.empty() && states_.failures.empty() ? 0 : 1;
  }

 private:
  [[nodiscard]] std::optional<TransferReport> send_offline_runs(const Tracker& tracker) const {
    if (!fs::exists(tracker.offline_database())) return std::nullopt;
    const std::string& uri = tracker.tracking_uri();
    if (!is_server(uri) && !is_tracking_uri_given())
      throw Error(ErrorCode::kInvalidArgument,
                  "runs that were made offline wait in '" + tracker.offline_database().string() +
                      "', but no server is named: --tracking-uri, client.yml or MLFLOW_TRACKING_URI");
    const TransferEnd from = open(tracker.offline_uri(), tracking::Access::kReadOnly);
    return transfer_shown(from, open(uri, tracking::Access::kReadWrite), directory(), {});
  }

  [[nodiscard]] std::string as_json(const TransferReport& offline) const {
    Params document = as_params(offline);
    document.set("runs_sent", Params(static_cast<std::int64_t>(spools_.runs)));
    document.set("states_sent", Params(static_cast<std::int64_t>(states_.runs)));
    document.set("failures",
                 Params(static_cast<std::int64_t>(spools_.failures.size() + states_.failures.size())));
    return document.to_json(2) + "\n";
  }

  [[nodiscard]] std::string as_lines(const std::optional<TransferReport>& offline) const {
    std::string text;
    if (spools_.runs + spools_.busy + spools_.failures.size() > 0)
      text += fmt::format("{} runs sent what waited, {} still send it themselves, {} failed\n", spools_.runs,
                          spools_.busy, spools_.failures.size());
    if (states_.runs + states_.busy + states_.failures.size() > 0)
      text += fmt::format("states of {} runs sent, {} still send them themselves, {} failed\n", states_.runs,
                          states_.busy, states_.failures.size());
    if (offline) return text + "offline: " + as_text(*offline);
    return text.empty() ? "Nothing waits to be sent.\n" : text;
  }

  tracking::SyncReport spools_;
  StatesReport states_;
};

}  // namespace

std::unique_ptr<Command> make_export_command() { return std::make_unique<ExportCommand>(); }
std::unique_ptr<Command> make_import_command() { return std::make_unique<ImportCommand>(); }
std::unique_ptr<Command> make_sync_command() { return std::make_unique<SyncCommand>(); }

}  // namespace ivory
