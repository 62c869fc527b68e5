// From clauses to conditions on registered models, their versions and logged models.
#include <algorithm>
#include <set>

#include <ivory/base/error.h>
#include <ivory/tracking/model_search.h>

#include "../model_rules.h"
#include "../python_words.h"
#include "clause_parts.h"

namespace ivory::tracking {
namespace {

using Entity = SearchEntity;
using Names = std::vector<std::string_view>;
using Value = FilterClause::Value;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

bool has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

struct Identifier {
  Entity entity;
  std::string key;
};

[[noreturn]] void refuse_attribute(std::string_view key, const Names& valid) {
  refuse("Invalid attribute key '" + std::string(key) + "' specified. Valid keys are '" +
         set_of_names(valid) + "'");
}

// Of the registry: attributes and tags.
Identifier parse_registry_identifier(std::string_view text, const Names& attributes) {
  const std::size_t dot = text.find('.');
  const std::string_view entity = dot == std::string_view::npos ? "attribute" : text.substr(0, dot);
  const std::string_view key = dot == std::string_view::npos ? text : text.substr(dot + 1);
  if (entity == "tag" || entity == "tags") return {Entity::kTag, std::string(bare_key(key))};
  if (entity != "attribute") {
    refuse("Invalid entity type '" + std::string(entity) +
           "'. Valid entity types are ('attribute', 'tag', 'tags')");
  }
  if (!has(attributes, key)) refuse_attribute(key, attributes);
  return {Entity::kAttribute, std::string(key)};
}

Comparator comparator_of(const FilterClause& clause, const Names& valid, const std::string& what) {
  const auto comparator = find_comparator(clause.comparator);
  if (!comparator || !has(valid, clause.comparator))
    refuse("Invalid comparator for " + what + ": " + clause.comparator);
  const bool is_list = clause.kind == Value::kList;
  if (is_list != (clause.comparator == "IN" || clause.comparator == "NOT IN"))
    refuse("Invalid comparison clause. Comparator '" + clause.comparator + "' does not go with " +
           clause.value);
  return *comparator;
}

const Names& numeric_comparators() {
  static const Names kNames{"<", "<=", ">", ">=", "=", "!="};
  return kNames;
}
const Names& text_comparators() {
  static const Names kNames{"=", "!=", "LIKE", "ILIKE"};
  return kNames;
}

// What differs between the searches of the registry.
struct RegistryLanguage {
  Names attributes;
  Names order_attributes;
  bool is_for_versions;
};
const RegistryLanguage& model_language() {
  static const RegistryLanguage kLanguage{
      {"name"}, {"creation_timestamp", "last_updated_timestamp", "name", "timestamp"}, false};
  return kLanguage;
}
const RegistryLanguage& version_language() {
  static const RegistryLanguage kLanguage{
      {"name", "run_id", "source_path", "version_number"},
      {"creation_timestamp", "last_updated_timestamp", "name", "version_number"},
      true};
  return kLanguage;
}

SearchValue registry_text(const Identifier& identifier, const FilterClause& clause) {
  if (is_quotable(clause)) return quoted_text(clause);
  if (identifier.entity == Entity::kTag)
    refuse("Expected a quoted string value for tag (e.g. 'my-value'). Got value " + clause.value);
  if (clause.kind == Value::kList && identifier.key != "run_id")
    refuse("Only the 'run_id' attribute supports comparison with a list of quoted string values.");
  if (clause.kind == Value::kList) return parse_text_list(clause.value);
  refuse("Expected a quoted string value or a list of quoted string values for attributes. Got value " +
         clause.value);
}

SearchCondition parse_version_number(const FilterClause& clause) {
  if (clause.kind != Value::kNumber && !is_quotable(clause))
    refuse("Expected numeric value type for numeric attribute: version_number. Found " + clause.value);
  const std::string text = clause.kind == Value::kNumber ? clause.value : quoted_text(clause);
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string::npos)
    refuse("Expected numeric value type for numeric attribute: version_number. Found " + clause.value);
  return {Entity::kAttribute, "version_number",
          comparator_of(clause, numeric_comparators(), "attribute version_number"),
          parse_search_number(text)};
}

SearchCondition parse_registry_condition(const FilterClause& clause, const RegistryLanguage& language) {
  const Identifier identifier = parse_registry_identifier(clause.identifier, language.attributes);
  const bool is_tag = identifier.entity == Entity::kTag;
  if (clause.kind == Value::kNone) {
    refuse("Invalid comparator for " + std::string(is_tag ? "tag" : "attribute") + ": " + clause.comparator);
  }
  if (!is_tag && identifier.key == "version_number") return parse_version_number(clause);
  if (clause.kind == Value::kNumber && !is_tag && language.is_for_versions) {
    refuse(
        "Only the '{'creation_timestamp', 'last_updated_timestamp', 'version_number'}' attributes support "
        "comparison with numeric values.");
  }
  SearchValue value = registry_text(identifier, clause);
  Names valid = text_comparators();
  if (!is_tag && identifier.key == "run_id") valid.emplace_back("IN");
  const Comparator comparator = comparator_of(clause, valid, is_tag ? "tag" : "attribute");
  return {identifier.entity, identifier.key, comparator, std::move(value)};
}

std::vector<SearchCondition> parse_registry_filter(std::string_view filter,
                                                   const RegistryLanguage& language) {
  std::vector<SearchCondition> conditions;
  for (const FilterClause& clause : parse_clauses(filter, false))
    conditions.push_back(parse_registry_condition(clause, language));
  return conditions;
}

std::vector<SearchOrder> parse_registry_order(const std::vector<std::string>& order_by,
                                              const RegistryLanguage& language) {
  std::vector<SearchOrder> order;
  std::set<std::string> seen;
  for (const std::string& text : order_by) {
    const OrderClause clause = parse_order_clause(text);
    Identifier identifier = parse_registry_identifier(clause.identifier, language.order_attributes);
    if (identifier.entity != Entity::kAttribute) refuse("Invalid order_by entity: tag");
    if (identifier.key == "timestamp") identifier.key = "last_updated_timestamp";
    if (!seen.insert(identifier.key).second)
      refuse("`order_by` contains duplicate fields: " + list_of_texts(order_by));
    order.push_back({Entity::kAttribute, identifier.key, clause.ascending});
  }
  if (!seen.contains("name")) order.push_back({Entity::kAttribute, "name", true});
  if (language.is_for_versions && !seen.contains("version_number"))
    order.push_back({Entity::kAttribute, "version_number", false});
  return order;
}

// The one name of an attribute of a logged model.
std::string_view plain_attribute(std::string_view key) {
  if (key == "creation_time") return "creation_timestamp";
  if (key == "last_updated_time") return "last_updated_timestamp";
  return key;
}

const Names& logged_model_attributes() {
  static const Names kNames{"creation_timestamp",
                            "last_updated_timestamp",
                            "model_id",
                            "model_type",
                            "name",
                            "source_run_id",
                            "status"};
  return kNames;
}

bool is_time(std::string_view key) { return key == "creation_timestamp" || key == "last_updated_timestamp"; }

Identifier parse_logged_model_identifier(const std::string& text) {
  const std::size_t dot = text.find('.');
  const bool has_entity = dot != std::string::npos && dot > 0 && dot + 1 < text.size() &&
                          std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(dot),
                                      [](char c) { return c >= 'a' && c <= 'z'; });
  const std::string entity = has_entity ? text.substr(0, dot) : "attributes";
  const std::string key(
      bare_key(has_entity ? std::string_view(text).substr(dot + 1) : std::string_view(text)));
  if (entity == "metrics") return {Entity::kMetric, key};
  if (entity == "params") return {Entity::kParam, key};
  if (entity == "tags") return {Entity::kTag, key};
  if (entity != "attributes") {
    refuse("Invalid entity type: " + python_repr(entity) +
           ". Expected one of ['attributes', 'metrics', 'params', 'tags'].");
  }
  const std::string plain(plain_attribute(key));
  if (!has(logged_model_attributes(), plain)) refuse_attribute(key, logged_model_attributes());
  return {Entity::kAttribute, plain};
}

