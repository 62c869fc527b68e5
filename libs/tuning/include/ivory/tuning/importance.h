// Which parameters mattered.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tuning/study.h>

namespace ivory::tuning {

struct ParamImportance {
  std::string name;
  double value = 0;  // >= 0; comparable within one answer only
  friend bool operator==(const ParamImportance&, const ParamImportance&) = default;
};

// What a trial is judged by instead of its value: one of several objectives, its duration. Trials of which it
// is not finite are left out.
using ImportanceTarget = std::function<double(const FrozenTrial&)>;

// Threads: one evaluator may serve any number of them. It looks at COMPLETE trials with finite values.
class ImportanceEvaluator {
 public:
  virtual ~ImportanceEvaluator() = default;
  ImportanceEvaluator(const ImportanceEvaluator&) = delete;
  ImportanceEvaluator& operator=(const ImportanceEvaluator&) = delete;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  // Of `params`, or of all that it can judge; in any order, not normalised.
  [[nodiscard]] virtual std::vector<ParamImportance> evaluate(
      const Study& study, const std::optional<std::vector<std::string>>& params,
      const ImportanceTarget& target) const = 0;

 protected:
  ImportanceEvaluator() = default;
};

struct PedAnovaOptions {
  double target_quantile = 0.1;   // the best part of the trials …
  double region_quantile = 1.0;   // … within this part; 0 < target < region <= 1
  bool evaluate_on_local = true;  // against how trials lie in the region; false: against an even spread
};
// How far the density of the best trials departs from that of the region, by parameter: Pearson divergence of
// Parzen estimators on a grid of up to 50 cells (Watanabe, Bansal, Hutter, IJCAI 2023, arXiv 2304.10255);
// parameters that not every trial has, or whose range changes, by the trials of each range (conditional
// PED-ANOVA, arXiv 2601.20800). Several objectives: the best are those of the lowest ranks. A target is
// better the lower it is: of an objective to maximize give the negative. Judges every parameter of a complete
// trial; costs about n log n for n trials. Errors: kInvalidArgument for quantiles that are none; kNotFound
// for a parameter that no complete trial has.
[[nodiscard]] std::unique_ptr<ImportanceEvaluator> make_ped_anova_evaluator(
    const PedAnovaOptions& options = {});

struct ForestOptions {
  int n_trees = 64;
  int max_depth = 64;
  std::uint64_t seed = 0;
};
// Functional ANOVA of a random forest that is fitted to the trials: the share of the forest's variance over
// the whole space that a parameter alone explains (Hutter, Hoos, Leyton-Brown, ICML 2014). Trees split a
// parameter's range (a log one's too) at a threshold and choices into one and the rest; each choice weighs
// the same. Parameters without a split, or with one value, have 0. Judges parameters that all complete trials
// have with the same distribution. Errors: kInvalidArgument for a study of several objectives without a
// target, and for parameters given whose distributions differ; kNotFound if no complete trial has all that
// are given.
[[nodiscard]] std::unique_ptr<ImportanceEvaluator> make_fanova_evaluator(const ForestOptions& options = {});

// Mean decrease in impurity: by how much the splits of the same forest at a parameter reduce the squared
// error at the trials (Breiman 2001; Louppe et al. 2013). Judges the same parameters; errors as there.
[[nodiscard]] std::unique_ptr<ImportanceEvaluator> make_mdi_evaluator(const ForestOptions& options = {});

struct ImportanceOptions {
  std::shared_ptr<const ImportanceEvaluator> evaluator = {};  // none: PED-ANOVA
  std::optional<std::vector<std::string>> params = {};        // none: all that the evaluator can judge
  ImportanceTarget target = {};                               // none: the objective
  bool normalize = true;                                      // the sum is 1 (all alike if nothing mattered)
};
// The greatest first, equals by name. Fewer than two trials say nothing: then all are alike.
// Errors: those of the evaluator.
[[nodiscard]] std::vector<ParamImportance> get_param_importances(const Study& study,
                                                                 const ImportanceOptions& options = {});

}  // namespace ivory::tuning
