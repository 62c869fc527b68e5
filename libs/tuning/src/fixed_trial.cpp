#include <ivory/tuning/fixed_trial.h>

#include <algorithm>

#include <ivory/base/error.h>
#include <ivory/base/log.h>

namespace ivory::tuning {

FixedTrial::FixedTrial(Params params, std::int64_t number) : given_(std::move(params)), number_(number) {
  if (!given_.is_map() && !given_.is_null()) {
    throw Error(ErrorCode::kInvalidArgument,
                "a fixed trial takes a map of parameters, found " + given_.to_text());
  }
}

FixedTrial::FixedTrial(std::initializer_list<ParamsItem> params, std::int64_t number)
    : given_(Params::map()), number_(number) {
  for (const auto& [name, value] : params) given_[name] = value;
}

double FixedTrial::do_suggest(std::string_view name, const Distribution& distribution) {
  const Params* value = given_.find(name);
  if (!value) {
    throw Error(ErrorCode::kNotFound, "the fixed trial has no parameter '" + std::string(name) + "'" +
                                          did_you_mean(name, given_.keys()) +
                                          "; give it when the trial is made");
  }
  const double internal = distribution.to_internal(*value);
  if (!distribution.contains(internal)) {
    log_warning("the fixed value " + value->to_text() + " of '" + std::string(name) + "' lies outside its " +
                distribution.to_text());
  }
  const auto earlier = std::ranges::find(suggested_, name, &std::pair<std::string, Distribution>::first);
  if (earlier == suggested_.end()) {
    suggested_.emplace_back(name, distribution);
  } else {
    check_compatible(name, earlier->second, distribution);
    earlier->second = distribution;
  }
  return internal;
}

void FixedTrial::do_report(const TrialReport& report) {
  const auto same_place = [&](const TrialReport& known) {
    return known.step == report.step && known.fold == report.fold;
  };
  if (std::ranges::any_of(reports_, same_place)) return;
  reports_.push_back(report);
  intermediate_values_[report.fold.value_or(report.step)] = report.values.front();
}

void FixedTrial::set_user_attr(std::string_view key, const Params& value) { user_attrs_[key] = value; }

void FixedTrial::set_system_attr(std::string_view key, const Params& value) { system_attrs_[key] = value; }

void FixedTrial::set_constraint(std::string_view key, double value) {
  system_attrs_["constraints:" + std::string(key)] = value;
}

Params FixedTrial::params() const {
  Params params = Params::map();
  for (const auto& [name, distribution] : suggested_) {
    params[name] = distribution.to_external(distribution.to_internal(given_.at(name)));
  }
  return params;
}

std::vector<std::pair<std::string, Distribution>> FixedTrial::distributions() const { return suggested_; }

}  // namespace ivory::tuning
