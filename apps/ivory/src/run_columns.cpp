#include "run_columns.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "stored_runs.h"
#include "table.h"

namespace ivory {
namespace {

using tracking::RunRecord;
using tracking::SearchEntity;

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kFurtherAttributes{
    {{"end_time", "ended"}, {"user_id", "user"}, {"artifact_uri", "artifacts"}}};

bool is_shown_anyway(const RunColumn& column) {
  if (column.entity() == SearchEntity::kDataset) return true;  // a run may have many
  return column.entity() == SearchEntity::kAttribute &&
         std::ranges::find(kFurtherAttributes, column.key(),
                           &std::pair<std::string_view, std::string_view>::first) == kFurtherAttributes.end();
}

void add(RunColumn column, std::vector<RunColumn>& columns) {
  if (!is_shown_anyway(column) && std::ranges::find(columns, column) == columns.end())
    columns.push_back(std::move(column));
}

std::string attribute_text(const RunRecord& run, std::string_view name) {
  if (name == "end_time") return time_text(run.end_time);
  return name == "user_id" ? run.user_id : run.artifact_uri;
}

std::string text_of(const std::string* text) { return text == nullptr ? std::string() : *text; }

}  // namespace

std::string RunColumn::heading() const {
  if (entity_ != SearchEntity::kAttribute) return key_;
  for (const auto& [name, words] : kFurtherAttributes)
    if (name == key_) return std::string(words);
  return key_;
}

std::string RunColumn::cell(const RunRecord& run) const {
  if (entity_ == SearchEntity::kAttribute) return attribute_text(run, key_);
  if (entity_ == SearchEntity::kParam) return text_of(run.find_param(key_));
  if (entity_ == SearchEntity::kTag) return text_of(run.find_tag(key_));
  const tracking::Metric* const metric = run.find_metric(key_);
  return metric == nullptr ? std::string() : number_text(metric->value);
}

std::vector<RunColumn> run_columns(const std::vector<std::string>& asked,
                                   const std::vector<std::string>& order_by, const std::string& filter) {
  std::vector<RunColumn> columns;
  for (const std::vector<std::string>* names : {&asked, &order_by})
    for (const auto& [entity, key, ascending] : tracking::parse_run_order(*names))
      add({entity, key}, columns);
  for (const tracking::SearchCondition& condition : tracking::parse_run_filter(filter))
    add({condition.entity, condition.key}, columns);
  return columns;
}

}  // namespace ivory
