#include <ivory/experiment/run_plan.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <string_view>
#include <utility>

#include <ivory/base/error.h>

namespace ivory {
namespace {

constexpr std::size_t kMostRuns = 1'000'000'000;
constexpr const char* kRepeat = "repeat";
constexpr const char* kReal = "$real";  // key of a real that JSON has no number for

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

void check_name(std::vector<std::string>& seen, const std::string& name) {
  if (std::ranges::find(seen, name) != seen.end()) refuse("the parameter '" + name + "' is given twice");
  seen.push_back(name);
}

// Errors: what is said of product() and chain().
void check_axes(const std::vector<Axis>& axes, const Params& fixed, bool repeats) {
  std::vector<std::string> seen = fixed.keys();
  if (repeats) check_name(seen, kRepeat);
  for (const Axis& axis : axes) {
    if (axis.name.empty()) refuse("a parameter without a name");
    if (axis.values.empty()) refuse("the parameter '" + axis.name + "' has no values");
    check_name(seen, axis.name);
  }
}

std::size_t checked_product(std::size_t a, std::size_t b) {
  if (a > kMostRuns / b) refuse("the plan has too many runs: at most a thousand million are possible");
  return a * b;
}

// Values that JSON has no number for are kept as {"$real": ".inf"}.
Params to_json_value(const Params& value) {
  if (value.is_real() && !std::isfinite(value.as_real()))
    return Params{{kReal, real_to_text(value.as_real())}};
  if (value.is_list()) {
    Params list = Params::list();
    for (const Params& element : value.elements()) list.push_back(to_json_value(element));
    return list;
  }
  if (!value.is_map()) return value;
  Params map = Params::map();
  for (const auto& [key, element] : value.items()) map.set(key, to_json_value(element));
  return map;
}

Params read_real(const Params& text) {
  using Limits = std::numeric_limits<double>;
  static const std::array<std::pair<const char*, double>, 3> kReals{
      {{"nan", Limits::quiet_NaN()}, {"inf", Limits::infinity()}, {"-inf", -Limits::infinity()}}};
  for (const auto& [name, value] : kReals)
    if (text.as_string() == name) return value;
  refuse(at_place(text, "expected nan, inf or -inf, found " + text.to_text()));
}

Params from_json_value(const Params& value) {
  if (value.is_list()) {
    Params list = Params::list();
    for (const Params& element : value.elements()) list.push_back(from_json_value(element));
    return list;
  }
  if (!value.is_map()) return value;
  if (const Params* real = value.find(kReal); real != nullptr && value.size() == 1) return read_real(*real);
  Params map = Params::map();
  for (const auto& [key, element] : value.items()) map.set(key, from_json_value(element));
  return map;
}

std::vector<Axis> read_axes(const Params& list) {
  if (!list.is_list()) refuse(at_place(list, "the axes of a plan are a list, found " + list.to_text()));
  std::vector<Axis> axes;
  for (const Params& item : list.elements()) {
    Axis axis{item.at("name").as_string(), {}};
    const Params& values = item.at("values");
    if (!values.is_list()) refuse(at_place(values, "expected a list of values, found " + values.to_text()));
    for (const Params& value : values.elements()) axis.values.push_back(from_json_value(value));
    axes.push_back(std::move(axis));
  }
  return axes;
}

void check_keys(const Params& params, const std::vector<std::string>& known) {
  for (const std::string& key : params.keys())
    if (std::ranges::find(known, key) == known.end())
      refuse("a plan has no key '" + key + "'" + did_you_mean(key, known));
}

bool is_better(const RunScore& score, const RunScore& other) noexcept {
  if (std::isnan(score.best_score)) return false;
  if (std::isnan(other.best_score)) return true;
  return other.maximize ? score.best_score > other.best_score : score.best_score < other.best_score;
}

}  // namespace

RunPlan::RunPlan(Kind kind, std::vector<Axis> axes, const Params& fixed)
    : kind_(kind), axes_(std::move(axes)), fixed_(fixed.is_null() ? Params::map() : fixed) {
  if (!fixed_.is_map()) refuse(at_place(fixed_, "fixed parameters are a map, found " + fixed_.to_text()));
}

RunPlan RunPlan::product(std::vector<Axis> axes, std::int64_t repeat, const Params& fixed) {
  if (repeat < 1) refuse("a product is repeated at least once, found repeat " + std::to_string(repeat));
  RunPlan plan(Kind::kProduct, std::move(axes), fixed);
  check_axes(plan.axes_, plan.fixed_, repeat > 1);
  plan.repeat_ = repeat;
  plan.size_ = checked_product(1, static_cast<std::size_t>(repeat));
  for (const Axis& axis : plan.axes_) plan.size_ = checked_product(plan.size_, axis.values.size());
  return plan;
}

RunPlan RunPlan::chain(std::vector<Axis> axes, bool use_best_param, const Params& fixed) {
  RunPlan plan(Kind::kChain, std::move(axes), fixed);
  check_axes(plan.axes_, plan.fixed_, false);
  plan.use_best_param_ = use_best_param;
  plan.size_ = 0;
  for (const Axis& axis : plan.axes_) plan.size_ += axis.values.size();
  static_cast<void>(checked_product(std::max<std::size_t>(plan.size_, 1), 1));
  return plan;
}

std::size_t RunPlan::stage_count() const noexcept { return kind_ == Kind::kProduct ? 1 : axes_.size(); }

RunPlan::Stage RunPlan::stage(std::size_t number) const {
  assert(number < stage_count());
  if (kind_ == Kind::kProduct) return {0, size_};
  std::size_t first = 0;
  for (std::size_t i = 0; i < number; ++i) first += axes_[i].values.size();
  return {first, first + axes_[number].values.size()};
}

Params RunPlan::arguments(std::size_t index, const RunScores& scores) const {
  assert(index < size_);
  return kind_ == Kind::kProduct ? product_arguments(index) : chain_arguments(index, scores);
}

Params RunPlan::product_arguments(std::size_t index) const {
  std::vector<const Params*> chosen(axes_.size());
  for (std::size_t i = axes_.size(); i-- > 0;) {
    const std::vector<Params>& values = axes_[i].values;
    chosen[i] = &values[index % values.size()];
    index /= values.size();
  }
  Params arguments = fixed_;
  if (repeat_ > 1) arguments.set(kRepeat, static_cast<std::int64_t>(index));
  for (std::size_t i = 0; i < axes_.size(); ++i) arguments.set(axes_[i].name, *chosen[i]);
  return arguments;
}

Params RunPlan::chain_arguments(std::size_t index, const RunScores& scores) const {
  std::size_t number = 0;
  while (index >= stage(number).last) ++number;
  Params arguments = fixed_;
  for (std::size_t earlier = 0; use_best_param_ && earlier < number; ++earlier)
    if (const Params* best = best_value(earlier, scores)) arguments.set(axes_[earlier].name, *best);
  arguments.set(axes_[number].name, axes_[number].values[index - stage(number).first]);
  return arguments;
}

const Params* RunPlan::best_value(std::size_t stage_number, const RunScores& scores) const {
  const auto [first, last] = stage(stage_number);
  const Params* best = nullptr;
  RunScore best_score;
  for (auto at = scores.lower_bound(first); at != scores.end() && at->first < last; ++at) {
    if (!is_better(at->second, best_score)) continue;
    best_score = at->second;
    best = &axes_[stage_number].values[at->first - first];
  }
  return best;
}

std::vector<std::string> RunPlan::varied() const {
  std::vector<std::string> names;
  if (repeat_ > 1) names.emplace_back(kRepeat);
  // In a chain, a parameter has its default while another is varied.
  const bool always = kind_ == Kind::kChain && axes_.size() > 1;
  for (const Axis& axis : axes_)
    if (always || axis.values.size() > 1) names.push_back(axis.name);
  return names;
}

Params RunPlan::to_params() const {
  Params axes = Params::list();
  for (const Axis& axis : axes_) {
    Params item = Params::map();
    item.set("name", axis.name);
    item.set("values", to_json_value(Params::list(axis.values)));
    axes.push_back(std::move(item));
  }
  Params params = Params::map();
  params.set("kind", kind_ == Kind::kProduct ? "product" : "chain");
  params.set("axes", std::move(axes));
  if (kind_ == Kind::kProduct) {
    params.set(kRepeat, repeat_);
  } else {
    params.set("use_best_param", use_best_param_);
  }
  params.set("fixed", to_json_value(fixed_));
  return params;
}

RunPlan RunPlan::from_params(const Params& params) {
  if (!params.is_map()) refuse(at_place(params, "a plan is a map, found " + params.to_text()));
  const std::string& kind = params.at("kind").as_string();
  std::vector<Axis> axes = read_axes(params.at("axes"));
  const Params fixed = from_json_value(params.at("fixed"));
  if (kind == "product") {
    check_keys(params, {"kind", "axes", kRepeat, "fixed"});
    return product(std::move(axes), params.at(kRepeat).as_int(), fixed);
  }
  if (kind == "chain") {
    check_keys(params, {"kind", "axes", "use_best_param", "fixed"});
    return chain(std::move(axes), params.at("use_best_param").as_bool(), fixed);
  }
  const std::vector<std::string> kinds{"product", "chain"};
  refuse(at_place(params.at("kind"),
                  "a plan is a product or a chain, not '" + kind + "'" + did_you_mean(kind, kinds)));
}

}  // namespace ivory
