#include "run_inputs.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "run_block.h"
#include "run_identifiers.h"

namespace ivory::tracking {
namespace {

using storage::Connection;
using storage::Query;

constexpr int kMaxSummaries = 1000;  // MLflow's

std::optional<std::string_view> text_or_none(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

// The id of a dataset of an experiment, made if it is new.
std::string dataset_id(Connection& connection, std::int64_t experiment_id, const Dataset& dataset) {
  auto known = connection.query(
      "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?");
  known.bind(experiment_id, dataset.name, dataset.digest);
  if (known.next()) return std::string(known.text(0));
  std::string id = make_run_id();
  connection
      .query(
          "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, "
          "dataset_source, dataset_schema, dataset_profile) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(id, experiment_id, dataset.name, dataset.digest, dataset.source_type, dataset.source,
            text_or_none(dataset.schema), text_or_none(dataset.profile))
      .run();
  return id;
}

// Returns the id of the new row; empty if it was there.
std::string insert_input(Connection& connection, std::string_view source_type, std::string_view source,
                         std::string_view destination_type, std::string_view destination) {
  std::string id = make_run_id();
  connection
      .query(
          "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id) "
          "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
      .bind(id, source_type, source, destination_type, destination)
      .run();
  if (connection.changed_rows() != 1) id.clear();
  return id;
}

void load_dataset_inputs(Connection& connection, std::span<RunRecord> runs) {
  // Rows of one input follow each other: one for each of its tags.
  std::string last_input;
  for_each_row(
      connection,
      "SELECT i.destination_id, i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, "
      "d.dataset_schema, d.dataset_profile, t.name, t.value FROM inputs i "
      "JOIN datasets d ON d.dataset_uuid = i.source_id "
      "LEFT JOIN input_tags t ON t.input_uuid = i.input_uuid "
      "WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id IN (",
      runs,
      [&](RunRecord& run, const Query& row) {
        if (run.dataset_inputs.empty() || last_input != row.text(1)) {
          last_input = row.text(1);
          run.dataset_inputs.push_back(
              {{std::string(row.text(2)), std::string(row.text(3)), std::string(row.text(4)),
                std::string(row.text(5)), std::string(row.text(6)), std::string(row.text(7))},
               {}});
        }
        if (row.is_null(8)) return;
        run.dataset_inputs.back().tags.push_back({std::string(row.text(8)), std::string(row.text(9))});
      },
      " ORDER BY d.name, d.digest, i.input_uuid, t.name");
}

void load_models(Connection& connection, std::span<RunRecord> runs, bool has_steps) {
  for_each_row(
      connection,
      "SELECT source_id, destination_id FROM inputs WHERE source_type = 'RUN_INPUT' AND "
      "destination_type = 'MODEL_INPUT' AND source_id IN (",
      runs, [](RunRecord& run, const Query& row) { run.model_inputs.emplace_back(row.text(1)); },
      " ORDER BY destination_id");
  if (!has_steps) return;
  for_each_row(
      connection,
      "SELECT source_id, destination_id, step FROM inputs WHERE source_type = 'RUN_OUTPUT' AND "
      "destination_type = 'MODEL_OUTPUT' AND source_id IN (",
      runs,
      [](RunRecord& run, const Query& row) {
        run.model_outputs.push_back({std::string(row.text(1)), row.integer(2)});
      },
      " ORDER BY step, destination_id");
}

}  // namespace

void insert_dataset_inputs(Connection& connection, std::string_view run_id, std::int64_t experiment_id,
                           const std::vector<DatasetInput>& inputs) {
  for (const DatasetInput& input : inputs) {
    const std::string dataset = dataset_id(connection, experiment_id, input.dataset);
    const std::string id = insert_input(connection, "DATASET", dataset, "RUN", run_id);
    if (id.empty()) continue;
    for (const KeyValue& tag : input.tags) {
      connection
          .query(
              "INSERT INTO input_tags (input_uuid, name, value) VALUES (?, ?, ?) "
              "ON CONFLICT (input_uuid, name) DO UPDATE SET value = excluded.value")
          .bind(id, tag.key, tag.value)
          .run();
    }
  }
}

void insert_model_inputs(Connection& connection, std::string_view run_id,
                         const std::vector<std::string>& model_ids) {
  for (const std::string& model : model_ids)
    insert_input(connection, "RUN_INPUT", run_id, "MODEL_INPUT", model);
}

void insert_model_outputs(Connection& connection, std::string_view run_id,
                          const std::vector<ModelOutput>& models) {
  auto insert = connection.query(
      "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id, step) "
      "VALUES (?, 'RUN_OUTPUT', ?, 'MODEL_OUTPUT', ?, ?) "
      "ON CONFLICT (source_type, source_id, destination_type, destination_id) "
      "DO UPDATE SET step = excluded.step");
  for (const ModelOutput& model : models)
    insert.bind(make_run_id(), run_id, model.model_id, model.step).run();
}

void load_inputs(Connection& connection, std::span<RunRecord> runs, bool has_steps) {
  load_dataset_inputs(connection, runs);
  load_models(connection, runs, has_steps);
}

std::vector<DatasetSummary> load_dataset_summaries(Connection& connection,
                                                   const std::vector<std::int64_t>& experiment_ids) {
  std::vector<DatasetSummary> summaries;
  for (const std::int64_t id : experiment_ids) {
    auto rows = connection.query(
        "SELECT DISTINCT d.experiment_id, d.name, d.digest, t.value FROM datasets d "
        "JOIN inputs i ON i.source_type = 'DATASET' AND i.source_id = d.dataset_uuid "
        "LEFT JOIN input_tags t ON t.input_uuid = i.input_uuid AND t.name = 'mlflow.data.context' "
        "WHERE d.experiment_id = ? ORDER BY d.name, d.digest, t.value LIMIT ?");
    rows.bind(id, kMaxSummaries - static_cast<int>(summaries.size()));
    while (rows.next()) {
      summaries.push_back({std::string(rows.text(0)), std::string(rows.text(1)), std::string(rows.text(2)),
                           std::string(rows.text(3))});
    }
  }
  return summaries;
}

}  // namespace ivory::tracking
