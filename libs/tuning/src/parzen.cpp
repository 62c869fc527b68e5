#include "parzen.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numbers>

#include "space.h"
#include "truncated_normal.h"

namespace ivory::tuning {
namespace {
constexpr double kLogSqrt2Pi = 0.91893853320467274178;
constexpr double kMaxDivisor = 100;  // "magic clip": no bandwidth below a hundredth of the range
// A kernel that keeps less than this of its mass in the interval is drawn from by its quantile, not by
// rejection.
constexpr double kLeastLogMass = -2;

std::size_t padded(std::size_t size) { return (size + kKernelBlock - 1) / kKernelBlock * kKernelBlock; }
}  // namespace

std::vector<double> weights_by_age(std::size_t n) {
  constexpr std::size_t kFull = 25;
  std::vector<double> weights(n, 1.0);
  if (n <= kFull) return weights;
  const std::size_t ramp = n - kFull;
  const double first = 1 / static_cast<double>(n);
  for (std::size_t i = 0; i < ramp; ++i) {
    weights[i] =
        ramp == 1 ? first : first + static_cast<double>(i) * ((1 - first) / static_cast<double>(ramp - 1));
  }
  if (ramp > 1) weights[ramp - 1] = 1;
  return weights;
}

ParzenEstimator::ParzenEstimator(std::vector<Distribution> space, ParzenWeights weights)
    : space_(std::move(space)), weighting_(weights), dimensions_(space_.size()) {
  for (std::size_t d = 0; d < space_.size(); ++d) {
    Dimension& dimension = dimensions_[d];
    const auto [low, high] = interval_of(space_[d]);
    dimension.low = low;
    dimension.high = high;
    dimension.kind = space_[d].is_categorical() ? Kind::kChoices
                     : space_[d].step() > 0     ? Kind::kCells
                                                : Kind::kContinuous;
  }
  resize(0);
  for (auto& dimension : dimensions_) {
    dimension.centre[0] = (dimension.low + dimension.high) / 2;
    if (dimension.kind != Kind::kChoices) set_kernel(dimension, 0, dimension.high - dimension.low);
  }
  refresh({});
}

void ParzenEstimator::resize(std::size_t size) {
  size_ = size;
  const std::size_t slots = padded(size + 1);
  base_.resize(slots);
  weight_.resize(slots);
  for (auto& dimension : dimensions_) {
    dimension.centre.resize(slots);
    if (dimension.kind == Kind::kChoices) continue;
    dimension.sigma.resize(slots);
    dimension.scale.resize(slots);
    dimension.log_norm.resize(slots);
    if (dimension.kind == Kind::kCells) dimension.distinct_of.resize(slots);
  }
}

void ParzenEstimator::set_kernel(Dimension& dimension, std::uint32_t slot, double sigma) {
  const double centre = dimension.centre[slot];
  const double mass = log_normal_mass((dimension.low - centre) / sigma, (dimension.high - centre) / sigma);
  dimension.sigma[slot] = sigma;
  dimension.scale[slot] = 1 / (std::numbers::sqrt2 * sigma);
  dimension.log_norm[slot] =
      dimension.kind == Kind::kContinuous ? kLogSqrt2Pi + std::log(sigma) + mass : mass;
  changed_.push_back(slot);
}

std::size_t ParzenEstimator::count_unchanged(std::span<const ParzenKey> keys) const {
  std::size_t same = 0;
  while (same < known_.size() && same < keys.size() && known_[same].key == keys[same] && !keys[same].running)
    ++same;
  return same;
}

void ParzenEstimator::update(std::span<const ParzenKey> keys, const Lookup& lookup) {
  const std::size_t same = count_unchanged(keys);
  if (same == known_.size() && same == keys.size()) return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < same; ++i) kept += known_[i].used ? 1 : 0;
  const std::size_t before = size_;
  const Change change = follow_from(same, kept, keys, lookup);
  apply(change);
  const bool only_appended = kept == before;
  refresh(only_appended ? std::optional(change.sources.size()) : std::nullopt);
}

