// A study as the fixtures describe one, for comparing.
#pragma once
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/tuning/study.h>

#include "json.h"
#include "time_text.h"

namespace ivory::tuning {

inline Params number_or_word(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

inline Params time_or_null(const std::optional<Time>& time) {
  if (!time) return {};
  std::string text = to_iso(*time);
  return text.substr(0, text.size() - 6) + "Z";
}

// Non-finite numbers as words, keys sorted: what does not matter to equality is taken out.
inline Params normal(const Params& value) {
  if (value.is_real()) return number_or_word(value.as_real());
  if (value.is_list()) {
    Params list = Params::list();
    for (const auto& element : value.elements()) list.push_back(normal(element));
    return list;
  }
  if (!value.is_map()) return value;
  Params map = Params::map();
  std::vector<std::string> keys = value.keys();
  std::ranges::sort(keys);
  for (const auto& key : keys) map[key] = normal(value.at(key));
  return map;
}

// A study as the fixtures describe one.
inline Params describe(const Study& study) {
  Params trials = Params::list();
  for (const auto& trial : study.trials()) {
    Params internal = Params::map(), distributions = Params::map(), reports = Params::map(),
           constraints = Params::map();
    for (const auto& param : trial.params) {
      internal[param.name] = param.internal;
      distributions[param.name] = json::read(param.distribution.to_json());
    }
    for (const auto& [step, value] : trial.intermediate_values) reports[std::to_string(step)] = value;
    for (const auto& [key, value] : trial.constraints()) constraints[key] = value;
    trials.push_back({{"number", trial.number},
                      {"trial_id", trial.trial_id},
                      {"state", std::string(to_text(trial.state))},
                      {"values", trial.values.empty() ? Params() : Params(trial.values)},
                      {"params", trial.params_map()},
                      {"internal_params", internal},
                      {"distributions", distributions},
                      {"intermediate_values", reports},
                      {"user_attrs", trial.user_attrs},
                      {"system_attrs", trial.system_attrs},
                      {"constraints", constraints},
                      {"datetime_start_utc", time_or_null(trial.datetime_start)},
                      {"datetime_complete_utc", time_or_null(trial.datetime_complete)}});
  }
  Params directions = Params::list(), best = Params::list();
  for (const Direction direction : study.directions()) directions.push_back(std::string(to_text(direction)));
  if (study.directions().size() > 1) {
    for (const auto& trial : study.best_trials()) best.push_back(trial.number);
  } else {
    try {
      best.push_back(study.best_trial().number);
    } catch (const Error&) {
      best = Params();  // the fixtures have the error's text here
    }
  }
  return {{"study_name", study.study_name()}, {"directions", directions},
          {"user_attrs", study.user_attrs()}, {"system_attrs", study.system_attrs()},
          {"best_trial_numbers", best},       {"trials", trials}};
}

}  // namespace ivory::tuning
