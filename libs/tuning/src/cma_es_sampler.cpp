#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <ivory/base/error.h>
#include <ivory/tuning/samplers.h>

#include "cma_es.h"
#include "space.h"

namespace ivory::tuning {
namespace {
using Entry = IntersectionSpace::Entry;

class CmaEsSampler final : public Sampler {
 public:
  explicit CmaEsSampler(CmaEsOptions options)
      : options_(std::move(options)),
        seed_(seed_or_random(options_.seed)),
        key_(options_.use_separable_cma ? "ivory:sepcma"
             : options_.with_margin     ? "ivory:cmawm"
                                        : "ivory:cma") {
    const auto refuse = [](const std::string& what) { throw Error(ErrorCode::kInvalidArgument, what); };
    if (options_.n_startup_trials < 0)
      refuse("n_startup_trials should be 0 or more; got " + std::to_string(options_.n_startup_trials));
    if (options_.popsize && *options_.popsize < 2)
      refuse("popsize should be at least 2; got " + std::to_string(*options_.popsize));
    if (options_.use_separable_cma && options_.with_margin)
      refuse("use_separable_cma and with_margin cannot go together");
    if (options_.use_separable_cma && !options_.source_trials.empty())
      refuse("use_separable_cma takes no source_trials: a diagonal cannot hold what they say");
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "cma-es"; }

  [[nodiscard]] std::vector<TrialParam> sample_joint(TrialContext& context) const override {
    const History& history = context.history();
    check_objectives(history);
    const std::int64_t known =
        history.complete_count() + (options_.consider_pruned_trials ? history.pruned_count() : 0);
    if (known < options_.n_startup_trials) return {};
    auto& state = context.memory<State>(this);
    follow(history, state);
    if (!state.optimizer) return {};

    Rng rng = context.rng(seed_, "cma-es");
    const CmaEs::Draw draw = state.optimizer->draw(rng);
    std::vector<TrialParam> proposal;
    proposal.reserve(state.space.size());
    for (std::size_t d = 0; d < state.space.size(); ++d) {
      const Distribution& distribution = history.distribution(state.space[d].distribution);
      const auto [low, high] = box_of(distribution);
      proposal.push_back({history.name(state.space[d].name), distribution,
                          from_interval(distribution, low + (high - low) * draw.position[d])});
    }
    if (!is_fixed(context.trial(), proposal)) record(context, state, draw);
    return proposal;
  }

  [[nodiscard]] double sample_independent(TrialContext& context, std::string_view name,
                                          const Distribution& distribution) const override {
    check_objectives(context.history());
    Rng rng = context.rng(seed_, name);
    return sample_uniform(distribution, rng);
  }

 private:
  struct Evaluated {
    std::int64_t number;
    double value;
  };
  // All of it follows from the history: the optimizer is what the trials drawn from it, generation by
  // generation, have made of it.
  struct State {
    IntersectionSpace intersection;
    std::vector<Entry> space;  // the numbers of the intersection
    std::optional<CmaEs> optimizer;
    std::size_t seen = 0;  // of the finished trials
    std::int64_t generation = 0;
    std::map<std::int64_t, std::vector<Evaluated>> evaluated;  // by a generation not yet told
  };

  static void check_objectives(const History& history) {
    if (history.is_single_objective()) return;
    throw Error(ErrorCode::kInvalidArgument, "CMA-ES needs a study of one objective; '" +
                                                 history.study_name() + "' has " +
                                                 std::to_string(history.directions().size()));
  }

  // The range of a parameter that becomes [0, 1]. With margin, the optimizer itself minds the steps.
  [[nodiscard]] Interval box_of(const Distribution& distribution) const {
    if (options_.with_margin && !distribution.log()) return {distribution.low(), distribution.high()};
    return interval_of(distribution);
  }

  static bool is_fixed(const TrialRecord& trial, const std::vector<TrialParam>& proposal) {
    const Params* fixed = trial.find_system_attr("fixed_params");
    return fixed &&
           std::ranges::any_of(proposal, [&](const TrialParam& param) { return fixed->find(param.name); });
  }

  // Which generation the trial is drawn from, for all who look at the study later.
  void record(TrialContext& context, const State& state, const CmaEs::Draw& draw) const {
    context.set_trial_attr(key_ + ":generation",
                           Params::list({state.generation, static_cast<std::int64_t>(state.space.size())}));
    if (!options_.with_margin) return;
    Params told = Params::list();
    for (const double x : draw.told) told.push_back(x);
    context.set_trial_attr(key_ + ":x", told);
  }

  void follow(const History& history, State& state) const {
    std::vector<Entry> space = state.intersection.update(history, false);
    std::erase_if(
        space, [&](const Entry& entry) { return history.distribution(entry.distribution).is_categorical(); });
    if (space != state.space) {  // another problem: it begins anew
      state.space = std::move(space);
      state.optimizer.reset();
      state.evaluated.clear();
      state.seen = 0;
      state.generation = 0;
      if (!state.space.empty()) state.optimizer.emplace(make_setup(history, state.space));
    }
    if (!state.optimizer) return;
    CmaEs& optimizer = *state.optimizer;
    for (const auto finished = history.finished(); state.seen < finished.size(); ++state.seen) {
      const TrialRecord& trial = history.trial(finished[state.seen]);
      const auto generation = generation_of(trial, state.space.size());
      const auto value = find_value(trial);
      if (!generation || *generation < state.generation || !value) continue;
      state.evaluated[*generation].push_back({trial.number, *value});
      // Those of a generation beyond this one can only come from a population of another size.
      auto due = state.evaluated.begin();
      if (due->first == state.generation && due->second.size() >= optimizer.population()) {
        tell(history, state.space, due->second, optimizer);
        state.evaluated.erase(due);
        ++state.generation;
      }
    }
  }

