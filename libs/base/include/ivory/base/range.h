// Ranges of parameter values, and how a word on the command line is read.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <ivory/base/params.h>

namespace ivory {

// Numbers from start to stop, both included. Integers stay integers.
//   Range(0, 4)                    0 1 2 3 4
//   Range(0.0, 0.5, 0.25)          0.0 0.25 0.5
//   Range(0.0, 0.5, 1, 5)          5 values, evenly spaced
//   Range(1e-5, 1e-1, 1, 5, true)  5 values, evenly spaced in the logarithm
// With `log` and no `num`, each value is ten times the one before (upwards); a step of n makes it 10^n times.
// With `num`, integers are rounded to the nearest, and one that would come twice comes once.
class Range {
 public:
  // Errors: kInvalidArgument for a step of zero or away from stop, a negative num, a logarithm of what is
  // not positive.
  Range(Params start, Params stop, Params step = 1, std::int64_t num = 0, bool log = false);

  [[nodiscard]] const Params& start() const noexcept { return start_; }
  [[nodiscard]] const Params& stop() const noexcept { return stop_; }
  [[nodiscard]] const Params& step() const noexcept { return step_; }
  [[nodiscard]] std::int64_t num() const noexcept { return num_; }
  [[nodiscard]] bool log() const noexcept { return log_; }
  // Errors: kInvalidArgument if the values would be more than ten million.
  [[nodiscard]] std::vector<Params> values() const;

 private:
  [[nodiscard]] bool integral() const;
  Params start_, stop_, step_;
  std::int64_t num_;
  bool log_;
};

// One value as YAML 1.2's core schema reads a plain scalar: null, true, 3, 0x1f, 1e-3, .inf, text; a text in
// quotes is a string. An integer beyond 64 bits is a real.
[[nodiscard]] Params parse_scalar(std::string_view text);

// The range that a word means: `a-b`, `a_b`, `a-b-step`, `a-b:num`, each with an optional `.log`, between two
// numbers. Nothing if it means no range: a number, a text. Errors: kInvalidArgument for a broken range.
[[nodiscard]] std::optional<Range> find_range(std::string_view text);

// The values that a word on the command line means: a whole number is itself, commas separate, what
// find_range finds is expanded, `[1,2]` is a list. `present` is the value to be replaced:
// - a string: only commas separate, and every value is a text (not so if it begins with `$` or is
// `__default__`, which
//   stand for anything);
// - another scalar: brackets only group, `[1,2]` means the two values 1 and 2;
// - a list or a null: a bracketed list is one value, in which ranges are expanded in place.
// Errors: kInvalidArgument for an empty word, a bracket left open, a broken range, a range of reals in which
// neither step nor num is given and the step of 1 leads nowhere.
[[nodiscard]] std::vector<Params> parse_values(std::string_view text, const Params& present = {});

}  // namespace ivory
