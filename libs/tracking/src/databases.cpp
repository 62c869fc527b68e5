#include <ivory/tracking/databases.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/storage/connection.h>

#include "experiment_rows.h"
#include "schema.h"
#include "sqlite_uri.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;
using storage::Connection;

constexpr std::array<std::pair<SchemaHead, std::string_view>, 3> kHeadNames{{
    {SchemaHead::kMlflow217, "2.17"},
    {SchemaHead::kMlflow33, "3.3"},
    {SchemaHead::kMlflow311, "3.11"},
}};

// MLflow's revisions from 2.17.3 to the last before 3.11, oldest first.
constexpr std::array<std::string_view, 28> kOlderRevisions{
    "f5a4f2784254", "0584bdc529eb", "400f98739977",  "6953534de441", "bda7b8c39065", "cbc13b556ace",
    "770bee3ae1dd", "a1b2c3d4e5f6", "de4033877273",  "1a0cddfcaa16", "534353b11cbc", "71994744cf8e",
    "3da73c924c2f", "bf29a5ff90ea", "1bd49d398cd23", "b7c8d9e0f1a2", "5d2d30f0abce", "c9d4e5f6a7b8",
    "2c33131f4dae", "d3e4f5a6b7c8", "d0e1f2a3b4c5",  "c8d9e0f1a2b3", "1b5f0d9ad7c1", "e1f2a3b4c5d6",
    "76601a5f987d", "c3d6457b6d8a", "a5b4c3d2e1f0",  "ae8bbe7743c9"};

// Of those that tables of older revisions have and the newest have not.
constexpr std::array<std::string_view, 5> kObsoleteIndexes{
    "unique_secret_name", "unique_endpoint_name", "unique_model_definition_name",
    "unique_endpoint_model_mapping", "index_jobs_function_status_creation_time"};

// The one column that was renamed.
std::string_view older_name(std::string_view table, std::string_view column) {
  return table == "jobs" && column == "job_name" ? "function_fullname" : column;
}

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string identifier(std::string_view name) { return "\"" + std::string(name) + "\""; }

void check_is_sqlite(std::string_view uri, std::string_view what) {
  if (uri.substr(0, uri.find(':')) == "sqlite") return;
  throw Error(ErrorCode::kUnsupported, "tracking URI " + in_quotes(uri) +
                                           ": only an SQLite database can be " + std::string(what) +
                                           " (sqlite:///…)");
}

struct Entry {
  std::string type;  // "table", "index", "trigger", "view"
  std::string name;
  std::string table;
  std::string sql;
};

std::vector<Entry> read_entries(Connection& connection) {
  auto query = connection.query(
      "SELECT type, name, tbl_name, sql FROM sqlite_master "
      "WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid");
  std::vector<Entry> entries;
  while (query.next()) {
    entries.push_back({std::string(query.text(0)), std::string(query.text(1)), std::string(query.text(2)),
                       std::string(query.text(3))});
  }
  return entries;
}

