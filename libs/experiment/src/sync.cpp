#include <ivory/experiment/sync.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/tracking/open_store.h>

#include "run_folder.h"
#include "sent_states.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;

enum class Outcome { kNothing, kSent, kBusy };

class StatesSync {
 public:
  explicit StatesSync(fs::path directory) : directory_(std::move(directory)) {}

  Outcome sync(const std::string& run_id) {
    const RunFolder folder(directory_, run_id);
    const auto note = folder.find_note();
    if (!note || note->is_sent) return Outcome::kNothing;
    if (note->is_alive()) return Outcome::kBusy;
    const auto run = store_of(note->tracking_uri).find_run(run_id);
    if (!run || !folder.is_newest_of(*run)) return close(folder, *note, Outcome::kNothing);
    const auto lock = FileLock::try_take(lock_file(directory_, *run, note->tracking_uri));
    if (lock == nullptr) return Outcome::kBusy;
    const auto artifacts =
        tracking::open_artifact_store(run->artifact_uri, Durability::kProcess, note->tracking_uri);
    StatesUpload upload(*artifacts);
    if (!tracking::is_terminal(run->status)) {
      const bool is_new = upload.send(folder.artifacts(), [] { return true; });
      return is_new ? Outcome::kSent : Outcome::kNothing;
    }
    upload.finish(folder.artifacts());
    return close(folder, *note, Outcome::kSent);
  }

 private:
  tracking::TrackingStore& store_of(const std::string& tracking_uri) {
    auto& store = stores_[tracking_uri];
    if (store == nullptr) store = tracking::open_store(tracking_uri);
    return *store;
  }

  static Outcome close(const RunFolder& folder, RunFolder::Note note, Outcome outcome) {
    note.is_sent = true;
    folder.write_note(note);
    return outcome;
  }

  fs::path directory_;
  std::map<std::string, std::shared_ptr<tracking::TrackingStore>> stores_;
};

std::vector<std::string> run_ids(const fs::path& root) {
  std::vector<std::string> ids;
  if (!fs::is_directory(root)) return ids;
  for (const auto& entry : fs::directory_iterator(root)) ids.push_back(entry.path().filename().string());
  std::ranges::sort(ids);
  return ids;
}

}  // namespace

StatesReport sync_states(const fs::path& directory) {
  StatesReport report;
  StatesSync all(directory);
  for (const std::string& run_id : run_ids(RunFolder::root(directory))) {
    try {
      const Outcome outcome = all.sync(run_id);
      if (outcome == Outcome::kSent) ++report.runs;
      if (outcome == Outcome::kBusy) ++report.busy;
    } catch (const Error& error) {
      report.failures.push_back(RunFolder(directory, run_id).path().string() + ": " + error.what());
    }
  }
  return report;
}

}  // namespace ivory
