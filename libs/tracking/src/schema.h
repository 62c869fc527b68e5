// The tables of MLflow: how they are made, and whether a database has those that we use.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <ivory/storage/connection.h>
#include <ivory/tracking/databases.h>
#include <ivory/tracking/entities.h>

namespace ivory::tracking {

// As the table alembic_version names it.
[[nodiscard]] std::string_view revision_of(SchemaHead head) noexcept;
inline constexpr std::string_view kDefaultExperimentId = "0";

// The statements that make all tables and indexes of that head.
[[nodiscard]] std::string_view mlflow_schema(SchemaHead head) noexcept;

// The same of MLflow 3.11 on PostgreSQL.
[[nodiscard]] std::string_view mlflow_postgres_schema() noexcept;

// True for a file without a single table, and for a database on a server without one of MLflow's.
[[nodiscard]] bool is_empty_database(storage::Connection& connection);

// Makes the schema with the rows that MLflow leaves in a new database.
void create_schema(storage::Connection& connection, SchemaHead head,
                   const std::string& default_artifact_location, TimeMs now);

// The one row of a table that MLflow 3.11 has for its workspaces.
void add_default_workspace(storage::Connection& connection);

// Whether there is such a table with such a column.
[[nodiscard]] bool has_column(storage::Connection& connection, std::string_view table,
                              std::string_view column);

// "table runs", "column runs.deleted_time" … of what we use and the database lacks.
[[nodiscard]] std::vector<std::string> missing_from_schema(storage::Connection& connection);

// The statements, each with the run's id to be bound, that remove all that belongs to a run, itself last.
// What MLflow keeps beyond a run (models, traces and their assessments) stays.
[[nodiscard]] std::vector<std::string> purge_statements(storage::Connection& connection);

}  // namespace ivory::tracking