// MLflow takes a value of a param or tag without quotes, too.
SearchValue logged_model_text(const Identifier& identifier, const FilterClause& clause) {
  if (clause.kind == Value::kList) return parse_text_list(clause.value);
  std::string text(without_quotes(clause.value));
  constexpr std::string_view kStatusStart = "LOGGED_MODEL_";
  const bool is_status = identifier.entity == Entity::kAttribute && identifier.key == "status";
  if (is_status && text.starts_with(kStatusStart)) text.erase(0, kStatusStart.size());
  return text;
}

SearchCondition parse_logged_model_condition(const FilterClause& clause) {
  const Identifier identifier = parse_logged_model_identifier(clause.identifier);
  const bool is_numeric = identifier.entity == Entity::kMetric ||
                          (identifier.entity == Entity::kAttribute && is_time(identifier.key));
  static const Names kTextComparators{"=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"};
  const Names& valid = is_numeric ? numeric_comparators() : kTextComparators;
  const bool is_list = clause.kind == Value::kList;
  const bool wants_list = clause.comparator == "IN" || clause.comparator == "NOT IN";
  if (!has(valid, clause.comparator) || is_list != wants_list) {
    refuse("Invalid comparison operator for " + clause.identifier + ": " + python_repr(clause.comparator) +
           ". Expected one of ('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN').");
  }
  if (is_numeric && clause.kind != Value::kNumber)
    refuse("could not convert string to float: " + python_repr(clause.value));
  SearchValue value =
      is_numeric ? SearchValue(parse_search_number(clause.value)) : logged_model_text(identifier, clause);
  return {identifier.entity, identifier.key, comparator_named(clause.comparator), std::move(value)};
}

