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

#include "search/sql.h"

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

[[nodiscard]] RunSelection select_runs(const RunQuery& query, storage::Dialect dialect);

// What is read of a run beside its row.
struct RunParts {
  bool metrics = true;
  bool params = true;
  bool tags = true;
  bool inputs = false;
  bool input_steps = true;  // whether the table inputs has the column step: not before MLflow 3
};

// The columns of the table runs (known as r) that read_run() reads.
inline constexpr std::string_view kRunColumns =
    "r.run_uuid, r.experiment_id, r.name, r.status, r.start_time, r.end_time, r.artifact_uri, r.user_id, "
    "r.lifecycle_stage";
[[nodiscard]] RunRecord read_run(const storage::Query& row);

void complete_runs(storage::Connection& connection, std::vector<RunRecord>& runs, const RunParts& parts);

// Newest start first, then by id.
[[nodiscard]] std::vector<RunRecord> load_runs(storage::Connection& connection, const RunSelection& selection,
                                               std::optional<std::size_t> limit, const RunParts& parts);

// "lifecycle_stage = 'active'", or what is always true.
[[nodiscard]] std::string_view lifecycle_condition(ViewType view);

// With their tags, in the order of the rows. `where`: what follows WHERE, about the table experiments known
// as e.
[[nodiscard]] std::vector<ExperimentRecord> load_experiments(storage::Connection& connection,
                                                             const SqlText& where);

}  // namespace ivory::tracking
