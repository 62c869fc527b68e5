#include <ivory/experiment/objective.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include <ivory/base/error.h>

namespace ivory {
namespace {

using tuning::Distribution;

using Suggested = std::pair<std::string, Distribution>;

[[noreturn]] void refuse(const std::string& name, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "'" + name + "' cannot be tuned: " + message);
}

bool is_unit(const Params& step) { return step.is_int() && step.as_int() == 1; }

Distribution ints_of(const Range& range) {
  if (range.num() > 0) return Distribution::categorical(range.values());
  return Distribution::ints(range.start().as_int(), range.stop().as_int(),
                            {.step = range.step().as_int(), .log = range.log()});
}

// The step of a Range is 1 when none was given; only a real one, or a larger, divides an interval of reals.
Distribution reals_of(const Range& range) {
  if (range.num() > 0 && range.log()) return Distribution::categorical(range.values());
  const double low = range.start().as_real(), high = range.stop().as_real();
  std::optional<double> step;
  if (range.num() > 1) step = (high - low) / static_cast<double>(range.num() - 1);
  if (range.num() == 0 && !is_unit(range.step())) step = range.step().as_real();
  return Distribution::floats(low, high, {.step = step, .log = range.log()});
}

Distribution distribution_of(const ParamRange& range) {
  const Range* interval = range.find_range();
  if (interval == nullptr) return Distribution::categorical(range.find_params()->elements());
  const bool whole = interval->start().is_int() && interval->stop().is_int() && interval->step().is_int();
  return whole ? ints_of(*interval) : reals_of(*interval);
}

Suggested suggested(const NamedRange& item) {
  try {
    return {item.name, distribution_of(item.range)};
  } catch (const Error& error) {
    refuse(item.name, error.what());
  }
}

}  // namespace

Objective& Objective::add(std::string name, Suggest suggest) {
  const auto found = std::ranges::find(suggests_, name, &Named::value_type::first);
  if (found != suggests_.end()) {
    found->second = std::move(suggest);
  } else {
    suggests_.emplace_back(std::move(name), std::move(suggest));
  }
  return *this;
}

std::vector<std::string> Objective::names() const {
  std::vector<std::string> names;
  for (const auto& [name, suggest] : suggests_) names.push_back(name);
  return names;
}

const Suggest& Objective::get(std::string_view name) const {
  const auto found = std::ranges::find(suggests_, name, &Named::value_type::first);
  if (found != suggests_.end()) return found->second;
  throw Error(ErrorCode::kNotFound,
              suggests_.empty()
                  ? "there is no suggest function '" + std::string(name) +
                        "': nothing is declared under `objective` (in client.yml, study.yml or the section "
                        "`study`)"
                  : "there is no suggest function '" + std::string(name) + "' under `objective`" +
                        did_you_mean(name, names(), 0));
}

std::vector<std::pair<std::string, Distribution>> Objective::distributions(const Ranges& ranges) {
  std::vector<Suggested> all;
  for (const NamedRange& item : ranges.items()) {
    if (item.range.is_fixed()) continue;
    if (std::ranges::find(all, item.name, &Suggested::first) != all.end())
      throw Error(ErrorCode::kInvalidArgument, "the parameter '" + item.name + "' is given twice");
    all.push_back(suggested(item));
  }
  return all;
}

Suggest Objective::make_suggest(const Ranges& ranges) {
  const auto all = std::make_shared<const std::vector<Suggested>>(distributions(ranges));
  return [all](tuning::Trial& trial) {
    for (const auto& [name, distribution] : *all) static_cast<void>(trial.suggest(name, distribution));
  };
}

std::string Objective::name_of(const Ranges& ranges) {
  std::string name;
  for (const NamedRange& item : ranges.items())
    if (!item.range.is_fixed()) name += (name.empty() ? "" : ".") + item.name;
  return name;
}

}  // namespace ivory
