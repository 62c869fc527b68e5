#include "schema.h"

#include <algorithm>
#include <array>
#include <span>

#include "own_indexes.h"

namespace ivory::tracking {
namespace {

struct UsedTable {
  std::string_view name;
  std::vector<std::string_view> columns;
};

const std::vector<UsedTable>& used_tables() {
  static const std::vector<UsedTable> kTables{
      {"experiments",
       {"experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time",
        "last_update_time"}},
      {"experiment_tags", {"key", "value", "experiment_id"}},
      {"runs",
       {"run_uuid", "name", "source_type", "source_name", "entry_point_name", "user_id", "status",
        "start_time", "end_time", "source_version", "lifecycle_stage", "artifact_uri", "experiment_id",
        "deleted_time"}},
      {"metrics", {"key", "value", "timestamp", "run_uuid", "step", "is_nan"}},
      {"latest_metrics", {"key", "value", "timestamp", "step", "is_nan", "run_uuid"}},
      {"params", {"key", "value", "run_uuid"}},
      {"tags", {"key", "value", "run_uuid"}},
  };
  return kTables;
}

bool is_on_server(const storage::Connection& connection) {
  return connection.dialect() == storage::Dialect::kPostgres;
}

std::vector<std::string> columns_of(storage::Connection& connection, std::string_view table) {
  auto query = connection.query(
      is_on_server(connection) ? "SELECT column_name FROM information_schema.columns WHERE table_schema = "
                                 "current_schema() AND table_name = ?"
                               : "SELECT name FROM pragma_table_info(?)");
  query.bind(table);
  std::vector<std::string> columns;
  while (query.next()) columns.emplace_back(query.text(0));
  return columns;
}

}  // namespace

bool is_empty_database(storage::Connection& connection) {
  auto query = connection.query(
      is_on_server(connection)
          ? "SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name IN "
            "('alembic_version', 'experiments', 'runs', 'metrics', 'params', 'tags') LIMIT 1"
          : "SELECT 1 FROM sqlite_master LIMIT 1");
  return !query.next();
}

std::string_view revision_of(SchemaHead head) noexcept {
  switch (head) {
    case SchemaHead::kMlflow217:
      return "f5a4f2784254";
    case SchemaHead::kMlflow33:
      return "534353b11cbc";
    default:
      return "7d34483879f0";
  }
}

void add_default_workspace(storage::Connection& connection) {
  connection.query("INSERT INTO workspaces (name, description) VALUES (?, ?) ON CONFLICT DO NOTHING")
      .bind("default", "Default workspace for legacy resources")
      .run();
}

void create_schema(storage::Connection& connection, SchemaHead head,
                   const std::string& default_artifact_location, TimeMs now) {
  connection.execute(is_on_server(connection) ? mlflow_postgres_schema() : mlflow_schema(head));
  create_own_indexes(connection);
  connection.query("INSERT INTO alembic_version (version_num) VALUES (?)").bind(revision_of(head)).run();
  if (head == SchemaHead::kMlflow311) add_default_workspace(connection);
  connection
      .query(
          "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, "
          "last_update_time) VALUES (0, 'Default', ?, 'active', ?, ?)")
      .bind(default_artifact_location, now, now)
      .run();
}

bool has_column(storage::Connection& connection, std::string_view table, std::string_view column) {
  const std::vector<std::string> present = columns_of(connection, table);
  return std::find(present.begin(), present.end(), column) != present.end();
}

std::vector<std::string> missing_from_schema(storage::Connection& connection) {
  std::vector<std::string> missing;
  for (const UsedTable& table : used_tables()) {
    const std::vector<std::string> present = columns_of(connection, table.name);
    if (present.empty()) {
      missing.push_back("table " + std::string(table.name));
      continue;
    }
    for (const std::string_view column : table.columns) {
      if (std::find(present.begin(), present.end(), column) != present.end()) continue;
      missing.push_back("column " + std::string(table.name) + "." + std::string(column));
    }
  }
  return missing;
}

std::vector<std::string> purge_statements(storage::Connection& connection) {
  std::vector<std::string> statements;
  // Not in databases of every MLflow that serves.
  const auto add = [&](std::string_view table, std::string_view statement) {
    if (!columns_of(connection, table).empty()) statements.emplace_back(statement);
  };
  add("input_tags",
      "DELETE FROM input_tags WHERE input_uuid IN "
      "(SELECT input_uuid FROM inputs WHERE destination_type = 'RUN' AND destination_id = ?)");
  add("inputs", "DELETE FROM inputs WHERE destination_type = 'RUN' AND destination_id = ?");
  add("logged_model_metrics", "DELETE FROM logged_model_metrics WHERE run_id = ?");
  add("issues", "UPDATE issues SET source_run_id = NULL WHERE source_run_id = ?");
  for (const std::string_view table : {"metrics", "latest_metrics", "params", "tags", "runs"})
    statements.push_back("DELETE FROM " + std::string(table) + " WHERE run_uuid = ?");
  return statements;
}

}  // namespace ivory::tracking
