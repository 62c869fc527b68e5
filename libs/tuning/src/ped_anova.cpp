#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <set>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/tuning/importance.h>
#include <ivory/tuning/multi_objective.h>

#include "truncated_normal.h"

namespace ivory::tuning {
namespace {
constexpr int kMaxCells = 50;
constexpr std::size_t kFewTrials = 2;  // fewer of one range say nothing
constexpr double kLeastDensity = 1e-12;

// A trial that is looked at.
struct Judged {
  const FrozenTrial* trial;
  bool best = false;  // among the target quantile
};

// How many trials lie in each cell of a parameter's grid: of numbers up to 50 cells, in the logarithm where
// there is one; of choices one each.
struct Grid {
  explicit Grid(const Distribution& parameter) : distribution(&parameter) {
    if (parameter.is_categorical()) {
      cells = static_cast<int>(parameter.choices().size());
      return;
    }
    low = parameter.log() ? std::log(parameter.low()) : parameter.low();
    high = parameter.log() ? std::log(parameter.high()) : parameter.high();
    const double width = parameter.high() - parameter.low();
    double most = kMaxCells;
    if (parameter.is_int() && parameter.log()) {
      most = std::ceil(std::log(width + 1) / std::numbers::ln2) + 1;
    } else if (parameter.step() > 0) {
      most = std::nearbyint(width / parameter.step()) + 1;
    }
    cells = static_cast<int>(std::min<double>(most, kMaxCells));
  }
  [[nodiscard]] std::size_t cell_of(double internal) const {
    if (distribution->is_categorical()) return static_cast<std::size_t>(internal);
    const double value = distribution->log() ? std::log(internal) : internal;
    const double place = std::ceil((value - low) / ((high - low) / (cells - 1)) - 0.5);
    return static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(cells - 1)));
  }

  const Distribution* distribution;
  double low = 0, high = 0;
  int cells = 0;
};

using Counts = std::vector<double>;

double total_of(const Counts& counts) {
  double total = 0;
  for (const double count : counts) total += count;
  return total;
}

// The bandwidth by Scott's rule (Multivariate Density Estimation, 1992), in cells: narrower than that of TPE.
double scott_bandwidth(const Counts& counts) {
  const double total = total_of(counts);
  std::vector<double> places, cumulative;
  double mean = 0, sum = 0, square = 0;
  for (std::size_t cell = 0; cell < counts.size(); ++cell) {
    if (counts[cell] == 0) continue;
    places.push_back(static_cast<double>(cell));
    cumulative.push_back(sum += counts[cell]);
    mean += static_cast<double>(cell) * counts[cell] / total;
  }
  for (std::size_t cell = 0; cell < counts.size(); ++cell)
    square += (static_cast<double>(cell) - mean) * (static_cast<double>(cell) - mean) * counts[cell];
  const double deviation = std::sqrt(square / std::max(1.0, total - 1));
  const auto quarter = std::ranges::lower_bound(cumulative, std::floor(total / 4)) - cumulative.begin();
  const auto three = std::ranges::upper_bound(cumulative, std::floor(total * 3 / 4)) - cumulative.begin();
  const auto last = static_cast<std::ptrdiff_t>(places.size()) - 1;
  const double between =
      places[static_cast<std::size_t>(std::min(last, three))] - places[static_cast<std::size_t>(quarter)];
  constexpr double kLeast = 0.5 / 1.64;  // nine tenths of a kernel lie in its cell
  return std::max(1.059 * std::min(between / 1.34, deviation) * std::pow(total, -0.2), kLeast);
}

double cell_mass(double cell, double centre, double sigma, double cells) {
  const auto z = [&](double edge) { return (edge - centre) / sigma; };
  return std::exp(log_normal_mass(z(cell - 0.5), z(cell + 0.5)) - log_normal_mass(z(-0.5), z(cells - 0.5)));
}

// The density of each cell: a kernel around each cell that is taken, and a wide one of the weight of one
// trial.
std::vector<double> density_of_numbers(const Counts& counts) {
  const double total = total_of(counts), cells = static_cast<double>(counts.size());
  const double sigma = scott_bandwidth(counts);
  std::vector<double> density(counts.size(), kLeastDensity);
  const auto add = [&](double weight, double centre, double width) {
    for (std::size_t cell = 0; cell < counts.size(); ++cell)
      density[cell] += weight / (total + 1) * cell_mass(static_cast<double>(cell), centre, width, cells);
  };
  for (std::size_t cell = 0; cell < counts.size(); ++cell) {
    if (counts[cell] > 0) add(counts[cell], static_cast<double>(cell), sigma);
  }
  add(1, (cells - 1) / 2, cells);
  return density;
}

