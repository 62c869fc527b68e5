// From clauses to conditions on runs and experiments: names, comparators and values are looked at here.
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/tracking/search.h>

#include "clause_parts.h"

namespace ivory::tracking {
namespace {

using Entity = SearchEntity;
using Names = std::vector<std::string_view>;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

bool has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Names& numeric_comparators() {
  static const Names kNames{"!=", "<", "<=", "=", ">", ">="};
  return kNames;
}
const Names& text_comparators() {
  static const Names kNames{"!=", "=", "ILIKE", "IS NOT NULL", "IS NULL", "LIKE"};
  return kNames;
}
const Names& list_comparators() {
  static const Names kNames{"!=", "=", "ILIKE", "IN", "LIKE", "NOT IN"};
  return kNames;
}

// What differs between the searches.
struct Language {
  Names attributes;
  Names order_attributes;
  Names numeric_attributes;
  bool is_for_runs;
};

const Language& run_language() {
  static const Language kLanguage{{"Created", "Run Name", "Run name", "artifact_uri", "created", "end_time",
                                   "run name", "run_id", "run_name", "start_time", "status", "user_id"},
                                  {"Created", "artifact_uri", "created", "end_time", "run_id", "run_name",
                                   "start_time", "status", "user_id"},
                                  {"Created", "created", "end_time", "start_time"},
                                  true};
  return kLanguage;
}

const Language& experiment_language() {
  static const Language kLanguage{{"creation_time", "last_update_time", "name"},
                                  {"creation_time", "experiment_id", "last_update_time", "name"},
                                  {"creation_time", "last_update_time"},
                                  false};
  return kLanguage;
}

// One name for each attribute.
std::string_view plain_attribute(std::string_view key) {
  if (key == "created" || key == "Created") return "start_time";
  if (key == "run name" || key == "Run name" || key == "Run Name") return "run_name";
  return key;
}

std::string_view name_of(Entity entity) {
  constexpr std::array<std::string_view, 5> kNames{"metric", "parameter", "tag", "attribute", "dataset"};
  return kNames[static_cast<std::size_t>(entity)];
}

Entity run_entity(std::string_view name) {
  const std::string_view plain = name.size() >= 2 && name.front() == '`' ? without_quotes(name) : name;
  if (plain == "metric" || plain == "metrics") return Entity::kMetric;
  if (has({"parameter", "parameters", "param", "params"}, plain)) return Entity::kParam;
  if (plain == "tag" || plain == "tags") return Entity::kTag;
  if (has({"attribute", "attributes", "attr", "run"}, plain)) return Entity::kAttribute;
  if (plain == "dataset" || plain == "datasets") return Entity::kDataset;
  refuse("Invalid entity type '" + std::string(plain) +
         "'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']");
}

Entity experiment_entity(std::string_view name) {
  if (name == "attribute") return Entity::kAttribute;
  if (name == "tag" || name == "tags") return Entity::kTag;
  refuse("Invalid entity type '" + std::string(name) +
         "'. Valid entity types are ('attribute', 'tag', 'tags')");
}

// What may have been meant by a name that is no attribute.
std::string attribute_hint(std::string_view key, const Language& language, const Names& attributes) {
  const std::vector<std::string> known(attributes.begin(), attributes.end());
  std::string near = did_you_mean(key, known, 0);
  if (!near.empty() || !language.is_for_runs) return near;
  const std::string name(key);
  return "; a metric is written metrics." + name + ", a param params." + name + ", a tag tags." + name;
}

struct Identifier {
  Entity entity;
  std::string written;  // the key as it is written, without quotes
};

Identifier parse_identifier(std::string_view text, const Language& language, const Names& attributes) {
  const std::size_t dot = text.find('.');
  Identifier identifier{Entity::kAttribute, std::string(text)};
  if (dot != std::string_view::npos) {
    const std::string_view entity = text.substr(0, dot);
    identifier.entity = language.is_for_runs ? run_entity(entity) : experiment_entity(entity);
    identifier.written = text.substr(dot + 1);
  }
  identifier.written = std::string(bare_key(identifier.written));
  if (identifier.entity == Entity::kAttribute && !has(attributes, identifier.written)) {
    refuse("Invalid attribute key '" + identifier.written + "' specified. Valid keys are '" +
           set_of_names(attributes) + "'" + attribute_hint(identifier.written, language, attributes));
  }
  static const Names kDatasetKeys{"context", "digest", "name"};
  if (identifier.entity == Entity::kDataset && !has(kDatasetKeys, identifier.written)) {
    refuse("Invalid dataset key '" + identifier.written + "' specified. Valid keys are '" +
           set_of_names(kDatasetKeys) + "'");
  }
  return identifier;
}

SearchValue number_of(const FilterClause& clause, const std::string& what) {
  if (clause.kind != FilterClause::Value::kNumber)
    refuse("Expected numeric value type for " + what + ". Found " + clause.value);
  return parse_search_number(clause.value);
}

SearchValue attribute_value(const Identifier& identifier, const FilterClause& clause,
                            const Language& language) {
  if (has(language.numeric_attributes, identifier.written))
    return number_of(clause, "numeric attribute: " + identifier.written);
  if (is_quotable(clause)) return quoted_text(clause);
  if (clause.kind != FilterClause::Value::kList)
    refuse("Expected a quoted string value for attributes. Got value " + clause.value);
  if (identifier.written != "run_id")
    refuse("Only the 'run_id' attribute supports comparison with a list of quoted string values.");
  return parse_text_list(clause.value);
}

SearchValue parse_value(const Identifier& identifier, const FilterClause& clause, const Language& language) {
  switch (identifier.entity) {
    case Entity::kMetric:
      return number_of(clause, "metric");
    case Entity::kParam:
    case Entity::kTag:
      if (is_quotable(clause)) return quoted_text(clause);
      refuse("Expected a quoted string value for " + std::string(name_of(identifier.entity)) +
             " (e.g. 'my-value'). Got value " + clause.value);
    case Entity::kAttribute:
      return attribute_value(identifier, clause, language);
    case Entity::kDataset:
      break;
  }
  if (is_quotable(clause)) return quoted_text(clause);
  if (clause.kind == FilterClause::Value::kList) return parse_text_list(clause.value);
  refuse("Expected a quoted string value for dataset attributes. Got value " + clause.value);
}

void check_comparator(const FilterClause& clause, const Names& valid, std::string_view shown_end,
                      const Names& shown) {
  if (has(valid, clause.comparator)) return;
  refuse("Invalid comparator '" + clause.comparator + "' not one of '" + set_of_names(shown) +
         std::string(shown_end));
}

// A list goes with IN alone, and IN with a list.
void check_list(const FilterClause& clause) {
  const bool is_list = clause.kind == FilterClause::Value::kList;
  const bool is_in = clause.comparator == "IN" || clause.comparator == "NOT IN";
  if (is_list != is_in)
    refuse("Invalid comparison clause. Comparator '" + clause.comparator + "' does not go with " +
           clause.value);
}

void check_comparator(const Identifier& identifier, const FilterClause& clause, const Language& language) {
  const Names& numeric = numeric_comparators();
  switch (identifier.entity) {
    case Entity::kMetric:
      return check_comparator(clause, numeric, "", numeric);
    case Entity::kParam:
      return check_comparator(clause, text_comparators(), "'", text_comparators());
    case Entity::kTag:
      return check_comparator(clause, text_comparators(), "", text_comparators());
    case Entity::kDataset:
      check_comparator(clause, list_comparators(), "", list_comparators());
      return check_list(clause);
    case Entity::kAttribute:
      break;
  }
  if (has(language.numeric_attributes, identifier.written))
    return check_comparator(clause, numeric, "", list_comparators());
  check_comparator(clause, list_comparators(), "'", list_comparators());
  check_list(clause);
}

void check_null(const Identifier& identifier, const Language& language) {
  if (identifier.entity == Entity::kTag) return;
  if (!language.is_for_runs) {
    refuse("IS NULL / IS NOT NULL is only supported for tags, not for attribute '" + identifier.written +
           "'");
  }
  if (identifier.entity == Entity::kParam) return;
  refuse("IS NULL / IS NOT NULL is only supported for tags and params, not for '" +
         std::string(name_of(identifier.entity)) + "' '" + identifier.written + "'");
}

SearchCondition parse_condition(const FilterClause& clause, const Language& language) {
  const Identifier identifier = parse_identifier(clause.identifier, language, language.attributes);
  SearchCondition condition;
  condition.entity = identifier.entity;
  condition.key = identifier.entity == Entity::kAttribute ? std::string(plain_attribute(identifier.written))
                                                          : identifier.written;
  if (clause.kind == FilterClause::Value::kNone) {
    check_null(identifier, language);
  } else {
    condition.value = parse_value(identifier, clause, language);
    check_comparator(identifier, clause, language);
  }
  condition.comparator = comparator_named(clause.comparator);
  return condition;
}

std::vector<SearchCondition> parse_filter(std::string_view filter, const Language& language) {
  std::vector<SearchCondition> conditions;
  for (const FilterClause& clause : parse_clauses(filter, language.is_for_runs))
    conditions.push_back(parse_condition(clause, language));
  return conditions;
}

SearchOrder parse_order(const std::string& order_by, const Language& language) {
  const OrderClause clause = parse_order_clause(order_by);
  const Identifier identifier = parse_identifier(clause.identifier, language, language.order_attributes);
  return {identifier.entity,
          identifier.entity == Entity::kAttribute ? std::string(plain_attribute(identifier.written))
                                                  : identifier.written,
          clause.ascending};
}

void check_distinct(const std::vector<SearchOrder>& order, const std::vector<std::string>& order_by) {
  std::set<std::pair<Entity, std::string_view>> seen;
  for (const SearchOrder& key : order) {
    if (seen.emplace(key.entity, key.key).second) continue;
    refuse("`order_by` contains duplicate fields: " + list_of_texts(order_by));
  }
}

}  // namespace

std::vector<SearchCondition> parse_run_filter(std::string_view filter) {
  return parse_filter(filter, run_language());
}

std::vector<SearchCondition> parse_experiment_filter(std::string_view filter) {
  return parse_filter(filter, experiment_language());
}

std::vector<SearchOrder> parse_run_order(const std::vector<std::string>& order_by) {
  std::vector<SearchOrder> order;
  for (const std::string& text : order_by) {
    order.push_back(parse_order(text, run_language()));
    if (order.back().entity == Entity::kDataset) refuse("Invalid identifier type 'dataset'");
  }
  check_distinct(order, order_by);
  return order;
}

std::vector<SearchOrder> parse_experiment_order(const std::vector<std::string>& order_by) {
  std::vector<SearchOrder> order;
  for (const std::string& text : order_by) {
    order.push_back(parse_order(text, experiment_language()));
    if (order.back().entity != Entity::kAttribute)
      refuse("Invalid order_by entity: " + std::string(name_of(order.back().entity)));
  }
  if (order.empty())
    order = {{Entity::kAttribute, "creation_time", false}, {Entity::kAttribute, "experiment_id", true}};
  const bool is_whole = std::any_of(order.begin(), order.end(),
                                    [](const SearchOrder& key) { return key.key == "experiment_id"; });
  if (!is_whole) order.push_back({Entity::kAttribute, "experiment_id", false});
  return order;
}

}  // namespace ivory::tracking
