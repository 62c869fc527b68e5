// A trial without a study: gives the parameters it was made with, to try an objective out.
#pragma once
#include <initializer_list>
#include <map>

#include <ivory/tuning/trial.h>

namespace ivory::tuning {

// Threads: one. Errors: kNotFound for a parameter that was not given, kInvalidArgument for one of the wrong
// kind; a number outside its bounds is given all the same, with a warning in the log. It is never pruned.
class FixedTrial final : public Trial {
 public:
  // `params`: a map of scalars.
  explicit FixedTrial(Params params, std::int64_t number = 0);
  // FixedTrial trial({{"lr", 0.1}, {"optimizer", "adam"}});
  FixedTrial(std::initializer_list<ParamsItem> params, std::int64_t number = 0);

  [[nodiscard]] bool should_prune() override { return false; }
  void set_user_attr(std::string_view key, const Params& value) override;
  void set_system_attr(std::string_view key, const Params& value) override;
  void set_constraint(std::string_view key, double value) override;
  [[nodiscard]] std::int64_t number() const override { return number_; }
  [[nodiscard]] Params params() const override;
  [[nodiscard]] std::vector<std::pair<std::string, Distribution>> distributions() const override;
  [[nodiscard]] Params user_attrs() const override { return user_attrs_; }
  [[nodiscard]] Params system_attrs() const override { return system_attrs_; }
  // What was reported of the first objective, by step; with folds the latest, by fold.
  [[nodiscard]] const std::map<std::int64_t, double>& intermediate_values() const noexcept {
    return intermediate_values_;
  }
  // All reports as they came.
  [[nodiscard]] const std::vector<TrialReport>& reports() const noexcept { return reports_; }

 private:
  double do_suggest(std::string_view name, const Distribution& distribution) override;
  void do_report(const TrialReport& report) override;
  Params given_;
  std::int64_t number_;
  std::vector<std::pair<std::string, Distribution>> suggested_;
  Params user_attrs_ = Params::map(), system_attrs_ = Params::map();
  std::map<std::int64_t, double> intermediate_values_;
  std::vector<TrialReport> reports_;
};

}  // namespace ivory::tuning
