// Optuna's SQL schema in a SQLite file or a PostgreSQL database.
#pragma once
#include <filesystem>
#include <string>

#include <ivory/base/files.h>

#include "store.h"

namespace ivory::tuning {

// Processes, Optuna's too: any number on one file or database. Each change is a transaction of its own, which
// survives the death of the process. Under Durability::kFull what has ended and what is added to a study
// survive a power cut as well, with all that was written before; else the last moments may be lost then, and
// the database is whole. Times are UTC, as Optuna 5 writes them. Errors: kInvalidArgument for a database of
// another schema or revision.

// The write-ahead log is switched on where nobody else holds the file, else it goes on in its journal mode. A
// file that cannot be written is read.
[[nodiscard]] std::unique_ptr<TrialStore> open_sqlite(const std::filesystem::path& path,
                                                      Durability durability = Durability::kProcess);
// By a URL as "postgresql://user@host:5432/name". Errors: kUnsupported where there is no libpq.
[[nodiscard]] std::unique_ptr<TrialStore> open_postgres(const std::string& url,
                                                        Durability durability = Durability::kProcess);

}  // namespace ivory::tuning