ParzenEstimator::Change ParzenEstimator::follow_from(std::size_t same, std::size_t kept,
                                                     std::span<const ParzenKey> keys, const Lookup& lookup) {
  const std::size_t width = dimensions_.size();
  const std::vector<Known> known(known_.begin() + static_cast<std::ptrdiff_t>(same), known_.end());
  Change change{.kept = kept, .sources = {}, .rows = {}};
  std::vector<double> row(width);
  std::size_t old = 0, old_slot = kept + 1;
  known_.resize(same);
  for (std::size_t i = same; i < keys.size(); ++i) {
    while (old < known.size() && known[old].key.number < keys[i].number)
      old_slot += known[old++].used ? 1 : 0;
    Known entry{keys[i], false};
    const bool stays = old < known.size() && known[old].key == keys[i] && !keys[i].running;
    if (stays) {
      entry.used = known[old].used;
    } else {
      entry.used = lookup(keys[i], row);
      for (std::size_t d = 0; entry.used && d < width; ++d) row[d] = to_interval(space_[d], row[d]);
    }
    if (entry.used) {
      change.sources.push_back(stays ? static_cast<std::uint32_t>(old_slot) : 0);
      change.rows.insert(change.rows.end(), row.begin(), row.end());
    }
    known_.push_back(entry);
  }
  return change;
}

void ParzenEstimator::apply(const Change& change) {
  if (change.kept < size_) renumber(change);
  resize(std::max(size_, change.size()));  // room for both while kernels move
  for (std::size_t d = 0; d < dimensions_.size(); ++d) move_kernels(dimensions_[d], d, change);
  resize(change.size());
  for (auto& dimension : dimensions_) {
    if (dimension.kind != Kind::kChoices) insert_sorted(dimension, change);
  }
}

void ParzenEstimator::renumber(const Change& change) {
  std::vector<std::uint32_t> places(size_ + 1);  // by old slot; 0: it went
  for (std::size_t slot = 1; slot <= change.kept; ++slot) places[slot] = static_cast<std::uint32_t>(slot);
  for (std::size_t i = 0; i < change.sources.size(); ++i) {
    if (change.sources[i] != 0) places[change.sources[i]] = static_cast<std::uint32_t>(change.kept + 1 + i);
  }
  for (auto& dimension : dimensions_) {
    for (Sorted& sorted : dimension.order) sorted.slot = places[sorted.slot];
    std::erase_if(dimension.order, [](const Sorted& sorted) { return sorted.slot == 0; });
  }
}

void ParzenEstimator::move_kernels(Dimension& dimension, std::size_t d, const Change& change) const {
  const std::size_t width = dimensions_.size();
  const auto move = [&](std::vector<double>& values, const auto& fresh) {
    std::vector<double> moved(change.sources.size());
    for (std::size_t i = 0; i < moved.size(); ++i)
      moved[i] = change.sources[i] != 0 ? values[change.sources[i]] : fresh(i);
    std::ranges::copy(moved, values.begin() + static_cast<std::ptrdiff_t>(change.kept + 1));
  };
  const auto not_yet = [](std::size_t) { return 0.0; };  // not worked out
  move(dimension.centre, [&](std::size_t i) { return change.rows[i * width + d]; });
  if (dimension.kind == Kind::kChoices) return;
  move(dimension.sigma, not_yet);
  move(dimension.scale, not_yet);
  move(dimension.log_norm, not_yet);
}

void ParzenEstimator::insert_sorted(Dimension& dimension, const Change& change) const {
  const auto less = [](const Sorted& a, const Sorted& b) {
    return a.value < b.value || (a.value == b.value && a.slot < b.slot);
  };
  auto& order = dimension.order;
  std::vector<Sorted> added;
  for (std::size_t i = 0; i < change.sources.size(); ++i) {
    const std::size_t slot = change.kept + 1 + i;
    if (change.sources[i] == 0) added.push_back({dimension.centre[slot], static_cast<std::uint32_t>(slot)});
  }
  if (added.size() == 1) {
    order.insert(std::ranges::upper_bound(order, added[0], less), added[0]);
    return;
  }
  if (added.empty()) return;
  std::vector<Sorted> merged;
  std::ranges::sort(added, less);
  merged.reserve(order.size() + added.size());
  std::ranges::merge(order, added, std::back_inserter(merged), less);
  order.swap(merged);
}

