#include <ivory/tuning/hypervolume_history.h>

#include <algorithm>
#include <cmath>

#include <ivory/base/error.h>
#include <ivory/tuning/multi_objective.h>

namespace ivory::tuning {
namespace {
// The points that no other dominates, and the volume below them. Less is better.
class Front {
 public:
  explicit Front(std::vector<double> reference) : reference_(std::move(reference)) {}
  [[nodiscard]] double volume() const noexcept { return volume_; }

  void add(const std::vector<double>& point) {
    const auto within = [](const std::vector<double>& a, const std::vector<double>& b) {
      return std::ranges::equal(a, b, std::less_equal<>());
    };
    if (!within(point, reference_)) return;
    if (std::ranges::any_of(points_, [&](const auto& other) { return within(other, point); })) return;
    // The new point's box, less what the others cover of it.
    double box = 1;
    for (std::size_t k = 0; k < point.size(); ++k) box *= reference_[k] - point[k];
    std::vector<std::vector<double>> limited = points_;
    for (auto& other : limited) {
      for (std::size_t k = 0; k < point.size(); ++k) other[k] = std::max(other[k], point[k]);
    }
    volume_ += std::max(0.0, box - hypervolume(limited, reference_));
    std::erase_if(points_, [&](const auto& other) { return within(point, other); });
    points_.push_back(point);
  }

 private:
  std::vector<double> reference_;
  std::vector<std::vector<double>> points_;
  double volume_ = 0;
};
}  // namespace

std::vector<HypervolumePoint> hypervolume_history(const Study& study, std::span<const double> reference) {
  const std::vector<Direction> directions = study.directions();
  if (reference.size() != directions.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                "the reference has one number an objective: " + std::to_string(directions.size()) +
                    " expected, " + std::to_string(reference.size()) + " found");
  }
  if (std::ranges::any_of(reference, [](double value) { return std::isnan(value); }))
    throw Error(ErrorCode::kInvalidArgument, "the reference of a hypervolume has a NaN");
  const auto minimized = [&](std::span<const double> values) {
    std::vector<double> point(values.begin(), values.end());
    for (std::size_t k = 0; k < point.size(); ++k) {
      if (directions[k] == Direction::kMaximize) point[k] = -point[k];
    }
    return point;
  };
  Front front(minimized(reference));
  std::vector<HypervolumePoint> history;
  for (const auto& trial : study.trials(std::vector{TrialState::kComplete})) {
    if (trial.is_feasible()) front.add(minimized(trial.values));
    history.push_back({trial.number, front.volume()});
  }
  return history;
}

}  // namespace ivory::tuning
