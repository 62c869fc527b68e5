#include "stored_files.h"

#include <algorithm>
#include <system_error>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/experiment/tracker.h>

#include "sent_states.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using tracking::RunRecord;

bool is_any(std::string_view) noexcept { return true; }
bool is_archive(std::string_view name) noexcept { return name.ends_with(".npz"); }

bool is_finished(const RunRecord& run) noexcept { return run.status == tracking::RunStatus::kFinished; }

}  // namespace

StoredFiles::StoredFiles(const Tracker& tracker, const RunRecord& run)
    : run_(run),
      artifacts_(
          tracking::open_artifact_store(run.artifact_uri, tracker.durability(), tracker.tracking_uri())),
      here_(tracker.directory(), run.run_id),
      fetched_(fetched_root(tracker.directory()) / run.run_id),
      local_(artifacts_->local_path()) {
  if (local_ || !here_.is_newest_of(run)) return;
  held_ = hold_for_reading(here_.path());
  if (here_.is_newest_of(run)) local_ = here_.artifacts();  // they may have been removed before
}

// A run that is started again has another end.
fs::path StoredFiles::fetched() const {
  fs::path folder = fetched_ / (is_finished(run_) ? std::to_string(run_.end_time.value_or(0)) : "running");
  if (!holds_fetched_) held_ = hold_for_reading(folder);
  holds_fetched_ = true;
  return folder;
}

bool StoredFiles::is_kept(const fs::path& path) const { return is_finished(run_) && fs::exists(path); }

bool StoredFiles::has_file(std::string_view name) const {
  const auto files = artifacts_->list();
  return std::ranges::any_of(
      files, [&](const tracking::ArtifactInfo& info) { return !info.is_folder && info.path == name; });
}

std::optional<fs::path> StoredFiles::find_file(std::string_view name) const {
  if (local_) {
    fs::path file = *local_ / name;
    return fs::exists(file) ? std::optional(std::move(file)) : std::nullopt;
  }
  fs::path file = fetched() / name;
  if (is_kept(file)) return file;
  if (!has_file(name)) return std::nullopt;
  artifacts_->download(name, file);
  return file;
}

std::optional<fs::path> StoredFiles::find_state(std::string_view state, Part part) const {
  if (local_) {
    fs::path folder = *local_ / state;
    return fs::is_directory(folder) ? std::optional(std::move(folder)) : std::nullopt;
  }
  fs::path whole = fetched() / state;
  if (is_kept(whole)) return whole;
  fs::path target = part == Part::kAll ? whole : fetched() / (std::string(state) + ".arrays");
  if (is_kept(target)) return target;
  FolderWriter folder(target);
  if (!download_state(*artifacts_, state, folder.path(), part == Part::kAll ? is_any : is_archive))
    return std::nullopt;
  folder.commit();
  return target;
}

fs::path StoredFiles::take_up() const {
  if (local_) return *local_;
  FolderWriter folder(here_.artifacts());
  for (const std::string_view state : {"current", "best"}) {
    fs::create_directory(folder.path() / state);
    if (!download_state(*artifacts_, state, folder.path() / state, is_any)) fs::remove(folder.path() / state);
  }
  if (has_file("params.yaml")) artifacts_->download("params.yaml", folder.path() / "params.yaml");
  folder.commit();
  return here_.artifacts();
}

void StoredFiles::remove_all() const {
  artifacts_->remove({});
  const auto folder = artifacts_->local_path();
  if (!folder || folder->parent_path().filename() != run_.run_id) return;
  remove_leftovers(folder->parent_path());
  fs::remove(folder->parent_path() / kLockFile);
  std::error_code not_empty;
  fs::remove(folder->parent_path(), not_empty);
}

}  // namespace ivory
