#include "acquisition_optimizer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "box_minimizer.h"
#include "gp_kernel.h"
#include "sobol.h"

namespace ivory::tuning {
namespace {
constexpr std::size_t kSamples = 2048, kStarts = 10;
constexpr double kTolerance = 1e-2;      // of the gradient in units of length scales
constexpr std::size_t kExhaustive = 16;  // values of a parameter that are all tried
constexpr int kMostTurns = 100;

struct Candidate {
  std::vector<double> point;
  double value = 0;
};

// Indexes of `count` of the others in proportion to exp(value) (Efraimidis and Spirakis 2006), after the
// best.
std::vector<std::size_t> choose_starts(const std::vector<double>& values, std::size_t count, Rng& rng) {
  const auto best = static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
  std::vector<std::pair<double, std::size_t>> keys;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double chance = rng.uniform();
    const double weight = values[i] - values[best];
    // ln of an exponential variate over its rate; what has no chance is left out.
    if (i != best && weight > -700) keys.emplace_back(std::log(-std::log1p(-chance)) - weight, i);
  }
  const std::size_t drawn = std::min(count - 1, keys.size());
  std::ranges::partial_sort(keys, keys.begin() + static_cast<std::ptrdiff_t>(drawn));
  std::vector<std::size_t> chosen{best};
  for (std::size_t i = 0; i < drawn; ++i) chosen.push_back(keys[i].second);
  return chosen;
}

class Climber {
 public:
  Climber(Acquisition& acquisition, const UnitSpace& space, UnitBox box)
      : acquisition_(acquisition), space_(space), box_(std::move(box)), scales_(acquisition.length_scales()) {
    for (std::size_t d = 0; d < space.size(); ++d) (space.is_discrete(d) ? discrete_ : smooth_).push_back(d);
  }

  void climb(std::vector<Candidate>& candidates) {
    std::vector<Candidate*> open;
    for (Candidate& candidate : candidates) open.push_back(&candidate);
    for (int turn = 0; turn < kMostTurns && !open.empty(); ++turn) {
      if (!smooth_.empty()) follow_gradient(open);
      // One whose discrete values stay is done: the gradient has nothing more for it.
      std::erase_if(open, [&](Candidate* candidate) { return !try_levels(*candidate); });
    }
  }

 private:
  void follow_gradient(const std::vector<Candidate*>& open) {
    std::vector<BoxMinimizer> minimizers;
    for (const Candidate* candidate : open) {
      std::vector<double> start, lower, upper;
      for (const std::size_t d : smooth_) {
        start.push_back(candidate->point[d] / scales_[d]);
        lower.push_back(box_.lower[d] / scales_[d]);
        upper.push_back(box_.upper[d] / scales_[d]);
      }
      minimizers.emplace_back(start, lower, upper,
                              BoxMinimizerOptions{.gradient_tolerance = kTolerance, .max_iterations = 200});
    }
    for (;;) {
      std::vector<std::size_t> active;
      for (std::size_t i = 0; i < open.size(); ++i) {
        if (!minimizers[i].is_done()) active.push_back(i);
      }
      if (active.empty()) break;
      for (std::size_t begin = 0; begin < active.size(); begin += kTileWidth)
        feed(open, minimizers, std::span(active).subspan(begin, std::min(kTileWidth, active.size() - begin)));
    }
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (!(-minimizers[i].best_value() > open[i]->value)) continue;
      place(minimizers[i].best(), open[i]->point);
      open[i]->value = -minimizers[i].best_value();
    }
  }

  void place(std::span<const double> scaled, std::span<double> point) const {
    for (std::size_t k = 0; k < smooth_.size(); ++k)
      point[smooth_[k]] =
          std::clamp(scaled[k] * scales_[smooth_[k]], box_.lower[smooth_[k]], box_.upper[smooth_[k]]);
  }

  void feed(const std::vector<Candidate*>& open, std::vector<BoxMinimizer>& minimizers,
            std::span<const std::size_t> active) {
    const std::size_t n = space_.size();
    std::vector<double> points, values(active.size()), gradients(active.size() * n), scaled(smooth_.size());
    for (const std::size_t i : active) {
      points.insert(points.end(), open[i]->point.begin(), open[i]->point.end());
      place(minimizers[i].point(), std::span(points).last(n));
    }
    acquisition_.evaluate(points, values, gradients);
    for (std::size_t a = 0; a < active.size(); ++a) {
      for (std::size_t k = 0; k < smooth_.size(); ++k)
        scaled[k] = -gradients[a * n + smooth_[k]] * scales_[smooth_[k]];
      minimizers[active[a]].feed(-values[a], scaled);
    }
  }

  // True if a discrete parameter found a better value.
  bool try_levels(Candidate& candidate) {
    bool better = false;
    for (const std::size_t d : discrete_) {
      while (try_levels(candidate, d)) {
        better = true;
        if (tries_all(d)) break;
      }
    }
    return better;
  }

  [[nodiscard]] bool tries_all(std::size_t d) const {
    return space_.distribution(d).is_categorical() || space_.levels(d) <= kExhaustive;
  }

