// Optuna's SQL schema in a SQLite file.
#pragma once
#include <filesystem>

#include "store.h"

namespace ivory::tuning {

// Processes, Optuna's too: any number on one file. Each change is a transaction of its own, which survives
// the death of the process; the write-ahead log, switched on where nobody else holds the file, keeps it whole
// after a power cut. Times are UTC, as Optuna 5 writes them. Errors: kInvalidArgument for a database of
// another schema or revision; a file that cannot be written is read.
[[nodiscard]] std::unique_ptr<TrialStore> open_sqlite(const std::filesystem::path& path);

}  // namespace ivory::tuning