std::vector<double> density_of_choices(const Counts& counts) {
  const double total = total_of(counts), choices = static_cast<double>(counts.size());
  const auto taken = static_cast<double>(std::ranges::count_if(counts, [](double n) { return n > 0; }));
  const double share = 1 / (taken + 1);
  std::vector<double> density(counts.size());
  for (std::size_t choice = 0; choice < counts.size(); ++choice) {
    const double kernels = (counts[choice] + total * share) / (1 + choices * share);
    density[choice] = (kernels + 1 / choices) / (total + 1) + kLeastDensity;
  }
  return density;
}

std::vector<double> density_of(const Distribution& distribution, const Counts& counts) {
  return distribution.is_categorical() ? density_of_choices(counts) : density_of_numbers(counts);
}

// The trials of one range of a parameter; without the parameter: no distribution.
struct Regime {
  const Distribution* distribution;
  std::vector<double> internal;  // one a trial
  std::vector<bool> best;
};

std::vector<Regime> regimes_of(const std::string& name, const std::vector<Judged>& region) {
  std::vector<Regime> regimes;
  std::map<std::string, std::size_t> by_text;
  std::size_t at = 0;  // that of the trial before
  for (const auto& [trial, best] : region) {
    const TrialParam* param = trial->find_param(name);
    const auto is_at = [&](const Regime& regime) {
      return param ? regime.distribution && *regime.distribution == param->distribution
                   : !regime.distribution;
    };
    if (regimes.empty() || !is_at(regimes[at])) {
      const auto [entry, fresh] =
          by_text.try_emplace(param ? param->distribution.to_json() : "", regimes.size());
      if (fresh) regimes.push_back({param ? &param->distribution : nullptr, {}, {}});
      at = entry->second;
    }
    regimes[at].internal.push_back(param ? param->internal : 0);
    regimes[at].best.push_back(best);
  }
  if (std::erase_if(regimes, [](const Regime& regime) { return regime.best.size() < kFewTrials; }) > 0) {
    log_warning("some ranges of the parameter '" + name +
                "' have a single trial, which is left out; its importance may be inaccurate");
  }
  return regimes;
}

double pearson_divergence(const Regime& regime, bool local) {
  const Grid grid(*regime.distribution);
  Counts all(static_cast<std::size_t>(grid.cells)), best(all.size());
  for (std::size_t i = 0; i < regime.internal.size(); ++i) {
    const std::size_t cell = grid.cell_of(regime.internal[i]);
    ++all[cell];
    if (regime.best[i]) ++best[cell];
  }
  const std::vector<double> top = density_of(*regime.distribution, best);
  const std::vector<double> base = local
                                       ? density_of(*regime.distribution, all)
                                       : std::vector<double>(all.size(), 1 / static_cast<double>(all.size()));
  double divergence = 0;
  for (std::size_t cell = 0; cell < all.size(); ++cell) {
    const double ratio = top[cell] / base[cell] - 1;
    divergence += base[cell] * ratio * ratio;
  }
  return divergence;
}

class PedAnova final : public ImportanceEvaluator {
 public:
  explicit PedAnova(const PedAnovaOptions& options) : options_(options) {
    const double target = options.target_quantile, region = options.region_quantile;
    if (!(target > 0 && target < region && region <= 1)) {
      throw Error(ErrorCode::kInvalidArgument,
                  "target_quantile and region_quantile are 0 < target < region <= 1; got " +
                      real_to_text(target) + " and " + real_to_text(region));
    }
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "ped_anova"; }
  [[nodiscard]] std::vector<ParamImportance> evaluate(const Study& study,
                                                      const std::optional<std::vector<std::string>>& params,
                                                      const ImportanceTarget& target) const override;

 private:
  [[nodiscard]] double importance(const std::string& name, const std::vector<Judged>& region,
                                  double best_count) const;
  PedAnovaOptions options_;
};

std::vector<ParamImportance> nothing(const std::vector<std::string>& names) {
  std::vector<ParamImportance> importances;
  for (const auto& name : names) importances.push_back({name, 0});
  return importances;
}

