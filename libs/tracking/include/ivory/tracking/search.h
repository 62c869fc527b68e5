// MLflow's search language, apart from where the runs lie: what a filter and an order say, and whether a
// record in memory meets them. docs/search-language.md describes it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <ivory/tracking/entities.h>
#include <ivory/tracking/page.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

enum class SearchEntity { kMetric, kParam, kTag, kAttribute, kDataset };

enum class Comparator {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kLike,   // % stands for any characters, _ for one; upper and lower case differ
  kIlike,  // the same, but ASCII letters are alike in both cases
  kIn,
  kNotIn,
  kIsNull,
  kIsNotNull,
};

// Nothing (IS NULL), a number (metrics, times), a text, or a list of texts (IN).
using SearchValue = std::variant<std::monostate, double, std::string, std::vector<std::string>>;

// One clause of a filter: "metrics.loss < 0.5".
struct SearchCondition {
  SearchEntity entity = SearchEntity::kAttribute;
  std::string key;  // of an attribute its one name: start_time, not Created
  Comparator comparator = Comparator::kEqual;
  SearchValue value;
  friend bool operator==(const SearchCondition&, const SearchCondition&) = default;
};

struct SearchOrder {
  SearchEntity entity = SearchEntity::kAttribute;
  std::string key;
  bool ascending = true;
  friend bool operator==(const SearchOrder&, const SearchOrder&) = default;
};

// The clauses of a filter, all of which must hold; none for an empty one.
// Errors: kInvalidArgument in MLflow's words for what is no filter, for unknown names, and for comparators
// and
//   values that do not fit.
[[nodiscard]] std::vector<SearchCondition> parse_run_filter(std::string_view filter);
[[nodiscard]] std::vector<SearchCondition> parse_experiment_filter(std::string_view filter);
[[nodiscard]] std::vector<SearchOrder> parse_run_order(const std::vector<std::string>& order_by);
// With MLflow's default and its last key, which makes the order one.
[[nodiscard]] std::vector<SearchOrder> parse_experiment_order(const std::vector<std::string>& order_by);

// Whether a record meets all conditions. A condition on what the record does not have is not met, but IS
// NULL.
[[nodiscard]] bool matches(const RunRecord& run, const std::vector<SearchCondition>& conditions);
[[nodiscard]] bool matches(const ExperimentRecord& experiment,
                           const std::vector<SearchCondition>& conditions);

// What lacks the key comes last, either way, and a NaN right before it. Then the newest start, then the run
// id.
void sort_records(std::vector<RunRecord>& runs, const std::vector<SearchOrder>& order);
void sort_records(std::vector<ExperimentRecord>& experiments, const std::vector<SearchOrder>& order);

// SQL's LIKE without an escape character, over characters of UTF-8.
[[nodiscard]] bool matches_pattern(std::string_view text, std::string_view pattern, bool ignore_case);

// A filter as its clauses, for other languages with the same form: names and values are looked at by the
// caller.
struct FilterClause {
  enum class Value { kNone, kNumber, kText, kIdentifier, kList };
  std::string identifier;  // as it is written, quotes and all
  std::string comparator;  // upper case: "=", "LIKE", "NOT IN", "IS NOT NULL"
  Value kind = Value::kNone;
  std::string value;  // as it is written
};
// `in_quotes`: whether the message about clauses that are none shows them in quotes.
[[nodiscard]] std::vector<FilterClause> parse_clauses(std::string_view filter, bool in_quotes = true);
// 'text', "text" or `text` without its quotes; other text as it is.
[[nodiscard]] std::string_view without_quotes(std::string_view text);
// The texts of "('a', \"b\")". Errors: kInvalidArgument for other lists, and for an empty one.
[[nodiscard]] std::vector<std::string> parse_text_list(std::string_view list);

// "metrics.`a b` DESC" as its identifier, without quotes around all of it, and direction.
struct OrderClause {
  std::string identifier;
  bool ascending = true;
};
[[nodiscard]] OrderClause parse_order_clause(std::string_view order_by);

}  // namespace ivory::tracking
