// Files that a client keeps of runs on a server, and how it gets rid of them.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ivory {

class Tracker;

struct RemovedFiles {
  std::size_t runs = 0;
  std::uintmax_t bytes = 0;  // that are free now
};

struct KeptFilesReport {
  RemovedFiles fetched;
  RemovedFiles sent;
  // Runs that keep their files though nobody here is working on them: they have not ended, or their server
  // has not got everything.
  std::size_t kept = 0;
  std::vector<std::string> failures;  // "FOLDER: reason", or which server did not answer
};

// Removes from the folder of the tracker's client what was last used longer ago than `age`, or belongs to
// runs that their server has no more:
// - of .ivory/fetched, what was fetched from a server and can be fetched again;
// - of .ivory/runs, the files of runs that have ended and whose everything has been sent. What has not been
//   sent stays, and so does what a server that does not answer may not have.
// What another process reads, or goes on with, stays.
[[nodiscard]] KeptFilesReport remove_kept_files(const Tracker& tracker, std::chrono::milliseconds age);

}  // namespace ivory
