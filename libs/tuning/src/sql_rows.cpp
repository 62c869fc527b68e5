#include "sql_rows.h"

#include <cmath>
#include <limits>
#include <vector>

#include <ivory/base/error.h>

#include "json.h"
#include "sql_schema.h"
#include "time_text.h"

namespace ivory::tuning {
namespace {
using storage::Connection;
using storage::Query;

// A real as its column and type; NaN and the infinities have no number.
struct TypedReal {
  std::optional<double> value;
  std::string_view type;
};
TypedReal typed(double value) {
  if (std::isnan(value)) return {{}, "NAN"};
  if (std::isinf(value)) return {{}, value > 0 ? "INF_POS" : "INF_NEG"};
  return {value, "FINITE"};
}
double untyped(const Query& query, int column) {
  const std::string_view type = query.text(column + 1);
  if (type == "NAN") return std::numeric_limits<double>::quiet_NaN();
  if (type == "INF_POS") return std::numeric_limits<double>::infinity();
  if (type == "INF_NEG") return -std::numeric_limits<double>::infinity();
  return query.real(column);
}

std::optional<Time> read_time(const Query& query, int column) {
  return query.is_null(column) ? std::nullopt : std::optional(parse_time(query.text(column)));
}

constexpr std::string_view kSetStudyUserAttr =
    "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (?, ?, ?) "
    "ON CONFLICT (study_id, key) DO UPDATE SET value_json = excluded.value_json";
constexpr std::string_view kSetStudySystemAttr =
    "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (?, ?, ?) "
    "ON CONFLICT (study_id, key) DO UPDATE SET value_json = excluded.value_json";
constexpr std::string_view kAddValue =
    "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, ?, ?, ?)";
constexpr std::string_view kSetFullReport =
    "INSERT INTO ivory_trial_reports (trial_id, fold, step, objective, value, value_type) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (trial_id, fold, step, objective) DO UPDATE SET "
    "value = excluded.value, value_type = excluded.value_type";

// "INSERT INTO <table> (trial_id, <columns>) …", one row, whose first column is the trial and whose second is
// unique for it; a row that is there gets the others.
std::string upsert(const Connection& connection, Row row, std::string_view table,
                   const std::vector<std::string>& columns) {
  std::string values = row == Row::kNew ? "VALUES (?1" : "SELECT trial_id", set;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    values += ", ?" + std::to_string(i + 2);
    if (i > 0) set += (i > 1 ? ", " : "") + columns[i] + " = excluded." + columns[i];
  }
  if (row == Row::kNew) {
    values += ')';
  } else {
    values += " FROM trials WHERE trial_id = ?1 AND state IN ('RUNNING', 'WAITING')";
    values += row_lock(connection.dialect());
  }
  return "INSERT INTO " + std::string(table) + " (trial_id, " + join(columns) + ") " + values +
         " ON CONFLICT (trial_id, " + columns.front() + ") DO UPDATE SET " + set;
}
}  // namespace

std::optional<std::string> time_column(const std::optional<Time>& time) {
  return time ? std::optional(to_sql(*time)) : std::nullopt;
}

void write_param(Connection& connection, Row row, std::int64_t trial_id, std::string_view name,
                 double internal, const Distribution& distribution) {
  connection
      .query(upsert(connection, row, "trial_params", {"param_name", "param_value", "distribution_json"}))
      .bind(trial_id, name, internal, distribution.to_json())
      .run();
}

void write_values(Connection& connection, std::int64_t trial_id, std::span<const double> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const TypedReal value = typed(values[i]);
    connection.query(kAddValue).bind(trial_id, static_cast<std::int64_t>(i), value.value, value.type).run();
  }
}

void write_report(Connection& connection, Row row, std::int64_t trial_id, std::int64_t step, double report) {
  const TypedReal value = typed(report);
  connection
      .query(upsert(connection, row, "trial_intermediate_values",
                    {"step", "intermediate_value", "intermediate_value_type"}))
      .bind(trial_id, step, value.value, value.type)
      .run();
}

void write_full_report(Connection& connection, std::int64_t trial_id, const TrialReport& report) {
  if (!has_reports_table(connection)) create_reports_table(connection);
  for (std::size_t i = 0; i < report.values.size(); ++i) {
    const TypedReal value = typed(report.values[i]);
    connection.query(kSetFullReport)
        .bind(trial_id, report.fold.value_or(-1), report.step, static_cast<std::int64_t>(i), value.value,
              value.type)
        .run();
  }
}

void write_trial_attr(Connection& connection, Row row, std::int64_t trial_id, bool system,
                      std::string_view key, const Params& value) {
  connection
      .query(upsert(connection, row, system ? "trial_system_attributes" : "trial_user_attributes",
                    {"key", "value_json"}))
      .bind(trial_id, key, json::write(value))
      .run();
}