double ParzenEstimator::least_bandwidth(const Dimension& dimension) const {
  return (dimension.high - dimension.low) / std::min(kMaxDivisor, static_cast<double>(size_) + 2);
}

void ParzenEstimator::refresh_bandwidth(Dimension& dimension, std::size_t place) {
  const auto& order = dimension.order;
  const bool first = place == 0, last = place + 1 == order.size();
  const double left = order[place].value - (first ? dimension.low : order[place - 1].value);
  const double right = (last ? dimension.high : order[place + 1].value) - order[place].value;
  double gap = std::max(left, right);
  if (order.size() >= 2 && first) gap = right;  // the ends count only for a lone observation
  if (order.size() >= 2 && last) gap = left;
  const double sigma = std::clamp(gap, least_bandwidth(dimension), dimension.high - dimension.low);
  if (dimension.sigma[order[place].slot] != sigma) set_kernel(dimension, order[place].slot, sigma);
}

void ParzenEstimator::refresh_bandwidths(Dimension& dimension) {
  for (std::size_t place = 0; place < dimension.order.size(); ++place) refresh_bandwidth(dimension, place);
}

// A new observation changes its own bandwidth and its neighbours'.
void ParzenEstimator::refresh_near(Dimension& dimension, std::uint32_t slot) {
  const auto& order = dimension.order;
  const double value = dimension.centre[slot];
  auto place =
      static_cast<std::size_t>(std::ranges::lower_bound(order, value, {}, &Sorted::value) - order.begin());
  while (order[place].slot != slot) ++place;  // among equals
  for (std::size_t i = place == 0 ? 0 : place - 1; i < std::min(place + 2, order.size()); ++i)
    refresh_bandwidth(dimension, i);
}

void ParzenEstimator::number_distinct(Dimension& dimension) {
  dimension.distinct.assign(1, {dimension.centre[0], dimension.sigma[0], dimension.log_norm[0]});
  dimension.distinct_of[0] = 0;
  std::size_t group = 1;  // where kernels of the present centre begin
  for (const Sorted& sorted : dimension.order) {
    const double sigma = dimension.sigma[sorted.slot];
    if (dimension.distinct.size() > group && dimension.distinct.back().centre != sorted.value)
      group = dimension.distinct.size();
    std::size_t at = group;
    while (at < dimension.distinct.size() && dimension.distinct[at].sigma != sigma) ++at;
    if (at == dimension.distinct.size())
      dimension.distinct.push_back({sorted.value, sigma, dimension.log_norm[sorted.slot]});
    dimension.distinct_of[sorted.slot] = static_cast<std::uint32_t>(at);
  }
}

void ParzenEstimator::refresh_base(bool all) {
  const auto work_out = [this](std::size_t slot) {
    double base = 0;
    for (const auto& dimension : dimensions_) {
      if (dimension.kind == Kind::kContinuous) base -= dimension.log_norm[slot];
    }
    base_[slot] = base;
  };
  if (all) {
    for (std::size_t slot = 0; slot <= size_; ++slot) work_out(slot);
  } else {
    for (const std::uint32_t slot : changed_) work_out(slot);
  }
  std::fill(base_.begin() + static_cast<std::ptrdiff_t>(size_ + 1), base_.end(), -1e300);
  changed_.clear();
}

