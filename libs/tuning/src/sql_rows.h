// A trial as rows of Optuna's tables.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include <ivory/storage/connection.h>
#include <ivory/tuning/frozen_trial.h>

namespace ivory::tuning {

enum class Row {
  kNew,     // of a trial that the same transaction looked at
  kOfOpen,  // only if the trial has not ended; else changed_rows() is 0
};

// A row that is there is replaced.
void write_param(storage::Connection& connection, Row row, std::int64_t trial_id, std::string_view name,
                 double internal, const Distribution& distribution);
void write_values(storage::Connection& connection, std::int64_t trial_id, std::span<const double> values);
void write_report(storage::Connection& connection, Row row, std::int64_t trial_id, std::int64_t step,
                  double report);
// The table of them is made where there is none.
void write_full_report(storage::Connection& connection, std::int64_t trial_id, const TrialReport& report);
void write_trial_attr(storage::Connection& connection, Row row, std::int64_t trial_id, bool system,
                      std::string_view key, const Params& value);
// True if a trial that runs had `expected`, which is replaced.
bool exchange_system_attr(storage::Connection& connection, std::int64_t trial_id, std::string_view key,
                          const Params& expected, const Params& value);
void write_study_attr(storage::Connection& connection, std::int64_t study_id, bool system,
                      std::string_view key, const Params& value);

struct StudyAttrs {
  Params user = Params::map(), system = Params::map();
};

// Reads one study's trials.
class TrialReader {
 public:
  using Trials = std::map<std::int64_t, FrozenTrial>;  // by id
  explicit TrialReader(std::int64_t study) : study_(study) {}

  // With ids above `id`.
  [[nodiscard]] Trials read_after(storage::Connection& connection, std::int64_t id);
  [[nodiscard]] Trials read(storage::Connection& connection, std::span<const std::int64_t> ids);
  [[nodiscard]] StudyAttrs read_study_attrs(storage::Connection& connection) const;

 private:
  template <class Bind>
  Trials read_where(storage::Connection& connection, std::string_view condition, const Bind& bind);
  const Distribution& distribution(std::string_view json);

  std::int64_t study_;
  std::unordered_map<std::string, Distribution> distributions_;  // by their JSON
  bool has_reports_ = false;                                     // the database has our table
};

[[nodiscard]] std::optional<std::string> time_column(const std::optional<Time>& time);

}  // namespace ivory::tuning
