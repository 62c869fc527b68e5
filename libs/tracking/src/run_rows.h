// From conditions to records: the reading half of the SQL store, and where a search language plugs in.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <ivory/storage/connection.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

// Conditions over the table runs (known as r), joined by AND, each with its bound values.
class RunSelection {
 public:
  using Value = std::variant<std::int64_t, double, std::string>;

  template <class... Values>
  void add(std::string_view condition, const Values&... values) {
    where_ += where_.empty() ? " WHERE " : " AND ";
    where_ += condition;
    (values_.emplace_back(to_value(values)), ...);
  }
  // " WHERE …", or empty.
  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[nodiscard]] const std::vector<Value>& values() const noexcept { return values_; }

 private:
  static Value to_value(std::string_view text) { return std::string(text); }
  static Value to_value(std::int64_t number) { return number; }
  static Value to_value(double number) { return number; }

  std::string where_;
  std::vector<Value> values_;
};

[[nodiscard]] RunSelection select_runs(const RunQuery& query);

// Newest start first, then by id, with the parts that `query` wants.
[[nodiscard]] std::vector<RunRecord> load_runs(storage::Connection& connection, const RunSelection& selection,
                                               const RunQuery& query);

// "lifecycle_stage = 'active'", or what is always true.
[[nodiscard]] std::string_view lifecycle_condition(ViewType view);

// With their tags, in no order. `value` is that of the condition's parameter, if it has one.
[[nodiscard]] std::vector<ExperimentRecord> load_experiments(storage::Connection& connection,
                                                             std::string_view condition,
                                                             std::optional<std::int64_t> value = {});

[[nodiscard]] std::vector<Metric> load_history(storage::Connection& connection, std::string_view run_id,
                                               std::string_view key);

}  // namespace ivory::tracking
