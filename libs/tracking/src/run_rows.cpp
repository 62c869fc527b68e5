#include "run_rows.h"

#include <algorithm>
#include <span>
#include <unordered_map>

#include <ivory/base/error.h>
#include <ivory/base/params.h>

#include "histories.h"
#include "own_indexes.h"
#include "run_block.h"
#include "run_inputs.h"

namespace ivory::tracking {
namespace {

using storage::Connection;
using storage::Query;

// Runs whose metrics, params and tags are fetched by one query each.
constexpr std::size_t kBlock = 256;

LifecycleStage parse_stage(std::string_view text) {
  return text == to_text(LifecycleStage::kDeleted) ? LifecycleStage::kDeleted : LifecycleStage::kActive;
}

RunStatus parse_status(std::string_view text, std::string_view run_id) {
  const auto status = find_run_status(text);
  if (!status) {
    throw Error(ErrorCode::kInvalidArgument,
                "run " + std::string(run_id) + " has the unknown status '" + std::string(text) + "'");
  }
  return *status;
}

template <class Entry>
void sort_by_key(std::vector<Entry>& entries) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
}

void load_block(Connection& connection, std::span<RunRecord> runs, const RunParts& parts) {
  if (parts.metrics) {
    for_each_row(
        connection,
        "SELECT run_uuid, key, value, is_nan, timestamp, step FROM latest_metrics WHERE run_uuid IN (", runs,
        [](RunRecord& run, const Query& row) {
          run.metrics.push_back(
              {std::string(row.text(1)), read_value(row, 2, 3), row.integer(4), row.integer(5)});
        });
  }
  if (parts.params) {
    for_each_row(connection, "SELECT run_uuid, key, value FROM params WHERE run_uuid IN (", runs,
                 [](RunRecord& run, const Query& row) {
                   run.params.push_back({std::string(row.text(1)), std::string(row.text(2))});
                 });
  }
  if (parts.tags) {
    for_each_row(connection, "SELECT run_uuid, key, value FROM tags WHERE run_uuid IN (", runs,
                 [](RunRecord& run, const Query& row) {
                   run.tags.push_back({std::string(row.text(1)), std::string(row.text(2))});
                 });
  }
  if (parts.inputs) load_inputs(connection, runs, parts.input_steps);
  for (RunRecord& run : runs) {
    sort_by_key(run.metrics);
    sort_by_key(run.params);
    sort_by_key(run.tags);
  }
}

void select_experiments(RunSelection& selection, const std::vector<std::string>& ids) {
  if (ids.empty()) return;
  std::string list;
  for (const std::string& id : ids) {
    // An id that is no number belongs to no experiment; only numbers go into the text.
    const bool is_number =
        !id.empty() && id.size() < 19 && id.find_first_not_of("0123456789") == std::string::npos;
    if (is_number) list += (list.empty() ? "" : ",") + id;
  }
  selection.add("r.experiment_id IN (" + list + ")");
}

// A parameter that holds a list in JSON, of numbers or of texts with numbers.
std::string list_of_integers(const Connection& connection) {
  return connection.dialect() == storage::Dialect::kPostgres
             ? "(SELECT CAST(value AS INTEGER) FROM json_array_elements_text(CAST(? AS json)))"
             : "(SELECT CAST(value AS INTEGER) FROM json_each(?))";
}

// What begins with a prefix lies between it and the text after all that begin with it.
void select_id_prefix(RunSelection& selection, const std::string& prefix, storage::Dialect dialect) {
  if (prefix.empty()) return;
  std::string after = prefix;
  while (!after.empty() && static_cast<unsigned char>(after.back()) == 0xFF) after.pop_back();
  const std::string column =
      dialect == storage::Dialect::kPostgres ? "r.run_uuid COLLATE \"C\"" : "r.run_uuid";
  selection.add(column + " >= ?", prefix);
  if (after.empty()) return;
  after.back() = static_cast<char>(static_cast<unsigned char>(after.back()) + 1);
  selection.add(column + " < ?", after);
}

// As one value: a list of any length then is one and the same statement.
void select_ids(RunSelection& selection, const std::vector<std::string>& ids, storage::Dialect dialect) {
  if (ids.empty()) return;
  selection.add(dialect == storage::Dialect::kPostgres
                    ? "r.run_uuid IN (SELECT value FROM json_array_elements_text(CAST(? AS json)))"
                    : "r.run_uuid IN (SELECT value FROM json_each(?))",
                Params(ids).to_json());
}

// By what is indexed.
void select_name(RunSelection& selection, const std::string& name) {
  if (name.empty()) return;
  selection.add("r.name = ?", name);
  if (name.find('#') != std::string::npos) {
    selection.add(numbered_name_condition("r.name"));
  } else if (name.size() <= kMaxIndexedText) {
    selection.add("r.run_uuid IN (SELECT run_uuid FROM tags WHERE key = 'mlflow.runName' AND value = ? AND " +
                      short_text_condition("value") + ")",
                  name);
  }
}

constexpr std::string_view kHasParent =
    "EXISTS (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = 'mlflow.parentRunId'";

constexpr std::string_view kIsParent =
    "(r.run_uuid IN (SELECT value FROM tags WHERE key = 'mlflow.parentRunId') OR "
    "EXISTS (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = 'ivory.task'))";

}  // namespace

