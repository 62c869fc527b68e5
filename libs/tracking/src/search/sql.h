// The search language as SQL with bound values.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <ivory/storage/connection.h>
#include <ivory/tracking/search.h>

namespace ivory::tracking {

// A piece of a statement with the values of its parameters.
class SqlText {
 public:
  using Value = std::variant<std::int64_t, double, std::string>;

  SqlText() = default;
  explicit SqlText(std::string_view text) : text_(text) {}

  SqlText& operator+=(std::string_view text) {
    text_ += text;
    return *this;
  }
  SqlText& operator+=(const SqlText& other);
  // A parameter: adds `?` and its value.
  SqlText& bind(std::int64_t value) { return bind_value(value); }
  SqlText& bind(double value) { return bind_value(value); }
  SqlText& bind(std::string_view value) { return bind_value(std::string(value)); }

  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  // Prepared for this once: searches have more different texts than a cache should keep.
  [[nodiscard]] storage::Query query(storage::Connection& connection) const;

 private:
  SqlText& bind_value(Value value);

  std::string text_;
  std::vector<Value> values_;
};

// "COLUMN < ?" and the like. `is_short`: the column is indexed where its text is short, so say that it is.
[[nodiscard]] SqlText comparison_sql(std::string_view column, const SearchCondition& condition,
                                     storage::Dialect dialect, bool is_short = false);

// Where a condition on runs stands.
struct RunContext {
  storage::Dialect dialect = storage::Dialect::kSqlite;
  std::string_view run_id = "r.run_uuid";  // the column that holds the run's id
  // Whether our indexes are there. SQLite takes the key of a table before them, though with them it need not
  // look into the table.
  bool has_own_indexes = false;
};

// What a run (row r of runs) or an experiment (row e of experiments) must fulfil.
[[nodiscard]] SqlText run_condition_sql(const SearchCondition& condition, const RunContext& context);
[[nodiscard]] SqlText experiment_condition_sql(const SearchCondition& condition, storage::Dialect dialect);

// The joins that an order of runs needs, and the order itself without ORDER BY. `first`: the number of the
// first key that is to be in it.
struct OrderSql {
  SqlText joins;
  std::string keys;
};
[[nodiscard]] OrderSql run_order_sql(const std::vector<SearchOrder>& order, std::size_t first,
                                     storage::Dialect dialect);
[[nodiscard]] std::string experiment_order_sql(const std::vector<SearchOrder>& order,
                                               storage::Dialect dialect);

// The table of latest_metrics, params or tags that holds the entity.
[[nodiscard]] std::string_view table_of(SearchEntity entity) noexcept;

}  // namespace ivory::tracking
