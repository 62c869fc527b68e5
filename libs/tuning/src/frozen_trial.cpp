#include <ivory/tuning/frozen_trial.h>

#include <algorithm>
#include <array>
#include <cmath>

#include <ivory/base/error.h>

namespace ivory::tuning {
namespace {
constexpr std::array<std::string_view, 5> kStates{"RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING"};
constexpr std::array<std::string_view, 3> kDirections{"NOT_SET", "MINIMIZE", "MAXIMIZE"};

template <class Enum, std::size_t n>
Enum parse(std::string_view text, const std::array<std::string_view, n>& words, std::string_view what) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  const auto found = std::ranges::find(words, upper);
  if (found == words.end()) {
    const std::vector<std::string> known(words.begin(), words.end());
    throw Error(ErrorCode::kInvalidArgument,
                "unknown " + std::string(what) + " '" + std::string(text) + "'" + did_you_mean(text, known));
  }
  return static_cast<Enum>(found - words.begin());
}

[[noreturn]] void contradict(const FrozenTrial& trial, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument,
              "a trial in state " + std::string(to_text(trial.state)) + " " + message);
}
}  // namespace

std::string_view to_text(TrialState state) noexcept { return kStates.at(static_cast<std::size_t>(state)); }
std::string_view to_text(Direction direction) noexcept {
  return kDirections.at(static_cast<std::size_t>(direction));
}
TrialState parse_trial_state(std::string_view text) {
  return parse<TrialState>(text, kStates, "trial state");
}
Direction parse_direction(std::string_view text) { return parse<Direction>(text, kDirections, "direction"); }

double FrozenTrial::value() const {
  if (values.empty()) throw Error(ErrorCode::kConflict, "trial " + std::to_string(number) + " has no value");
  if (values.size() > 1) {
    throw Error(ErrorCode::kInvalidArgument, "trial " + std::to_string(number) + " has " +
                                                 std::to_string(values.size()) + " values; look at `values`");
  }
  return values.front();
}

const TrialParam* FrozenTrial::find_param(std::string_view name) const noexcept {
  const auto found = std::ranges::find(params, name, &TrialParam::name);
  return found == params.end() ? nullptr : &*found;
}

Params FrozenTrial::params_map() const {
  Params map = Params::map();
  for (const auto& param : params) map[param.name] = param.value();
  return map;
}

std::vector<std::pair<std::string, double>> FrozenTrial::constraints() const {
  constexpr std::string_view kPrefix = "constraints:";
  std::vector<std::pair<std::string, double>> found;
  if (const Params* list = system_attrs.find("constraints"); list && list->is_list()) {
    for (std::size_t i = 0; i < list->size(); ++i)
      found.emplace_back(std::to_string(i), list->at(i).as_real());
  }
  for (const auto& [key, value] : system_attrs.items()) {
    if (key.starts_with(kPrefix)) found.emplace_back(key.substr(kPrefix.size()), value.as_real());
  }
  return found;
}

bool FrozenTrial::is_feasible() const {
  return std::ranges::none_of(constraints(), [](const auto& constraint) { return constraint.second > 0; });
}

void FrozenTrial::validate() const {
  if (state == TrialState::kComplete && values.empty()) contradict(*this, "needs a value");
  if (state == TrialState::kFail && !values.empty()) contradict(*this, "has no values");
  if (std::ranges::any_of(values, [](double value) { return std::isnan(value); }))
    contradict(*this, "cannot have the value NaN");
  if (state != TrialState::kWaiting && !datetime_start) contradict(*this, "needs a start");
  if (is_finished(state) != datetime_complete.has_value())
    contradict(*this, is_finished(state) ? "needs an end" : "cannot have an end");
  for (const auto& param : params) {
    if (!param.distribution.contains(param.internal))
      contradict(*this, "has the parameter '" + param.name + "' outside its " + param.distribution.to_text());
    if (find_param(param.name) != &param) contradict(*this, "has the parameter '" + param.name + "' twice");
  }
}

}  // namespace ivory::tuning
