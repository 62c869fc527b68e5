#include "declare_tuning.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/experiment/objective.h>
#include <ivory/experiment/tuner.h>
#include <ivory/tuning/auto_sampler.h>
#include <ivory/tuning/nsga_samplers.h>
#include <ivory/tuning/pruners.h>
#include <ivory/tuning/samplers.h>

namespace ivory {
namespace {

using tuning::Pruner;
using tuning::Sampler;
using Integer = std::int64_t;
using OptionalInteger = std::optional<std::int64_t>;
using Seed = std::optional<std::uint64_t>;
using SamplerPointer = std::shared_ptr<const Sampler>;
using PrunerPointer = std::shared_ptr<const Pruner>;

constexpr const char* kSeedHelp = "of its random numbers; nothing: another one each time";

// One sampler or pruner: "ivory.tuning.TPESampler", with Optuna's path and a short name as further names.
struct Names {
  const char* own;
  const char* optuna;
  const char* brief;
};

void add_aliases(Module& m, const Names& names) {
  m.alias(names.optuna, names.own);
  m.alias(names.brief, names.own);
}

template <class... Args>
void declare_sampler(Module& m, const Names& names, const char* help, auto make, Args&&... args) {
  m.type<Sampler>(names.own, help).factory(std::move(make), std::forward<Args>(args)...);
  add_aliases(m, names);
}

template <class... Args>
void declare_pruner(Module& m, const Names& names, const char* help, auto make, Args&&... args) {
  m.type<Pruner>(names.own, help).factory(std::move(make), std::forward<Args>(args)...);
  add_aliases(m, names);
}

// What a maker says of its options is said of the arguments of the same name.
template <class F>
auto shared(const F& make) {
  return std::shared_ptr<typename std::invoke_result_t<F>::element_type>(make());
}

std::vector<std::pair<std::string, std::vector<Params>>> grid_of(const Params& search_space) {
  std::vector<std::pair<std::string, std::vector<Params>>> grid;
  if (!search_space.is_map() || search_space.empty())
    throw Error(ErrorCode::kInvalidArgument, "search_space",
                "expected a list of values for each parameter, found " + search_space.to_text());
  for (const auto& [name, values] : search_space.items()) {
    if (!values.is_list())
      throw Error(ErrorCode::kInvalidArgument, "search_space",
                  at_place(values, "expected a list of values of '" + name + "', found " + values.to_text()));
    grid.emplace_back(name, values.elements());
  }
  return grid;
}

std::vector<std::vector<double>> points_of(const Params& list) {
  std::vector<std::vector<double>> points;
  if (list.is_null()) return points;
  for (const Params& point : list.elements()) {
    points.emplace_back();
    for (const Params& coordinate : point.elements()) points.back().push_back(coordinate.as_real());
  }
  return points;
}

tuning::CrossoverOptions crossover_of(const std::string& kind, double swapping_prob) {
  return {.kind = tuning::parse_crossover_kind(kind), .swapping_prob = swapping_prob};
}

void declare_random_samplers(Module& m) {
  declare_sampler(
      m, {"ivory.tuning.RandomSampler", "optuna.samplers.RandomSampler", "random"},
      "Evenly from each parameter's range.",
      [](Seed seed) { return shared([&] { return tuning::make_random_sampler({.seed = seed}); }); },
      arg("seed", kSeedHelp) = nullptr);
  declare_sampler(
      m, {"ivory.tuning.GridSampler", "optuna.samplers.GridSampler", "grid"},
      "Every combination of the values once, in a shuffled order.",
      [](const Params& search_space, std::uint64_t seed) {
        return shared(
            [&] { return tuning::make_grid_sampler({.values = grid_of(search_space), .seed = seed}); });
      },
      arg("search_space", "the values of each parameter: {lr: [0.01, 0.1]}"),
      arg("seed", "of the order") = 0);
  declare_sampler(
      m, {"ivory.tuning.BruteForceSampler", "optuna.samplers.BruteForceSampler", "brute-force"},
      "Every combination that the objective asks for once.",
      [](Seed seed) { return shared([&] { return tuning::make_brute_force_sampler({.seed = seed}); }); },
      arg("seed", kSeedHelp) = nullptr);
  declare_sampler(
      m, {"ivory.tuning.QMCSampler", "optuna.samplers.QMCSampler", "qmc"},
      "A low-discrepancy sequence: points that fill the box more evenly than chance.",
      [](const std::string& type, bool scramble, Seed seed) {
        const auto kind = type == "halton" ? tuning::QmcType::kHalton : tuning::QmcType::kSobol;
        return shared(
            [&] { return tuning::make_qmc_sampler({.type = kind, .scramble = scramble, .seed = seed}); });
      },
      (arg("qmc_type") = "sobol").choices({"sobol", "halton"}),
      arg("scramble", "at random, so that seeds differ") = false, arg("seed", kSeedHelp) = nullptr);
  declare_sampler(
      m, {"ivory.tuning.PartialFixedSampler", "optuna.samplers.PartialFixedSampler", "partial-fixed"},
      "Gives some parameters fixed values and leaves the others to another sampler.",
      [](const Params& fixed, const SamplerPointer& base) {
        return shared([&] { return tuning::make_partial_fixed_sampler(fixed, base); });
      },
      arg("fixed_params", "values by name"), arg("base_sampler"));
}

void declare_model_samplers(Module& m) {
  declare_sampler(
      m, {"ivory.tuning.TPESampler", "optuna.samplers.TPESampler", "tpe"},
      "Tree-structured Parzen estimators: the densities of good trials and of the rest.",
      [](Integer n_startup_trials, Integer n_ei_candidates, std::optional<bool> multivariate, bool group,
         bool constant_liar, Seed seed) {
        return shared([&] {
          return tuning::make_tpe_sampler({.n_startup_trials = n_startup_trials,
                                           .n_ei_candidates = n_ei_candidates,
                                           .multivariate = multivariate,
                                           .group = group,
                                           .constant_liar = constant_liar,
                                           .seed = seed});
        });
      },
      arg("n_startup_trials", "trials that are sampled at random first") = 10,
      arg("n_ei_candidates", "draws of which the best is taken") = 24,
      arg("multivariate", "parameters together; nothing: for one objective") = nullptr,
      arg("group", "together in groups that occur together") = false,
      arg("constant_liar", "trials that run count as bad ones") = true, arg("seed", kSeedHelp) = nullptr);
  declare_sampler(
      m, {"ivory.tuning.CmaEsSampler", "optuna.samplers.CmaEsSampler", "cma-es"},
      "CMA-ES: a normal distribution over the numbers, adapted generation by generation.",
      [](Integer n_startup_trials, OptionalInteger popsize, bool separable, bool margin, bool pruned,
         Seed seed) {
        tuning::CmaEsOptions options;
        options.n_startup_trials = n_startup_trials;
        options.popsize = popsize;
        options.use_separable_cma = separable;
        options.with_margin = margin;
        options.consider_pruned_trials = pruned;
        options.seed = seed;
        return shared([&] { return tuning::make_cma_es_sampler(std::move(options)); });
      },
      arg("n_startup_trials", "trials that are sampled at random first") = 1,
      arg("popsize", "of a generation; nothing: by the number of parameters") = nullptr,
      arg("use_separable_cma", "a diagonal covariance, for many parameters") = false,
      arg("with_margin", "keeps the values of parameters with steps from dying out") = false,
      arg("consider_pruned_trials", "pruned trials count with their last report") = false,
      arg("seed", kSeedHelp) = nullptr);
  declare_sampler(
      m, {"ivory.tuning.GPSampler", "optuna.samplers.GPSampler", "gp"},
      "A Gaussian process and the point with the greatest expected improvement: for few, dear trials.",
      [](Integer n_startup_trials, bool deterministic, bool warp, bool trust_region, Seed seed) {
        return shared([&] {
          return tuning::make_gp_sampler({.n_startup_trials = n_startup_trials,
                                          .deterministic_objective = deterministic,
                                          .warp_values = warp,
                                          .trust_region = trust_region,
                                          .seed = seed});
        });
      },
      arg("n_startup_trials", "trials that are sampled at random first") = 10,
      arg("deterministic_objective", "the same parameters give the same value") = false,
      arg("warp_values", "bad values are pressed together before the fit") = false,
      arg("trust_region", "every other trial stays near the best one") = false,
      arg("seed", kSeedHelp) = nullptr);
  declare_sampler(
      m, {"ivory.tuning.AutoSampler", "optuna.samplers.AutoSampler", "auto"},
      "Chooses a sampler for each trial, by what the study has shown of its space.",
      [](OptionalInteger n_trials, Seed seed) {
        return shared([&] { return tuning::make_auto_sampler({.n_trials = n_trials, .seed = seed}); });
      },
      arg("n_trials", "about how many the study will have") = nullptr, arg("seed", kSeedHelp) = nullptr);
}

void declare_genetic_samplers(Module& m) {
  const auto kinds = [] {
    return (arg("crossover", "how a child comes from its parents") = "uniform")
        .choices({"uniform", "blxalpha", "spx", "sbx", "vsbx", "undx"});
  };
  declare_sampler(
      m, {"ivory.tuning.NSGAIISampler", "optuna.samplers.NSGAIISampler", "nsga2"},
      "NSGA-II: generations for several objectives.",
      [](Integer size, std::optional<double> mutation_prob, const std::string& crossover,
         double crossover_prob, double swapping_prob, Seed seed) {
        return shared([&] {
          return tuning::make_nsga2_sampler({.population_size = size,
                                             .mutation_prob = mutation_prob,
                                             .crossover = crossover_of(crossover, swapping_prob),
                                             .crossover_prob = crossover_prob,
                                             .seed = seed});
        });
      },
      arg("population_size") = 50, arg("mutation_prob", "nothing: 1 / parameters") = nullptr, kinds(),
      arg("crossover_prob", "else a child is one parent's copy") = 0.9,
      arg("swapping_prob", "of a uniform crossover: how likely the second parent's") = 0.5,
      arg("seed", kSeedHelp) = nullptr);
  declare_sampler(
      m, {"ivory.tuning.NSGAIIISampler", "optuna.samplers.NSGAIIISampler", "nsga3"},
      "NSGA-III: as NSGA-II, spread over reference directions.",
      [](Integer size, std::optional<double> mutation_prob, const std::string& crossover,
         double crossover_prob, double swapping_prob, const Params& points, Integer dividing, Seed seed) {
        return shared([&] {
          return tuning::make_nsga3_sampler({.population_size = size,
                                             .mutation_prob = mutation_prob,
                                             .crossover = crossover_of(crossover, swapping_prob),
                                             .crossover_prob = crossover_prob,
                                             .reference_points = points_of(points),
                                             .dividing_parameter = dividing,
                                             .seed = seed});
        });
      },
      arg("population_size") = 50, arg("mutation_prob", "nothing: 1 / parameters") = nullptr, kinds(),
      arg("crossover_prob", "else a child is one parent's copy") = 0.9,
      arg("swapping_prob", "of a uniform crossover: how likely the second parent's") = 0.5,
      arg("reference_points", "one number an objective each; nothing: a simplex grid") = nullptr,
      arg("dividing_parameter", "steps of that grid along an edge") = 3, arg("seed", kSeedHelp) = nullptr);
}

// What the tuner's table has beside those above: variants, with a seed alone.
void declare_variants(Module& m) {
  for (const tuning::SamplerEntry& entry : tuning::sampler_table()) {
    const std::string name(entry.name);
    if (std::ranges::find(m.aliases(), name, &std::pair<std::string, std::string>::first) !=
        m.aliases().end())
      continue;
    const auto make = entry.make;
    m.type<Sampler>(name, std::string(entry.summary) + ".")
        .factory([make](std::uint64_t seed) { return shared([&] { return make(seed); }); },
                 arg("seed", "of its random numbers") = 0);
  }
}

tuning::PercentileOptions percentile_options(Integer startup, Integer warmup, Integer interval,
                                             Integer least) {
  return {.n_startup_trials = startup,
          .n_warmup_steps = warmup,
          .interval_steps = interval,
          .n_min_trials = least};
}

void declare_rank_pruners(Module& m) {
  const auto startup = [] {
    return arg("n_startup_trials", "complete trials before anything is pruned") = 5;
  };
  const auto warmup = [] { return arg("n_warmup_steps", "steps of a trial before it is") = 0; };
  const auto interval = [] { return arg("interval_steps", "looks once in so many steps") = 1; };
  const auto least = [] { return arg("n_min_trials", "reports at the step to compare with") = 1; };
  declare_pruner(
      m, {"ivory.tuning.MedianPruner", "optuna.pruners.MedianPruner", "median"},
      "Gives up a trial that is worse than the median at its step.",
      [](Integer a, Integer b, Integer c, Integer d) {
        return shared([&] { return tuning::make_median_pruner(percentile_options(a, b, c, d)); });
      },
      startup(), warmup(), interval(), least());
  declare_pruner(
      m, {"ivory.tuning.PercentilePruner", "optuna.pruners.PercentilePruner", "percentile"},
      "Gives up a trial that is worse than this percentile at its step.",
      [](double percentile, Integer a, Integer b, Integer c, Integer d) {
        return shared(
            [&] { return tuning::make_percentile_pruner(percentile, percentile_options(a, b, c, d)); });
      },
      arg("percentile", "of the trials that go on: 25 keeps the best quarter"), startup(), warmup(),
      interval(), least());
  declare_pruner(
      m, {"ivory.tuning.WilcoxonPruner", "optuna.pruners.WilcoxonPruner", "wilcoxon"},
      "Gives up a trial that is worse than the best by a signed-rank test over its folds.",
      [](double p_threshold, Integer n_startup_steps) {
        return shared([&] {
          return tuning::make_wilcoxon_pruner(
              {.p_threshold = p_threshold, .n_startup_steps = n_startup_steps});
        });
      },
      arg("p_threshold") = 0.1, arg("n_startup_steps", "folds, or steps, before it is asked") = 2);
}

void declare_rung_pruners(Module& m) {
  declare_pruner(
      m,
      {"ivory.tuning.SuccessiveHalvingPruner", "optuna.pruners.SuccessiveHalvingPruner",
       "successive_halving"},
      "Of the trials at each rung the best part goes on.",
      [](OptionalInteger min_resource, Integer factor, Integer rate, Integer bootstrap) {
        return shared([&] {
          return tuning::make_successive_halving_pruner({.min_resource = min_resource,
                                                         .reduction_factor = factor,
                                                         .min_early_stopping_rate = rate,
                                                         .bootstrap_count = bootstrap});
        });
      },
      arg("min_resource", "step of the first rung; nothing: by the first complete trial") = nullptr,
      arg("reduction_factor") = 4, arg("min_early_stopping_rate") = 0,
      arg("bootstrap_count", "trials at a rung before one goes on") = 0);
  declare_pruner(
      m, {"ivory.tuning.HyperbandPruner", "optuna.pruners.HyperbandPruner", "hyperband"},
      "Brackets of successive halving with early and late first rungs.",
      [](Integer min_resource, OptionalInteger max_resource, Integer factor, Integer bootstrap) {
        return shared([&] {
          return tuning::make_hyperband_pruner({.min_resource = min_resource,
                                                .max_resource = max_resource,
                                                .reduction_factor = factor,
                                                .bootstrap_count = bootstrap});
        });
      },
      arg("min_resource") = 1, arg("max_resource", "nothing: by the first complete trial") = nullptr,
      arg("reduction_factor") = 3, arg("bootstrap_count", "trials at a rung before one goes on") = 0);
}

void declare_other_pruners(Module& m) {
  declare_pruner(
      m, {"ivory.tuning.ThresholdPruner", "optuna.pruners.ThresholdPruner", "threshold"},
      "Gives up a trial whose report is out of bounds, or no number.",
      [](std::optional<double> lower, std::optional<double> upper, Integer n_warmup_steps,
         Integer interval_steps) {
        return shared([&] {
          return tuning::make_threshold_pruner({.lower = lower,
                                                .upper = upper,
                                                .n_warmup_steps = n_warmup_steps,
                                                .interval_steps = interval_steps});
        });
      },
      arg("lower") = nullptr, arg("upper") = nullptr, arg("n_warmup_steps") = 0, arg("interval_steps") = 1);
  declare_pruner(
      m, {"ivory.tuning.PatientPruner", "optuna.pruners.PatientPruner", "patient"},
      "Asks another pruner only about a trial that has not improved for a while.",
      [](const PrunerPointer& wrapped, Integer patience, double min_delta) {
        return shared([&] { return tuning::make_patient_pruner(wrapped, patience, min_delta); });
      },
      arg("wrapped_pruner", "nothing: gives the trial up") = nullptr, arg("patience", "steps that are borne"),
      arg("min_delta") = 0.0);
  declare_pruner(m, {"ivory.tuning.NopPruner", "optuna.pruners.NopPruner", "nop"}, "Never gives a trial up.",
                 [] { return shared([] { return tuning::make_nop_pruner(); }); });
}

void declare_tuner(Module& m) {
  m.type<Tuner>("ivory.Tuner", "Where studies are kept, and how their trials are chosen and given up.")
      .factory(
          [](const std::string& storage, const SamplerPointer& sampler, const PrunerPointer& pruner,
             bool load_if_exists, bool deterministic, Integer lag,
             const std::vector<std::string>& directions) {
            return std::make_shared<Tuner>(TunerOptions{.storage = storage,
                                                        .sampler = sampler,
                                                        .pruner = pruner,
                                                        .load_if_exists = load_if_exists,
                                                        .deterministic = deterministic,
                                                        .lag = lag,
                                                        .directions = directions});
          },
          arg("storage",
              "sqlite:///FILE, journal:///FILE, postgresql://USER@HOST/NAME; relative to the client") =
              std::string(kDefaultTuningStorage),
          arg("sampler", "tpe, gp, cma-es, auto … or a class; nothing: tpe") = nullptr,
          arg("pruner", "median, hyperband, wilcoxon … or a class; nothing: median") = nullptr,
          arg("load_if_exists", "go on with a study of that name that the storage has") = false,
          arg("deterministic", "the same study with any number of workers; give the sampler a seed") = false,
          arg("lag", "of a deterministic study: how many trials may run at once") = 8,
          arg("directions", "minimize or maximize, one a metric of the monitor; nothing: as that says") =
              Params::list());
  m.alias("ivory.core.tuner.Tuner", "ivory.Tuner");
  m.default_class({.member = "tuner", .class_name = "ivory.Tuner", .library = "", .def = false});
  m.type<Objective>("ivory.Objective", "Suggest functions by name.")
      .init<Objective::Named>(arg("suggests", "functions that take a trial, each by its name").rest());
  m.alias("ivory.core.objective.Objective", "ivory.Objective");
  m.default_class({.member = "objective", .class_name = "ivory.Objective", .library = "", .def = false});
}

}  // namespace

void declare_tuning(Module& m) {
  declare_tuner(m);
  declare_model_samplers(m);
  declare_genetic_samplers(m);
  declare_random_samplers(m);
  declare_variants(m);
  declare_rank_pruners(m);
  declare_rung_pruners(m);
  declare_other_pruners(m);
}

}  // namespace ivory
