#include <ivory/experiment/run_outcome.h>

#include "state_values.h"

namespace ivory {
namespace {

Params to_params(const MetricRecord& record) {
  Params map = Params::map();
  for (const auto& [name, value] : record) map.set(name, value);
  return map;
}

MetricRecord to_record(const Params& map) {
  MetricRecord record;
  for (const auto& [name, value] : map.items()) record.emplace_back(name, detail::real_of(value));
  return record;
}

}  // namespace

Params RunOutcome::to_params() const {
  Params map{{"id", id}, {"name", name}, {"status", status}};
  if (!error.empty()) map.set("error", error);
  map.set("params", update);
  map.set("epochs", epochs);
  map.set("metrics", ivory::to_params(metrics));
  if (best_score) {
    map.set("best", {{"metric", monitor},
                     {"mode", maximize ? "max" : "min"},
                     {"score", *best_score},
                     {"epoch", best_epoch}});
    if (!further_scores.empty()) map["best"].set("further", further_scores);
  }
  if (pruned_step) map.set("pruned_step", *pruned_step);
  if (!test.empty()) map.set("test", ivory::to_params(test));
  map.set("seconds", seconds);
  return map;
}

RunOutcome RunOutcome::from_params(const Params& params) {
  RunOutcome outcome;
  outcome.id = params.at("id").as_string();
  outcome.name = params.at("name").as_string();
  outcome.status = params.at("status").as_string();
  if (const Params* error = params.find("error")) outcome.error = error->as_string();
  outcome.update = params.at("params");
  outcome.epochs = static_cast<int>(params.at("epochs").as_int());
  outcome.metrics = to_record(params.at("metrics"));
  if (const Params* best = params.find("best")) {
    outcome.monitor = best->at("metric").as_string();
    outcome.maximize = best->at("mode").as_string() == "max";
    outcome.best_score = detail::real_of(best->at("score"));
    outcome.best_epoch = static_cast<int>(best->at("epoch").as_int());
    if (const Params* further = best->find("further"))
      for (const Params& score : further->elements())
        outcome.further_scores.push_back(detail::real_of(score));
  }
  if (const Params* step = params.find("pruned_step")) outcome.pruned_step = step->as_int();
  if (const Params* test = params.find("test")) outcome.test = to_record(*test);
  outcome.seconds = detail::real_of(params.at("seconds"));
  return outcome;
}

}  // namespace ivory
