#include "sqlite_store.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include <ivory/base/error.h>
#include <ivory/storage/database.h>

#include "json.h"
#include "time_text.h"

namespace ivory::tuning {
namespace {
namespace fs = std::filesystem;
using storage::Connection;
using storage::Database;
using storage::Query;

constexpr std::string_view kRevision = "v3.2.0.a";
constexpr std::int64_t kLastId = std::numeric_limits<std::int64_t>::max();

constexpr std::string_view kSchema = R"(
CREATE TABLE studies (study_id INTEGER NOT NULL, study_name VARCHAR(512) NOT NULL, PRIMARY KEY (study_id));
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE TABLE version_info (version_info_id INTEGER NOT NULL, schema_version INTEGER, library_version VARCHAR(256),
  PRIMARY KEY (version_info_id), CHECK (version_info_id=1));
CREATE TABLE study_directions (study_direction_id INTEGER NOT NULL, direction VARCHAR(8) NOT NULL, study_id INTEGER NOT NULL,
  objective INTEGER NOT NULL, PRIMARY KEY (study_direction_id), UNIQUE (study_id, objective),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE study_user_attributes (study_user_attribute_id INTEGER NOT NULL, study_id INTEGER, "key" VARCHAR(512),
  value_json TEXT, PRIMARY KEY (study_user_attribute_id), UNIQUE (study_id, "key"),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE study_system_attributes (study_system_attribute_id INTEGER NOT NULL, study_id INTEGER, "key" VARCHAR(512),
  value_json TEXT, PRIMARY KEY (study_system_attribute_id), UNIQUE (study_id, "key"),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE trials (trial_id INTEGER NOT NULL, number INTEGER, study_id INTEGER, state VARCHAR(8) NOT NULL,
  datetime_start DATETIME, datetime_complete DATETIME, PRIMARY KEY (trial_id),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE INDEX ix_trials_study_id ON trials (study_id);
CREATE TABLE trial_user_attributes (trial_user_attribute_id INTEGER NOT NULL, trial_id INTEGER, "key" VARCHAR(512),
  value_json TEXT, PRIMARY KEY (trial_user_attribute_id), UNIQUE (trial_id, "key"),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_system_attributes (trial_system_attribute_id INTEGER NOT NULL, trial_id INTEGER, "key" VARCHAR(512),
  value_json TEXT, PRIMARY KEY (trial_system_attribute_id), UNIQUE (trial_id, "key"),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_params (param_id INTEGER NOT NULL, trial_id INTEGER, param_name VARCHAR(512), param_value FLOAT,
  distribution_json TEXT, PRIMARY KEY (param_id), UNIQUE (trial_id, param_name),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_values (trial_value_id INTEGER NOT NULL, trial_id INTEGER NOT NULL, objective INTEGER NOT NULL,
  value FLOAT, value_type VARCHAR(7) NOT NULL, PRIMARY KEY (trial_value_id), UNIQUE (trial_id, objective),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_intermediate_values (trial_intermediate_value_id INTEGER NOT NULL, trial_id INTEGER NOT NULL,
  step INTEGER NOT NULL, intermediate_value FLOAT, intermediate_value_type VARCHAR(7) NOT NULL,
  PRIMARY KEY (trial_intermediate_value_id), UNIQUE (trial_id, step), FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_heartbeats (trial_heartbeat_id INTEGER NOT NULL, trial_id INTEGER NOT NULL, heartbeat DATETIME NOT NULL,
  PRIMARY KEY (trial_heartbeat_id), UNIQUE (trial_id), FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO version_info VALUES (1, 12, 'ivory');
INSERT INTO alembic_version VALUES ('v3.2.0.a');
)";

bool has_table(Connection& connection, std::string_view name) {
  Query query = connection.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?");
  query.bind(name);
  return query.next();
}

void check_revision(Connection& connection) {
  const std::string path = connection.path().string();
  if (!has_table(connection, "alembic_version") || !has_table(connection, "trial_intermediate_values")) {
    throw Error(ErrorCode::kInvalidArgument,
                path + " is a database of something else: it has none of Optuna's tables");
  }
  Query query = connection.query("SELECT version_num FROM alembic_version");
  const std::string found = query.next() ? std::string(query.text(0)) : "none";
  if (found != kRevision) {
    throw Error(ErrorCode::kInvalidArgument,
                path + " has the schema revision " + found + "; expected " + std::string(kRevision) +
                    " (Optuna 3.2 and later; `optuna storage upgrade` brings an older file there)");
  }
}

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

std::optional<std::string> time_column(const std::optional<Time>& time) {
  return time ? std::optional(to_sql(*time)) : std::nullopt;
}
std::optional<Time> read_time(const Query& query, int column) {
  return query.is_null(column) ? std::nullopt : std::optional(parse_time(query.text(column)));
}

constexpr std::string_view kSetTrialUserAttr =
    "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, ?, ?) "
    "ON CONFLICT (trial_id, key) DO UPDATE SET value_json = excluded.value_json";
constexpr std::string_view kSetTrialSystemAttr =
    "INSERT INTO trial_system_attributes (trial_id, key, value_json) VALUES (?, ?, ?) "
    "ON CONFLICT (trial_id, key) DO UPDATE SET value_json = excluded.value_json";
constexpr std::string_view kSetStudyUserAttr =
    "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (?, ?, ?) "
    "ON CONFLICT (study_id, key) DO UPDATE SET value_json = excluded.value_json";
constexpr std::string_view kSetStudySystemAttr =
    "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (?, ?, ?) "
    "ON CONFLICT (study_id, key) DO UPDATE SET value_json = excluded.value_json";

void write_param(Connection& connection, std::int64_t trial_id, std::string_view name, double internal,
                 const Distribution& distribution) {
  connection
      .query(
          "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, "
          "?) "
          "ON CONFLICT (trial_id, param_name) DO UPDATE SET param_value = excluded.param_value, "
          "distribution_json = excluded.distribution_json")
      .bind(trial_id, name, internal, distribution.to_json())
      .run();
}

void write_values(Connection& connection, std::int64_t trial_id, std::span<const double> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const TypedReal value = typed(values[i]);
    connection.query("INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, ?, ?, ?)")
        .bind(trial_id, static_cast<std::int64_t>(i), value.value, value.type)
        .run();
  }
}

void write_report(Connection& connection, std::int64_t trial_id, std::int64_t step, double report) {
  const TypedReal value = typed(report);
  connection
      .query(
          "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, "
          "intermediate_value_type) "
          "VALUES (?, ?, ?, ?) ON CONFLICT (trial_id, step) DO UPDATE SET "
          "intermediate_value = excluded.intermediate_value, intermediate_value_type = "
          "excluded.intermediate_value_type")
      .bind(trial_id, step, value.value, value.type)
      .run();
}

class SqliteBackend final : public Backend {
 public:
  SqliteBackend(std::shared_ptr<Database> database, std::int64_t study)
      : database_(std::move(database)), study_(study) {}

  [[nodiscard]] bool is_shared() const override { return true; }

  void refresh(History& history) override {
    struct News {
      std::map<std::int64_t, FrozenTrial> added, changed;
      std::vector<ParamsItem> user, system;
    };
    const News news = database_->read([&](Connection& connection) {
      News found;
      found.added = read_trials(connection, last_id_ + 1, kLastId);
      // Of the trials known here, those of others that have not ended may have changed.
      for (const auto& numbers : {history.running(), history.waiting()}) {
        for (const std::int64_t number : numbers) {
          const std::int64_t id = history.trial(number).trial_id;
          // Of one's own only the end can be news: another process may have told it.
          if (!own_.contains(id) || has_ended(connection, id))
            found.changed.merge(read_trials(connection, id, id));
        }
      }
      read_attrs(connection,
                 "SELECT key, value_json FROM study_user_attributes WHERE study_id = ? ORDER BY 1",
                 found.user);
      read_attrs(connection,
                 "SELECT key, value_json FROM study_system_attributes WHERE study_id = ? ORDER BY 1",
                 found.system);
      return found;
    });
    for (const auto& [id, trial] : news.changed) apply_change(history, trial);
    for (const auto& [id, trial] : news.added) {
      if (trial.number != history.size()) {
        throw Error(ErrorCode::kInvalidArgument, database_->path().string() + ": trial " +
                                                     std::to_string(id) + " has the number " +
                                                     std::to_string(trial.number) + " where " +
                                                     std::to_string(history.size()) + " was expected");
      }
      history.add(trial);
      last_id_ = id;
    }
    for (const auto& [key, value] : news.user) history.set_study_attr(false, key, value);
    for (const auto& [key, value] : news.system) history.set_study_attr(true, key, value);
  }

  std::int64_t add(History& history, const FrozenTrial& trial) override {
    return insert(history, trial, false);
  }

  std::int64_t add_running(History& history, Time start) override {
    return insert(history, {.state = TrialState::kRunning, .datetime_start = start}, true);
  }

  bool start(History& history, std::int64_t number, Time start) override {
    const std::int64_t id = history.trial(number).trial_id;
    const bool held = database_->write([&](Connection& connection) {
      connection
          .query(
              "UPDATE trials SET state = 'RUNNING', datetime_start = ? WHERE trial_id = ? AND state = "
              "'WAITING'")
          .bind(to_sql(start), id)
          .run();
      return connection.changed_rows() == 1;
    });
    if (!held) {
      refresh(history);
      return false;
    }
    own_.insert(id);
    return history.start(number, start);
  }

  void set_param(History& history, std::int64_t number, std::string_view name,
                 const Distribution& distribution, double internal) override {
    static_cast<void>(history.distribution_id(history.name_id(name), distribution));  // it fits, or throws
    write_trial(history, number, [&](Connection& connection, std::int64_t id) {
      write_param(connection, id, name, internal, distribution);
    });
    history.set_param(number, name, distribution, internal);
  }
  void report(History& history, std::int64_t number, std::int64_t step, double value) override {
    write_trial(history, number,
                [&](Connection& connection, std::int64_t id) { write_report(connection, id, step, value); });
    history.report(number, step, value);
  }
  void set_trial_attr(History& history, std::int64_t number, bool system, std::string_view key,
                      const Params& value) override {
    write_trial(history, number, [&](Connection& connection, std::int64_t id) {
      connection.query(system ? kSetTrialSystemAttr : kSetTrialUserAttr)
          .bind(id, key, json::write(value))
          .run();
    });
    history.set_trial_attr(number, system, key, value);
  }
  void finish(History& history, std::int64_t number, TrialState state, std::span<const double> values,
              Time complete) override {
    write_trial(history, number, [&](Connection& connection, std::int64_t id) {
      write_values(connection, id, values);
      connection.query("UPDATE trials SET state = ?, datetime_complete = ? WHERE trial_id = ?")
          .bind(to_text(state), to_sql(complete), id)
          .run();
    });
    own_.erase(history.trial(number).trial_id);
    history.finish(number, state, values, complete);
  }
  void set_study_attr(History& history, bool system, std::string_view key, const Params& value) override {
    database_->write([&](Connection& connection) {
      connection.query(system ? kSetStudySystemAttr : kSetStudyUserAttr)
          .bind(study_, key, json::write(value))
          .run();
    });
    history.set_study_attr(system, key, value);
  }

 private:
  std::int64_t insert(History& history, const FrozenTrial& trial, bool own) {
    const std::int64_t id = database_->write([&](Connection& connection) {
      // Numbers follow ids; the write lock makes both unique.
      connection
          .query(
              "INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete) VALUES "
              "(1 + IFNULL((SELECT number FROM trials WHERE study_id = ?1 ORDER BY trial_id DESC LIMIT 1), "
              "-1), ?1, ?, ?, ?)")
          .bind(study_, to_text(trial.state), time_column(trial.datetime_start),
                time_column(trial.datetime_complete))
          .run();
      const std::int64_t made = connection.last_insert_id();
      for (const auto& param : trial.params)
        write_param(connection, made, param.name, param.internal, param.distribution);
      for (const auto& [step, value] : trial.intermediate_values) write_report(connection, made, step, value);
      for (const auto& [key, value] : trial.user_attrs.items())
        connection.query(kSetTrialUserAttr).bind(made, key, json::write(value)).run();
      for (const auto& [key, value] : trial.system_attrs.items())
        connection.query(kSetTrialSystemAttr).bind(made, key, json::write(value)).run();
      write_values(connection, made, trial.values);
      return made;
    });
    if (own) own_.insert(id);
    refresh(history);
    // Others may have added trials after it in the meantime.
    std::int64_t number = history.size() - 1;
    while (history.trial(number).trial_id != id) --number;
    return number;
  }

  template <class F>
  void write_trial(const History& history, std::int64_t number, const F& change) {
    const std::int64_t id = history.trial(number).trial_id;
    database_->write([&](Connection& connection) {
      Query query = connection.query("SELECT state FROM trials WHERE trial_id = ?");
      query.bind(id);
      if (!query.next())
        throw Error(ErrorCode::kNotFound,
                    "trial " + std::to_string(number) + " has been deleted with its study");
      const std::string state(query.text(0));
      if (is_finished(parse_trial_state(state)))
        throw Error(ErrorCode::kConflict,
                    "trial " + std::to_string(number) + " has ended (" + state + ") and cannot be changed");
      change(connection, id);
    });
  }

  static void apply_change(History& history, const FrozenTrial& trial) {
    const TrialRecord& known = history.trial(trial.number);
    if (known.state == TrialState::kWaiting && trial.state != TrialState::kWaiting)
      history.start(trial.number, trial.datetime_start.value_or(Time{}));
    for (const auto& param : trial.params)
      history.set_param(trial.number, param.name, param.distribution, param.internal);
    for (const auto& [step, value] : trial.intermediate_values) history.report(trial.number, step, value);
    for (const auto& [key, value] : trial.user_attrs.items())
      history.set_trial_attr(trial.number, false, key, value);
    for (const auto& [key, value] : trial.system_attrs.items())
      history.set_trial_attr(trial.number, true, key, value);
    if (is_finished(trial.state))
      history.finish(trial.number, trial.state, trial.values, trial.datetime_complete.value_or(Time{}));
  }

  static bool has_ended(Connection& connection, std::int64_t id) {
    Query query = connection.query("SELECT state FROM trials WHERE trial_id = ?");
    query.bind(id);
    return query.next() && is_finished(parse_trial_state(query.text(0)));
  }

  void read_attrs(Connection& connection, std::string_view sql, std::vector<ParamsItem>& found) const {
    Query query = connection.query(sql);
    query.bind(study_);
    while (query.next()) found.push_back({std::string(query.text(0)), json::read(query.text(1))});
  }

  // The study's trials with ids from `first` to `last`, by id.
  std::map<std::int64_t, FrozenTrial> read_trials(Connection& connection, std::int64_t first,
                                                  std::int64_t last) {
    std::map<std::int64_t, FrozenTrial> trials;
    Query heads = connection.query(
        "SELECT trial_id, number, state, datetime_start, datetime_complete FROM trials "
        "WHERE study_id = ? AND trial_id BETWEEN ? AND ?");
    heads.bind(study_, first, last);
    while (heads.next()) {
      trials[heads.integer(0)] = {.number = heads.integer(1),
                                  .trial_id = heads.integer(0),
                                  .state = parse_trial_state(heads.text(2)),
                                  .datetime_start = read_time(heads, 3),
                                  .datetime_complete = read_time(heads, 4)};
    }
    if (trials.empty()) return trials;
    const auto each = [&](std::string_view sql, const auto& take) {
      Query query = connection.query(sql);
      query.bind(study_, first, last);
      while (query.next()) take(trials.at(query.integer(0)), query);
    };
    each(
        "SELECT trial_id, param_name, param_value, distribution_json FROM trial_params JOIN trials USING "
        "(trial_id) "
        "WHERE study_id = ? AND trial_id BETWEEN ? AND ? ORDER BY param_id",
        [&](FrozenTrial& trial, const Query& query) {
          trial.params.push_back(
              {std::string(query.text(1)), distribution(std::string(query.text(3))), query.real(2)});
        });
    each(
        "SELECT trial_id, value, value_type FROM trial_values JOIN trials USING (trial_id) "
        "WHERE study_id = ? AND trial_id BETWEEN ? AND ? ORDER BY trial_id, objective",
        [](FrozenTrial& trial, const Query& query) { trial.values.push_back(untyped(query, 1)); });
    each(
        "SELECT trial_id, step, intermediate_value, intermediate_value_type FROM trial_intermediate_values "
        "JOIN trials USING (trial_id) WHERE study_id = ? AND trial_id BETWEEN ? AND ?",
        [](FrozenTrial& trial, const Query& query) {
          trial.intermediate_values[query.integer(1)] = untyped(query, 2);
        });
    each(
        "SELECT trial_id, key, value_json FROM trial_user_attributes JOIN trials USING (trial_id) "
        "WHERE study_id = ? AND trial_id BETWEEN ? AND ? ORDER BY trial_user_attribute_id",
        [](FrozenTrial& trial, const Query& query) {
          trial.user_attrs[query.text(1)] = json::read(query.text(2));
        });
    each(
        "SELECT trial_id, key, value_json FROM trial_system_attributes JOIN trials USING (trial_id) "
        "WHERE study_id = ? AND trial_id BETWEEN ? AND ? ORDER BY trial_system_attribute_id",
        [](FrozenTrial& trial, const Query& query) {
          trial.system_attrs[query.text(1)] = json::read(query.text(2));
        });
    return trials;
  }

  const Distribution& distribution(const std::string& text) {
    const auto known = distributions_.find(text);
    if (known != distributions_.end()) return known->second;
    return distributions_.emplace(text, Distribution::from_json(text)).first->second;
  }

  std::shared_ptr<Database> database_;  // shared with the store and its other studies
  std::int64_t study_, last_id_ = 0;
  std::set<std::int64_t> own_;  // ids of the running trials that only this backend changes
  std::unordered_map<std::string, Distribution> distributions_;  // by their JSON
};

class SqliteStore final : public TrialStore {
 public:
  explicit SqliteStore(const fs::path& path) {
    const bool exists = fs::exists(path), writable = ::access(path.c_str(), W_OK) == 0;
    storage::DatabaseOptions options;
    options.path = path;
    options.mode = exists && !writable ? storage::OpenMode::kReadOnly : storage::OpenMode::kCreate;
    database_ = std::make_shared<Database>(options);
    if (!database_->is_read_only()) {
      database_->switch_to_wal();
      database_->write([](Connection& connection) {
        const bool empty = !connection.query("SELECT 1 FROM sqlite_master").next();
        if (empty) connection.execute(kSchema);
      });
    }
    database_->read([](Connection& connection) { check_revision(connection); });
  }

  [[nodiscard]] std::vector<StoredStudy> studies() override {
    return database_->read([](Connection& connection) {
      std::vector<StoredStudy> found;
      Query query = connection.query(
          "SELECT study_id, study_name, direction FROM studies JOIN study_directions USING (study_id) ORDER "
          "BY study_id, objective");
      while (query.next()) {
        if (found.empty() || found.back().id != query.integer(0))
          found.push_back({query.integer(0), std::string(query.text(1)), {}});
        found.back().directions.push_back(parse_direction(query.text(2)));
      }
      return found;
    });
  }
  void create_study(const std::string& name, const std::vector<Direction>& directions) override {
    database_->write([&](Connection& connection) {
      Query known = connection.query("SELECT 1 FROM studies WHERE study_name = ?");
      known.bind(name);
      if (known.next())
        throw Error(ErrorCode::kConflict, "the study '" + name + "' exists in " + database_->path().string());
      connection.query("INSERT INTO studies (study_name) VALUES (?)").bind(name).run();
      const std::int64_t id = connection.last_insert_id();
      for (std::size_t i = 0; i < directions.size(); ++i) {
        connection.query("INSERT INTO study_directions (direction, study_id, objective) VALUES (?, ?, ?)")
            .bind(to_text(directions[i]), id, static_cast<std::int64_t>(i))
            .run();
      }
    });
  }
  void delete_study(const StoredStudy& study) override {
    database_->write([&](Connection& connection) {
      for (const auto* table : {"trial_user_attributes", "trial_system_attributes", "trial_params",
                                "trial_values", "trial_intermediate_values", "trial_heartbeats"}) {
        connection
            .query(std::string("DELETE FROM ") + table +
                   " WHERE trial_id IN (SELECT trial_id FROM trials WHERE study_id = ?)")
            .bind(study.id)
            .run();
      }
      for (const auto* table :
           {"trials", "study_directions", "study_user_attributes", "study_system_attributes", "studies"})
        connection.query(std::string("DELETE FROM ") + table + " WHERE study_id = ?").bind(study.id).run();
    });
  }
  [[nodiscard]] std::unique_ptr<Backend> open(const StoredStudy& study) override {
    return std::make_unique<SqliteBackend>(database_, study.id);
  }

 private:
  std::shared_ptr<Database> database_;  // shared with the backends, which may outlive the store
};
}  // namespace

std::unique_ptr<TrialStore> open_sqlite(const fs::path& path) { return std::make_unique<SqliteStore>(path); }

}  // namespace ivory::tuning