void ParzenEstimator::refresh(std::optional<std::size_t> appended) {
  // The least bandwidth falls until there are so many observations.
  const bool same_least = appended && static_cast<double>(size_ - *appended) + 2 >= kMaxDivisor;
  constexpr std::size_t kFew = 4;
  const bool few = same_least && *appended <= kFew;
  for (auto& dimension : dimensions_) {
    if (dimension.kind == Kind::kChoices) continue;
    if (few) {
      for (std::size_t slot = size_ - *appended + 1; slot <= size_; ++slot)
        refresh_near(dimension, static_cast<std::uint32_t>(slot));
    } else {
      refresh_bandwidths(dimension);
    }
    if (dimension.kind == Kind::kCells) number_distinct(dimension);
  }
  if (few) {  // also those without a number, and each once
    for (std::size_t slot = size_ - *appended + 1; slot <= size_; ++slot)
      changed_.push_back(static_cast<std::uint32_t>(slot));
    std::ranges::sort(changed_);
    const auto twice = std::ranges::unique(changed_);
    changed_.erase(twice.begin(), twice.end());
  }
  refresh_base(!few);
  const std::vector<double> ages =
      weighting_ == ParzenWeights::kByAge ? weights_by_age(size_) : std::vector<double>(size_, 1.0);
  double total = 1;  // the prior's
  for (const double age : ages) total += age;
  std::ranges::fill(weight_, 0.0);
  weight_[0] = 1 / total;
  for (std::size_t i = 0; i < size_; ++i) weight_[i + 1] = ages[i] / total;
}

double ParzenEstimator::sample_number(const Dimension& dimension, std::uint32_t slot, Rng& rng) const {
  const double centre = dimension.centre[slot], sigma = dimension.sigma[slot];
  const double a = (dimension.low - centre) / sigma, b = (dimension.high - centre) / sigma;
  const bool inside = a <= 0 && b >= 0;
  if (!inside && log_normal_mass(a, b) < kLeastLogMass) {
    return centre + sigma * truncated_normal_quantile(rng.uniform(), a, b);
  }
  double z = rng.normal();
  while (z < a || z > b) z = rng.normal();
  return centre + sigma * z;
}

std::vector<double> ParzenEstimator::sample(std::size_t count, Rng& rng) const {
  std::vector<double> cumulative(size_ + 1);
  double sum = 0;
  for (std::size_t slot = 0; slot <= size_; ++slot) cumulative[slot] = sum += weight_[slot];
  std::vector<double> rows(count * space_.size());
  for (std::size_t i = 0; i < count; ++i) {
    const auto place = std::ranges::upper_bound(cumulative, rng.uniform() * sum);
    const auto slot = static_cast<std::uint32_t>(
        std::min<std::ptrdiff_t>(place - cumulative.begin(), static_cast<std::ptrdiff_t>(size_)));
    for (std::size_t d = 0; d < space_.size(); ++d) {
      const Dimension& dimension = dimensions_[d];
      double& value = rows[i * space_.size() + d];
      if (dimension.kind != Kind::kChoices) {
        value = from_interval(space_[d], sample_number(dimension, slot, rng));
        continue;
      }
      // The observed choice with 1 + s, each with s more, of 1 + s * choices; the prior: each alike.
      const double choices = dimension.high, share = 1 / (static_cast<double>(size_) + 1);
      const bool own = slot > 0 && rng.uniform() * (1 + share * choices) < 1;
      value =
          own ? dimension.centre[slot] : static_cast<double>(rng.below(static_cast<std::uint64_t>(choices)));
    }
  }
  return rows;
}

double ParzenEstimator::cell_mass(std::size_t dimension, double internal,
                                  const Dimension::Distinct& kernel) const {
  const Distribution& distribution = space_[dimension];
  const double half = distribution.step() / 2;
  const double low = to_interval(distribution, internal - half),
               high = to_interval(distribution, internal + half);
  return log_normal_mass((low - kernel.centre) / kernel.sigma, (high - kernel.centre) / kernel.sigma) -
         kernel.log_norm;
}

// Each value that occurs is worked out once for each kernel that differs.
struct ParzenEstimator::Column {
  std::map<double, std::vector<double>> by_value;  // cells: by distinct kernel
  std::vector<const std::vector<double>*> of_row;
  // By value's table: the terms of the block of kernels at hand.
  std::map<const std::vector<double>*, std::array<double, kKernelBlock>> terms;
};

std::vector<double> ParzenEstimator::points_of(std::span<const double> rows,
                                               const std::vector<std::size_t>& numbers) const {
  const std::size_t width = space_.size(), count = rows.size() / width;
  std::vector<double> points(count * numbers.size());
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < numbers.size(); ++j)
      points[i * numbers.size() + j] = to_interval(space_[numbers[j]], rows[i * width + numbers[j]]);
  }
  return points;
}

