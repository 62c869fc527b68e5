#include "space.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace ivory::tuning {

Interval interval_of(const Distribution& distribution) {
  if (distribution.is_categorical()) return {0, distribution.high() + 1};
  const double half = distribution.step() / 2;
  const double low = distribution.low() - half, high = distribution.high() + half;
  return distribution.log() ? Interval{std::log(low), std::log(high)} : Interval{low, high};
}

double from_interval(const Distribution& distribution, double point) {
  if (distribution.is_categorical()) return std::clamp(std::floor(point), 0.0, distribution.high());
  double value = distribution.log() ? std::exp(point) : point;
  if (const double step = distribution.step(); step > 0) {
    const double low = distribution.low();
    value = low + std::round((value - low) / step) * step;
  }
  return std::clamp(value, distribution.low(), distribution.high());
}

double to_interval(const Distribution& distribution, double internal) {
  return distribution.log() ? std::log(internal) : internal;
}

double sample_uniform(const Distribution& distribution, Rng& rng) {
  const auto [low, high] = interval_of(distribution);
  return from_interval(distribution, rng.uniform(low, high));
}

std::uint64_t seed_or_random(const std::optional<std::uint64_t>& seed) {
  if (seed) return *seed;
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

const std::vector<IntersectionSpace::Entry>& IntersectionSpace::update(const History& history, bool pruned) {
  const auto finished = history.finished();
  for (; seen_ < finished.size(); ++seen_) {
    const TrialRecord& trial = history.trial(finished[seen_]);
    if (trial.state != TrialState::kComplete && !(pruned && trial.state == TrialState::kPruned)) continue;
    const auto has = [&](const Entry& entry) {
      return std::ranges::any_of(trial.params, [&](const ParamRecord& param) {
        return param.name == entry.name &&
               (param.distribution == entry.distribution ||
                history.distribution(param.distribution) == history.distribution(entry.distribution));
      });
    };
    if (!begun_) {
      begun_ = true;
      for (const auto& param : trial.params) {
        if (!history.distribution(param.distribution).is_single())
          entries_.push_back({param.name, param.distribution});
      }
      std::ranges::sort(entries_, {},
                        [&](const Entry& entry) -> const std::string& { return history.name(entry.name); });
    } else {
      std::erase_if(entries_, [&](const Entry& entry) { return !has(entry); });
    }
  }
  return entries_;
}

}  // namespace ivory::tuning
