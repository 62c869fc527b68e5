// From what values a parameter is drawn.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/params.h>

namespace ivory::tuning {

enum class DistributionKind : std::uint8_t { kFloat, kInt, kCategorical };

// `step`: only low, low + step, … are drawn; not together with `log`. `log`: drawn evenly in the logarithm.
struct FloatOptions {
  std::optional<double> step = {};
  bool log = false;
};

// With `log`, step stays 1.
struct IntOptions {
  std::int64_t step = 1;
  bool log = false;
};

// A float in [low, high], an int in [low, high], or one of some choices (null, bool, int, real, string).
//
// A value has two forms: the external one that the objective sees (Params), and the internal one that
// samplers and files use: a float or int as itself (a log one is not logged), a choice as its index. An int
// goes through a double, so its bounds stay within 2^53.
//
// A value type, cheap to copy. Threads: as a standard container.
// Errors: kInvalidArgument where the bounds, the step or the choices make no sense.
class Distribution {
 public:
  // When high - low is no multiple of step, `high` becomes the last value that is reached, in decimal
  // arithmetic. Errors: low > high, a bound that is not finite, step <= 0, log with a step, log with low <=
  // 0.
  [[nodiscard]] static Distribution floats(double low, double high, const FloatOptions& options = {});
  // Errors: low > high, step < 1, log with low < 1 or a step other than 1.
  [[nodiscard]] static Distribution ints(std::int64_t low, std::int64_t high, const IntOptions& options = {});
  // Errors: no choices, a choice that is a list or a map, a choice given twice.
  [[nodiscard]] static Distribution categorical(std::vector<Params> choices);

  [[nodiscard]] DistributionKind kind() const noexcept { return kind_; }
  [[nodiscard]] bool is_float() const noexcept { return kind_ == DistributionKind::kFloat; }
  [[nodiscard]] bool is_int() const noexcept { return kind_ == DistributionKind::kInt; }
  [[nodiscard]] bool is_categorical() const noexcept { return kind_ == DistributionKind::kCategorical; }

  // Bounds of the internal value: of a categorical one 0 and the number of choices - 1.
  [[nodiscard]] double low() const noexcept { return low_; }
  [[nodiscard]] double high() const noexcept { return high_; }
  // 0: a float without steps, or choices.
  [[nodiscard]] double step() const noexcept { return step_; }
  [[nodiscard]] bool log() const noexcept { return log_; }
  // Empty unless categorical.
  [[nodiscard]] const std::vector<Params>& choices() const noexcept;

  // True if only one value can be drawn.
  [[nodiscard]] bool is_single() const noexcept;
  // True if the internal value can be drawn.
  [[nodiscard]] bool contains(double internal) const noexcept;

  // Errors: kInvalidArgument for a value of another kind, a NaN, what is no choice (1 finds 1.0, true does
  // not). A number outside the bounds is taken.
  [[nodiscard]] double to_internal(const Params& value) const;
  // A choice's index must be one; an int is rounded.
  [[nodiscard]] Params to_external(double internal) const;

  // Optuna's JSON: {"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log":
  // false}}.
  [[nodiscard]] std::string to_json() const;
  // Reads what to_json writes in any order of keys, the names before Optuna 3.0 (UniformDistribution …) and
  // the short form {"type": "float", "low": …}. Errors: kInvalidArgument for anything else, saying what.
  [[nodiscard]] static Distribution from_json(std::string_view json);

  // "float in [0, 1]", "int in [1, 64] (log)", "one of [a, b]": for messages.
  [[nodiscard]] std::string to_text() const;

  friend bool operator==(const Distribution& a, const Distribution& b) noexcept;

 private:
  Distribution() = default;
  DistributionKind kind_ = DistributionKind::kFloat;
  bool log_ = false;
  double low_ = 0, high_ = 0, step_ = 0;
  std::shared_ptr<const std::vector<Params>> choices_;  // shared: copies of one distribution are many
};

// Inside one study a name keeps its kind, its `log` and its choices (or, if they may grow, has them first);
// bounds and steps may change. Errors: kInvalidArgument saying what differs.
void check_compatible(std::string_view name, const Distribution& earlier, const Distribution& now,
                      bool choices_may_grow = false);

}  // namespace ivory::tuning
