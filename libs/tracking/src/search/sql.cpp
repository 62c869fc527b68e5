#include "sql.h"

#include <algorithm>
#include <array>

#include <ivory/base/error.h>
#include <ivory/base/params.h>

#include "../own_indexes.h"

namespace ivory::tracking {
namespace {

using Entity = SearchEntity;
using storage::Dialect;

// SQLite refuses longer ones.
constexpr std::size_t kMaxPattern = 50'000;

std::string_view operator_of(Comparator comparator) {
  switch (comparator) {
    case Comparator::kNotEqual:
      return "<>";
    case Comparator::kLess:
      return "<";
    case Comparator::kLessEqual:
      return "<=";
    case Comparator::kGreater:
      return ">";
    case Comparator::kGreaterEqual:
      return ">=";
    default:
      return "=";
  }
}

SqlText pattern_sql(std::string_view column, const std::string& pattern, bool ignore_case, Dialect dialect) {
  if (pattern.size() > kMaxPattern) {
    throw Error(ErrorCode::kInvalidArgument, "a pattern of " + std::to_string(pattern.size()) +
                                                 " bytes is too long; expected at most " +
                                                 std::to_string(kMaxPattern));
  }
  if (dialect == Dialect::kPostgres) {
    SqlText sql(column);
    sql += ignore_case ? " ILIKE " : " LIKE ";
    sql.bind(std::string_view(pattern));
    return sql += " ESCAPE ''";
  }
  // Our connections to SQLite tell cases apart, as MLflow's do.
  if (!ignore_case) return (SqlText(column) += " LIKE ").bind(std::string_view(pattern));
  SqlText sql("lower(");
  (sql += column) += ") LIKE lower(";
  sql.bind(std::string_view(pattern));
  return sql += ")";
}

SqlText list_sql(std::string_view column, const SearchCondition& condition, Dialect dialect) {
  SqlText sql(column);
  sql += condition.comparator == Comparator::kIn ? " IN (SELECT value FROM " : " NOT IN (SELECT value FROM ";
  // One value, whatever the length of the list.
  const std::string list = Params(std::get<std::vector<std::string>>(condition.value)).to_json();
  if (dialect == Dialect::kPostgres) {
    sql += "json_array_elements_text(CAST(";
    sql.bind(std::string_view(list));
    return sql += " AS json)))";
  }
  sql += "json_each(";
  sql.bind(std::string_view(list));
  return sql += "))";
}

// A row of latest_metrics, params or tags of the run.
SqlText of_run(Entity entity, std::string_view key, const SqlText& value, std::string_view index,
               const RunContext& context) {
  SqlText sql("EXISTS (SELECT 1 FROM ");
  ((sql += table_of(entity)) += " v ") += index;
  ((sql += " WHERE v.run_uuid = ") += context.run_id) += " AND v.key = ";
  sql.bind(key);
  if (!value.empty()) {
    sql += " AND ";
    sql += value;
  }
  return sql += ")";
}

// The index that holds all that the condition asks for, if it must be named.
std::string_view index_of(Entity entity, const SearchCondition& condition, const RunContext& context) {
  const auto* const text = std::get_if<std::string>(&condition.value);
  const bool serves = context.has_own_indexes && context.dialect == Dialect::kSqlite && text != nullptr &&
                      condition.comparator == Comparator::kEqual && text->size() <= kMaxIndexedText;
  if (!serves) return {};
  return entity == Entity::kParam ? "INDEXED BY ivory_params_key_value" : "INDEXED BY ivory_tags_key_value";
}

SqlText dataset_sql(const SearchCondition& condition, const RunContext& context) {
  const bool is_context = condition.key == "context";
  SqlText sql(
      "EXISTS (SELECT 1 FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id "
      "WHERE i.destination_type = 'RUN' AND i.destination_id = ");
  (sql += context.run_id) += " AND ";
  if (!is_context) {
    sql += comparison_sql("d." + condition.key, condition, context.dialect);
    return sql += ")";
  }
  sql +=
      "EXISTS (SELECT 1 FROM input_tags t WHERE t.input_uuid = i.input_uuid AND "
      "t.name = 'mlflow.data.context' AND ";
  sql += comparison_sql("t.value", condition, context.dialect);
  return sql += "))";
}

// The column of the table runs; the name is looked for in the tag, as MLflow's old runs have it there alone.
std::string run_column(std::string_view key) {
  if (key == "run_id") return "r.run_uuid";
  if (key == "run_name") return "r.name";
  return "r." + std::string(key);
}

bool is_time(std::string_view key) {
  constexpr std::array<std::string_view, 5> kTimes{"start_time", "end_time", "creation_time",
                                                   "last_update_time", "experiment_id"};
  return std::find(kTimes.begin(), kTimes.end(), key) != kTimes.end();
}

// By bytes, as SQLite sorts.
std::string in_byte_order(const std::string& column, Dialect dialect) {
  return dialect == Dialect::kPostgres ? column + " COLLATE \"C\"" : column;
}

std::string attribute_order(const SearchOrder& key, Dialect dialect) {
  const std::string column = run_column(key.key);
  if (key.key == "run_id") return column + (key.ascending ? "" : " DESC");
  // SQLite's nulls are smallest, so last already: an index serves.
  if (key.key == "start_time" && !key.ascending) return "r.start_time DESC NULLS LAST";
  const std::string value = is_time(key.key) ? column : in_byte_order(column, dialect);
  return "(" + column + " IS NULL), " + value + (key.ascending ? "" : " DESC");
}

// The row o1, o2 … of what it is ordered by, or nulls.
void add_joined_order(OrderSql& sql, const SearchOrder& key, std::size_t number, Dialect dialect) {
  const std::string alias = "o" + std::to_string(number);
  sql.joins += " LEFT JOIN ";
  sql.joins += table_of(key.entity);
  sql.joins += " " + alias + " ON " + alias + ".run_uuid = r.run_uuid AND " + alias + ".key = ";
  sql.joins.bind(std::string_view(key.key));
  const std::string value = alias + ".value";
  if (key.entity == Entity::kMetric) {
    sql.keys +=
        "CASE WHEN " + alias + ".is_nan THEN 1 WHEN " + value + " IS NULL THEN 2 ELSE 0 END, " + value;
  } else {
    sql.keys += "(" + value + " IS NULL), " + in_byte_order(value, dialect);
  }
  sql.keys += key.ascending ? "" : " DESC";
}

}  // namespace

SqlText& SqlText::operator+=(const SqlText& other) {
  text_ += other.text_;
  values_.insert(values_.end(), other.values_.begin(), other.values_.end());
  return *this;
}

SqlText& SqlText::bind_value(Value value) {
  text_ += '?';
  values_.push_back(std::move(value));
  return *this;
}

storage::Query SqlText::query(storage::Connection& connection) const {
  auto query = connection.query_varied(text_);
  for (const Value& value : values_) std::visit([&](const auto& bound) { query.add(bound); }, value);
  return query;
}

SqlText comparison_sql(std::string_view column, const SearchCondition& condition, Dialect dialect,
                       bool is_short) {
  if (std::holds_alternative<std::vector<std::string>>(condition.value))
    return list_sql(column, condition, dialect);
  const auto* const text = std::get_if<std::string>(&condition.value);
  if (text != nullptr && condition.comparator == Comparator::kLike)
    return pattern_sql(column, *text, false, dialect);
  if (text != nullptr && condition.comparator == Comparator::kIlike)
    return pattern_sql(column, *text, true, dialect);
  SqlText sql(column);
  ((sql += " ") += operator_of(condition.comparator)) += " ";
  if (text == nullptr) {
    // A time is compared as a number, too.
    sql += "CAST(";
    sql.bind(std::get<double>(condition.value));
    return sql += " AS DOUBLE PRECISION)";
  }
  sql.bind(std::string_view(*text));
  if (is_short && condition.comparator == Comparator::kEqual && text->size() <= kMaxIndexedText) {
    ((sql += " AND ") += short_text_condition(column));
  }
  return sql;
}

SqlText run_condition_sql(const SearchCondition& condition, const RunContext& context) {
  const bool is_null = condition.comparator == Comparator::kIsNull;
  if (is_null || condition.comparator == Comparator::kIsNotNull) {
    SqlText sql(is_null ? "NOT " : "");
    return sql += of_run(condition.entity, condition.key, {}, {}, context);
  }
  if (condition.entity == Entity::kDataset) return dataset_sql(condition, context);
  const bool is_name = condition.entity == Entity::kAttribute && condition.key == "run_name";
  if (condition.entity == Entity::kAttribute && !is_name)
    return comparison_sql(run_column(condition.key), condition, context.dialect);
  const Entity entity = is_name ? Entity::kTag : condition.entity;
  return of_run(entity, is_name ? kRunNameTag : std::string_view(condition.key),
                comparison_sql("v.value", condition, context.dialect, entity != Entity::kMetric),
                index_of(entity, condition, context), context);
}

SqlText experiment_condition_sql(const SearchCondition& condition, Dialect dialect) {
  if (condition.entity == Entity::kAttribute) return comparison_sql("e." + condition.key, condition, dialect);
  SqlText sql(condition.comparator == Comparator::kIsNull ? "NOT " : "");
  sql += "EXISTS (SELECT 1 FROM experiment_tags t WHERE t.experiment_id = e.experiment_id AND t.key = ";
  sql.bind(std::string_view(condition.key));
  if (!std::holds_alternative<std::monostate>(condition.value)) {
    sql += " AND ";
    sql += comparison_sql("t.value", condition, dialect);
  }
  return sql += ")";
}

OrderSql run_order_sql(const std::vector<SearchOrder>& order, std::size_t first, Dialect dialect) {
  OrderSql sql;
  bool has_start = false;
  for (std::size_t i = first; i < order.size(); ++i) {
    const SearchOrder& key = order[i];
    if (!sql.keys.empty()) sql.keys += ", ";
    if (key.entity == Entity::kAttribute) {
      has_start = has_start || key.key == "start_time";
      sql.keys += attribute_order(key, dialect);
    } else {
      add_joined_order(sql, key, i + 1, dialect);
    }
  }
  if (!sql.keys.empty()) sql.keys += ", ";
  sql.keys += has_start ? "r.run_uuid" : "r.start_time DESC NULLS LAST, r.run_uuid";
  return sql;
}

std::string experiment_order_sql(const std::vector<SearchOrder>& order, Dialect dialect) {
  std::string sql;
  for (const SearchOrder& key : order) {
    const std::string column = "e." + key.key;
    if (!sql.empty()) sql += ", ";
    sql += "(" + column + " IS NULL), ";
    sql += is_time(key.key) ? column : in_byte_order(column, dialect);
    if (!key.ascending) sql += " DESC";
  }
  return sql;
}

std::string_view table_of(Entity entity) noexcept {
  switch (entity) {
    case Entity::kMetric:
      return "latest_metrics";
    case Entity::kParam:
      return "params";
    default:
      return "tags";
  }
}

}  // namespace ivory::tracking
