// The samplers at hand, with Optuna's defaults.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <ivory/tuning/auto_sampler.h>
#include <ivory/tuning/nsga_samplers.h>
#include <ivory/tuning/sampler.h>

namespace ivory::tuning {

// A seed that is not given is drawn from the system: the study will not come out the same twice.
struct RandomOptions {
  std::optional<std::uint64_t> seed = {};
};
// Evenly from each parameter's range (its logarithm with log).
[[nodiscard]] std::unique_ptr<Sampler> make_random_sampler(const RandomOptions& options = {});

struct TpeOptions {
  std::int64_t n_startup_trials = 10;  // COMPLETE and PRUNED trials that are sampled at random first
  std::int64_t n_ei_candidates = 24;   // draws of which the best is taken
  std::optional<bool> multivariate =
      {};                     // parameters together; none: true for one objective, false for several
  bool group = false;         // together in groups that occur together; implies multivariate
  bool constant_liar = true;  // trials that run count as bad ones
  std::optional<std::uint64_t> seed = {};
};
// Tree-structured Parzen estimators (Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011;
// Making a Science of Model Search, 2013; Watanabe, arXiv 2304.11127; several objectives: Ozaki et al., 2020,
// 2022). The good tenth of the trials and the rest each make a density; of draws from the first, the one with
// the greatest ratio is taken. Trials that violate constraints count as bad, less so the less they do. Its
// cost grows linearly with the history. Default for studies of any number of objectives.
[[nodiscard]] std::unique_ptr<Sampler> make_tpe_sampler(const TpeOptions& options = {});

struct GridOptions {
  std::vector<std::pair<std::string, std::vector<Params>>> values = {};  // external values by name
  std::uint64_t seed = 0;                                                // of the order
};
// Every combination of the values once, in a shuffled order, then the study stops. Trial k takes point k; the
// point is kept in the system attributes `grid_id` and `search_space`, so that another run goes on where one
// was ended. Errors: kInvalidArgument for a parameter without values here, a value outside the distribution
// asked for, a grid of more than ten million points.
[[nodiscard]] std::unique_ptr<Sampler> make_grid_sampler(const GridOptions& options);

struct BruteForceOptions {
  std::optional<std::uint64_t> seed = {};
};
// Every combination that the objective asks for once, conditional parameters too, in a random order; then the
// study stops. Failed trials count. Errors: kInvalidArgument for a float without steps.
[[nodiscard]] std::unique_ptr<Sampler> make_brute_force_sampler(const BruteForceOptions& options = {});

enum class QmcType : std::uint8_t { kSobol, kHalton };
struct QmcOptions {
  QmcType type = QmcType::kSobol;
  bool scramble = false;  // at random, so that no point lies in a corner and seeds differ; still as even
  std::optional<std::uint64_t> seed = {};
};
// A low-discrepancy sequence: points that fill the box of the parameters that all COMPLETE trials have, more
// evenly than chance; point k for trial k, at any number of workers that share the seed. Sobol (1967; Joe and
// Kuo 2008; scrambled: Matousek 1998), most even over 2^k trials; Halton (1960; scrambled: Owen, arXiv
// 1706.02808). Choices are a coordinate cut into equal parts. Other parameters, and the first trial, are
// sampled at random.
[[nodiscard]] std::unique_ptr<Sampler> make_qmc_sampler(const QmcOptions& options = {});

struct CmaEsOptions {
  std::int64_t n_startup_trials = 1;            // COMPLETE trials that are sampled at random first
  std::optional<std::int64_t> popsize = {};     // of a generation; none: 4 + floor(3 ln parameters)
  bool use_separable_cma = false;               // a diagonal covariance, for many parameters
  bool with_margin = false;                     // keeps the values of parameters with steps from dying out
  bool consider_pruned_trials = false;          // PRUNED trials count with their last report
  std::vector<FrozenTrial> source_trials = {};  // of a related study: begins where its best tenth lies
  std::optional<std::uint64_t> seed = {};
};
// CMA-ES (Hansen, arXiv 1604.00772; separable: Ros and Hansen 2008; margin: Hamano et al. 2022; warm start:
// Nomura et al. 2021): a normal distribution over the float and int parameters that all COMPLETE trials have;
// choices and other parameters are sampled at random. Trials that violate constraints rank behind those that
// do not, the more the worse. A trial keeps the generation it is drawn from as a system attribute
// (`ivory:cma:generation`), and once a generation has `popsize` COMPLETE trials the next begins: so any
// number of workers and later processes go on with the same state, and trials that end late are of no use.
// Errors: kInvalidArgument for a study of several objectives, separable with margin or with source trials,
// and source trials of which none fits.
[[nodiscard]] std::unique_ptr<Sampler> make_cma_es_sampler(CmaEsOptions options = {});

struct GpOptions {
  std::int64_t n_startup_trials = 10;    // COMPLETE trials that are sampled at random first
  bool deterministic_objective = false;  // the same parameters give the same value: no noise
  // Bad values are pressed together before the fit, so that the model follows the good ones (Song et al.,
  // The Vizier Gaussian Process Bandit Algorithm, arXiv 2408.11527).
  bool warp_values = false;
  // Of one objective: every other trial stays in a box around the best one that shrinks while nothing better
  // is found and grows with what is (Eriksson et al., Scalable Global Optimization via Local Bayesian
  // Optimization, NeurIPS 2019).
  bool trust_region = false;
  std::optional<std::uint64_t> seed = {};
};
// Gaussian processes (a Matern 5/2 kernel with a length scale a parameter, fitted to its greatest posterior)
// and the point with the greatest expected improvement (Ament et al., arXiv 2310.20708) over the parameters
// that all COMPLETE trials have: for few, dear trials. Several objectives: expected hypervolume improvement
// (Daulton et al., arXiv 2006.05078). Constraints: times the probability that they hold (Gardner et al.
// 2014). Trials that run: in the mean over fantasies of their values. Kernels are fitted from where an
// earlier trial's fit ended, kept as its system attribute `ivory:gp:kernels`. The cost of a trial grows with
// the cube of their number.
[[nodiscard]] std::unique_ptr<Sampler> make_gp_sampler(const GpOptions& options = {});

// Gives these parameters (external values by name) and leaves the others to `base`.
// Errors: kInvalidArgument for a value outside the distribution asked for.
[[nodiscard]] std::unique_ptr<Sampler> make_partial_fixed_sampler(const Params& fixed,
                                                                  std::shared_ptr<const Sampler> base);

// A sampler by name, with this seed and defaults for the rest; for help, configuration and tests. Not those
// that cannot do without arguments (the grid).
struct SamplerEntry {
  std::string_view name, summary;
  std::unique_ptr<Sampler> (*make)(std::uint64_t seed);
  bool several_objectives = true;  // serves studies that have them
};
[[nodiscard]] std::span<const SamplerEntry> sampler_table();

}  // namespace ivory::tuning
