// Tracking databases at the state of a certain MLflow, and bringing older ones up.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/open_store.h>

namespace ivory::tracking {

// Each MLflow opens databases of exactly one state of its schema; these can be made. open_store() makes and
// wants the newest, and opens any that has the tables and columns it uses.
enum class SchemaHead { kMlflow217, kMlflow33, kMlflow311 };
inline constexpr SchemaHead kNewestSchemaHead = SchemaHead::kMlflow311;
// "2.17", "3.3", "3.11".
[[nodiscard]] std::string_view to_text(SchemaHead head) noexcept;
[[nodiscard]] std::vector<std::string> schema_head_names();
// Errors: kInvalidArgument for another name, naming those that there are.
[[nodiscard]] SchemaHead parse_schema_head(std::string_view name);

// Makes a new database with the experiment Default.
// Errors: kConflict if there is one already, kUnsupported for a URI that is not sqlite: (and not the newest
// head),
//   those of open_store().
void create_database(std::string_view uri, SchemaHead head, const StoreOptions& options = {});

struct DatabaseUpgrade {
  std::string from;            // the revision it was at
  std::string to;              // and is at now
  std::filesystem::path copy;  // of the database as it was, beside it; empty if there was nothing to do
};

// Brings an SQLite database of MLflow 2.17 or newer to the newest head: in one transaction, under the lock
// for writing, with a copy of the file made before. All rows are kept, and so are tables and indexes that
// MLflow does not know. May be called again: at the newest head nothing happens. Errors: kNotFound without
// the database; kUnsupported for one that is older, that is of an MLflow unknown here, or
//   that has columns which MLflow's tables have no place for; kIo. The database is then as it was.
DatabaseUpgrade upgrade_database(std::string_view uri, const StoreOptions& options = {});

}  // namespace ivory::tracking
