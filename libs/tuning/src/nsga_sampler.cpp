#include <ivory/tuning/nsga_samplers.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <ivory/base/error.h>

#include "crossover.h"
#include "space.h"
#include "survival.h"

namespace ivory::tuning {
namespace {
constexpr int kTries = 100;  // of a child that falls outside the bounds

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

// What NSGA-II and III share: all but who survives.
struct Breeding {
  std::int64_t population_size = 50;
  std::optional<double> mutation_prob = {};
  CrossoverOptions crossover = {};
  double crossover_prob = 0.9;
};

void check(const Breeding& breeding) {
  check(breeding.crossover);
  if (!(breeding.crossover_prob >= 0 && breeding.crossover_prob <= 1))
    fail("crossover_prob is a probability in [0, 1]; got " + real_to_text(breeding.crossover_prob));
  if (const double prob = breeding.mutation_prob.value_or(0); !(prob >= 0 && prob <= 1))
    fail("mutation_prob is a probability in [0, 1]; got " + real_to_text(prob));
  const auto least = static_cast<std::int64_t>(parent_count(breeding.crossover.kind));
  if (breeding.population_size < least) {
    fail("population_size should be " + std::to_string(least) + " or more with the crossover " +
         std::string(to_text(breeding.crossover.kind)) + "; got " + std::to_string(breeding.population_size));
  }
}

// Generations and their parents, as the study's attributes have them.
class Generations {
 public:
  // Numbers of those of both groups that bring up the next generation, sorted.
  using Survive =
      std::function<std::vector<std::int64_t>(std::span<const Individual>, std::int64_t generation)>;

  explicit Generations(std::string_view sampler)
      : key_(std::string(sampler) + ":generation"), parent_key_(std::string(sampler) + ":parent:") {}

  // The generation of the context's trial, which is decided once.
  [[nodiscard]] std::int64_t generation_of(TrialContext& context, std::int64_t population_size) {
    update(context.history());
    if (const Params* known = context.trial().find_system_attr(key_)) return known->as_int();
    const auto latest = members_.empty() ? members_.end() : std::prev(members_.end());
    std::int64_t generation = latest == members_.end() ? 0 : latest->first;
    if (latest != members_.end() && std::ssize(latest->second) >= population_size) ++generation;
    context.set_trial_attr(key_, generation);
    return generation;
  }

  // Empty for the first generation.
  [[nodiscard]] const std::vector<std::int64_t>& parents_of(TrialContext& context, std::int64_t generation,
                                                            const Survive& survive) {
    std::int64_t known = generation;
    while (!find_parents(context.history(), known)) --known;
    for (; known < generation; ++known) {
      std::vector<Individual> population;
      for (const std::int64_t number : members_[known])
        population.push_back(individual_of(context.history(), number));
      for (const std::int64_t number : parents_.at(known))
        population.push_back(individual_of(context.history(), number));
      const auto& parents = parents_[known + 1] = survive(population, known + 1);
      Params ids = Params::list();
      for (const std::int64_t number : parents) ids.push_back(context.history().trial(number).trial_id);
      context.set_study_attr(parent_key_ + std::to_string(known + 1), ids);
    }
    parents_.erase(parents_.begin(), parents_.lower_bound(generation - 1));  // asked for no more
    return parents_.at(generation);
  }

 private:
  void update(const History& history) {
    const auto finished = history.finished();
    for (; seen_ < finished.size(); ++seen_) {
      const TrialRecord& trial = history.trial(finished[seen_]);
      if (trial.state != TrialState::kComplete) continue;
      if (const Params* generation = trial.find_system_attr(key_); generation && generation->is_int())
        members_[generation->as_int()].push_back(trial.number);
    }
  }

  [[nodiscard]] bool find_parents(const History& history, std::int64_t generation) {
    if (generation <= 0) {
      parents_.try_emplace(generation);
      return true;
    }
    if (parents_.contains(generation)) return true;
    const Params* ids = history.system_attrs().find(parent_key_ + std::to_string(generation));
    if (!ids) return false;
    auto& numbers = parents_[generation];
    for (const Params& id : ids->elements()) {
      const auto found = std::ranges::lower_bound(history.trials(), id.as_int(), {}, &TrialRecord::trial_id);
      if (found != history.trials().end() && found->trial_id == id.as_int() &&
          found->state == TrialState::kComplete)
        numbers.push_back(found->number);
    }
    std::ranges::sort(numbers);
    return true;
  }