SearchOrder logged_model_order(const LoggedModelOrder& asked) {
  const std::size_t dot = asked.field_name.find('.');
  if (dot == std::string::npos) {
    const std::string plain(plain_attribute(asked.field_name));
    if (!has(logged_model_attributes(), plain)) refuse("Invalid order by field name: " + asked.field_name);
    return {Entity::kAttribute, plain, asked.ascending};
  }
  if (asked.field_name.substr(0, dot) != "metrics")
    refuse("Invalid order by field name: " + asked.field_name + ". Only metrics are supported.");
  return {Entity::kMetric, asked.field_name.substr(dot + 1), asked.ascending};
}

std::int64_t checked_results(const SearchModels& search, std::int64_t usual, std::int64_t most) {
  const std::int64_t results = search.max_results.value_or(usual);
  if (results < 1) {
    refuse("Invalid value for max_results. It must be a positive integer, but got " +
           std::to_string(results));
  }
  if (results > most) {
    refuse("Invalid value for request parameter max_results. It must be at most " + std::to_string(most) +
           ", but got value " + std::to_string(results));
  }
  return results;
}

}  // namespace

std::vector<SearchCondition> parse_registered_model_filter(std::string_view filter) {
  return parse_registry_filter(filter, model_language());
}

std::vector<SearchCondition> parse_model_version_filter(std::string_view filter) {
  return parse_registry_filter(filter, version_language());
}

std::vector<SearchCondition> parse_logged_model_filter(std::string_view filter) {
  std::vector<SearchCondition> conditions;
  for (const FilterClause& clause : parse_clauses(filter, false))
    conditions.push_back(parse_logged_model_condition(clause));
  return conditions;
}

std::vector<SearchOrder> parse_registered_model_order(const std::vector<std::string>& order_by) {
  return parse_registry_order(order_by, model_language());
}

std::vector<SearchOrder> parse_model_version_order(const std::vector<std::string>& order_by) {
  static const std::vector<std::string> kUsual{"last_updated_timestamp DESC", "name ASC",
                                               "version_number DESC"};
  return parse_registry_order(order_by.empty() ? kUsual : order_by, version_language());
}

std::vector<LoggedModelSort> parse_logged_model_order(const std::vector<LoggedModelOrder>& order_by) {
  std::vector<LoggedModelSort> sorts;
  bool has_creation = false;
  for (const LoggedModelOrder& asked : order_by) {
    if (!asked.dataset_digest.empty() && asked.dataset_name.empty())
      refuse("`dataset_digest` can only be specified if `dataset_name` is also specified.");
    sorts.push_back({logged_model_order(asked), asked.dataset_name, asked.dataset_digest});
    has_creation = has_creation || sorts.back().order.key == "creation_timestamp";
  }
  if (!has_creation) sorts.push_back({{Entity::kAttribute, "creation_timestamp", false}, {}, {}});
  sorts.push_back({{Entity::kAttribute, "model_id", true}, {}, {}});
  return sorts;
}

bool asks_for_prompts(const std::vector<SearchCondition>& conditions) {
  for (const SearchCondition& condition : conditions) {
    if (condition.entity != Entity::kTag || condition.key != kPromptTag) continue;
    const auto* const value = std::get_if<std::string>(&condition.value);
    if (value == nullptr) return false;
    return (condition.comparator == Comparator::kEqual && *value == "true") ||
           (condition.comparator == Comparator::kNotEqual && *value == "false");
  }
  return false;
}

std::int64_t registered_model_results(const SearchModels& search) {
  return checked_results(search, 100, 1000);
}

std::int64_t model_version_results(const SearchModels& search) {
  return checked_results(search, 10'000, 200'000);
}

}  // namespace ivory::tracking
