#include "own_indexes.h"

#include <array>

namespace ivory::tracking {
namespace {

struct OwnIndex {
  std::string_view name;
  std::string_view columns;
  bool of_short_text;
};

constexpr std::array kOwnIndexes{
    // The runs of an experiment; run names are looked up and counted with it, too.
    OwnIndex{"ivory_runs_experiment_id_name", "runs (experiment_id, name)", false},
    // The same in the order that listings have.
    OwnIndex{"ivory_runs_experiment_id_start_time",
             "runs (experiment_id, start_time DESC, run_uuid, lifecycle_stage)", false},
    OwnIndex{"ivory_latest_metrics_key_value", "latest_metrics (key, value, is_nan, run_uuid)", false},
    OwnIndex{"ivory_params_key_value", "params (key, value, run_uuid)", true},
    OwnIndex{"ivory_tags_key_value", "tags (key, value, run_uuid)", true},
};

}  // namespace

std::string short_text_condition(std::string_view column) {
  return "length(" + std::string(column) + ") <= " + std::to_string(kMaxIndexedText);
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
    if (index.of_short_text) sql += " WHERE " + short_text_condition("value");
    connection.execute(sql);
  }
}

}  // namespace ivory::tracking
