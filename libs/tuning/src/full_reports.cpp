#include "full_reports.h"

#include <charconv>

namespace ivory::tuning {
namespace {
constexpr std::string_view kPrefix = "ivory:report:";

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end && number >= 0 ? std::optional(number) : std::nullopt;
}
}  // namespace

std::string report_key(const TrialReport& report) {
  return std::string(kPrefix) + (report.fold ? std::to_string(*report.fold) : "") + ":" +
         std::to_string(report.step);
}

std::optional<TrialReport> find_report(std::string_view key, const Params& value) {
  if (!key.starts_with(kPrefix) || !value.is_list() || value.empty()) return {};
  key.remove_prefix(kPrefix.size());
  const auto colon = key.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view fold = key.substr(0, colon);
  const auto step = whole_number(key.substr(colon + 1));
  TrialReport report{.fold = whole_number(fold)};
  if (!step || (!fold.empty() && !report.fold)) return {};
  report.step = *step;
  for (const auto& element : value.elements()) {
    if (!element.is_number()) return {};
    report.values.push_back(element.as_real());
  }
  return report;
}

FrozenTrial with_reports_as_attrs(FrozenTrial trial) {
  for (const auto& report : trial.reports) trial.system_attrs[report_key(report)] = report.values;
  trial.reports.clear();
  return trial;
}

}  // namespace ivory::tuning
