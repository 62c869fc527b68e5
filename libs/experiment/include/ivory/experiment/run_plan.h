// RunPlan: which runs a task makes, in which order, with which arguments.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <ivory/base/params.h>

namespace ivory {

// One parameter and the values it takes.
struct Axis {
  std::string name;
  std::vector<Params> values;  // never empty
  friend bool operator==(const Axis&, const Axis&) = default;
};

// How well a finished run did, by its monitor.
struct RunScore {
  double best_score = std::numeric_limits<double>::quiet_NaN();  // NaN: no epoch had a score
  bool maximize = false;
  friend bool operator==(const RunScore&, const RunScore&) = default;
};
// Of the runs that are finished, by their index in the plan.
using RunScores = std::map<std::size_t, RunScore>;

// A product: every combination of the axes' values, the last axis varying fastest, the whole repeated. A
// repeat above 1 adds the argument `repeat` = 0, 1 …, which varies slowest.
// A chain: for each axis in turn one run a value. The others have their defaults, or, with `use_best_param`,
// an axis that is through has the value that scored best: the first of equals, never NaN; its default if no
// run of it had a score.
//
// A value type; elements are made when asked for, so a product may be large. Threads: const methods from any.
class RunPlan {
 public:
  enum class Kind : std::uint8_t { kProduct, kChain };
  // Runs first <= index < last.
  struct Stage {
    std::size_t first = 0, last = 0;
    friend bool operator==(const Stage&, const Stage&) = default;
  };

  // A product of nothing: one run.
  RunPlan() = default;
  // `fixed`: a map of arguments that all runs get. Errors: kInvalidArgument for an axis without a name or
  // values, a name given twice (`repeat` counts as one if there are several), a repeat below 1, more than a
  // thousand million runs.
  [[nodiscard]] static RunPlan product(std::vector<Axis> axes, std::int64_t repeat = 1,
                                       const Params& fixed = Params::map());
  [[nodiscard]] static RunPlan chain(std::vector<Axis> axes, bool use_best_param = true,
                                     const Params& fixed = Params::map());

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::vector<Axis>& axes() const noexcept { return axes_; }
  [[nodiscard]] std::int64_t repeat() const noexcept { return repeat_; }
  [[nodiscard]] bool use_best_param() const noexcept { return use_best_param_; }
  [[nodiscard]] const Params& fixed() const noexcept { return fixed_; }

  // Number of runs.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // The runs of one stage do not depend on one another; those of the next may depend on their scores. A
  // product has one stage, a chain one for each axis.
  [[nodiscard]] std::size_t stage_count() const noexcept;
  [[nodiscard]] Stage stage(std::size_t number) const;

  // Arguments for create_run: what is fixed, then the others. A chain looks at the scores of the stages
  // before that of `index`. index < size().
  [[nodiscard]] Params arguments(std::size_t index, const RunScores& scores = {}) const;
  // Names of the parameters in which runs differ, in the order of arguments().
  [[nodiscard]] std::vector<std::string> varied() const;

  // {"kind": "product", "axes": [{"name": …, "values": […]}, …], "repeat": 1, "fixed": {…}}, or "chain" with
  // "use_best_param". It survives JSON, infinities included.
  [[nodiscard]] Params to_params() const;
  // Errors: kInvalidArgument for what is no plan.
  [[nodiscard]] static RunPlan from_params(const Params& params);

  friend bool operator==(const RunPlan&, const RunPlan&) = default;

 private:
  RunPlan(Kind kind, std::vector<Axis> axes, const Params& fixed);
  [[nodiscard]] Params product_arguments(std::size_t index) const;
  [[nodiscard]] Params chain_arguments(std::size_t index, const RunScores& scores) const;
  // The value of an axis whose stage is through that scored best; null if none had a score.
  [[nodiscard]] const Params* best_value(std::size_t stage_number, const RunScores& scores) const;

  Kind kind_ = Kind::kProduct;
  std::vector<Axis> axes_;
  Params fixed_ = Params::map();
  std::int64_t repeat_ = 1;
  bool use_best_param_ = true;
  std::size_t size_ = 1;
};

}  // namespace ivory
