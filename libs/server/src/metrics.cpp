// Points of metrics: runs/log-metric and /api/2.0/mlflow/metrics/…
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/store_error.h>

#include "fields.h"
#include "routes.h"
#include "write_entities.h"

namespace ivory::server {
namespace {

using tracking::Metric;
using tracking::MetricOfRun;
using tracking::Refusal;
using tracking::StoreError;

constexpr std::size_t kMostRuns = 100;

net::Response log_metric(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string id = fields.run_id();
  tracking::Batch batch;
  add_metric(fields, batch);
  call.needs_run(id, Permission::kEdit);
  call.store().log_batch(id, batch);
  return empty_answer();
}

// All points, unless the client asks for pages.
net::Response get_history(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string id = fields.run_id();
  tracking::HistoryQuery query;
  query.key = fields.required_text("metric_key");
  query.page_token = fields.text("page_token");
  if (const auto most = fields.integer("max_results"); most && *most != 0) query.max_results = most;
  if (call.store().find_run(id)) call.needs_run(id, Permission::kRead);
  const auto page = call.store().metric_history_page(id, query);
  return answer_page("metrics", page.items, page.next_page_token, write_metric);
}

// The first points of several runs, each run's in the order of time. Members by name, as MLflow has them.
net::Response get_history_bulk(Call& call) {
  constexpr std::int64_t kMostPoints = 25'000;
  std::vector<std::string> ids;
  for (const auto& [name, value] : call.request().query)
    if (name == "run_id") ids.push_back(value);
  const std::string* const key = call.request().find_query("metric_key");
  const auto refuse = [](const std::string& why) {
    throw StoreError(Refusal::kInvalidParameterValue, "GetMetricHistoryBulk request " + why);
  };
  if (ids.empty()) refuse("must specify at least one run_id.");
  if (ids.size() > kMostRuns)
    refuse("cannot specify more than 100 run_ids. Received " + std::to_string(ids.size()) + " run_ids.");
  if (key == nullptr) refuse("must specify a metric_key.");
  const auto left =
      std::min(kMostPoints, RequestReader(call.request()).integer("max_results").value_or(kMostPoints));
  std::ranges::sort(ids);
  std::vector<MetricOfRun> points;
  for (const std::string& id : ids) {
    const auto room = left - static_cast<std::int64_t>(points.size());
    if (room <= 0) break;
    if (call.store().find_run(id)) call.needs_run(id, Permission::kRead);
    const auto page = call.store().metric_history_page(id, {.key = *key, .max_results = room});
    for (const Metric& point : page.items) points.push_back({id, point});
  }
  JsonWriter writer;
  writer.begin_object();
  writer.begin_list("metrics");
  for (const auto& [run_id, point] : points) {
    writer.begin_object();
    writer.field("key", point.key);
    writer.field("run_id", run_id);
    writer.field("step", point.step);
    writer.field("timestamp", point.timestamp_ms);
    writer.field("value", point.value);
    writer.end_object();
  }
  writer.end_list();
  writer.end_object();
  return json_answer(writer);
}

net::Response get_history_interval(Call& call) {
  const RequestReader& fields = call.fields();
  constexpr std::int64_t kMostPoints = 2500;
  tracking::HistorySampling sampling;
  sampling.run_ids = fields.texts("run_ids");
  if (sampling.run_ids.empty()) fields.refuse_missing("run_ids");
  sampling.key = fields.required_text("metric_key");
  sampling.start_step = fields.integer("start_step");
  sampling.end_step = fields.integer("end_step");
  sampling.max_results = fields.integer("max_results").value_or(kMostPoints);
  const auto refuse = [](const std::string& why) { throw StoreError(Refusal::kInvalidParameterValue, why); };
  if (sampling.run_ids.size() > kMostRuns)
    refuse("GetMetricHistoryBulkInterval request must specify at most 100 run_ids. Received " +
           std::to_string(sampling.run_ids.size()) + " run_ids.");
  if (sampling.max_results < 1 || sampling.max_results > kMostPoints)
    refuse("max_results must be between 1 and 2500.");
  if (sampling.start_step.has_value() != sampling.end_step.has_value())
    refuse("If either start step or end step are specified, both must be specified.");
  const auto [start, end] = std::pair(sampling.start_step.value_or(0), sampling.end_step.value_or(0));
  if (start > end) {
    refuse("end_step must be greater than start_step. Found start_step=" + std::to_string(start) +
           " and end_step=" + std::to_string(end) + ".");
  }
  for (const std::string& id : sampling.run_ids) call.needs_run(id, Permission::kRead);
  const auto points = call.store().sample_histories(sampling);
  return answer_page("metrics", points, "", [](JsonWriter& writer, const MetricOfRun& point) {
    writer.begin_object();
    writer.field("key", point.metric.key);
    writer.field("value", point.metric.value);
    writer.field("timestamp", point.metric.timestamp_ms);
    writer.field("step", point.metric.step);
    writer.field("run_id", point.run_id);
    writer.end_object();
  });
}

constexpr std::array kRoutes{
    Route{"POST", "/api/2.0/mlflow/runs/log-metric", Effect::kWrites, log_metric},
    Route{"GET", "/api/2.0/mlflow/metrics/get-history", Effect::kReads, get_history},
    Route{"GET", "/api/2.0/mlflow/metrics/get-history-bulk", Effect::kReads, get_history_bulk},
    Route{"GET", "/api/2.0/mlflow/metrics/get-history-bulk-interval", Effect::kReads, get_history_interval},
    Route{"GET", "/api/2.11/mlflow/metrics/get-history-bulk-interval", Effect::kReads, get_history_interval},
};

}  // namespace

void add_metric(const RequestReader& fields, tracking::Batch& batch) {
  Metric metric;
  metric.key = fields.required_text("key");
  metric.value = fields.required_number("value");
  metric.timestamp_ms = fields.required_integer("timestamp");
  metric.step = fields.integer("step").value_or(0);
  tracking::ModelMetric whole;
  whole.model_id = fields.text("model_id");
  whole.dataset_name = fields.text("dataset_name");
  whole.dataset_digest = fields.text("dataset_digest");
  if (whole.model_id.empty() && whole.dataset_name.empty()) {
    batch.metrics.push_back(std::move(metric));
    return;
  }
  whole.metric = std::move(metric);
  batch.model_metrics.push_back(std::move(whole));
}

std::span<const Route> metric_routes() { return kRoutes; }

}  // namespace ivory::server
