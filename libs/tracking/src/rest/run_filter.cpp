#include "rest/run_filter.h"

#include <algorithm>

#include <ivory/base/error.h>

namespace ivory::tracking {
namespace {

constexpr std::size_t kIdsPerFilter = 200;
constexpr std::size_t kMostIds = 2000;  // beyond, all runs are looked at

void add(std::string& filter, std::string_view condition) {
  if (!filter.empty()) filter += " AND ";
  filter += condition;
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string common_filter(const RunQuery& query) {
  std::string filter;
  if (const auto name = quoted_value(query.name); name && !query.name.empty())
    add(filter, "attributes.run_name = " + *name);
  if (const auto parent = quoted_value(query.parent_run_id); parent && !query.parent_run_id.empty())
    add(filter, "tags.`" + std::string(kParentRunIdTag) + "` = " + *parent);
  if (query.status) add(filter, "attributes.status = '" + std::string(to_text(*query.status)) + "'");
  if (!query.id_prefix.empty() && is_hex(query.id_prefix))
    add(filter, "attributes.run_id LIKE '" + query.id_prefix + "%'");
  return filter;
}

bool is_parent(const RunRecord& run, const std::set<std::string>& parents) {
  return parents.contains(run.run_id) || run.find_tag(kTaskTag) != nullptr;
}

bool fits_nesting(const RunRecord& run, Nesting nesting) {
  return nesting == Nesting::kAny ||
         (run.find_tag(kParentRunIdTag) != nullptr) == (nesting == Nesting::kNested);
}

bool has_parent(const RunRecord& run, const std::string& parent) {
  const std::string* const tag = run.find_tag(kParentRunIdTag);
  return tag != nullptr && *tag == parent;
}

}  // namespace

std::optional<std::string> quoted_value(std::string_view value) {
  for (const char quote : {'\'', '"'})
    if (value.find(quote) == std::string_view::npos) return quote + std::string(value) + quote;
  return std::nullopt;
}

std::vector<std::string> filters_of(const RunQuery& query) {
  const std::string common = common_filter(query);
  std::vector<std::string> ids;
  for (const std::string& id : query.run_ids)
    if (quoted_value(id)) ids.push_back(id);
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  if (ids.empty() || ids.size() > kMostIds) return {common};
  std::vector<std::string> filters;
  for (std::size_t begin = 0; begin < ids.size(); begin += kIdsPerFilter) {
    std::string list;
    for (std::size_t i = begin; i < std::min(ids.size(), begin + kIdsPerFilter); ++i)
      list += (list.empty() ? "" : ", ") + quoted_value(ids[i]).value_or("");
    std::string filter = common;
    add(filter, "attributes.run_id IN (" + list + ")");
    filters.push_back(std::move(filter));
  }
  return filters;
}

bool is_wanted(const RunRecord& run, const RunQuery& query, const std::set<std::string>& parents) {
  if (!query.name.empty() && run.name != query.name) return false;
  if (!run.run_id.starts_with(query.id_prefix)) return false;
  if (!query.run_ids.empty() && std::ranges::find(query.run_ids, run.run_id) == query.run_ids.end())
    return false;
  if (!query.parent_run_id.empty() && !has_parent(run, query.parent_run_id)) return false;
  if (query.status && run.status != *query.status) return false;
  if (query.is_parent && is_parent(run, parents) != *query.is_parent) return false;
  return fits_nesting(run, query.nesting);
}

bool is_exact(const RunQuery& query) {
  return query.run_ids.empty() && query.nesting == Nesting::kAny && !query.is_parent &&
         query.id_prefix.empty() && quoted_value(query.name) && quoted_value(query.parent_run_id);
}

}  // namespace ivory::tracking
