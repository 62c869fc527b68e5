#include <ivory/tuning/auto_sampler.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <ivory/tuning/samplers.h>

#include "space.h"

namespace ivory::tuning {
namespace {
// A Gaussian process costs the cube of the trials and pays where each is dear; a second of computation a
// trial is reached about here.
constexpr std::int64_t kGpTrials = 300, kGpTrialsIfAll = 600;
constexpr std::int64_t kOneViewTrials = 50;  // a process without a box has too little to go by before
constexpr std::size_t kGpParameters = 50;
constexpr std::size_t kManyObjectives = 4;
constexpr std::string_view kCmaEs = "cma-es";

// What is known of the space, kept as the history grows.
class SpaceWatch {
 public:
  void update(const History& history) {
    const auto finished = history.finished();
    for (; seen_ < finished.size(); ++seen_) {
      const TrialRecord& trial = history.trial(finished[seen_]);
      if (trial.state == TrialState::kFail) continue;
      for (const auto& param : trial.params) {
        if (!history.distribution(param.distribution).is_single()) names_.insert(param.name);
      }
      if (!trial.attrs) continue;
      constrained_ = constrained_ || !history.freeze(trial.number).constraints().empty();
    }
    common_ = &space_.update(history, true);
  }
  [[nodiscard]] Situation situation(const History& history, std::int64_t number,
                                    const std::optional<std::int64_t>& n_trials) const {
    Situation situation;
    situation.objectives = history.directions().size();
    for (const auto& entry : *common_) {
      ++(history.distribution(entry.distribution).is_categorical() ? situation.choices : situation.numbers);
    }
    situation.conditional = names_.size() > common_->size();
    situation.constrained = constrained_;
    situation.finished = history.complete_count() + history.pruned_count();
    situation.n_trials = n_trials;
    situation.number = number;
    return situation;
  }

 private:
  std::size_t seen_ = 0;
  std::set<std::uint32_t> names_;
  bool constrained_ = false;
  IntersectionSpace space_;
  const std::vector<IntersectionSpace::Entry>* common_ = nullptr;
};

class AutoSampler final : public Sampler {
 public:
  explicit AutoSampler(const AutoOptions& options)
      : seed_(seed_or_random(options.seed)), n_trials_(options.n_trials) {
    for (const auto& entry : sampler_table()) {
      if (entry.name != name()) samplers_.emplace(entry.name, entry.make(seed_));
    }
    samplers_.emplace("tpe-group", make_tpe_sampler({.group = true, .seed = seed_}));
    samplers_.emplace("gp-warped",
                      make_gp_sampler({.warp_values = true, .trust_region = true, .seed = seed_}));
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "auto"; }

  [[nodiscard]] std::vector<TrialParam> sample_joint(TrialContext& context) const override {
    auto& state = context.memory<State>(this);
    state.watch.update(context.history());
    const std::string_view choice =
        choose_sampler(state.watch.situation(context.history(), context.number(), n_trials_));
    const Sampler* chosen =
        choice == kCmaEs ? &warm_cma_es(context.history(), state) : &sampler_named(choice);
    state.chosen[context.number()] = chosen;
    return chosen->sample_joint(context);
  }
  [[nodiscard]] double sample_independent(TrialContext& context, std::string_view name,
                                          const Distribution& distribution) const override {
    return chosen_for(context).sample_independent(context, name, distribution);
  }
  void after_trial(TrialContext& context, TrialState end, std::span<const double> values) const override {
    chosen_for(context).after_trial(context, end, values);
    context.memory<State>(this).chosen.erase(context.number());
  }

 private:
  struct State {
    SpaceWatch watch;
    std::map<std::int64_t, const Sampler*> chosen;  // of trials that run
    std::unique_ptr<Sampler> cma_es;
  };
  // A trial that another process asked for was not chosen for here.
  [[nodiscard]] const Sampler& chosen_for(TrialContext& context) const {
    const auto& chosen = context.memory<State>(this).chosen;
    const auto found = chosen.find(context.number());
    return found == chosen.end() ? sampler_named("random") : *found->second;
  }
  [[nodiscard]] const Sampler& sampler_named(std::string_view name) const {
    return *samplers_.find(name)->second;
  }
  // CMA-ES that begins where the trials before it were good.
  [[nodiscard]] const Sampler& warm_cma_es(const History& history, State& state) const {
    if (!state.cma_es) {
      std::vector<FrozenTrial> before;
      for (std::int64_t number = 0; number < std::min(kGpTrials, history.size()); ++number) {
        if (history.trial(number).state == TrialState::kComplete) before.push_back(history.freeze(number));
      }
      state.cma_es = make_cma_es_sampler({.source_trials = std::move(before), .seed = seed_});
    }
    return *state.cma_es;
  }

  std::map<std::string_view, std::unique_ptr<Sampler>> samplers_;
  std::uint64_t seed_;
  std::optional<std::int64_t> n_trials_;
};
}  // namespace

std::string_view choose_sampler(const Situation& situation) noexcept {
  const std::size_t parameters = situation.numbers + situation.choices;
  const std::int64_t gp_trials =
      situation.n_trials.value_or(kGpTrials + kGpTrialsIfAll) <= kGpTrialsIfAll ? kGpTrialsIfAll : kGpTrials;
  const bool early = situation.finished < gp_trials && parameters <= kGpParameters;
  if (situation.objectives > 1) {
    if (situation.conditional) return "tpe";
    if (early) return "gp-warped";
    return situation.objectives >= kManyObjectives ? "nsga3" : "nsga2";
  }
  // Other views of the space, against being caught by one.
  const bool second_view = situation.number % 4 == 2;
  const bool third_view = situation.number % 4 == 1 && situation.finished >= kOneViewTrials;
  if (situation.conditional) return second_view ? "random" : "tpe-group";
  if (early && parameters > 0) return second_view ? "tpe" : third_view ? "gp" : "gp-warped";
  if (situation.choices > 0 || situation.constrained || parameters < 2) return "tpe";
  return kCmaEs;
}

std::unique_ptr<Sampler> make_auto_sampler(const AutoOptions& options) {
  return std::make_unique<AutoSampler>(options);
}

}  // namespace ivory::tuning
