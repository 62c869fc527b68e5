// The tables of MLflow: how they are made, and whether a database has those that we use.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <ivory/storage/connection.h>
#include <ivory/tracking/entities.h>

namespace ivory::tracking {

inline constexpr std::string_view kSchemaHead = "7d34483879f0";  // MLflow 3.11
inline constexpr std::string_view kDefaultExperimentId = "0";

// The statements that make all tables and indexes at kSchemaHead.
[[nodiscard]] std::string_view mlflow_schema() noexcept;

// True for a file without a single table.
[[nodiscard]] bool is_empty_database(storage::Connection& connection);

// Makes the schema with the rows that MLflow leaves in a new database.
void create_schema(storage::Connection& connection, const std::string& default_artifact_location, TimeMs now);

// Whether there is such a table with such a column.
[[nodiscard]] bool has_column(storage::Connection& connection, std::string_view table,
                              std::string_view column);

// "table runs", "column runs.deleted_time" … of what we use and the database lacks.
[[nodiscard]] std::vector<std::string> missing_from_schema(storage::Connection& connection);

// The statements, each with the run's id to be bound, that remove all that belongs to a run, itself last.
// What MLflow keeps beyond a run (models, traces and their assessments) stays.
[[nodiscard]] std::vector<std::string> purge_statements(storage::Connection& connection);

// Indexes of our own, which MLflow ignores. They exist already in a database that we made.
[[nodiscard]] bool has_own_indexes(storage::Connection& connection);
void create_own_indexes(storage::Connection& connection);

}  // namespace ivory::tracking