void ParzenEstimator::tabulate(std::size_t dimension, std::span<const double> rows, Column& column) const {
  const bool cells = dimensions_[dimension].kind == Kind::kCells;
  const std::size_t width = space_.size(), count = rows.size() / width;
  for (std::size_t i = 0; i < count; ++i) {
    const double value = rows[i * width + dimension];
    const auto [entry, fresh] = column.by_value.try_emplace(value);
    if (fresh && cells) {
      for (const auto& kernel : dimensions_[dimension].distinct)
        entry->second.push_back(cell_mass(dimension, value, kernel));
    }
    column.of_row.push_back(&entry->second);
  }
}

// Of the block of kernels from slot `begin` on.
void ParzenEstimator::work_out_terms(std::size_t dimension, std::size_t begin, Column& column) const {
  const Dimension& kernels = dimensions_[dimension];
  const std::size_t end = std::min(begin + kKernelBlock, size_ + 1);
  const double share = 1 / (static_cast<double>(size_) + 1);
  const double total = std::log(1 + share * kernels.high);
  const double own = std::log(1 + share) - total, other = std::log(share) - total;
  for (const auto& [value, table] : column.by_value) {
    auto& term = column.terms[&table];
    term.fill(0);
    for (std::size_t slot = begin; slot < end; ++slot) {
      term[slot - begin] = kernels.kind == Kind::kCells    ? table[kernels.distinct_of[slot]]
                           : slot == 0                     ? -std::log(kernels.high)
                           : kernels.centre[slot] == value ? own
                                                           : other;
    }
  }
}

std::vector<double> ParzenEstimator::log_density(std::span<const double> rows) const {
  const std::size_t width = space_.size();
  if (width == 0) return {};
  const std::size_t count = rows.size() / width;

  std::vector<std::size_t> numbers, others;
  for (std::size_t d = 0; d < width; ++d)
    (dimensions_[d].kind == Kind::kContinuous ? numbers : others).push_back(d);
  const std::vector<double> points = points_of(rows, numbers);
  std::vector<Column> columns(others.size());
  for (std::size_t c = 0; c < others.size(); ++c) tabulate(others[c], rows, columns[c]);

  std::vector<MixtureSum> sums(count);
  std::vector<const double*> centre(numbers.size()), scale(numbers.size()), terms(others.size());
  for (std::size_t begin = 0; begin < base_.size(); begin += kKernelBlock) {
    for (std::size_t j = 0; j < numbers.size(); ++j) {
      centre[j] = dimensions_[numbers[j]].centre.data() + begin;
      scale[j] = dimensions_[numbers[j]].scale.data() + begin;
    }
    for (std::size_t c = 0; c < others.size(); ++c) work_out_terms(others[c], begin, columns[c]);
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t c = 0; c < others.size(); ++c)
        terms[c] = columns[c].terms.at(columns[c].of_row[i]).data();
      add_block({centre, scale, base_.data() + begin, weight_.data() + begin,
                 points.data() + i * numbers.size(), terms},
                sums[i]);
    }
  }
  std::vector<double> densities(count);
  for (std::size_t i = 0; i < count; ++i) densities[i] = log_of(sums[i]);
  return densities;
}

std::vector<double> ParzenEstimator::weights() const {
  std::vector<double> weights(weight_.begin() + 1, weight_.begin() + static_cast<std::ptrdiff_t>(size_ + 1));
  weights.push_back(weight_[0]);
  return weights;
}

std::vector<double> ParzenEstimator::centres(std::size_t dimension) const {
  const auto& all = dimensions_[dimension].centre;
  std::vector<double> centres(all.begin() + 1, all.begin() + static_cast<std::ptrdiff_t>(size_ + 1));
  centres.push_back(all[0]);
  return centres;
}

std::vector<double> ParzenEstimator::bandwidths(std::size_t dimension) const {
  const auto& all = dimensions_[dimension].sigma;
  std::vector<double> bandwidths(all.begin() + 1, all.begin() + static_cast<std::ptrdiff_t>(size_ + 1));
  bandwidths.push_back(all[0]);
  return bandwidths;
}

}  // namespace ivory::tuning
