// What a store keeps, as MLflow's messages.
#pragma once
#include <vector>

#include <ivory/tracking/entities.h>
#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>

#include "json_writer.h"

namespace ivory::server {

// Each writes one JSON value; those with a name write a member, and nothing if it is empty.
void write_pairs(JsonWriter& writer, std::string_view name, const std::vector<tracking::KeyValue>& pairs);
void write_metric(JsonWriter& writer, const tracking::Metric& metric);
void write_experiment(JsonWriter& writer, const tracking::ExperimentRecord& experiment);
void write_run_info(JsonWriter& writer, const tracking::RunRecord& run);
// A run that was just made has no outputs to tell.
void write_run(JsonWriter& writer, const tracking::RunRecord& run, bool is_new = false);
void write_logged_model(JsonWriter& writer, const tracking::LoggedModel& model);
void write_model_version(JsonWriter& writer, const tracking::ModelVersion& version);
void write_registered_model(JsonWriter& writer, const tracking::RegisteredModel& model);

}  // namespace ivory::server