  std::string key_, parent_key_;
  std::size_t seen_ = 0;
  std::map<std::int64_t, std::vector<std::int64_t>> members_, parents_;
};

// The parents of the generation at hand as rows of their parameters.
struct Pool {
  std::vector<std::int64_t> numbers;
  std::vector<IntersectionSpace::Entry> space;
  std::vector<Individual> individuals;
  std::vector<std::size_t> crossed, copied;  // columns: numbers that a crossover mixes; all others
  std::vector<Interval> bounds;              // of the crossed ones
  std::vector<std::vector<double>> points;   // of the crossed ones, in the interval; a row a parent
  std::vector<std::vector<double>> internals;
};

Pool make_pool(const History& history, const std::vector<std::int64_t>& numbers,
               const std::vector<IntersectionSpace::Entry>& space, CrossoverKind kind) {
  Pool pool;
  pool.numbers = numbers;
  pool.space = space;
  for (std::size_t d = 0; d < space.size(); ++d) {
    const Distribution& distribution = history.distribution(space[d].distribution);
    if (distribution.is_categorical() || kind == CrossoverKind::kUniform) {
      pool.copied.push_back(d);
    } else {
      pool.crossed.push_back(d);
      pool.bounds.push_back(interval_of(distribution));
    }
  }
  for (const std::int64_t number : numbers) {
    const TrialRecord& trial = history.trial(number);
    std::vector<double> row;
    for (const auto& entry : space) {
      const double* value = trial.find_param(entry.name);
      row.push_back(value ? *value : history.distribution(entry.distribution).low());
    }
    auto& point = pool.points.emplace_back();
    for (const std::size_t d : pool.crossed)
      point.push_back(to_interval(history.distribution(space[d].distribution), row[d]));
    pool.individuals.push_back(individual_of(history, number));
    pool.internals.push_back(std::move(row));
  }
  return pool;
}

// Winners of tournaments of two, none twice.
std::vector<std::size_t> choose_parents(const Pool& pool, std::size_t count, Rng& rng) {
  std::vector<std::size_t> chosen;
  const std::size_t size = pool.individuals.size();
  const auto draw = [&] {
    std::size_t index = rng.below(size - std::min(chosen.size(), size - 1));
    std::vector<std::size_t> sorted = chosen;
    std::ranges::sort(sorted);
    for (const std::size_t other : sorted) index += index >= other ? 1 : 0;
    return std::min(index, size - 1);
  };
  while (chosen.size() < count) {
    const std::size_t first = draw(), second = draw();
    chosen.push_back(constrained_dominates(pool.individuals[first], pool.individuals[second]) ? first
                                                                                              : second);
  }
  return chosen;
}

class NsgaSampler : public Sampler {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return name_; }

  [[nodiscard]] std::vector<TrialParam> sample_joint(TrialContext& context) const override {
    const History& history = context.history();
    auto& state = context.memory<State>(this);
    if (!state.generations) state.generations.emplace(key_);
    const std::int64_t generation = state.generations->generation_of(context, breeding_.population_size);
    const auto& space = state.space.update(history, false);
    const auto& parents = state.generations->parents_of(
        context, generation, [&](std::span<const Individual> population, std::int64_t next) {
          return survivors(population, history.directions().size(), next);
        });
    if (parents.empty()) return {};
    if (state.pool.numbers != parents || state.pool.space != space)
      state.pool = make_pool(history, parents, space, breeding_.crossover.kind);

    Rng rng = context.rng(seed_, "nsga:child");
    const std::vector<double> child = breed(history, state.pool, rng);
    const double mutation_prob =
        breeding_.mutation_prob.value_or(1 / std::max(1.0, static_cast<double>(space.size())));
    std::vector<TrialParam> proposal;
    proposal.reserve(space.size());
    for (std::size_t d = 0; d < space.size(); ++d) {
      if (rng.uniform() < mutation_prob) continue;  // it will be asked for, and drawn at random
      proposal.push_back(
          {history.name(space[d].name), history.distribution(space[d].distribution), child[d]});
    }
    return proposal;
  }

  [[nodiscard]] double sample_independent(TrialContext& context, std::string_view name,
                                          const Distribution& distribution) const override {
    Rng rng = context.rng(seed_, name);
    return sample_uniform(distribution, rng);
  }

 protected:
  NsgaSampler(std::string_view name, std::string_view key, const Breeding& breeding,
              const std::optional<std::uint64_t>& seed)
      : name_(name), key_(key), breeding_(breeding), seed_(seed_or_random(seed)) {
    check(breeding_);
  }
  [[nodiscard]] std::size_t population_size() const noexcept {
    return static_cast<std::size_t>(breeding_.population_size);
  }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

