// What a run on a server keeps in the client's folder.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

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

inline constexpr const char* kLockFile = ".ivory-lock";
// Where the lock of a run lies, by which one process at a time takes it up: in the run's own folder.
[[nodiscard]] std::filesystem::path lock_file(const std::filesystem::path& directory,
                                              const tracking::RunRecord& run, std::string_view tracking_uri);

}  // namespace ivory
