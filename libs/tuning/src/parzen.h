// A Parzen estimator that follows a growing set of observations.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <ivory/base/rng.h>
#include <ivory/tuning/distributions.h>

#include "mixture_kernel.h"

namespace ivory::tuning {

// One observation of an estimator: the trial, and whether it still runs (then it is looked at anew each
// time).
struct ParzenKey {
  std::int64_t number = 0;
  bool running = false;
  friend bool operator==(const ParzenKey&, const ParzenKey&) = default;
};

enum class ParzenWeights : std::uint8_t { kByAge, kEqual };

// The weights of n observations by age (oldest first): 1 for the last 25, a ramp from 1/n to 1 before them.
[[nodiscard]] std::vector<double> weights_by_age(std::size_t n);

// A mixture with a kernel an observation and a wide prior kernel; each kernel is a product over the
// parameters of truncated normals (numbers; of whole cells where there are steps) and of smoothed choices.
// Bandwidths by the distance to the neighbours of each parameter (Bergstra et al. 2011; Watanabe, arXiv
// 2304.11127). Observations are kept sorted by parameter; a new one changes few kernels, and only those are
// worked out again.
class ParzenEstimator {
 public:
  // Finds the internal values of a trial; false if it lacks a parameter.
  using Lookup = std::function<bool(const ParzenKey&, std::span<double>)>;

  explicit ParzenEstimator(std::vector<Distribution> space, ParzenWeights weights = ParzenWeights::kByAge);

  [[nodiscard]] const std::vector<Distribution>& space() const noexcept { return space_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }  // observations
  // Makes the observations those of `keys`, sorted by number, that have all parameters.
  void update(std::span<const ParzenKey> keys, const Lookup& lookup);

  // Internal values of `count` draws, one row of space().size() a draw.
  [[nodiscard]] std::vector<double> sample(std::size_t count, Rng& rng) const;
  // The log density (of cells: log mass) at each row of internal values; log parameters count in the
  // logarithm.
  [[nodiscard]] std::vector<double> log_density(std::span<const double> rows) const;

  // Normalised weights of the kernels: the observations' by number, the prior's last.
  [[nodiscard]] std::vector<double> weights() const;
  // Of a numeric parameter, in the same order.
  [[nodiscard]] std::vector<double> centres(std::size_t dimension) const;
  [[nodiscard]] std::vector<double> bandwidths(std::size_t dimension) const;

 private:
  enum class Kind : std::uint8_t { kContinuous, kCells, kChoices };
  struct Sorted {
    double value;
    std::uint32_t slot;
  };
  // Slot 0 is the prior; observation i has slot i + 1. Arrays are padded to whole blocks.
  struct Dimension {
    Kind kind = Kind::kContinuous;
    double low = 0, high = 0;          // of the interval
    std::vector<double> centre;        // numbers: in the interval's scale; choices: the index
    std::vector<double> sigma, scale;  // scale: 1 / (sqrt(2) sigma)
    std::vector<double> log_norm;      // continuous: ln(sigma sqrt(2 pi)) + ln(mass); cells: ln(mass)
    std::vector<Sorted> order;         // observations by value
    // Cells: kernels with the same centre and bandwidth are worked out once.
    struct Distinct {
      double centre, sigma, log_norm;
    };
    std::vector<Distinct> distinct;
    std::vector<std::uint32_t> distinct_of;
  };
  struct Known {
    ParzenKey key;
    bool used = false;
  };

  struct Column;  // of log_density: a parameter of steps or choices

  // What becomes of the observations after the first `kept`.
  struct Change {
    std::size_t kept = 0;
    std::vector<std::uint32_t> sources;  // of each that follows its old slot; 0: it is new
    std::vector<double> rows;            // a row for each that follows; of the new ones filled in
    [[nodiscard]] std::size_t size() const noexcept { return kept + sources.size(); }
  };

  void resize(std::size_t size);
  // How many observations at the beginning are those of `keys` and have ended.
  [[nodiscard]] std::size_t count_unchanged(std::span<const ParzenKey> keys) const;
  // Makes what is known from `same` on that of `keys`. `kept`: how many before `same` are observations.
  [[nodiscard]] Change follow_from(std::size_t same, std::size_t kept, std::span<const ParzenKey> keys,
                                   const Lookup& lookup);
  void apply(const Change& change);
  // The old observations get their new places in the order, those that went leave it.
  void renumber(const Change& change);
  void move_kernels(Dimension& dimension, std::size_t d, const Change& change) const;
  void insert_sorted(Dimension& dimension, const Change& change) const;
  // `appended`: how many new observations followed the old ones, of which none changed.
  void refresh(std::optional<std::size_t> appended);
  void refresh_base(bool all);
  void refresh_bandwidths(Dimension& dimension);
  void refresh_near(Dimension& dimension, std::uint32_t slot);
  void refresh_bandwidth(Dimension& dimension, std::size_t place);
  [[nodiscard]] double least_bandwidth(const Dimension& dimension) const;
  void set_kernel(Dimension& dimension, std::uint32_t slot, double sigma);
  void number_distinct(Dimension& dimension);
  [[nodiscard]] double sample_number(const Dimension& dimension, std::uint32_t slot, Rng& rng) const;
  [[nodiscard]] std::vector<double> points_of(std::span<const double> rows,
                                              const std::vector<std::size_t>& numbers) const;
  void tabulate(std::size_t dimension, std::span<const double> rows, Column& column) const;
  void work_out_terms(std::size_t dimension, std::size_t begin, Column& column) const;
  [[nodiscard]] double cell_mass(std::size_t dimension, double internal,
                                 const Dimension::Distinct& kernel) const;

  std::vector<Distribution> space_;
  ParzenWeights weighting_;
  std::vector<Dimension> dimensions_;
  std::vector<Known> known_;
  std::size_t size_ = 0;
  std::vector<double> base_, weight_;   // by slot
  std::vector<std::uint32_t> changed_;  // slots whose kernels were worked out anew
};

}  // namespace ivory::tuning
