// Sync: sends to their servers the states of runs that could not be sent while they went on.
#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace ivory {

struct StatesReport {
  std::size_t runs = 0;               // of which something was sent
  std::size_t busy = 0;               // that go on, and send it themselves
  std::vector<std::string> failures;  // "FOLDER: reason"
};

// Of all runs that have kept something in `directory`, a client's. A run that has ended gets its artifacts;
// one that was killed gets its last checkpoint, so that it can be resumed elsewhere. One that was gone on
// with elsewhere has newer states there, and gets none. Its status, metrics and tags come first, by
// tracking::sync_spools().
[[nodiscard]] StatesReport sync_states(const std::filesystem::path& directory);

}  // namespace ivory
