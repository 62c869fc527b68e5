// Optuna's journal file: a JSON object a line, replayed by all who read it.
#pragma once
#include <chrono>
#include <filesystem>

#include "store.h"

namespace ivory::tuning {

struct JournalOptions {
  // A lock whose file has not changed for so long was left by a process that died.
  std::chrono::milliseconds lock_grace{30'000};
  Durability durability = Durability::kProcess;
};

// Processes, Optuna's too: any number on one file, on NFS as well: the lock is a symbolic link "<file>.lock".
// On a local file system only what depends on earlier lines takes it. What is written survives the death of
// the process; under Durability::kFull what has ended and what is added to a study survive a power cut too,
// with all that was written before. Errors: kInvalidArgument with file and line for a line that is no record.
[[nodiscard]] std::unique_ptr<TrialStore> open_journal(const std::filesystem::path& path,
                                                       const JournalOptions& options = {});

}  // namespace ivory::tuning
