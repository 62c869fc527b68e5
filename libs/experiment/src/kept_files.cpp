#include <ivory/experiment/kept_files.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <ivory/base/asides.h>
#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/open_store.h>

#include "run_folder.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (!is_aside(entry.path())) entries.push_back(entry.path());
  std::ranges::sort(entries);
  return entries;
}

// What goes when the folder goes: of a file with several names (a `best` that is `current`) each has a part.
std::uintmax_t bytes_in(const fs::path& folder) {
  std::uintmax_t bytes = 0;
  std::error_code none;
  for (const auto& entry : fs::recursive_directory_iterator(folder, none)) {
    std::error_code vanished;
    const auto size = entry.is_regular_file(vanished) ? entry.file_size(vanished) : 0;
    const auto names = entry.hard_link_count(vanished);
    if (!vanished && names > 0) bytes += size / names;
  }
  return bytes;
}

std::optional<fs::file_time_type> time_of(const fs::path& path) {
  std::error_code none;
  const auto written = fs::last_write_time(path, none);
  return none ? std::nullopt : std::optional(written);
}

bool is_old(const fs::path& folder, std::chrono::milliseconds age) {
  auto used = std::max(time_of(folder / kReadersFile), time_of(folder / kNoteFile));
  if (!used) used = time_of(folder);
  return used && fs::file_time_type::clock::now() - *used >= age;
}

bool is_lock(const fs::path& file) { return file.filename() == kLockFile || file.filename() == kReadersFile; }

enum class Standing { kUnknown, kGone, kGoesOn, kEnded };

// Servers, each asked until it fails once.
class Servers {
 public:
  explicit Servers(std::vector<std::string>& failures) : failures_(failures) {}

  Standing standing(const std::string& tracking_uri, const std::string& run_id) {
    auto [server, is_new] = stores_.try_emplace(tracking_uri);
    try {
      constexpr int kMaxRetries = 1;
      if (is_new) server->second = tracking::open_store(tracking_uri, {.max_retries = kMaxRetries});
      if (server->second == nullptr) return Standing::kUnknown;
      const auto run = server->second->find_run(run_id);
      if (!run) return Standing::kGone;
      return tracking::is_terminal(run->status) ? Standing::kEnded : Standing::kGoesOn;
    } catch (const Error& error) {
      failures_.emplace_back(error.what());
      server->second.reset();
      return Standing::kUnknown;
    }
  }

 private:
  std::vector<std::string>& failures_;
  std::map<std::string, std::shared_ptr<tracking::TrackingStore>> stores_;
};

class KeptFiles {
 public:
  KeptFiles(const Tracker& tracker, std::chrono::milliseconds age) : tracker_(tracker), age_(age) {}

  KeptFilesReport remove() && {
    const fs::path fetched = fetched_root(tracker_.directory());
    for (const fs::path& run : entries_of(fetched)) guarded(run, [&] { remove_fetched(run); });
    const fs::path runs = RunFolder::root(tracker_.directory());
    for (const fs::path& run : entries_of(runs)) guarded(run, [&] { remove_sent(run.filename().string()); });
    // What a killed one left, too.
    for (const fs::path& root : {fetched, runs}) guarded(root, [&] { remove_leftovers(root); });
    return std::move(report_);
  }

 private:
  template <class Action>
  void guarded(const fs::path& folder, const Action& action) try {
    action();
  } catch (const Error& error) {
    report_.failures.push_back(folder.string() + ": " + error.what());
  } catch (const fs::filesystem_error& error) {
    report_.failures.push_back(folder.string() + ": " + error.code().message());
  }

  void remove_fetched(const fs::path& run) {
    std::uintmax_t bytes = 0;
    bool any = false;
    for (const fs::path& part : entries_of(run)) {
      if (!is_old(part, age_) && !is_gone(run.filename().string())) continue;
      const auto removed = take_away(part, run.parent_path(), {kReadersFile}, [] { return true; });
      any = any || removed.has_value();
      bytes += removed.value_or(0);
    }
    std::error_code not_empty;
    fs::remove(run, not_empty);
    if (any) count(report_.fetched, bytes);
  }

  bool is_gone(const std::string& run_id) {
    return tracker_.is_remote() && servers_.standing(tracker_.tracking_uri(), run_id) == Standing::kGone;
  }

  void remove_sent(const std::string& run_id) {
    const RunFolder folder(tracker_.directory(), run_id);
    const auto note = folder.find_note();
    if (!note) return remove_locks(folder.path());
    if (note->is_alive()) return;
    if (!is_sent(folder)) {
      ++report_.kept;
      return;
    }
    const Standing standing = servers_.standing(note->tracking_uri, run_id);
    if (standing != Standing::kGone && (standing != Standing::kEnded || !is_old(folder.path(), age_))) return;
    const auto bytes = take_away(folder.path(), folder.path().parent_path(), {kLockFile, kReadersFile},
                                 [&] { return is_sent(folder); });
    if (bytes) count(report_.sent, *bytes);
  }

  [[nodiscard]] bool is_sent(const RunFolder& folder) const {
    const auto note = folder.find_note();
    const std::string prefix = folder.path().filename().string() + ".";
    const auto is_of_run = [&](const fs::path& file) { return file.filename().string().starts_with(prefix); };
    return note && note->is_sent &&
           std::ranges::none_of(entries_of(tracker_.directory() / ".ivory" / "spool"), is_of_run);
  }

  // The folder of a task has nothing else.
  static void remove_locks(const fs::path& folder) {
    const std::vector<fs::path> entries = entries_of(folder);
    if (entries.empty() || !std::ranges::all_of(entries, is_lock)) return;
    (void)take_away(folder, folder.parent_path(), {kLockFile, kReadersFile},
                    [&] { return std::ranges::all_of(entries_of(folder), is_lock); });
  }

  // Moves the folder out of the way, in one step, and removes it. Gives its bytes; nothing if somebody holds
  // one of the locks, or `may_go`, asked when they are held, says no.
  static std::optional<std::uintmax_t> take_away(const fs::path& folder, const fs::path& root,
                                                 std::initializer_list<const char*> locks,
                                                 const std::function<bool()>& may_go) {
    std::vector<std::unique_ptr<FileLock>> held;
    for (const char* const lock : locks) {
      held.push_back(FileLock::try_take(folder / lock));
      if (held.back() == nullptr) return std::nullopt;
    }
    if (!may_go()) return std::nullopt;
    const std::uintmax_t bytes = bytes_in(folder);
    const fs::path aside = aside_path(root / folder.filename());
    fs::rename(folder, aside);
    held.clear();
    fs::remove_all(aside);
    return bytes;
  }

  static void count(RemovedFiles& removed, std::uintmax_t bytes) {
    ++removed.runs;
    removed.bytes += bytes;
  }

  const Tracker& tracker_;
  std::chrono::milliseconds age_;
  KeptFilesReport report_;
  Servers servers_{report_.failures};
};

}  // namespace

KeptFilesReport remove_kept_files(const Tracker& tracker, std::chrono::milliseconds age) {
  return KeptFiles(tracker, age).remove();
}

}  // namespace ivory
