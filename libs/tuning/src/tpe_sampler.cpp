#include <algorithm>
#include <map>

#include <ivory/base/error.h>
#include <ivory/tuning/samplers.h>

#include "parzen.h"
#include "published.h"
#include "space.h"
#include "tpe_split.h"

namespace ivory::tuning {
namespace {
using Entry = IntersectionSpace::Entry;

// The parameters of finished trials in groups that occur together: each trial has all of a group or none.
class GroupedSpace {
 public:
  const std::vector<std::vector<Entry>>& update(const History& history) {
    const auto finished = history.finished();
    for (; seen_ < finished.size(); ++seen_) {
      const TrialRecord& trial = history.trial(finished[seen_]);
      if (trial.state != TrialState::kFail) split(history, trial);
    }
    return groups_;
  }

 private:
  void split(const History& history, const TrialRecord& trial) {
    std::vector<Entry> fresh;
    for (const auto& param : trial.params) {
      if (!history.distribution(param.distribution).is_single())
        fresh.push_back({param.name, param.distribution});
    }
    std::vector<std::vector<Entry>> groups;
    for (const auto& group : groups_) {
      std::vector<Entry> shared, apart;
      for (const Entry& entry : group) {
        const auto found = std::ranges::find(fresh, entry.name, &Entry::name);
        if (found == fresh.end()) {
          apart.push_back(entry);
        } else {
          shared.push_back(*found);  // the latest distribution
          fresh.erase(found);
        }
      }
      if (!shared.empty()) groups.push_back(std::move(shared));
      if (!apart.empty()) groups.push_back(std::move(apart));
    }
    const auto by_name = [&](const Entry& entry) -> const std::string& { return history.name(entry.name); };
    std::ranges::sort(fresh, {}, by_name);
    if (!fresh.empty()) groups.push_back(std::move(fresh));
    groups_ = std::move(groups);
  }
  std::size_t seen_ = 0;
  std::vector<std::vector<Entry>> groups_;
};

class TpeSampler final : public Sampler {
 public:
  explicit TpeSampler(const TpeOptions& options) : options_(options), seed_(seed_or_random(options.seed)) {
    if (options.n_ei_candidates < 1)
      throw Error(ErrorCode::kInvalidArgument,
                  "n_ei_candidates should be at least 1; got " + std::to_string(options.n_ei_candidates));
    if (options.n_startup_trials < 0)
      throw Error(ErrorCode::kInvalidArgument,
                  "n_startup_trials should be 0 or more; got " + std::to_string(options.n_startup_trials));
    if (options.group && options.multivariate == false)
      throw Error(ErrorCode::kInvalidArgument, "group needs multivariate");
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "tpe"; }

  [[nodiscard]] std::vector<TrialParam> sample_joint(TrialContext& context) const override {
    const History& history = context.history();
    const bool joint = options_.group || options_.multivariate.value_or(history.is_single_objective());
    if (!joint || starts(history)) return {};
    auto& state = context.memory<State>(this);
    std::vector<TrialParam> proposal;
    if (options_.group) {
      std::size_t index = 0;
      for (const auto& group : state.groups.update(history)) {
        Rng rng = context.rng(seed_, "tpe:group:" + std::to_string(index++));
        append(proposal, context, state, group, rng);
      }
    } else {
      Rng rng = context.rng(seed_, "tpe:joint");
      append(proposal, context, state, state.intersection.update(history, true), rng);
    }
    if (context.is_shared()) publish_joint(context, kTpePublished, proposal);
    return proposal;
  }

  [[nodiscard]] double sample_independent(TrialContext& context, std::string_view name,
                                          const Distribution& distribution) const override {
    Rng rng = context.rng(seed_, name);
    const auto id = context.history().find_name(name);
    if (starts(context.history()) || !id) return sample_uniform(distribution, rng);
    auto& state = context.memory<State>(this);
    return best_draw(context, state, std::vector{*id}, {distribution}, rng).front();
  }

 private:
  struct Estimators {
    ParzenEstimator below, above;
  };
  struct State {
    TpeSplit split;
    IntersectionSpace intersection;
    GroupedSpace groups;
    std::map<std::vector<std::uint32_t>, Estimators> estimators;  // by the parameters' names
    // The keys of both sides as of `finished` trials that ended: asked for once a trial, not once a
    // parameter.
    std::size_t finished = 0;
    std::vector<ParzenKey> below, above;
  };

