// What runs used and made: rows of datasets, inputs and input_tags.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/storage/connection.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

// Twice the same is one row; an input that is there keeps its tags.
void insert_dataset_inputs(storage::Connection& connection, std::string_view run_id,
                           std::int64_t experiment_id, const std::vector<DatasetInput>& inputs);
void insert_model_inputs(storage::Connection& connection, std::string_view run_id,
                         const std::vector<std::string>& model_ids);
void insert_model_outputs(storage::Connection& connection, std::string_view run_id,
                          const std::vector<ModelOutput>& models);

// Fills in dataset_inputs, model_inputs and model_outputs. `runs` are not empty, and at most some hundreds.
// `has_steps`: whether the table inputs has the column step.
void load_inputs(storage::Connection& connection, std::span<RunRecord> runs, bool has_steps);

[[nodiscard]] std::vector<DatasetSummary> load_dataset_summaries(
    storage::Connection& connection, const std::vector<std::int64_t>& experiment_ids);

}  // namespace ivory::tracking
