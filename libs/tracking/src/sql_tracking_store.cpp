#include "sql_tracking_store.h"

#include <algorithm>

#include <ivory/tracking/store_error.h>

#include "experiment_rows.h"
#include "histories.h"
#include "metric_rows.h"
#include "own_indexes.h"
#include "postgres_rows.h"
#include "python_words.h"
#include "run_inputs.h"
#include "run_rows.h"
#include "run_rules.h"
#include "run_search.h"
#include "schema.h"
#include "validation.h"

namespace ivory::tracking {
namespace {

using storage::Connection;

constexpr std::string_view kExperimentNames = "names of experiments";

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

// Returns its experiment.
std::int64_t check_run_is_active(Connection& connection, std::string_view run_id) {
  auto query = connection.query("SELECT lifecycle_stage, experiment_id FROM runs WHERE run_uuid = ?");
  query.bind(run_id);
  if (!query.next()) fail_no_run(run_id);
  check_active("run", run_id, query.text(0));
  return query.integer(1);
}

void upsert_tag(Connection& connection, std::string_view run_id, const KeyValue& tag) {
  connection
      .query(
          "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?) "
          "ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value")
      .bind(tag.key, tag.value, run_id)
      .run();
}

void set_run_name_column(Connection& connection, std::string_view run_id, std::string_view name) {
  connection.query("UPDATE runs SET name = ? WHERE run_uuid = ?").bind(name, run_id).run();
}

bool is_on_a_server(const Connection& connection) {
  return connection.dialect() == storage::Dialect::kPostgres;
}

void insert_tags(Connection& connection, std::string_view run_id, const std::vector<KeyValue>& tags) {
  const bool at_once = is_on_a_server(connection);
  if (at_once) upsert_tag_rows(connection, run_id, tags);
  for (const KeyValue& tag : tags) {
    if (!at_once) upsert_tag(connection, run_id, tag);
    if (tag.key == kRunNameTag) set_run_name_column(connection, run_id, tag.value);
  }
}

void insert_params(Connection& connection, std::string_view run_id, const std::vector<KeyValue>& params) {
  if (params.empty()) return;
  if (is_on_a_server(connection)) {
    const auto others = insert_param_rows(connection, run_id, params);
    if (!others.empty()) refuse_changed(run_id, others, params.size() == 1);
    return;
  }
  std::vector<ChangedParam> changed;
  auto insert =
      connection.query("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  for (const KeyValue& param : params) {
    insert.bind(param.key, param.value, run_id).run();
    if (connection.changed_rows() == 1) continue;
    auto logged = connection.query("SELECT value FROM params WHERE key = ? AND run_uuid = ?");
    logged.bind(param.key, run_id);
    if (logged.next() && logged.text(0) != param.value)
      changed.push_back({&param, std::string(logged.text(0))});
  }
  if (!changed.empty()) refuse_changed(run_id, changed, params.size() == 1);
}

void check_model_exists(Connection& connection, std::string_view model_id) {
  auto model =
      connection.query("SELECT 1 FROM logged_models WHERE model_id = ? AND lifecycle_stage = 'active'");
  if (model.bind(model_id).next()) return;
  throw Error(ErrorCode::kNotFound, "Logged model with ID '" + std::string(model_id) + "' not found.");
}

std::optional<std::string_view> text_or_none(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

void insert_model_metrics(Connection& connection, std::string_view run_id, std::int64_t experiment_id,
                          const std::vector<ModelMetric>& metrics) {
  auto insert = connection.query(
      "INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, "
      "metric_value, experiment_id, run_id, dataset_name, dataset_digest) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
  std::string_view checked_model;
  for (const auto& [metric, model, dataset, digest, unused] : metrics) {
    if (model.empty()) continue;
    if (model != checked_model) check_model_exists(connection, model);
    checked_model = model;
    insert
        .bind(model, metric.key, metric.timestamp_ms, metric.step, to_stored(metric.value).value,
              experiment_id, run_id, text_or_none(dataset), text_or_none(digest))
        .run();
  }
}

// `metrics` of a batch, with those that belong to models too.
std::vector<Metric> all_metrics(Batch& batch) {
  std::vector<Metric> metrics = std::move(batch.metrics);
  for (const ModelMetric& entry : batch.model_metrics) metrics.push_back(entry.metric);
  return metrics;
}

void insert_run(Connection& connection, const RunRecord& run) {
  connection
      .query(
          "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, "
          "start_time, "
          "source_version, lifecycle_stage, artifact_uri, experiment_id) "
          "VALUES (?, ?, 'UNKNOWN', '', '', ?, 'RUNNING', ?, '', 'active', ?, ?)")
      .bind(run.run_id, run.name, run.user_id, run.start_time, run.artifact_uri,
            experiment_number(run.experiment_id))
      .run();
  if (is_on_a_server(connection)) {
    upsert_tag_rows(connection, run.run_id, run.tags);
  } else {
    for (const KeyValue& tag : run.tags) upsert_tag(connection, run.run_id, tag);
  }
  insert_params(connection, run.run_id, run.params);
}

void set_lifecycle(Connection& connection, std::string_view run_id, LifecycleStage stage,
                   std::optional<TimeMs> deleted_time) {
  connection.query("UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE run_uuid = ?")
      .bind(to_text(stage), deleted_time, run_id)
      .run();
  if (connection.changed_rows() == 0) fail_no_run(run_id);
}

std::optional<std::int64_t> experiment_id_by_name(Connection& connection, std::string_view name,
                                                  bool* deleted = nullptr) {
  auto query = connection.query("SELECT experiment_id, lifecycle_stage FROM experiments WHERE name = ?");
  query.bind(name);
  if (!query.next()) return std::nullopt;
  if (deleted != nullptr) *deleted = query.text(1) != to_text(LifecycleStage::kActive);
  return query.integer(0);
}

ExperimentRecord loaded_experiment(Connection& connection, std::int64_t id) {
  auto found = load_experiments(connection, SqlText("e.experiment_id = ").bind(id));
  if (found.empty()) fail_no_experiment(std::to_string(id));
  return std::move(found.front());
}

// From one lifecycle stage to the other, with all its runs.
void move_experiment(Connection& connection, std::string_view experiment_id, LifecycleStage from,
                     LifecycleStage to) {
  const std::int64_t id = experiment_number(experiment_id);
  const TimeMs now = now_ms();
  connection
      .query(
          "UPDATE experiments SET lifecycle_stage = ?, last_update_time = ? WHERE experiment_id = ? AND "
          "lifecycle_stage = ?")
      .bind(to_text(to), now, id, to_text(from))
      .run();
  if (connection.changed_rows() == 0) fail_no_experiment(std::to_string(id));
  std::optional<TimeMs> deleted_time;
  if (to == LifecycleStage::kDeleted) deleted_time = now;
  connection.query("UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE experiment_id = ?")
      .bind(to_text(to), deleted_time, id)
      .run();
}

void write_experiment_tag(Connection& connection, std::int64_t experiment, const KeyValue& tag) {
  connection
      .query(
          "INSERT INTO experiment_tags (key, value, experiment_id) VALUES (?, ?, ?) "
          "ON CONFLICT (key, experiment_id) DO UPDATE SET value = excluded.value")
      .bind(tag.key, tag.value, experiment)
      .run();
}

// Until the transaction ends. SQLite's writers come one after the other anyhow.
void lock_on_server(Connection& connection, std::string_view what) {
  if (connection.dialect() != storage::Dialect::kPostgres) return;
  connection.query("SELECT pg_advisory_xact_lock(hashtext(?))").bind("ivory: " + std::string(what)).run();
}

}  // namespace

SqlTrackingStore::SqlTrackingStore(storage::DatabaseOptions options, std::filesystem::path working_directory,
                                   std::string artifact_root)
    : working_directory_(std::move(working_directory)),
      artifact_root_(std::move(artifact_root)),
      database_(std::move(options)) {
  prepare_database();
}

// Nothing is written, not even the journal mode, before the schema has been found good.
void SqlTrackingStore::prepare_database() {
  if (database_.read(is_empty_database)) {
    if (database_.is_read_only()) {
      throw Error(ErrorCode::kNotFound, "database " + in_quotes(database_.name()) + " is empty");
    }
    database_.switch_to_wal();
    database_.write([&](Connection& connection) {
      lock_on_server(connection, "schema");
      if (!is_empty_database(connection)) return;  // another process was first
      create_schema(connection, kNewestSchemaHead, append_to_location(artifact_root_, kDefaultExperimentId),
                    now_ms());
    });
  }
  const auto missing = database_.read(missing_from_schema);
  if (!missing.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "database " + in_quotes(database_.name()) +
                    " is not a tracking database that can serve: it has no " + join(missing) +
                    "; expected the tables of MLflow 2.17 or newer (an older one: `mlflow db upgrade`)");
  }
  own_indexes_made_ = database_.read(has_own_indexes);
  has_models_ = database_.read([](Connection& connection) {
    return has_column(connection, "inputs", "step") &&
           has_column(connection, "logged_model_metrics", "metric_value");
  });
  if (!database_.is_read_only()) database_.switch_to_wal();
}

// A database that MLflow made gets our index with the first run that we write.
void SqlTrackingStore::ensure_own_indexes() {
  if (own_indexes_made_) return;
  database_.write(create_own_indexes);
  own_indexes_made_ = true;
}

void SqlTrackingStore::need_models() const {
  if (has_models_) return;
  throw StoreError(
      Refusal::kNotImplemented,
      "database " + in_quotes(database_.name()) +
          " has no tables for logged models: it is of an MLflow before 3.0; expected a newer one "
          "(`ivory db upgrade`)");
}

std::string SqlTrackingStore::insert_experiment(Connection& connection, std::string_view name,
                                                const std::string& artifact_location) {
  const TimeMs now = now_ms();
  connection
      .query(
          "INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time, "
          "last_update_time) "
          "VALUES (?, ?, 'active', ?, ?)")
      .bind(name, artifact_location, now, now)
      .run();
  const std::int64_t id = connection.last_insert_id();
  if (artifact_location.empty()) {
    connection.query("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?")
        .bind(append_to_location(artifact_root_, std::to_string(id)), id)
        .run();
  }
  return std::to_string(id);
}

std::string SqlTrackingStore::create_experiment(std::string_view name, std::string_view artifact_location,
                                                const std::vector<KeyValue>& tags) {
  check_experiment_name(name);
  for (const KeyValue& tag : tags) check_experiment_tag(tag);
  check_text(artifact_location, "the artifact location");
  std::string location(artifact_location);
  if (!location.empty() && location.find(':') == std::string::npos) {
    location = (working_directory_ / location).lexically_normal().string();
  }
  return database_.write([&](Connection& connection) {
    lock_on_server(connection, kExperimentNames);
    if (experiment_id_by_name(connection, name)) {
      throw StoreError(Refusal::kResourceAlreadyExists, experiment_exists(name));
    }
    std::string id = insert_experiment(connection, name, location);
    for (const KeyValue& tag : tags) write_experiment_tag(connection, experiment_number(id), tag);
    return id;
  });
}

std::optional<ExperimentRecord> SqlTrackingStore::find_experiment(std::string_view name) const {
  return database_.read([&](Connection& connection) -> std::optional<ExperimentRecord> {
    const auto id = experiment_id_by_name(connection, name);
    if (!id) return std::nullopt;
    return loaded_experiment(connection, *id);
  });
}

ExperimentRecord SqlTrackingStore::get_experiment(std::string_view experiment_id) const {
  const std::int64_t id = experiment_number(experiment_id);
  return database_.read([&](Connection& connection) { return loaded_experiment(connection, id); });
}

ExperimentRecord SqlTrackingStore::find_or_create_experiment(std::string_view name) {
  check_experiment_name(name);
  auto found = find_experiment(name);
  if (!found) {
    const std::string id = database_.write([&](Connection& connection) {
      lock_on_server(connection, kExperimentNames);
      // Another process may have made it meanwhile.
      const auto present = experiment_id_by_name(connection, name);
      return present ? std::to_string(*present) : insert_experiment(connection, name, {});
    });
    found = get_experiment(id);
  }
  if (found->lifecycle_stage == LifecycleStage::kDeleted) {
    throw Error(ErrorCode::kConflict,
                "experiment " + in_quotes(name) + " is deleted; restore it or use another name");
  }
  return *std::move(found);
}

std::vector<ExperimentRecord> SqlTrackingStore::list_experiments(ViewType view) const {
  return database_.read([&](Connection& connection) {
    return load_experiments(connection,
                            SqlText(std::string(lifecycle_condition(view)) +
                                    " ORDER BY e.creation_time DESC NULLS LAST, e.experiment_id"));
  });
}

Page<ExperimentRecord> SqlTrackingStore::search_experiments(const SearchExperiments& search) const {
  return database_.read(
      [&](Connection& connection) { return tracking::search_experiments(connection, search); });
}

void SqlTrackingStore::set_experiment_tag(std::string_view experiment_id, const KeyValue& tag) {
  check_experiment_tag(tag);
  database_.write([&](Connection& connection) {
    active_experiment_location(connection, experiment_id);
    write_experiment_tag(connection, experiment_number(experiment_id), tag);
  });
}

void SqlTrackingStore::delete_experiment_tag(std::string_view experiment_id, std::string_view key) {
  database_.write([&](Connection& connection) {
    active_experiment_location(connection, experiment_id);
    connection.query("DELETE FROM experiment_tags WHERE key = ? AND experiment_id = ?")
        .bind(key, experiment_number(experiment_id))
        .run();
    if (connection.changed_rows() == 0) {
      throw Error(ErrorCode::kNotFound, "No tag with name: " + std::string(key) + " in experiment with id " +
                                            std::string(experiment_id));
    }
  });
}

void SqlTrackingStore::delete_experiment(std::string_view experiment_id) {
  database_.write([&](Connection& connection) {
    move_experiment(connection, experiment_id, LifecycleStage::kActive, LifecycleStage::kDeleted);
  });
}

void SqlTrackingStore::restore_experiment(std::string_view experiment_id) {
  database_.write([&](Connection& connection) {
    move_experiment(connection, experiment_id, LifecycleStage::kDeleted, LifecycleStage::kActive);
  });
}

void SqlTrackingStore::rename_experiment(std::string_view experiment_id, std::string_view new_name) {
  check_experiment_name(new_name);
  const std::int64_t id = experiment_number(experiment_id);
  database_.write([&](Connection& connection) {
    if (loaded_experiment(connection, id).lifecycle_stage != LifecycleStage::kActive)
      throw StoreError(Refusal::kInvalidState, "Cannot rename a non-active experiment.");
    lock_on_server(connection, kExperimentNames);
    const auto taken = experiment_id_by_name(connection, new_name);
    if (taken && *taken != id)
      throw StoreError(Refusal::kBadRequest, ErrorCode::kConflict, experiment_exists(new_name));
    connection.query("UPDATE experiments SET name = ?, last_update_time = ? WHERE experiment_id = ?")
        .bind(new_name, now_ms(), id)
        .run();
  });
}

// On a server processes write at once, so they take turns.
std::string SqlTrackingStore::next_number_on_server(Connection& connection, std::int64_t experiment_id,
                                                    const std::string& prefix) {
  lock_on_server(connection, "names of " + std::to_string(experiment_id));
  auto names = connection.query(
      "SELECT max(CAST(substr(name, ?1) AS NUMERIC)) FROM runs WHERE experiment_id = ?2 AND "
      "left(name, ?3) = ?4 AND substr(name, ?1) ~ '^(0|[1-9][0-9]{0,17})$'");
  const std::string start = prefix + "#";
  const auto characters = static_cast<std::int64_t>(count_characters(start));
  names.bind(characters + 1, experiment_id, characters, start);
  const std::int64_t largest = names.next() ? names.find_integer(0).value_or(-1) : -1;
  return start + std::to_string(largest + 1);
}

// The largest number ever seen, plus one. The first run of a process reads all names of the kind; later ones
// read only the rows that have come since, so that the cost does not grow with the experiment.
std::string SqlTrackingStore::next_numbered_name(Connection& connection, std::int64_t experiment_id,
                                                 const std::string& prefix) {
  if (connection.dialect() == storage::Dialect::kPostgres)
    return next_number_on_server(connection, experiment_id, prefix);
  const auto [entry, is_first] = numbers_seen_.try_emplace({experiment_id, prefix});
  NumbersSeen& seen = entry->second;
  const auto see = [&](storage::Query& names) {
    while (names.next()) {
      seen.largest = std::max(seen.largest, number_of_name(names.text(0), prefix).value_or(-1));
    }
  };
  const std::string is_numbered = numbered_name_condition("name");
  if (is_first) {
    // '$' follows '#'.
    auto names = connection.query(
        "SELECT name FROM runs WHERE experiment_id = ? AND name >= ? AND name < ? AND " + is_numbered);
    see(names.bind(experiment_id, prefix + "#", prefix + "$"));
  } else {
    auto names = connection.query("SELECT name FROM runs WHERE rowid > ? AND +experiment_id = ?");
    see(names.bind(seen.last_row, experiment_id));
  }
  auto last = connection.query("SELECT max(rowid) FROM runs");
  seen.last_row = last.next() ? last.integer(0) : 0;

  auto taken = connection.query("SELECT 1 FROM runs WHERE experiment_id = ? AND name = ? AND " + is_numbered);
  for (;;) {
    std::string name = prefix + "#" + std::to_string(++seen.largest);
    // An older run may have been renamed to it.
    if (!taken.bind(experiment_id, name).next()) return name;
  }
}

RunRecord SqlTrackingStore::create_run(const CreateRun& create) {
  check_create(create);
  ensure_own_indexes();
  RunRecord run;
  run.run_id = run_ids_.next();
  run.experiment_id = std::to_string(experiment_number(create.experiment_id));
  run.start_time = create.start_time_ms ? *create.start_time_ms : now_ms();
  run.user_id = user_of(create);
  run.name = asked_name(create);
  run.params = in_order_of_keys(checked({.params = create.params}).params);
  if (run.name.empty() && create.name_prefix.empty()) run.name = make_run_name();
  return database_.write([&](Connection& connection) {
    const std::string location = active_experiment_location(connection, run.experiment_id);
    run.artifact_uri = append_to_location(location, run.run_id + "/artifacts");
    if (run.name.empty()) {
      run.name = next_numbered_name(connection, experiment_number(run.experiment_id), create.name_prefix);
    }
    run.tags = create.tags;
    run.tags.push_back({std::string(kRunNameTag), run.name});
    if (!create.parent_run_id.empty())
      run.tags.push_back({std::string(kParentRunIdTag), create.parent_run_id});
    run.tags = in_order_of_keys(run.tags);
    insert_run(connection, run);
    return run;
  });
}

std::optional<RunRecord> SqlTrackingStore::find_run(std::string_view run_id) const {
  return database_.read([&](Connection& connection) -> std::optional<RunRecord> {
    RunSelection selection;
    selection.add("r.run_uuid = ?", run_id);
    auto found = load_runs(connection, selection, {}, {.inputs = true, .input_steps = has_models_});
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  });
}

std::vector<RunRecord> SqlTrackingStore::list_runs(const RunQuery& query) const {
  const RunSelection selection = select_runs(query, database_.dialect());
  const RunParts parts{query.with_metrics, query.with_params, query.with_tags, query.with_inputs,
                       has_models_};
  return database_.read(
      [&](Connection& connection) { return load_runs(connection, selection, query.limit, parts); });
}

Page<RunRecord> SqlTrackingStore::search_runs(const SearchRuns& search) const {
  const RunSearch parsed(search);
  const RunParts parts{.inputs = search.with_inputs, .input_steps = has_models_};
  const bool has_indexes = own_indexes_made_;
  return database_.read(
      [&](Connection& connection) { return tracking::search_runs(connection, parsed, parts, has_indexes); });
}

void SqlTrackingStore::update_run(std::string_view run_id, const RunUpdate& update) {
  const std::string name = update.name.value_or("");
  check_text(name, "the run's name");
  const std::vector<KeyValue> tags = checked({.tags = update.tags}).tags;
  std::optional<std::string_view> status;
  if (update.status) status = to_text(*update.status);
  database_.write([&](Connection& connection) {
    check_run_is_active(connection, run_id);
    connection
        .query(
            "UPDATE runs SET status = coalesce(?, status), end_time = coalesce(?, end_time) WHERE run_uuid = "
            "?")
        .bind(status, update.end_time_ms, run_id)
        .run();
    insert_tags(connection, run_id, tags);
    if (!name.empty()) insert_tags(connection, run_id, {{std::string(kRunNameTag), name}});
  });
}

void SqlTrackingStore::delete_run(std::string_view run_id) {
  database_.write(
      [&](Connection& connection) { set_lifecycle(connection, run_id, LifecycleStage::kDeleted, now_ms()); });
}

void SqlTrackingStore::restore_run(std::string_view run_id) {
  database_.write([&](Connection& connection) {
    set_lifecycle(connection, run_id, LifecycleStage::kActive, std::nullopt);
  });
}

void SqlTrackingStore::purge_run(std::string_view run_id) {
  database_.write([&](Connection& connection) {
    auto query = connection.query("SELECT lifecycle_stage FROM runs WHERE run_uuid = ?");
    query.bind(run_id);
    if (!query.next()) fail_no_run(run_id);
    if (query.text(0) != to_text(LifecycleStage::kDeleted))
      throw Error(ErrorCode::kConflict,
                  "Run " + std::string(run_id) + " is not deleted; only deleted runs can be removed");
    for (const std::string& statement : purge_statements(connection))
      connection.query(statement).bind(run_id).run();
  });
}

void SqlTrackingStore::log_batch(std::string_view run_id, const Batch& batch) {
  Batch good = checked(batch);
  if (!good.model_metrics.empty()) need_models();
  const std::vector<Metric> metrics = all_metrics(good);
  database_.write([&](Connection& connection) {
    const std::int64_t experiment = check_run_is_active(connection, run_id);
    insert_params(connection, run_id, good.params);
    insert_metrics(connection, run_id, metrics);
    if (!good.model_metrics.empty()) insert_model_metrics(connection, run_id, experiment, good.model_metrics);
    insert_tags(connection, run_id, good.tags);
  });
}

void SqlTrackingStore::delete_tag(std::string_view run_id, std::string_view key) {
  database_.write([&](Connection& connection) {
    check_run_is_active(connection, run_id);
    connection.query("DELETE FROM tags WHERE key = ? AND run_uuid = ?").bind(key, run_id).run();
    if (connection.changed_rows() == 0) {
      throw Error(ErrorCode::kNotFound,
                  "No tag with name: " + std::string(key) + " in run with id " + std::string(run_id));
    }
  });
}

std::vector<Metric> SqlTrackingStore::metric_history(std::string_view run_id, std::string_view key) const {
  return to_metrics(
      database_.read([&](Connection& connection) { return load_points(connection, run_id, key); }), key);
}

Page<Metric> SqlTrackingStore::metric_history_page(std::string_view run_id, const HistoryQuery& query) const {
  return histories_.page(run_id, query, [&] {
    return database_.read([&](Connection& connection) { return load_points(connection, run_id, query.key); });
  });
}

std::vector<MetricOfRun> SqlTrackingStore::sample_histories(const HistorySampling& sampling) const {
  return database_.read([&](Connection& connection) { return load_samples(connection, sampling); });
}

void SqlTrackingStore::log_inputs(std::string_view run_id, const std::vector<DatasetInput>& datasets,
                                  const std::vector<std::string>& model_ids) {
  check_dataset_inputs(datasets);
  for (const std::string& model : model_ids) check_text(model, "a model's id");
  database_.write([&](Connection& connection) {
    const std::int64_t experiment = check_run_is_active(connection, run_id);
    insert_dataset_inputs(connection, run_id, experiment, datasets);
    insert_model_inputs(connection, run_id, model_ids);
  });
}

void SqlTrackingStore::log_outputs(std::string_view run_id, const std::vector<ModelOutput>& models) {
  need_models();
  for (const ModelOutput& model : models) check_text(model.model_id, "a model's id");
  database_.write([&](Connection& connection) {
    check_run_is_active(connection, run_id);
    insert_model_outputs(connection, run_id, models);
  });
}

std::vector<DatasetSummary> SqlTrackingStore::search_datasets(
    const std::vector<std::string>& experiment_ids) const {
  std::vector<std::int64_t> ids;
  for (const std::string& id : experiment_ids) {
    if (const auto number = parse_experiment_id(id)) ids.push_back(*number);
  }
  return database_.read([&](Connection& connection) { return load_dataset_summaries(connection, ids); });
}

}  // namespace ivory::tracking
