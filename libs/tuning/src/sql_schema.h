// Optuna's SQL schema, and where SQLite and PostgreSQL differ in it.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <ivory/storage/database.h>

namespace ivory::tuning {

// Makes Optuna's tables where there are none. Any number of processes may do it at once.
void create_schema(storage::Connection& connection);
// Errors: kInvalidArgument for a database of something else or of another revision; `name` is what the
// message calls it.
void check_schema(storage::Connection& connection, std::string_view name);

// The table of reports with folds or several objectives: ours, beside Optuna's, made when the first of them
// comes. Optuna looks over it; what it says of a trial goes when Optuna deletes the trial. A fold of -1:
// none.
void create_reports_table(storage::Connection& connection);
[[nodiscard]] bool has_reports_table(storage::Connection& connection);

// Ends a SELECT of rows that this transaction will change. SQLite's only writer needs none.
[[nodiscard]] std::string_view row_lock(storage::Dialect dialect);
// Seconds since a trial's last heartbeat, by the database's clock.
[[nodiscard]] std::string_view heartbeat_age(storage::Dialect dialect);
// A condition on a column that is one of a list of integers, bound as ids_value() writes it.
[[nodiscard]] std::string_view in_ids(storage::Dialect dialect);
[[nodiscard]] std::string ids_value(storage::Dialect dialect, std::span<const std::int64_t> ids);

}  // namespace ivory::tuning