  [[nodiscard]] std::optional<std::int64_t> generation_of(const TrialRecord& trial,
                                                          std::size_t dimensions) const {
    if (!trial.attrs) return std::nullopt;
    const Params* drawn = trial.attrs->system.find(key_ + ":generation");
    if (!drawn || !drawn->is_list() || drawn->size() != 2) return std::nullopt;
    if (drawn->at(std::size_t{1}).as_int() != static_cast<std::int64_t>(dimensions)) return std::nullopt;
    return drawn->at(std::size_t{0}).as_int();
  }

  // The value that counts.
  [[nodiscard]] std::optional<double> find_value(const TrialRecord& trial) const {
    if (trial.state == TrialState::kComplete) return trial.values.front();
    if (trial.state != TrialState::kPruned || !options_.consider_pruned_trials || trial.reports.empty() ||
        std::isnan(trial.reports.back().second))
      return std::nullopt;
    return trial.reports.back().second;
  }

  void tell(const History& history, const std::vector<Entry>& space, const std::vector<Evaluated>& evaluated,
            CmaEs& optimizer) const {
    struct Solution {
      double violation, value;
      std::int64_t number;
      std::vector<double> point;
    };
    std::vector<Solution> solutions;
    for (const auto& [number, value] : evaluated) {
      const TrialRecord& trial = history.trial(number);
      solutions.push_back(
          {History::violation(trial), history.sign() * value, number, point_of(history, space, trial)});
    }
    std::ranges::sort(solutions, {}, [](const Solution& solution) {
      return std::tuple(solution.violation, solution.value, solution.number);
    });
    std::vector<std::vector<double>> points;
    for (auto& solution : solutions) points.push_back(std::move(solution.point));
    optimizer.tell(points);
  }

  [[nodiscard]] std::vector<double> point_of(const History& history, const std::vector<Entry>& space,
                                             const TrialRecord& trial) const {
    std::vector<double> point;
    if (const Params* told = options_.with_margin ? trial.find_system_attr(key_ + ":x") : nullptr;
        told && told->is_list() && told->size() == space.size()) {
      for (const auto& x : told->elements()) point.push_back(x.as_real());
      return point;
    }
    for (const Entry& entry : space) {
      const double* value = trial.find_param(entry.name);
      point.push_back(value ? to_box(history.distribution(entry.distribution), *value) : 0.5);
    }
    return point;
  }

  [[nodiscard]] double to_box(const Distribution& distribution, double internal) const {
    const auto [low, high] = box_of(distribution);
    return (to_interval(distribution, internal) - low) / (high - low);
  }

  [[nodiscard]] CmaSetup make_setup(const History& history, const std::vector<Entry>& space) const {
    CmaSetup setup{.mean = std::vector<double>(space.size(), 0.5),
                   .population = static_cast<std::size_t>(options_.popsize.value_or(0)),
                   .separable = options_.use_separable_cma};
    if (!options_.source_trials.empty()) learn_from_sources(history, space, setup);
    if (options_.with_margin) {
      for (const Entry& entry : space) {
        const Distribution& distribution = history.distribution(entry.distribution);
        const bool discrete = distribution.step() > 0 && !distribution.log();
        setup.steps.push_back(discrete ? distribution.step() / (distribution.high() - distribution.low())
                                       : 0);
      }
    }
    return setup;
  }

  void learn_from_sources(const History& history, const std::vector<Entry>& space, CmaSetup& setup) const {
    std::vector<std::pair<double, std::vector<double>>> sources;
    for (const FrozenTrial& trial : options_.source_trials) {
      const bool counts = trial.state == TrialState::kComplete ||
                          (trial.state == TrialState::kPruned && options_.consider_pruned_trials);
      if (!counts || trial.values.size() != 1) continue;
      std::vector<double> point;
      for (const Entry& entry : space) {
        const TrialParam* param = trial.find_param(history.name(entry.name));
        const Distribution& distribution = history.distribution(entry.distribution);
        if (!param || param->distribution.is_categorical() || (distribution.log() && param->internal <= 0))
          break;
        point.push_back(std::clamp(to_box(distribution, param->internal), 0.0, 1.0));
      }
      if (point.size() == space.size())
        sources.emplace_back(history.sign() * trial.values.front(), std::move(point));
    }
    if (sources.empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "none of the " + std::to_string(options_.source_trials.size()) +
                      " source_trials is a COMPLETE one with the parameters of '" + history.study_name() +
                      "'");
    }
    std::ranges::stable_sort(sources, {}, &std::pair<double, std::vector<double>>::first);
    std::vector<std::vector<double>> points;
    for (auto& [value, point] : sources) points.push_back(std::move(point));
    start_from(points, setup);
  }

  CmaEsOptions options_;
  std::uint64_t seed_;
  std::string key_;
};
}  // namespace

std::unique_ptr<Sampler> make_cma_es_sampler(CmaEsOptions options) {
  return std::make_unique<CmaEsSampler>(std::move(options));
}

}  // namespace ivory::tuning
