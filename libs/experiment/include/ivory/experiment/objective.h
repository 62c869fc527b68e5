// Objective: what a study tunes, by name.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/experiment/ranges.h>
#include <ivory/tuning/distributions.h>
#include <ivory/tuning/trial.h>

namespace ivory {

// Asks a trial for parameters of a run: what it suggests under the name of a parameter ("lr",
// "optimizer.lr", "hidden_sizes:0" …) is given to the run; other names ("num_layers") stay with the trial.
using Suggest = std::function<void(tuning::Trial&)>;

// Suggest functions by name. In YAML (class ivory.Objective, also ivory.core.objective.Objective):
//
//   objective:
//     lr: rectangle.suggest_lr
//     hidden_sizes: {def: rectangle.suggest_hidden_sizes, max_num_layers: 3, min_size: __default__}
//
// In C++:
//
//   Objective objective{{"lr", [](tuning::Trial& trial) { trial.suggest_float("lr", 1e-5, 1e-3); }}};
//   objective.add("rates", Ranges{{"lr", {1e-3, 1e-2}}, {"momentum", std::pair(0.0, 0.99)}});
//
// A value type. Threads: const methods from any thread, as far as the functions allow it.
class Objective {
 public:
  using Named = std::vector<std::pair<std::string, Suggest>>;
  explicit Objective(Named suggests = {}) : suggests_(std::move(suggests)) {}
  Objective(std::initializer_list<Named::value_type> suggests) : suggests_(suggests) {}

  // A further one, or another of that name.
  Objective& add(std::string name, Suggest suggest);
  Objective& add(std::string name, const Ranges& ranges) {
    return add(std::move(name), make_suggest(ranges));
  }

  [[nodiscard]] bool empty() const noexcept { return suggests_.empty(); }
  [[nodiscard]] std::vector<std::string> names() const;
  // Errors: kNotFound with the nearest name.
  [[nodiscard]] const Suggest& get(std::string_view name) const;

  // Parametric: a Range (or a pair) is an interval, a list is a choice; what is fixed is left out. Of a
  // Range between whole numbers whole ones are suggested; of others, multiples of its step if it was given as
  // a real, or as many as `num` says. With `log`, evenly in the logarithm.
  // Errors: kInvalidArgument for a range from which nothing can be suggested, naming the parameter.
  [[nodiscard]] static Suggest make_suggest(const Ranges& ranges);
  // From what it suggests them, by their names.
  [[nodiscard]] static std::vector<std::pair<std::string, tuning::Distribution>> distributions(
      const Ranges& ranges);
  // What the parametric objective is called: the names joined by dots. Empty if all are fixed.
  [[nodiscard]] static std::string name_of(const Ranges& ranges);

 private:
  Named suggests_;
};

}  // namespace ivory
