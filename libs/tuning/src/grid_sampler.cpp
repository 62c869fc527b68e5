#include <algorithm>
#include <ranges>
#include <set>

#include <ivory/base/error.h>
#include <ivory/tuning/samplers.h>

#include "space.h"

namespace ivory::tuning {
namespace {
constexpr std::int64_t kMostPoints = 10'000'000;

class GridSampler final : public Sampler {
 public:
  explicit GridSampler(const GridOptions& options) : seed_(options.seed), search_space_(Params::map()) {
    std::int64_t size = 1;
    for (const auto& [name, values] : options.values) {
      if (values.empty())
        throw Error(ErrorCode::kInvalidArgument, "the grid has no values for '" + name + "'");
      for (const auto& value : values) {
        if (!value.is_scalar())
          throw Error(ErrorCode::kInvalidArgument,
                      "a value of '" + name + "' should be a scalar, found " + value.to_text());
      }
      search_space_[name] = Params::list(values);
      size *= static_cast<std::int64_t>(values.size());
      if (size > kMostPoints)
        throw Error(ErrorCode::kInvalidArgument,
                    "the grid has more than " + std::to_string(kMostPoints) + " points");
    }
    std::ranges::sort(search_space_.items(), {}, &ParamsItem::key);
    order_ = Rng({.seed = seed_, .purpose = "grid"}).permutation(size);
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "grid"; }

  [[nodiscard]] std::vector<TrialParam> sample_joint(TrialContext& context) const override {
    const TrialRecord& trial = context.trial();
    if (trial.find_system_attr("grid_id") || trial.find_system_attr("fixed_params")) return {};
    const auto size = static_cast<std::int64_t>(order_.size());
    std::int64_t point = context.number();
    if (point >= size) {
      const auto [untouched, unfinished] = unvisited(context);
      if (untouched.empty()) context.stop();  // where that can still be, without this trial
      const auto& left = untouched.empty() ? unfinished : untouched;
      Rng rng = context.rng(seed_, "grid");
      const auto count =
          static_cast<std::uint64_t>(left.empty() ? size : static_cast<std::int64_t>(left.size()));
      const std::uint64_t drawn = rng.below(count);
      point = left.empty() ? static_cast<std::int64_t>(drawn) : left[drawn];
    }
    context.set_trial_attr("search_space", search_space_);
    context.set_trial_attr("grid_id", point);
    return {};
  }

  [[nodiscard]] double sample_independent(TrialContext& context, std::string_view name,
                                          const Distribution& distribution) const override {
    const Params* values = search_space_.find(name);
    if (!values) {
      throw Error(ErrorCode::kInvalidArgument, "the grid has no parameter '" + std::string(name) + "'" +
                                                   did_you_mean(name, search_space_.keys()));
    }
    const Params* point = context.trial().find_system_attr("grid_id");
    if (!point) {  // an enqueued trial that leaves this parameter open
      Rng rng = context.rng(seed_, name);
      return checked(name, distribution, values->at(rng.below(values->size())));
    }
    std::int64_t index = order_[static_cast<std::size_t>(point->as_int())];
    for (const auto& item : std::views::reverse(search_space_.items())) {
      const auto count = static_cast<std::int64_t>(item.value.size());
      if (item.key == name)
        return checked(name, distribution, values->at(static_cast<std::size_t>(index % count)));
      index /= count;
    }
    return distribution.low();  // not reached: the name was found above
  }

  void after_trial(TrialContext& context, TrialState, std::span<const double>) const override {
    const auto [untouched, unfinished] = unvisited(context);
    const auto& left = untouched.empty() ? unfinished : untouched;
    const Params* own = context.trial().find_system_attr("grid_id");
    if (left.empty() || (left.size() == 1 && own && left.front() == own->as_int())) context.stop();
  }

 private:
  struct Visited {
    std::size_t seen = 0;
    std::set<std::int64_t> points;  // of finished trials
  };
  static double checked(std::string_view name, const Distribution& distribution, const Params& value) {
    const double internal = distribution.to_internal(value);
    if (!distribution.contains(internal)) {
      throw Error(ErrorCode::kInvalidArgument, "the grid's value " + value.to_text() + " of '" +
                                                   std::string(name) + "' lies outside its " +
                                                   distribution.to_text());
    }
    return internal;
  }
  [[nodiscard]] std::optional<std::int64_t> point_of(const TrialRecord& trial) const {
    const Params* point = trial.find_system_attr("grid_id");
    const Params* space = trial.find_system_attr("search_space");
    if (!point || !space || !(*space == search_space_)) return {};
    return point->as_int();
  }
  struct Left {
    std::vector<std::int64_t> untouched, unfinished;
  };
  // Points that no trial has taken, and those whose trials have not ended.
  [[nodiscard]] Left unvisited(TrialContext& context) const {
    auto& visited = context.memory<Visited>(this);
    const History& history = context.history();
    for (; visited.seen < history.finished().size(); ++visited.seen) {
      if (const auto point = point_of(history.trial(history.finished()[visited.seen])))
        visited.points.insert(*point);
    }
    std::set<std::int64_t> running;
    for (const std::int64_t number : history.running()) {
      if (const auto point = point_of(history.trial(number))) running.insert(*point);
    }
    Left left;
    for (std::int64_t point = 0; point < static_cast<std::int64_t>(order_.size()); ++point) {
      if (visited.points.contains(point)) continue;
      (running.contains(point) ? left.unfinished : left.untouched).push_back(point);
    }
    return left;
  }

  std::uint64_t seed_;
  Params search_space_;              // by name
  std::vector<std::int64_t> order_;  // of point k the index into the product
};

class PartialFixedSampler final : public Sampler {
 public:
  PartialFixedSampler(Params fixed, std::shared_ptr<const Sampler> base)
      : fixed_(std::move(fixed)), base_(std::move(base)) {
    if (!base_)
      throw Error(ErrorCode::kInvalidArgument, "a partially fixed sampler needs a sampler for the rest");
    if (!fixed_.is_map())
      throw Error(ErrorCode::kInvalidArgument, "fixed parameters are a map, found " + fixed_.to_text());
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "partial_fixed"; }
  [[nodiscard]] std::vector<TrialParam> sample_joint(TrialContext& context) const override {
    std::vector<TrialParam> joint = base_->sample_joint(context);
    std::erase_if(joint, [&](const TrialParam& param) { return fixed_.contains(param.name); });
    return joint;
  }
  [[nodiscard]] double sample_independent(TrialContext& context, std::string_view name,
                                          const Distribution& distribution) const override {
    const Params* value = fixed_.find(name);
    if (!value) return base_->sample_independent(context, name, distribution);
    const double internal = distribution.to_internal(*value);
    if (!distribution.contains(internal)) {
      throw Error(ErrorCode::kInvalidArgument, "the fixed value " + value->to_text() + " of '" +
                                                   std::string(name) + "' lies outside its " +
                                                   distribution.to_text());
    }
    return internal;
  }
  void after_trial(TrialContext& context, TrialState state, std::span<const double> values) const override {
    base_->after_trial(context, state, values);
  }

 private:
  Params fixed_;
  std::shared_ptr<const Sampler> base_;  // shared: the user may keep it for other studies
};
}  // namespace

std::unique_ptr<Sampler> make_grid_sampler(const GridOptions& options) {
  return std::make_unique<GridSampler>(options);
}

std::unique_ptr<Sampler> make_partial_fixed_sampler(const Params& fixed,
                                                    std::shared_ptr<const Sampler> base) {
  return std::make_unique<PartialFixedSampler>(fixed, std::move(base));
}

}  // namespace ivory::tuning