std::map<std::string, Entry> by_name(const std::vector<Entry>& entries) {
  std::map<std::string, Entry> named;
  for (const Entry& entry : entries) named.emplace(entry.name, entry);
  return named;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Without white space and the quotes of identifiers: what is left tells two definitions apart.
std::string condensed(std::string_view sql) {
  std::string text;
  for (const char c : sql) {
    if (!is_space(c) && c != '"') text += c;
  }
  return text;
}

// The columns and constraints between the outer parentheses, in order of the alphabet: MLflow writes
// constraints in a different order each time.
std::vector<std::string> parts_of_table(std::string_view sql) {
  const std::string text = condensed(sql);
  const std::size_t begin = text.find('(');
  std::vector<std::string> parts(1);
  int depth = 0;
  for (std::size_t i = begin + 1; begin != std::string::npos && i + 1 < text.size(); ++i) {
    depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    if (text[i] == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += text[i];
    }
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

struct Column {
  std::string name;
  bool generated = false;
  friend bool operator==(const Column&, const Column&) = default;
};

std::vector<Column> columns_of(Connection& connection, std::string_view table) {
  auto query = connection.query("SELECT name, hidden FROM pragma_table_xinfo(?) ORDER BY cid");
  query.bind(table);
  std::vector<Column> columns;
  while (query.next()) columns.push_back({std::string(query.text(0)), query.integer(1) != 0});
  return columns;
}

std::int64_t count_rows(Connection& connection, std::string_view table) {
  auto query = connection.query("SELECT count(*) FROM " + identifier(table));
  return query.next() ? query.integer(0) : 0;
}

std::int64_t count_broken_references(Connection& connection) {
  auto query = connection.query("SELECT count(*) FROM pragma_foreign_key_check");
  return query.next() ? query.integer(0) : 0;
}

// Where the columns of the new table come from in the old one; an old column without a place is refused.
std::pair<std::string, std::string> column_lists(const std::string& table, const std::vector<Column>& now,
                                                 const std::vector<Column>& then) {
  std::set<std::string> old_names;
  for (const Column& column : then) old_names.insert(column.name);
  std::string to, from;
  for (const Column& column : now) {
    const std::string old =
        old_names.contains(column.name) ? column.name : std::string(older_name(table, column.name));
    if (old_names.erase(old) == 0 || column.generated) continue;
    const char* const comma = to.empty() ? "" : ", ";
    to += comma + identifier(column.name);
    from += comma + identifier(old);
  }
  if (!old_names.empty()) {
    throw Error(ErrorCode::kUnsupported, "table " + table + " has the column " +
                                             in_quotes(*old_names.begin()) +
                                             ", which MLflow's table has no place for; it would be lost");
  }
  return {to, from};
}

// Fills a table of the new form from the old one and puts it in its place.
void rebuild(Connection& connection, const Entry& target) {
  const std::string aside = "ivory_upgrade_" + target.name;
  connection.execute("CREATE TABLE " + identifier(aside) + " " + target.sql.substr(target.sql.find('(')));
  const auto [to, from] =
      column_lists(target.name, columns_of(connection, aside), columns_of(connection, target.name));
  connection.execute("INSERT INTO " + identifier(aside) + " (" + to + ") SELECT " + from + " FROM " +
                     identifier(target.name) + " ORDER BY rowid");
  if (count_rows(connection, aside) != count_rows(connection, target.name))
    throw Error(ErrorCode::kInternal, "not all rows of table " + target.name + " were copied");
  connection.execute("DROP TABLE " + identifier(target.name));
  connection.execute("ALTER TABLE " + identifier(aside) + " RENAME TO " + identifier(target.name));
}

// A database without rows at the newest head, to compare with.
class Newest {
 public:
  Newest() : connection_({.path = ":memory:"}) { connection_.execute(mlflow_schema(kNewestSchemaHead)); }
  [[nodiscard]] std::vector<Entry> entries() { return read_entries(connection_); }
  [[nodiscard]] bool has_same_table(Connection& other, const Entry& mine, const Entry& theirs) {
    return columns_of(connection_, mine.name) == columns_of(other, mine.name) &&
           parts_of_table(mine.sql) == parts_of_table(theirs.sql);
  }

 private:
  Connection connection_;
};

std::string drop_statement(const Entry& entry) {
  return "DROP " + entry.type + " IF EXISTS " + identifier(entry.name);
}

class Upgrade {
 public:
  explicit Upgrade(Connection& connection) : connection_(connection) {}

  void run() {
    before_ = by_name(read_entries(connection_));
    const std::int64_t broken = count_broken_references(connection_);
    for (const Entry& entry : newest_.entries()) {
      if (entry.type == "table") bring_up_table(entry);
    }
    restore_what_is_not_of_mlflow();
    for (const Entry& entry : newest_.entries()) {
      if (entry.type != "table") bring_up_other(entry);
    }
    add_default_workspace(connection_);
    connection_.query("UPDATE alembic_version SET version_num = ?")
        .bind(revision_of(kNewestSchemaHead))
        .run();
    if (count_broken_references(connection_) > broken)
      throw Error(ErrorCode::kInternal, "rows would refer to others that do not exist");
  }

 private:
  void bring_up_table(const Entry& target) {
    names_of_mlflow_.insert(target.name);
    const auto found = before_.find(target.name);
    if (found == before_.end()) {
      connection_.execute(target.sql);
    } else if (!newest_.has_same_table(connection_, target, found->second)) {
      rebuild(connection_, target);
      rebuilt_.insert(target.name);
    }
  }

  // Indexes and triggers went with the tables that were rebuilt.
  void restore_what_is_not_of_mlflow() {
    for (const Entry& entry : newest_.entries()) names_of_mlflow_.insert(entry.name);
    for (const auto& [name, entry] : before_) {
      const bool obsolete =
          std::find(kObsoleteIndexes.begin(), kObsoleteIndexes.end(), name) != kObsoleteIndexes.end();
      if (obsolete) {
        connection_.execute(drop_statement(entry));
      } else if (entry.type != "table" && entry.type != "view" && rebuilt_.contains(entry.table) &&
                 !names_of_mlflow_.contains(name)) {
        connection_.execute(entry.sql);
      }
    }
  }

  void bring_up_other(const Entry& target) {
    const auto found = before_.find(target.name);
    const bool present = found != before_.end() && !rebuilt_.contains(target.table);
    if (present && condensed(found->second.sql) == condensed(target.sql)) return;
    connection_.execute(drop_statement(target));
    connection_.execute(target.sql);
  }

  Connection& connection_;
  Newest newest_;
  std::map<std::string, Entry> before_;
  std::set<std::string> rebuilt_;
  std::set<std::string> names_of_mlflow_;
};

std::string revision_in(Connection& connection) {
  if (!has_column(connection, "alembic_version", "version_num")) return {};
  auto query = connection.query("SELECT version_num FROM alembic_version");
  return query.next() ? std::string(query.text(0)) : std::string();
}

void check_can_upgrade(const fs::path& path, const std::string& revision) {
  if (std::find(kOlderRevisions.begin(), kOlderRevisions.end(), revision) != kOlderRevisions.end()) return;
  throw Error(ErrorCode::kUnsupported,
              "database " + in_quotes(path.string()) + " is at the revision " +
                  in_quotes(revision.empty() ? "(none)" : revision) +
                  ", from which no upgrade is known; expected one of MLflow 2.17 to 3.11 (an older database: "
                  "`mlflow db upgrade` of MLflow; a newer one needs no upgrade)");
}

// The first that is free of mlflow.db.<revision>.backup, mlflow.db.<revision>.backup.2 …
fs::path copy_path(const fs::path& database, const std::string& revision) {
  const std::string first = database.string() + "." + revision + ".backup";
  fs::path path = first;
  for (int i = 2; fs::exists(path); ++i) path = first + "." + std::to_string(i);
  return path;
}

// A consistent copy, with what stands in the write-ahead log; whole or not at all.
void copy_database(const fs::path& database, const fs::path& copy) {
  const fs::path aside = copy.string() + ".part";
  std::string literal;
  for (const char c : aside.string()) literal += c == '\'' ? "''" : std::string(1, c);
  try {
    fs::remove(aside);
    Connection reader({.path = database, .mode = storage::OpenMode::kReadWrite});
    reader.execute("VACUUM INTO '" + literal + "'");
    fs::rename(aside, copy);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorCode::kIo, "cannot copy the database: " + std::string(error.what()));
  } catch (...) {
    std::error_code ignored;
    fs::remove(aside, ignored);
    throw;
  }
}

DatabaseUpgrade upgrade_under_lock(Connection& connection, const fs::path& path) {
  DatabaseUpgrade result{revision_in(connection), std::string(revision_of(kNewestSchemaHead)), {}};
  if (result.from == result.to) return result;
  check_can_upgrade(path, result.from);
  result.copy = copy_path(path, result.from);
  copy_database(path, result.copy);
  try {
    Upgrade(connection).run();
    connection.commit();
  } catch (...) {
    std::error_code ignored;
    fs::remove(result.copy, ignored);
    throw;
  }
  return result;
}

}  // namespace

std::string_view to_text(SchemaHead head) noexcept {
  for (const auto& [known, name] : kHeadNames) {
    if (known == head) return name;
  }
  return kHeadNames.back().second;
}

std::vector<std::string> schema_head_names() {
  std::vector<std::string> names;
  names.reserve(kHeadNames.size());
  for (const auto& [head, name] : kHeadNames) names.emplace_back(name);
  return names;
}

SchemaHead parse_schema_head(std::string_view name) {
  for (const auto& [head, known] : kHeadNames) {
    if (known == name) return head;
  }
  const auto known = schema_head_names();
  throw Error(ErrorCode::kInvalidArgument,
              "no schema of MLflow " + in_quotes(name) + " is known; expected one of " + join(known));
}

void create_database(std::string_view uri, SchemaHead head, const StoreOptions& options) {
  const std::string_view scheme = uri.substr(0, uri.find_first_of(":+"));
  if (uri.find(':') != std::string_view::npos && scheme != "sqlite" && scheme != "postgresql")
    throw Error(ErrorCode::kUnsupported, "tracking URI " + in_quotes(shown_uri(uri)) +
                                             " names no database; expected sqlite:///FILE or "
                                             "postgresql://USER@HOST/NAME");
  if (head != kNewestSchemaHead)
    check_is_sqlite(uri, "made at the schema of MLflow " + std::string(to_text(head)));
  if (store_exists(uri, options))
    throw Error(ErrorCode::kConflict, "database " + in_quotes(uri) + " exists already");
  if (head == kNewestSchemaHead) {
    (void)open_store(uri, options);
    return;
  }
  Connection connection({.path = sqlite_path(uri, options), .durability = Durability::kFull});
  connection.begin(storage::Access::kWrite);
  if (!is_empty_database(connection))
    throw Error(ErrorCode::kConflict, "database " + in_quotes(uri) + " exists already");
  create_schema(connection, head, append_to_location(default_artifact_root(options), kDefaultExperimentId),
                now_ms());
  connection.commit();
}

DatabaseUpgrade upgrade_database(std::string_view uri, const StoreOptions& options) {
  check_is_sqlite(uri, "upgraded");
  const fs::path path = sqlite_path(uri, options);
  if (!store_exists(uri, options))
    throw Error(ErrorCode::kNotFound, "tracking database " + in_quotes(path.string()) + " does not exist");
  Connection connection(
      {.path = path, .mode = storage::OpenMode::kReadWrite, .durability = Durability::kFull});
  // Tables are exchanged under the references of others; neither can be set within a transaction.
  connection.execute("PRAGMA foreign_keys = OFF");
  connection.execute("PRAGMA legacy_alter_table = ON");
  connection.begin(storage::Access::kWrite);
  try {
    return upgrade_under_lock(connection, path);
  } catch (const Error& error) {
    connection.roll_back();
    throw Error(error.code(), std::string("upgrade of ") + in_quotes(path.string()) +
                                  " failed, nothing is changed: " + error.what());
  }
}

}  // namespace ivory::tracking
