// The runs that KEY=VALUE words ask for: the cartesian product of their values.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/experiment/creator.h>

namespace ivory {

// One parameter and the values it takes.
struct Axis {
  std::string name;
  std::vector<Params> values;  // never empty
};

// Elements are made when asked for: a product may be large.
class Grid {
 public:
  explicit Grid(std::vector<Axis> axes) : axes_(std::move(axes)) {}
  [[nodiscard]] std::size_t size() const noexcept;
  // Arguments for create_run: a map of names to values, of which the last varies fastest. index < size().
  [[nodiscard]] Params element(std::size_t index) const;
  // Names of the parameters with several values.
  [[nodiscard]] std::vector<std::string> varied() const;

 private:
  std::vector<Axis> axes_;
};

// Reads `words` by the present values of the experiment's parameters; a seed counts as the word `seed=N`
// before them. Errors: kInvalidArgument for a word without `=`, a name given twice, and those of
// present_value() and parse_values().
[[nodiscard]] Grid read_grid(const Creator& experiment, const std::vector<std::string>& words,
                             std::optional<std::int64_t> seed = {});

}  // namespace ivory