RunRecord read_run(const Query& row) {
  RunRecord run;
  run.run_id = row.text(0);
  run.experiment_id = row.text(1);
  run.name = row.text(2);
  run.status = parse_status(row.text(3), run.run_id);
  run.start_time = row.find_integer(4);
  run.end_time = row.find_integer(5);
  run.artifact_uri = row.text(6);
  run.user_id = row.text(7);
  run.lifecycle_stage = parse_stage(row.text(8));
  return run;
}

std::string_view lifecycle_condition(ViewType view) {
  switch (view) {
    case ViewType::kActiveOnly:
      return "lifecycle_stage = 'active'";
    case ViewType::kDeletedOnly:
      return "lifecycle_stage = 'deleted'";
    case ViewType::kAll:
      break;
  }
  return "1 = 1";
}

RunSelection select_runs(const RunQuery& query, storage::Dialect dialect) {
  RunSelection selection;
  select_experiments(selection, query.experiment_ids);
  if (query.view != ViewType::kAll) selection.add("r." + std::string(lifecycle_condition(query.view)));
  select_name(selection, query.name);
  select_id_prefix(selection, query.id_prefix, dialect);
  select_ids(selection, query.run_ids, dialect);
  if (query.deleted_before) selection.add("r.deleted_time < ?", *query.deleted_before);
  if (query.status) selection.add("r.status = ?", to_text(*query.status));
  if (!query.parent_run_id.empty())
    selection.add(std::string(kHasParent) + " AND t.value = ?)", query.parent_run_id);
  if (query.nesting == Nesting::kNested) selection.add(std::string(kHasParent) + ")");
  if (query.nesting == Nesting::kTopLevel) selection.add("NOT " + std::string(kHasParent) + ")");
  if (query.is_parent) selection.add((*query.is_parent ? "" : "NOT ") + std::string(kIsParent));
  return selection;
}

void complete_runs(Connection& connection, std::vector<RunRecord>& runs, const RunParts& parts) {
  for (std::size_t begin = 0; begin < runs.size(); begin += kBlock) {
    load_block(connection, std::span(runs).subspan(begin, std::min(kBlock, runs.size() - begin)), parts);
  }
}

std::vector<RunRecord> load_runs(Connection& connection, const RunSelection& selection,
                                 std::optional<std::size_t> limit, const RunParts& parts) {
  std::string sql = "SELECT " + std::string(kRunColumns) + " FROM runs r" + selection.where() +
                    " ORDER BY r.start_time IS NULL, r.start_time DESC, r.run_uuid";
  if (limit) sql += " LIMIT ?";
  auto rows = connection.query(sql);
  for (const auto& value : selection.values()) std::visit([&](const auto& bound) { rows.add(bound); }, value);
  if (limit) rows.add(static_cast<std::int64_t>(*limit));

  std::vector<RunRecord> runs;
  while (rows.next()) runs.push_back(read_run(rows));
  complete_runs(connection, runs, parts);
  return runs;
}

std::vector<ExperimentRecord> load_experiments(Connection& connection, const SqlText& where) {
  SqlText sql(
      "SELECT e.experiment_id, e.name, e.artifact_location, e.lifecycle_stage, e.creation_time, "
      "e.last_update_time FROM experiments e WHERE ");
  sql += where;
  auto rows = sql.query(connection);
  std::vector<ExperimentRecord> experiments;
  std::vector<std::string> ids;
  std::unordered_map<std::string, std::size_t> index;
  while (rows.next()) {
    ids.emplace_back(rows.text(0));
    index.emplace(ids.back(), experiments.size());
    experiments.push_back({ids.back(),
                           std::string(rows.text(1)),
                           std::string(rows.text(2)),
                           parse_stage(rows.text(3)),
                           rows.find_integer(4),
                           rows.find_integer(5),
                           {}});
  }
  if (experiments.empty()) return experiments;
  auto tags =
      connection.query("SELECT experiment_id, key, value FROM experiment_tags WHERE experiment_id IN " +
                       list_of_integers(connection));
  tags.bind(Params(ids).to_json());
  while (tags.next()) {
    auto& experiment = experiments[index.at(std::string(tags.text(0)))];
    experiment.tags.push_back({std::string(tags.text(1)), std::string(tags.text(2))});
  }
  for (ExperimentRecord& experiment : experiments) sort_by_key(experiment.tags);
  return experiments;
}

}  // namespace ivory::tracking