std::vector<std::string> names_of(const std::vector<FrozenTrial>& trials,
                                  const std::optional<std::vector<std::string>>& params) {
  std::set<std::string> all;
  for (const auto& trial : trials) {
    for (const auto& param : trial.params) all.insert(param.name);
  }
  std::vector<std::string> names(all.begin(), all.end());
  if (!params) return names;
  for (const auto& name : *params) {
    if (!all.contains(name)) {
      throw Error(ErrorCode::kNotFound,
                  "no complete trial has the parameter '" + name + "'" + did_you_mean(name, names));
    }
  }
  return *params;
}

// One row a trial, less is better: its objectives, or the target. Not finite: left out.
std::vector<std::vector<double>> losses_of(const std::vector<FrozenTrial>& trials,
                                           const std::vector<Direction>& directions,
                                           const ImportanceTarget& target) {
  std::vector<std::vector<double>> losses;
  for (const auto& trial : trials) {
    auto& loss = losses.emplace_back(target ? std::vector{target(trial)} : trial.values);
    for (std::size_t k = 0; !target && k < loss.size(); ++k) {
      if (directions[k] == Direction::kMaximize) loss[k] = -loss[k];
    }
  }
  return losses;
}

// Indexes of the best trials: of one objective all those as good as the last that belongs to the quantile.
std::vector<std::size_t> best_of(const std::vector<std::vector<double>>& losses, double quantile) {
  const auto count = static_cast<std::size_t>(std::ceil(quantile * static_cast<double>(losses.size())));
  if (losses.front().size() > 1) return select_best(losses, count);
  std::vector<double> sorted;
  for (const auto& loss : losses) sorted.push_back(loss.front());
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(count - 1));
  std::vector<std::size_t> best;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (losses[i].front() <= sorted[count - 1]) best.push_back(i);
  }
  return best;
}

// The trials of the region, and which of them are the best.
std::vector<Judged> judge(const std::vector<FrozenTrial>& trials,
                          const std::vector<std::vector<double>>& losses, const PedAnovaOptions& options) {
  std::vector<const FrozenTrial*> finite;
  std::vector<std::vector<double>> kept;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (!std::ranges::all_of(losses[i], [](double loss) { return std::isfinite(loss); })) continue;
    finite.push_back(&trials[i]);
    kept.push_back(losses[i]);
  }
  if (finite.size() < kFewTrials) return {};
  std::vector<bool> best(finite.size());
  for (const std::size_t i : best_of(kept, options.target_quantile)) best[i] = true;
  std::vector<Judged> region;
  if (options.region_quantile == 1) {
    for (std::size_t i = 0; i < finite.size(); ++i) region.push_back({finite[i], best[i]});
  } else {
    for (const std::size_t i : best_of(kept, options.region_quantile)) region.push_back({finite[i], best[i]});
  }
  return region;
}

double PedAnova::importance(const std::string& name, const std::vector<Judged>& region,
                            double best_count) const {
  const auto region_count = static_cast<double>(region.size());
  double sum = 0;
  for (const Regime& regime : regimes_of(name, region)) {
    const auto best = static_cast<double>(std::ranges::count(regime.best, true));
    if (!regime.distribution || regime.distribution->is_single() || best == 0) continue;
    const double share = best / best_count, base = static_cast<double>(regime.best.size()) / region_count;
    sum += share * share / base * pearson_divergence(regime, options_.evaluate_on_local);
  }
  const double quantile = best_count / region_count;
  return sum * quantile * quantile;
}

std::vector<ParamImportance> PedAnova::evaluate(const Study& study,
                                                const std::optional<std::vector<std::string>>& params,
                                                const ImportanceTarget& target) const {
  const std::vector<FrozenTrial> trials = study.trials(std::vector{TrialState::kComplete});
  std::vector<ParamImportance> importances = nothing(names_of(trials, params));
  const std::vector<Judged> region = judge(trials, losses_of(trials, study.directions(), target), options_);
  if (region.empty()) {
    log_warning("fewer than two complete trials say nothing about the importance of parameters");
    return importances;
  }
  const auto best = std::ranges::count(region, true, &Judged::best);
  if (static_cast<std::size_t>(best) == region.size())
    log_warning("all trials are among the best of the region, so all parameters are as important");
  for (auto& [name, value] : importances) value = importance(name, region, static_cast<double>(best));
  return importances;
}
}  // namespace

std::unique_ptr<ImportanceEvaluator> make_ped_anova_evaluator(const PedAnovaOptions& options) {
  return std::make_unique<PedAnova>(options);
}

}  // namespace ivory::tuning
