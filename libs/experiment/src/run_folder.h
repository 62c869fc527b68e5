// What a run on a server keeps in the client's folder.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <ivory/base/files.h>
#include <ivory/tracking/entities.h>

namespace ivory {

// .ivory/runs/RUN_ID: `artifacts`, as the server is to have them, and a note of whose they are.
class RunFolder {
 public:
  struct Note {
    std::string tracking_uri;
    std::string artifact_uri;
    std::string process;  // that wrote the artifacts, as the run's tag `ivory.process`
    bool is_sent = false;
    // Whether that process lives, as far as this machine can tell.
    [[nodiscard]] bool is_alive() const;
  };

  // `directory` is the client's.
  RunFolder(const std::filesystem::path& directory, std::string_view run_id);
  // Of all runs that have one.
  [[nodiscard]] static std::filesystem::path root(const std::filesystem::path& directory);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::filesystem::path artifacts() const { return path_ / "artifacts"; }
  // None if there is no note, or one that nobody can read.
  [[nodiscard]] std::optional<Note> find_note() const;
  void write_note(const Note& note) const;
  // Whether nobody has had the run since its artifacts were written here, so that the server has no newer
  // ones.
  [[nodiscard]] bool is_newest_of(const tracking::RunRecord& run) const;

 private:
  std::filesystem::path path_;
};

// .ivory/fetched: RUN_ID/END has what was fetched of a run on a server.
[[nodiscard]] std::filesystem::path fetched_root(const std::filesystem::path& directory);

inline constexpr const char* kNoteFile = "run.json";
inline constexpr const char* kReadersFile = ".ivory-readers";
// Held, shared, by who reads in a run's folder of these two, which is not removed meanwhile. Its file tells
// when the folder was used last.
[[nodiscard]] std::unique_ptr<FileLock> hold_for_reading(const std::filesystem::path& folder);

inline constexpr const char* kLockFile = ".ivory-lock";
// Where the lock of a run lies, by which one process at a time takes it up: in the run's own folder.
[[nodiscard]] std::filesystem::path lock_file(const std::filesystem::path& directory,
                                              const tracking::RunRecord& run, std::string_view tracking_uri);

}  // namespace ivory
