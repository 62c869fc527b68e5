// Genetic samplers for several objectives, with Optuna's defaults.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <ivory/tuning/sampler.h>

namespace ivory::tuning {

// How a child comes from its parents. Choices always come evenly from two of them.
enum class CrossoverKind : std::uint8_t {
  kUniform,   // each parameter from one of two parents (Syswerda 1989)
  kBlxAlpha,  // evenly from the parents' box, widened by alpha (Eshelman, Schaffer 1993)
  kSpx,       // evenly from the simplex of three parents, widened (Tsutsui, Yamamura, Higuchi 1999)
  kSbx,       // simulated binary (Deb, Agrawal 1995), inside the bounds
  kVsbx,      // SBX that also reaches what lies between far parents (Ballester, Carter 2004)
  kUndx,  // normal along the line of two parents and across it by a third's distance (Ono, Kobayashi 1999)
};
// "uniform", "blxalpha", "spx", "sbx", "vsbx", "undx".
[[nodiscard]] std::string_view to_text(CrossoverKind kind) noexcept;
// Errors: kInvalidArgument for another word.
[[nodiscard]] CrossoverKind parse_crossover_kind(std::string_view text);

struct CrossoverOptions {
  CrossoverKind kind = CrossoverKind::kUniform;
  double swapping_prob = 0.5;            // uniform: how likely the second parent's
  double alpha = 0.5;                    // BLX
  std::optional<double> epsilon = {};    // SPX; none: sqrt(parameters + 2)
  std::optional<double> eta = {};        // SBX, vSBX; none: 2 for one objective, 20 for several
  double uniform_crossover_prob = 0.5;   // SBX, vSBX: how likely two children swap a parameter
  double use_child_gene_prob = 0.5;      // SBX, vSBX: how likely a parameter is a child's, not a parent's
  double sigma_xi = 0.5;                 // UNDX: along the line
  std::optional<double> sigma_eta = {};  // UNDX: across; none: 0.35 / sqrt(parameters)
};

struct Nsga2Options {
  std::int64_t population_size = 50;
  std::optional<double> mutation_prob = {};  // none: 1 / parameters
  CrossoverOptions crossover = {};
  double crossover_prob = 0.9;  // else the child is one parent's copy
  std::optional<std::uint64_t> seed = {};
};
// NSGA-II (Deb, Pratap, Agarwal, Meyarivan 2002). A generation is random at first; then each child has
// parents that won a tournament of two, and a parameter that mutates is drawn at random. Those that bring up
// the next generation are chosen by rank of non-domination, in the last rank by crowding; what violates
// constraints stands behind all that does not, the more so the more it does.
//
// Its state is the study's: a trial's generation and a generation's parents are kept in the system attributes
// that Optuna's sampler of this name keeps, so that any number of workers, Optuna's too, bring up one
// population. A child that falls outside the bounds is made anew, up to a hundred times, then it is put on
// the bound. Errors: kInvalidArgument for a population smaller than 2 or than the crossover's parents (3 for
// SPX and UNDX, else 2), a probability outside [0, 1].
[[nodiscard]] std::unique_ptr<Sampler> make_nsga2_sampler(const Nsga2Options& options = {});

struct Nsga3Options {
  std::int64_t population_size = 50;
  std::optional<double> mutation_prob = {};
  CrossoverOptions crossover = {};
  double crossover_prob = 0.9;
  // Directions that a population should cover, one number an objective; empty: all points of a simplex grid.
  std::vector<std::vector<double>> reference_points = {};
  std::int64_t dividing_parameter = 3;  // steps of that grid along an edge
  std::optional<std::uint64_t> seed = {};
};
// NSGA-III (Deb, Jain 2014): as NSGA-II, but the last rank is chosen from by how few others stand near each
// reference direction. Errors: as NSGA-II; reference points that are none, are zero or have another number of
// objectives than the study.
[[nodiscard]] std::unique_ptr<Sampler> make_nsga3_sampler(const Nsga3Options& options = {});

}  // namespace ivory::tuning