bool exchange_system_attr(Connection& connection, std::int64_t trial_id, std::string_view key,
                          const Params& expected, const Params& value) {
  connection
      .query(
          "UPDATE trial_system_attributes SET value_json = ? WHERE trial_id = ? AND key = ? AND value_json = "
          "? "
          "AND EXISTS (SELECT 1 FROM trials WHERE trials.trial_id = trial_system_attributes.trial_id AND "
          "state "
          "= 'RUNNING')")
      .bind(json::write(value), trial_id, key, json::write(expected))
      .run();
  return connection.changed_rows() == 1;
}

void write_study_attr(Connection& connection, std::int64_t study_id, bool system, std::string_view key,
                      const Params& value) {
  connection.query(system ? kSetStudySystemAttr : kSetStudyUserAttr)
      .bind(study_id, key, json::write(value))
      .run();
}

TrialReader::Trials TrialReader::read_after(Connection& connection, std::int64_t id) {
  return read_where(connection, " > ?", [id](Query& query) { query.add(id); });
}

TrialReader::Trials TrialReader::read(Connection& connection, std::span<const std::int64_t> ids) {
  if (ids.empty()) return {};
  const std::string list = ids_value(connection.dialect(), ids);
  return read_where(connection, in_ids(connection.dialect()), [&](Query& query) { query.add(list); });
}

StudyAttrs TrialReader::read_study_attrs(Connection& connection) const {
  Query query = connection.query(
      "SELECT 0, key, value_json FROM study_user_attributes WHERE study_id = ?1 UNION ALL "
      "SELECT 1, key, value_json FROM study_system_attributes WHERE study_id = ?1 ORDER BY 1, 2");
  query.bind(study_);
  StudyAttrs attrs;
  while (query.next())
    (query.integer(0) == 0 ? attrs.user : attrs.system)[query.text(1)] = json::read(query.text(2));
  return attrs;
}

template <class Bind>
TrialReader::Trials TrialReader::read_where(Connection& connection, std::string_view condition,
                                            const Bind& bind) {
  Trials trials;
  // Rows of `table` that belong to the trials in question.
  const auto each = [&](std::string_view columns, std::string_view table, std::string_view order,
                        const auto& take) {
    std::string sql = "SELECT trial_id, ";
    sql.append(columns).append(" FROM ").append(table).append(" WHERE study_id = ? AND trial_id");
    sql.append(condition).append(order);
    Query query = connection.query(sql);
    query.bind(study_);
    bind(query);
    while (query.next()) take(query);
  };
  const auto each_of_trial = [&](std::string_view columns, std::string_view table, std::string_view order,
                                 const auto& take) {
    each(columns, std::string(table) + " JOIN trials USING (trial_id)", order,
         [&](const Query& query) { take(trials.at(query.integer(0)), query); });
  };

  each("number, state, datetime_start, datetime_complete", "trials", "", [&](const Query& query) {
    trials[query.integer(0)] = {.number = query.integer(1),
                                .trial_id = query.integer(0),
                                .state = parse_trial_state(query.text(2)),
                                .datetime_start = read_time(query, 3),
                                .datetime_complete = read_time(query, 4)};
  });
  if (trials.empty()) return trials;
  each_of_trial(
      "param_name, param_value, distribution_json", "trial_params", " ORDER BY param_id",
      [&](FrozenTrial& trial, const Query& query) {
        trial.params.push_back({std::string(query.text(1)), distribution(query.text(3)), query.real(2)});
      });
  each_of_trial("value, value_type", "trial_values", " ORDER BY trial_id, objective",
                [](FrozenTrial& trial, const Query& query) { trial.values.push_back(untyped(query, 1)); });
  each_of_trial("step, intermediate_value, intermediate_value_type", "trial_intermediate_values", "",
                [](FrozenTrial& trial, const Query& query) {
                  trial.intermediate_values[query.integer(1)] = untyped(query, 2);
                });
  each_of_trial("key, value_json", "trial_user_attributes", " ORDER BY trial_user_attribute_id",
                [](FrozenTrial& trial, const Query& query) {
                  trial.user_attrs[query.text(1)] = json::read(query.text(2));
                });
  each_of_trial("key, value_json", "trial_system_attributes", " ORDER BY trial_system_attribute_id",
                [](FrozenTrial& trial, const Query& query) {
                  trial.system_attrs[query.text(1)] = json::read(query.text(2));
                });
  if (!has_reports_) has_reports_ = has_reports_table(connection);
  if (!has_reports_) return trials;
  each_of_trial("fold, step, objective, value, value_type", "ivory_trial_reports",
                " ORDER BY trial_id, fold, step, objective", [](FrozenTrial& trial, const Query& query) {
                  if (query.integer(3) == 0) {
                    TrialReport report{.step = query.integer(2)};
                    if (query.integer(1) >= 0) report.fold = query.integer(1);
                    trial.reports.push_back(std::move(report));
                  }
                  trial.reports.back().values.push_back(untyped(query, 4));
                });
  return trials;
}

const Distribution& TrialReader::distribution(std::string_view json) {
  const std::string text(json);
  const auto known = distributions_.find(text);
  if (known != distributions_.end()) return known->second;
  return distributions_.emplace(text, Distribution::from_json(text)).first->second;
}

}  // namespace ivory::tuning
