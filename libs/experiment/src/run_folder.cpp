#include "run_folder.h"

#include <chrono>
#include <system_error>
#include <thread>

#include <ivory/base/error.h>
#include <ivory/base/params.h>
#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/liveness.h>

namespace ivory {

namespace fs = std::filesystem;

RunFolder::RunFolder(const fs::path& directory, std::string_view run_id) : path_(root(directory) / run_id) {}

fs::path RunFolder::root(const fs::path& directory) { return directory / ".ivory" / "runs"; }

bool RunFolder::Note::is_alive() const {
  const auto identity = tracking::ProcessIdentity::parse(process);
  return identity && tracking::liveness_of(*identity) == tracking::Liveness::kAlive;
}

std::optional<RunFolder::Note> RunFolder::find_note() const try {
  const Params note = Params::from_json(read_file(path_ / kNoteFile));
  return Note{.tracking_uri = note.at("tracking_uri").as_string(),
              .artifact_uri = note.at("artifact_uri").as_string(),
              .process = note.at("process").as_string(),
              .is_sent = note.at("is_sent").as_bool()};
} catch (const Error& error) {
  if (error.code() == ErrorCode::kIo) throw;
  return std::nullopt;
}

void RunFolder::write_note(const Note& note) const {
  const Params params{{"tracking_uri", note.tracking_uri},
                      {"artifact_uri", note.artifact_uri},
                      {"process", note.process},
                      {"is_sent", note.is_sent}};
  write_file(path_ / kNoteFile, params.to_json(1) + "\n");
}

bool RunFolder::is_newest_of(const tracking::RunRecord& run) const {
  const std::string* const process = run.find_tag(tracking::kProcessTag);
  if (process == nullptr || !fs::is_directory(artifacts())) return false;
  const auto note = find_note();
  return note && note->process == *process;
}

fs::path fetched_root(const fs::path& directory) { return directory / ".ivory" / "fetched"; }

// Who holds it otherwise is about to move the folder away.
std::unique_ptr<FileLock> hold_for_reading(const fs::path& folder) {
  const fs::path file = folder / kReadersFile;
  auto lock = FileLock::try_take(file, FileLock::Mode::kShared);
  for (; lock == nullptr; lock = FileLock::try_take(file, FileLock::Mode::kShared))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::error_code ignored;
  fs::last_write_time(file, fs::file_time_type::clock::now(), ignored);
  return lock;
}

fs::path lock_file(const fs::path& directory, const tracking::RunRecord& run, std::string_view tracking_uri) {
  const auto artifacts =
      tracking::open_artifact_store(run.artifact_uri, Durability::kProcess, tracking_uri)->local_path();
  return (artifacts ? artifacts->parent_path() : RunFolder(directory, run.run_id).path()) / kLockFile;
}

}  // namespace ivory