  // All values of the parameter, or, where there are many, those in steps of 1, 2, 4 … to both sides.
  bool try_levels(Candidate& candidate, std::size_t d) {
    const std::size_t levels = space_.levels(d), now = space_.unit_to_level(d, candidate.point[d]);
    std::vector<std::size_t> others;
    if (tries_all(d)) {
      for (std::size_t level = 0; level < levels; ++level) {
        if (level != now) others.push_back(level);
      }
    } else {
      for (std::size_t step = 1; step < levels; step *= 2) {
        if (now >= step) others.push_back(now - step);
        if (now + step < levels) others.push_back(now + step);
      }
    }
    const std::size_t n = space_.size();
    Candidate best = candidate;
    for (std::size_t begin = 0; begin < others.size(); begin += kTileWidth) {
      const std::size_t count = std::min(kTileWidth, others.size() - begin);
      std::vector<double> points, values(count);
      for (std::size_t i = 0; i < count; ++i) {
        points.insert(points.end(), candidate.point.begin(), candidate.point.end());
        points[i * n + d] = space_.level_to_unit(d, others[begin + i]);
      }
      acquisition_.evaluate(points, values);
      for (std::size_t i = 0; i < count; ++i) {
        if (!(values[i] > best.value)) continue;
        best.value = values[i];
        best.point[d] = points[i * n + d];
      }
    }
    if (!(best.value > candidate.value)) return false;
    candidate = std::move(best);
    return true;
  }

  Acquisition& acquisition_;
  const UnitSpace& space_;
  UnitBox box_;
  std::vector<double> scales_;
  std::vector<std::size_t> smooth_, discrete_;
};
}  // namespace

UnitSpace::UnitSpace(std::vector<Distribution> distributions) : distributions_(std::move(distributions)) {
  for (const Distribution& distribution : distributions_) {
    intervals_.push_back(interval_of(distribution));
    std::size_t levels = 0;
    if (distribution.is_categorical()) {
      levels = distribution.choices().size();
    } else if (distribution.step() > 0) {
      levels = static_cast<std::size_t>(
                   std::lround((distribution.high() - distribution.low()) / distribution.step())) +
               1;
    }
    levels_.push_back(levels);
  }
}

std::vector<std::uint8_t> UnitSpace::choices() const {
  std::vector<std::uint8_t> flags;
  for (const Distribution& distribution : distributions_)
    flags.push_back(distribution.is_categorical() ? 1 : 0);
  return flags;
}

double UnitSpace::to_unit(std::size_t d, double internal) const {
  if (distributions_[d].is_categorical()) return internal;
  const auto [low, high] = intervals_[d];
  return (to_interval(distributions_[d], internal) - low) / (high - low);
}

double UnitSpace::from_unit(std::size_t d, double unit) const {
  if (distributions_[d].is_categorical()) return from_interval(distributions_[d], unit);
  const auto [low, high] = intervals_[d];
  return from_interval(distributions_[d], low + (high - low) * unit);
}

double UnitSpace::level_to_unit(std::size_t d, std::size_t level) const {
  const Distribution& distribution = distributions_[d];
  if (distribution.is_categorical()) return static_cast<double>(level);
  return to_unit(d, std::min(distribution.high(),
                             distribution.low() + static_cast<double>(level) * distribution.step()));
}

std::size_t UnitSpace::unit_to_level(std::size_t d, double unit) const {
  const Distribution& distribution = distributions_[d];
  const double internal = from_unit(d, unit);
  if (distribution.is_categorical()) return static_cast<std::size_t>(internal);
  return std::min(levels_[d] - 1, static_cast<std::size_t>(
                                      std::lround((internal - distribution.low()) / distribution.step())));
}

double UnitSpace::at_fraction(std::size_t d, double fraction) const {
  if (distributions_[d].is_categorical()) return std::floor(fraction * static_cast<double>(levels_[d]));
  return is_discrete(d) ? to_unit(d, from_unit(d, fraction)) : fraction;
}

std::vector<double> maximize_acquisition(Acquisition& acquisition, const UnitSpace& space,
                                         const std::vector<std::vector<double>>& known, Rng& rng,
                                         const UnitBox& given) {
  const std::size_t n = space.size();
  UnitBox box = given;
  if (box.lower.empty()) box = {std::vector<double>(n, 0.0), std::vector<double>(n, 1.0)};
  const SobolSequence sequence(n, true, rng.next64());
  std::vector<double> samples(kSamples * n), values(kSamples);
  for (std::size_t s = 0; s < kSamples; ++s) {
    const std::span<double> point = std::span(samples).subspan(s * n, n);
    sequence.write_point(s, point);
    for (std::size_t d = 0; d < n; ++d) {
      const bool choice = space.distribution(d).is_categorical();
      const double fraction = choice ? point[d] : box.lower[d] + point[d] * (box.upper[d] - box.lower[d]);
      point[d] = space.at_fraction(d, fraction);
    }
  }
  acquisition.set_rough(true);
  for (std::size_t begin = 0; begin < kSamples; begin += kTileWidth)
    acquisition.evaluate(std::span(samples).subspan(begin * n, kTileWidth * n),
                         std::span(values).subspan(begin, kTileWidth));
  acquisition.set_rough(false);
  std::vector<Candidate> candidates;
  for (const std::size_t s : choose_starts(values, kStarts - std::min(known.size(), kStarts - 1), rng)) {
    const std::span<const double> point = std::span(samples).subspan(s * n, n);
    candidates.push_back({{point.begin(), point.end()}, 0});
  }
  for (const auto& point : known) candidates.push_back({point, 0});
  for (Candidate& candidate : candidates)
    acquisition.evaluate(candidate.point, std::span(&candidate.value, 1));
  Climber(acquisition, space, std::move(box)).climb(candidates);
  return std::ranges::max_element(candidates, {}, &Candidate::value)->point;
}

}  // namespace ivory::tuning
