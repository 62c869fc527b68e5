#include "task_record.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <tuple>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/tracking/artifact_store.h>

#include "trial_tags.h"

namespace ivory {
namespace {

template <class Number>
std::optional<Number> parse_whole(std::string_view text) noexcept {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::optional<std::size_t> index_tag(const tracking::RunRecord& run) noexcept {
  const std::string* tag = run.find_tag(tracking::kIndexTag);
  return tag == nullptr ? std::nullopt : parse_whole<std::size_t>(*tag);
}

// Of the metrics that the tag names, at a step.
std::vector<double> further_scores(const tracking::TrackingStore& store, const tracking::RunRecord& run,
                                   std::int64_t step) {
  std::vector<double> scores;
  const std::string* const tag = run.find_tag(detail::kFurtherMonitorsTag);
  if (tag == nullptr) return scores;
  for (const Params& metric : Params::from_json(*tag).elements()) {
    double score = std::numeric_limits<double>::quiet_NaN();
    for (const tracking::Metric& point : store.metric_history(run.run_id, metric.as_string()))
      if (point.step == step) score = point.value;
    scores.push_back(score);
  }
  return scores;
}

std::string text_of_plan(const tracking::RunRecord& task, const std::string& tag,
                         std::string_view tracking_uri) {
  if (tag != kTaskFile) return tag;
  return tracking::open_artifact_store(task.artifact_uri, Durability::kProcess, tracking_uri)
      ->read(kTaskFile);
}

}  // namespace

Params NumberedPlan::to_params() const { return {{"plan", plan.to_params()}, {"first_index", first_index}}; }

NumberedPlan NumberedPlan::from_params(const Params& params) {
  const std::int64_t first = params.at("first_index").as_int();
  if (first < 0)
    throw Error(ErrorCode::kInvalidArgument,
                "first_index is " + std::to_string(first) + "; expected 0 or more");
  return {RunPlan::from_params(params.at("plan")), static_cast<std::size_t>(first)};
}

std::optional<std::size_t> NumberedPlan::find_index(const tracking::RunRecord& run) const {
  const auto number = index_tag(run);
  if (!number || *number < first_index || *number - first_index >= plan.size()) return std::nullopt;
  return *number - first_index;
}

std::optional<NumberedPlan> find_plan(const tracking::RunRecord& task, std::string_view tracking_uri) {
  const std::string* tag = task.find_tag(tracking::kTaskTag);
  if (tag == nullptr) return std::nullopt;
  try {
    return NumberedPlan::from_params(Params::from_json(text_of_plan(task, *tag, tracking_uri)));
  } catch (const Error& error) {
    throw Error(error.code(), "the plan of " + task.name + " (" + task.run_id + "): " + error.what());
  }
}

std::vector<tracking::RunRecord> nested_runs(const tracking::TrackingStore& store,
                                             std::string_view parent_run_id, bool with_metrics) {
  tracking::RunQuery query;
  query.parent_run_id = parent_run_id;
  query.with_metrics = with_metrics;
  std::vector<tracking::RunRecord> runs = store.list_runs(query);
  const auto order = [](const tracking::RunRecord& run) {
    return std::tuple(index_tag(run).value_or(std::numeric_limits<std::size_t>::max()), run.start_time,
                      number_of(run.name), std::string_view(run.run_id));
  };
  std::ranges::sort(runs, {}, order);
  return runs;
}

RunScore score_of(const tracking::RunRecord& run) {
  RunScore score;
  if (const tracking::Metric* best = run.find_metric("best_score")) score.best_score = best->value;
  if (const std::string* monitor = run.find_tag(tracking::kMonitorTag))
    score.maximize = monitor->ends_with(" max");
  return score;
}

RunOutcome stored_outcome(const tracking::TrackingStore& store, const tracking::RunRecord& run,
                          const Params& arguments) {
  RunOutcome outcome;
  outcome.id = run.run_id;
  outcome.name = run.name;
  outcome.update = arguments;
  for (const tracking::Metric& metric : run.metrics) {
    if (metric.key == "best_score" || metric.key == "best_epoch") continue;
    const bool tested = metric.key.starts_with("test_");
    (tested ? outcome.test : outcome.metrics).emplace_back(metric.key, metric.value);
    if (!tested) outcome.epochs = std::max(outcome.epochs, static_cast<int>(metric.step) + 1);
  }
  if (run.start_time && run.end_time)
    outcome.seconds = static_cast<double>(*run.end_time - *run.start_time) / 1000;
  const RunScore score = score_of(run);
  const tracking::Metric* const epoch = run.find_metric("best_epoch");
  const std::string* const monitor = run.find_tag(tracking::kMonitorTag);
  if (const std::string* const step = run.find_tag(detail::kPrunedStepTag))
    outcome.pruned_step = parse_whole<std::int64_t>(*step);
  if (epoch == nullptr || monitor == nullptr) return outcome;
  outcome.monitor = monitor->substr(0, monitor->find(' '));
  outcome.maximize = score.maximize;
  outcome.best_score = score.best_score;
  outcome.best_epoch = static_cast<int>(epoch->value);
  outcome.further_scores = further_scores(store, run, outcome.best_epoch);
  return outcome;
}

std::optional<std::int64_t> number_of(std::string_view name) noexcept {
  const std::size_t at = name.rfind('#');
  return at == std::string_view::npos ? std::nullopt : parse_whole<std::int64_t>(name.substr(at + 1));
}

}  // namespace ivory
