#include "own_indexes.h"

#include <array>

namespace ivory::tracking {
namespace {

struct OwnIndex {
  std::string_view name;
  std::string_view columns;
  std::string (*condition)(std::string_view column) = nullptr;  // what the indexed rows meet
  std::string_view conditioned = {};
};

constexpr std::array kOwnIndexes{
    OwnIndex{"ivory_runs_numbered_name", "runs (experiment_id, name)", numbered_name_condition, "name"},
    // The runs of an experiment, in the order that listings have.
    OwnIndex{"ivory_runs_experiment_id_start_time",
             "runs (experiment_id, start_time DESC, run_uuid, lifecycle_stage)"},
    OwnIndex{"ivory_latest_metrics_key_value", "latest_metrics (key, value, is_nan, run_uuid)"},
    OwnIndex{"ivory_params_key_value", "params (key, value, run_uuid)", short_text_condition, "value"},
    OwnIndex{"ivory_tags_key_value", "tags (key, value, run_uuid)", short_text_condition, "value"},
};

}  // namespace

std::string short_text_condition(std::string_view column) {
  return "length(" + std::string(column) + ") <= " + std::to_string(kMaxIndexedText);
}

// In words that both SQLite and PostgreSQL have.
std::string numbered_name_condition(std::string_view column) {
  return std::string(column) + " <> replace(" + std::string(column) + ", '#', '')";
}

bool has_own_indexes(storage::Connection& connection) {
  auto query = connection.query(connection.dialect() == storage::Dialect::kPostgres
                                    ? "SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema() "
                                      "AND indexname LIKE 'ivory\\_%'"
                                    : "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND "
                                      "name GLOB 'ivory_*'");
  return query.next() && query.integer(0) >= static_cast<std::int64_t>(kOwnIndexes.size());
}

void create_own_indexes(storage::Connection& connection) {
  for (const OwnIndex& index : kOwnIndexes) {
    std::string sql =
        "CREATE INDEX IF NOT EXISTS " + std::string(index.name) + " ON " + std::string(index.columns);
    if (index.condition != nullptr) sql += " WHERE " + index.condition(index.conditioned);
    connection.execute(sql);
  }
}

}  // namespace ivory::tracking
