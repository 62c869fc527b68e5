// A trial, as its objective sees it.
#pragma once
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/tuning/distributions.h>
#include <ivory/tuning/frozen_trial.h>

namespace ivory::tuning {

// An objective throws it to end a trial that a pruner gave up: the trial becomes PRUNED.
class TrialPruned : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "trial pruned"; }
};

// One evaluation of an objective: gives it parameters, takes its reports and attributes.
//
// Threads: a trial belongs to the thread that runs its objective.
// Errors: kInvalidArgument for a distribution that makes no sense or differs from an earlier one of the same
//   name (see check_compatible), kConflict once the trial is finished, kIo when the store fails.
class Trial {
 public:
  virtual ~Trial() = default;
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  // The value of the parameter `name`; asked again in the same trial, the same value.
  double suggest_float(std::string_view name, double low, double high, const FloatOptions& options = {});
  std::int64_t suggest_int(std::string_view name, std::int64_t low, std::int64_t high,
                           const IntOptions& options = {});
  // One of `choices`, as it was given: {"adam", "sgd"}, {1, 2.5, nullptr, true}.
  Params suggest_categorical(std::string_view name, const std::vector<Params>& choices);
  Params suggest(std::string_view name, const Distribution& distribution);

  // Tells how the objective stands at `step` (its own count, usually epochs; >= 0), in a cross-validation: in
  // which fold (>= 0). Of a study with several objectives, a value each. A second report of a step of a fold
  // is ignored. Errors: kInvalidArgument for another number of values, and for a fold after a report without
  // one.
  void report(double value, std::int64_t step, std::optional<std::int64_t> fold = {});
  void report(const std::vector<double>& values, std::int64_t step, std::optional<std::int64_t> fold = {});
  // True if the pruner gives this trial up.
  [[nodiscard]] virtual bool should_prune() = 0;

  // Anything worth keeping with the trial; set again, it replaces the value.
  virtual void set_user_attr(std::string_view key, const Params& value) = 0;
  // What a tool keeps with the trial; keys that Optuna knows have Optuna's meaning.
  virtual void set_system_attr(std::string_view key, const Params& value) = 0;
  // How far the constraint `key` is violated: <= 0 is feasible.
  virtual void set_constraint(std::string_view key, double value) = 0;

  [[nodiscard]] virtual std::int64_t number() const = 0;
  // What has been suggested so far, by name.
  [[nodiscard]] virtual Params params() const = 0;
  [[nodiscard]] virtual std::vector<std::pair<std::string, Distribution>> distributions() const = 0;
  [[nodiscard]] virtual Params user_attrs() const = 0;
  [[nodiscard]] virtual Params system_attrs() const = 0;

 protected:
  Trial() = default;

 private:
  // Steps and folds are 0 or more, and there is a value.
  virtual void do_report(const TrialReport& report) = 0;
  // The internal value of the parameter.
  virtual double do_suggest(std::string_view name, const Distribution& distribution) = 0;
};

}  // namespace ivory::tuning