  [[nodiscard]] bool starts(const History& history) const {
    const std::int64_t ended = history.complete_count() + history.pruned_count();
    return ended == 0 || ended < options_.n_startup_trials;
  }

  void append(std::vector<TrialParam>& proposal, TrialContext& context, State& state,
              const std::vector<Entry>& space, Rng& rng) const {
    if (space.empty()) return;
    std::vector<std::uint32_t> names;
    std::vector<Distribution> distributions;
    for (const Entry& entry : space) {
      names.push_back(entry.name);
      distributions.push_back(context.history().distribution(entry.distribution));
    }
    const std::vector<double> best = best_draw(context, state, names, distributions, rng);
    for (std::size_t d = 0; d < names.size(); ++d) {
      proposal.push_back({context.history().name(names[d]), distributions[d], best[d]});
    }
  }

  void split_keys(const History& history, State& state) const {
    if (state.finished == history.finished().size()) return;
    state.finished = history.finished().size();
    state.split.update(history);
    const auto good =
        state.split.best(history, good_count(state.split.size(), history.is_single_objective()));
    state.below.clear();
    state.above.clear();
    auto next_good = good.begin();
    for (const std::int64_t number : state.split.numbers()) {
      const bool is_good = next_good != good.end() && *next_good == number;
      if (is_good) ++next_good;
      (is_good ? state.below : state.above).push_back({number, false});
    }
  }

  // The constant liar: trials that still run count as bad ones, by what is known of them.
  [[nodiscard]] std::vector<ParzenKey> with_running(const TrialContext& context,
                                                    const std::vector<ParzenKey>& above) const {
    std::vector<ParzenKey> running, all;
    for (const std::int64_t number : context.history().running()) {
      if (number != context.number()) running.push_back({number, true});
    }
    all.reserve(above.size() + running.size());
    std::ranges::merge(above, running, std::back_inserter(all), {}, &ParzenKey::number, &ParzenKey::number);
    return all;
  }

  // Of draws from the good side the one with the greatest ratio of densities.
  [[nodiscard]] std::vector<double> best_draw(const TrialContext& context, State& state,
                                              const std::vector<std::uint32_t>& names,
                                              const std::vector<Distribution>& space, Rng& rng) const {
    const History& history = context.history();
    split_keys(history, state);
    auto known = state.estimators.find(names);
    if (known == state.estimators.end() || known->second.below.space() != space) {
      const auto weights = history.is_single_objective() ? ParzenWeights::kByAge : ParzenWeights::kEqual;
      known =
          state.estimators
              .insert_or_assign(names, Estimators{ParzenEstimator(space, weights), ParzenEstimator(space)})
              .first;
    }
    auto& [below, above] = known->second;
    const auto lookup = [&](const ParzenKey& key, std::span<double> row) {
      return find_row(history, key, names, row);
    };
    below.update(state.below, lookup);
    const bool lie = options_.constant_liar && history.running().size() > 1;
    above.update(lie ? with_running(context, state.above) : state.above, lookup);

    const std::vector<double> draws = below.sample(static_cast<std::size_t>(options_.n_ei_candidates), rng);
    const std::vector<double> good = below.log_density(draws), bad = above.log_density(draws);
    std::size_t best = 0;
    for (std::size_t i = 1; i < good.size(); ++i) {
      if (good[i] - bad[i] > good[best] - bad[best]) best = i;
    }
    const auto begin = draws.begin() + static_cast<std::ptrdiff_t>(best * names.size());
    return {begin, begin + static_cast<std::ptrdiff_t>(names.size())};
  }

  static bool find_row(const History& history, const ParzenKey& key, const std::vector<std::uint32_t>& names,
                       std::span<double> row) {
    const TrialRecord& trial = history.trial(key.number);
    for (std::size_t d = 0; d < names.size(); ++d) {
      // Objectives ask in the same order each time: the likely place first.
      const double* value = nullptr;
      if (d < trial.params.size() && trial.params[d].name == names[d]) {
        value = &trial.params[d].internal;
      } else {
        value = trial.find_param(names[d]);
      }
      if (!value && key.running) {
        const auto planned = std::ranges::find(trial.joint, names[d], &ParamRecord::name);
        if (planned != trial.joint.end()) value = &planned->internal;
      }
      if (!value) return false;
      row[d] = *value;
    }
    return true;
  }

  TpeOptions options_;
  std::uint64_t seed_;
};
}  // namespace

std::unique_ptr<Sampler> make_tpe_sampler(const TpeOptions& options) {
  return std::make_unique<TpeSampler>(options);
}

}  // namespace ivory::tuning
