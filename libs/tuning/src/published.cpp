#include "published.h"

#include <string>

#include "json.h"

namespace ivory::tuning {
namespace {
constexpr std::size_t kAttrLength = 2045;  // Optuna's pieces of a long attribute
}  // namespace

void publish_joint(TrialContext& context, std::string_view prefix, const std::vector<TrialParam>& proposal) {
  if (proposal.empty()) return;
  Params values = Params::map();
  for (const auto& param : proposal) values[param.name] = param.value();
  const std::string text = json::write(values);
  for (std::size_t i = 0; i * kAttrLength < text.size(); ++i)
    context.set_trial_attr(std::string(prefix) + std::to_string(i),
                           text.substr(i * kAttrLength, kAttrLength));
}

}  // namespace ivory::tuning
