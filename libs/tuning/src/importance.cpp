#include <ivory/tuning/importance.h>

#include <algorithm>

namespace ivory::tuning {
namespace {
void normalize(std::vector<ParamImportance>& importances) {
  double sum = 0;
  for (const auto& importance : importances) sum += importance.value;
  const auto count = static_cast<double>(importances.size());
  for (auto& importance : importances) importance.value = sum == 0 ? 1 / count : importance.value / sum;
}
}  // namespace

std::vector<ParamImportance> get_param_importances(const Study& study, const ImportanceOptions& options) {
  const auto evaluator = options.evaluator ? options.evaluator : make_ped_anova_evaluator();
  std::vector<ParamImportance> importances = evaluator->evaluate(study, options.params, options.target);
  std::ranges::sort(importances, [](const ParamImportance& a, const ParamImportance& b) {
    return a.value > b.value || (a.value == b.value && a.name < b.name);
  });
  if (options.normalize) normalize(importances);
  return importances;
}

}  // namespace ivory::tuning
