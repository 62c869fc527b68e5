// The files of a run that was tracked, wherever they are, as files of this machine.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/entities.h>

#include "run_folder.h"

namespace ivory {

class Tracker;

// Those of a run on a server are fetched when they are asked for, into .ivory/fetched/RUN_ID of the client's
// folder, each state whole or not at all. What was fetched of a run that is FINISHED is taken again; of
// another it is fetched anew. As long as the object lives, `ivory gc` leaves the files that it named. One
// thread. Errors: those of the artifact store.
class StoredFiles {
 public:
  StoredFiles(const Tracker& tracker, const tracking::RunRecord& run);

  // An artifact that is a file: params.yaml. None if the run has none.
  [[nodiscard]] std::optional<std::filesystem::path> find_file(std::string_view name) const;
  enum class Part : std::uint8_t {
    kAll,
    kArrays,  // *.npz at least
  };
  // The folder of a state: test, best, current. None if the run has none.
  [[nodiscard]] std::optional<std::filesystem::path> find_state(std::string_view state,
                                                                Part part = Part::kAll) const;
  // Where a run that goes on here has its files, `current` and `best` among them: those that are here, if the
  // server cannot have newer ones, else the server's.
  [[nodiscard]] std::filesystem::path take_up() const;
  // Removes the artifacts, and the run's own folder around them if nothing else is in it but what a killed
  // process left.
  void remove_all() const;

 private:
  [[nodiscard]] std::filesystem::path fetched() const;
  [[nodiscard]] bool is_kept(const std::filesystem::path& path) const;
  [[nodiscard]] bool has_file(std::string_view name) const;

  const tracking::RunRecord& run_;
  std::unique_ptr<tracking::ArtifactStore> artifacts_;
  RunFolder here_;
  std::filesystem::path fetched_;
  std::optional<std::filesystem::path> local_;  // where the files are, if they are here
  // Of where they are, if that is below .ivory.
  mutable std::unique_ptr<FileLock> held_;
  mutable bool holds_fetched_ = false;
};

}  // namespace ivory