 private:
  struct State {
    std::optional<Generations> generations;
    IntersectionSpace space;
    Pool pool;
  };

  [[nodiscard]] virtual std::vector<std::int64_t> survivors(std::span<const Individual> population,
                                                            std::size_t objectives,
                                                            std::int64_t generation) const = 0;

  // Internal values, one a parameter of the pool's space.
  [[nodiscard]] std::vector<double> breed(const History& history, const Pool& pool, Rng& rng) const {
    if (rng.uniform() >= breeding_.crossover_prob) return pool.internals[rng.below(pool.internals.size())];
    for (int tries = 1;; ++tries) {
      const auto parents = choose_parents(pool, parent_count(breeding_.crossover.kind), rng);
      std::vector<double> child = pool.internals[parents.front()];
      for (const std::size_t d : pool.copied) {
        if (rng.uniform() >= breeding_.crossover.swapping_prob) child[d] = pool.internals[parents.back()][d];
      }
      if (pool.crossed.empty()) return child;
      if (cross_numbers(history, pool, parents, child, rng) || tries == kTries) return child;
    }
  }

  // False if a number without steps fell outside its bounds; it stands on the bound then.
  bool cross_numbers(const History& history, const Pool& pool, const std::vector<std::size_t>& parents,
                     std::vector<double>& child, Rng& rng) const {
    std::vector<std::span<const double>> rows;
    for (const std::size_t parent : parents) rows.emplace_back(pool.points[parent]);
    const std::vector<double> point =
        cross(breeding_.crossover, rows, pool.bounds, !history.is_single_objective(), rng);
    bool inside = true;
    for (std::size_t i = 0; i < point.size(); ++i) {
      const std::size_t d = pool.crossed[i];
      const Distribution& distribution = history.distribution(pool.space[d].distribution);
      child[d] = from_interval(distribution, point[i]);
      const bool fits = point[i] >= pool.bounds[i].low && point[i] <= pool.bounds[i].high;
      inside = inside && (fits || distribution.step() > 0);
    }
    return inside;
  }

  std::string_view name_, key_;
  Breeding breeding_;
  std::uint64_t seed_;
};

class Nsga2Sampler final : public NsgaSampler {
 public:
  explicit Nsga2Sampler(const Nsga2Options& options)
      : NsgaSampler(
            "nsga2", "NSGAIISampler",
            {options.population_size, options.mutation_prob, options.crossover, options.crossover_prob},
            options.seed) {}

 private:
  [[nodiscard]] std::vector<std::int64_t> survivors(std::span<const Individual> population, std::size_t,
                                                    std::int64_t) const override {
    return survive_by_crowding(population, population_size());
  }
};

class Nsga3Sampler final : public NsgaSampler {
 public:
  explicit Nsga3Sampler(const Nsga3Options& options)
      : NsgaSampler(
            "nsga3", "NSGAIIISampler",
            {options.population_size, options.mutation_prob, options.crossover, options.crossover_prob},
            options.seed),
        references_(options.reference_points),
        divisions_(options.dividing_parameter) {
    if (divisions_ < 1) fail("dividing_parameter should be 1 or more; got " + std::to_string(divisions_));
    for (const auto& point : references_) {
      if (std::ranges::all_of(point, [](double value) { return value == 0; }))
        fail("a reference point is a direction; one of them is zero");
    }
  }

 private:
  [[nodiscard]] std::vector<std::int64_t> survivors(std::span<const Individual> population,
                                                    std::size_t objectives,
                                                    std::int64_t generation) const override {
    const auto references = references_.empty() ? simplex_grid(objectives, divisions_) : references_;
    for (const auto& point : references) {
      if (point.size() != objectives)
        fail("a reference point has " + std::to_string(point.size()) + " numbers, the study " +
             std::to_string(objectives) + " objectives");
    }
    Rng rng({.seed = seed(), .purpose = "nsga3:niche", .epoch = static_cast<std::uint64_t>(generation)});
    return survive_by_niche(population, population_size(), references, rng);
  }

  std::vector<std::vector<double>> references_;
  std::int64_t divisions_;
};
}  // namespace

std::unique_ptr<Sampler> make_nsga2_sampler(const Nsga2Options& options) {
  return std::make_unique<Nsga2Sampler>(options);
}

std::unique_ptr<Sampler> make_nsga3_sampler(const Nsga3Options& options) {
  return std::make_unique<Nsga3Sampler>(options);
}

}  // namespace ivory::tuning
