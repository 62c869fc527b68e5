#include "sql_store.h"

#include <unistd.h>
#include <cassert>

#include <algorithm>
#include <functional>
#include <set>

#include <ivory/base/error.h>
#include <ivory/storage/database.h>

#include "sql_rows.h"
#include "sql_schema.h"
#include "time_text.h"

namespace ivory::tuning {
namespace {
namespace fs = std::filesystem;
using storage::Connection;
using storage::Database;
using storage::Query;

// A database and how durable what ends in it has to be.
class Tables {
 public:
  Tables(storage::DatabaseOptions options, Durability durability)
      : durability_(durability), database_(std::move(options)) {}

  // A trial's way to its end: safe from a power cut once the end is.
  template <class F>
  auto write(const F& job) {
    check_writable();
    return retry([&] { return database_.write(job, Durability::kProcess); });
  }
  template <class F>
  auto write_statement(const F& job) {
    check_writable();
    return retry([&] { return database_.write_statement(job, Durability::kProcess); });
  }
  template <class F>
  auto write_end(const F& job) {
    check_writable();
    return retry([&] { return database_.write(job, durability_); });
  }
  template <class F>
  auto read(const F& job) const {
    return database_.read(job);
  }
  [[nodiscard]] Database& database() { return database_; }
  [[nodiscard]] std::string name() const { return database_.name(); }
  [[nodiscard]] std::string_view row_lock() const { return tuning::row_lock(database_.dialect()); }

 private:
  void check_writable() const {
    if (database_.is_read_only())
      throw Error(ErrorCode::kIo, name() + " is read-only: studies in it can be looked at, not changed");
  }
  // A server picks one of those that wait for each other, and makes it fail.
  template <class F>
  static auto retry(const F& attempt) {
    constexpr int kMore = 4;
    for (int i = 0; i < kMore; ++i) {
      try {
        return attempt();
      } catch (const storage::Busy&) {
        continue;
      }
    }
    return attempt();
  }
  Durability durability_;
  Database database_;
};

std::string inserted_trial(const std::string& where, std::int64_t id, std::int64_t number,
                           std::int64_t expected) {
  return where + ": trial " + std::to_string(id) + " has the number " + std::to_string(number) + " where " +
         std::to_string(expected) + " was expected";
}

class SqlBackend final : public Backend {
 public:
  SqlBackend(std::shared_ptr<Tables> tables, std::int64_t study)
      : tables_(std::move(tables)), study_(study), reader_(study) {}

  [[nodiscard]] bool is_shared() const override { return true; }

  void refresh(History& history) override {
    struct News {
      TrialReader::Trials added, changed;
      StudyAttrs attrs;
    };
    const News news = tables_->read([&](Connection& connection) {
      return News{.added = reader_.read_after(connection, last_id_),
                  .changed = reader_.read(connection, changed_ids(connection, history)),
                  .attrs = reader_.read_study_attrs(connection)};
    });
    for (const auto& [key, value] : news.attrs.user.items()) history.set_study_attr(false, key, value);
    for (const auto& [key, value] : news.attrs.system.items()) history.set_study_attr(true, key, value);
    for (const auto& [id, trial] : news.changed) apply_change(history, trial);
    for (const auto& [id, trial] : news.added) {
      if (trial.number != history.size()) {
        throw Error(ErrorCode::kInvalidArgument,
                    inserted_trial(tables_->name(), id, trial.number, history.size()));
      }
      history.add(trial);
      last_id_ = id;
    }
  }

  std::int64_t add(History& history, const FrozenTrial& trial) override {
    const auto place = insert(trial, {});
    assert(place && "only a number that was asked for can be taken");
    return enter(history, trial, *place);
  }
  bool add_as(History& history, std::int64_t number, const FrozenTrial& trial) override {
    const auto place = insert(trial, number);
    if (place) {
      enter(history, trial, *place);
    } else {
      refresh(history);
    }
    return place.has_value();
  }
  std::int64_t add_running(History& history, Time start) override {
    return add(history, {.state = TrialState::kRunning, .datetime_start = start});
  }

  bool start(History& history, std::int64_t number, Time start) override {
    const std::int64_t id = history.trial(number).trial_id;
    const bool held = tables_->write([&](Connection& connection) {
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
    change_trial(history, number, [&](Connection& connection, std::int64_t id) {
      write_param(connection, Row::kOfOpen, id, name, internal, distribution);
    });
    history.set_param(number, name, distribution, internal);
  }
  void report(History& history, std::int64_t number, std::int64_t step, double value) override {
    change_trial(history, number, [&](Connection& connection, std::int64_t id) {
      write_report(connection, Row::kOfOpen, id, step, value);
    });
    history.report(number, step, value);
  }
  void report_full(History& history, std::int64_t number, const TrialReport& report) override {
    const std::int64_t id = history.trial(number).trial_id;
    tables_->write([&](Connection& connection) {
      check_open(connection, number, id, tables_->row_lock());
      write_full_report(connection, id, report);
      write_report(connection, Row::kNew, id, report.fold.value_or(report.step), report.values.front());
    });
    history.report(number, report);
  }
  void set_trial_attr(History& history, std::int64_t number, bool system, std::string_view key,
                      const Params& value) override {
    change_trial(history, number, [&](Connection& connection, std::int64_t id) {
      write_trial_attr(connection, Row::kOfOpen, id, system, key, value);
    });
    history.set_trial_attr(number, system, key, value);
  }
  bool exchange_trial_attr(History& history, std::int64_t number, std::string_view key,
                           const Params& expected, const Params& value) override {
    const std::int64_t id = history.trial(number).trial_id;
    const bool exchanged = tables_->write(
        [&](Connection& connection) { return exchange_system_attr(connection, id, key, expected, value); });
    refresh(history);
    return exchanged;
  }
  void finish(History& history, std::int64_t number, TrialState state, std::span<const double> values,
              Time complete) override {
    const std::int64_t id = history.trial(number).trial_id;
    tables_->write_end([&](Connection& connection) {
      check_open(connection, number, id, tables_->row_lock());
      write_values(connection, id, values);
      connection.query("UPDATE trials SET state = ?, datetime_complete = ? WHERE trial_id = ?")
          .bind(to_text(state), to_sql(complete), id)
          .run();
    });
    own_.erase(id);
    history.finish(number, state, values, complete);
  }
  void set_study_attr(History& history, bool system, std::string_view key, const Params& value) override {
    tables_->write([&](Connection& connection) { write_study_attr(connection, study_, system, key, value); });
    history.set_study_attr(system, key, value);
  }

  [[nodiscard]] bool has_heartbeats() const override { return true; }
  void beat(std::span<const std::int64_t> trial_ids) override {
    tables_->write([&](Connection& connection) {
      for (const std::int64_t id : trial_ids) {
        connection
            .query(
                "INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (?, CURRENT_TIMESTAMP) "
                "ON CONFLICT (trial_id) DO UPDATE SET heartbeat = CURRENT_TIMESTAMP")
            .bind(id)
            .run();
      }
    });
  }
  [[nodiscard]] std::vector<std::int64_t> stale(std::chrono::seconds grace) override {
    return tables_->read([&](Connection& connection) {
      Query query = connection.query(
          std::string("SELECT number FROM trials JOIN trial_heartbeats USING (trial_id) WHERE study_id = ? "
                      "AND state = 'RUNNING' AND ")
              .append(heartbeat_age(connection.dialect()))
              .append(" > ? ORDER BY number"));
      query.bind(study_, static_cast<std::int64_t>(grace.count()));
      std::vector<std::int64_t> numbers;
      while (query.next()) numbers.push_back(query.integer(0));
      return numbers;
    });
  }

 private:
  struct Place {
    std::int64_t id, number;
  };
  // Where the new trial stands; none if `expected` is given and its number would be another.
  std::optional<Place> insert(const FrozenTrial& trial, std::optional<std::int64_t> expected) {
    const auto job = [&](Connection& connection) -> std::optional<Place> {
      // One at a time: numbers follow ids, and both the order of commits.
      lock_study(connection);
      if (expected && *expected != next_number(connection)) return {};
      const Place place = insert_head(connection, trial);
      const auto id = place.id;
      for (const auto& param : trial.params)
        write_param(connection, Row::kNew, id, param.name, param.internal, param.distribution);
      for (const auto& [step, value] : trial.intermediate_values)
        write_report(connection, Row::kNew, id, step, value);
      for (const auto& report : trial.reports) write_full_report(connection, id, report);
      for (const auto& [key, value] : trial.user_attrs.items())
        write_trial_attr(connection, Row::kNew, id, false, key, value);
      for (const auto& [key, value] : trial.system_attrs.items())
        write_trial_attr(connection, Row::kNew, id, true, key, value);
      write_values(connection, id, trial.values);
      return place;
    };
    const bool is_running = trial.state == TrialState::kRunning;
    const auto place = is_running ? tables_->write(job) : tables_->write_end(job);
    if (place && is_running) own_.insert(place->id);
    return place;
  }
  void lock_study(Connection& connection) const {
    Query query =
        connection.query(std::string("SELECT 1 FROM studies WHERE study_id = ?").append(tables_->row_lock()));
    query.bind(study_);
    if (!query.next())
      throw Error(ErrorCode::kNotFound, "the study has been deleted from " + tables_->name());
  }
  [[nodiscard]] std::int64_t next_number(Connection& connection) const {
    Query query =
        connection.query("SELECT number FROM trials WHERE study_id = ? ORDER BY trial_id DESC LIMIT 1");
    query.bind(study_);
    return query.next() ? query.integer(0) + 1 : 0;
  }
  [[nodiscard]] Place insert_head(Connection& connection, const FrozenTrial& trial) const {
    Query query = connection.query(
        "INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete) VALUES "
        "(1 + COALESCE((SELECT number FROM trials WHERE study_id = ?1 ORDER BY trial_id DESC LIMIT 1), -1), "
        "?1, ?2, ?3, ?4) RETURNING trial_id, number");
    query.bind(study_, to_text(trial.state), time_column(trial.datetime_start),
               time_column(trial.datetime_complete));
    query.next();
    return {query.integer(0), query.integer(1)};
  }

  // Puts a trial just written into the history, after those that others added before. Its number.
  std::int64_t enter(History& history, const FrozenTrial& trial, const Place& place) {
    if (place.number == history.size()) {
      FrozenTrial copy = trial;
      copy.trial_id = place.id;
      copy.number = place.number;
      last_id_ = place.id;
      return history.add(copy);
    }
    refresh(history);
    return place.number;
  }

  static void check_open(Connection& connection, std::int64_t number, std::int64_t id,
                         std::string_view lock) {
    Query query = connection.query(std::string("SELECT state FROM trials WHERE trial_id = ?").append(lock));
    query.bind(id);
    if (!query.next())
      throw Error(ErrorCode::kNotFound,
                  "trial " + std::to_string(number) + " has been deleted with its study");
    const std::string_view state = query.text(0);
    if (is_finished(parse_trial_state(state)))
      throw Error(ErrorCode::kConflict, "trial " + std::to_string(number) + " has ended (" +
                                            std::string(state) + ") and cannot be changed");
  }
  // `change` is one statement, which looks itself whether the trial has ended (Row::kOfOpen).
  template <class F>
  void change_trial(const History& history, std::int64_t number, const F& change) {
    const std::int64_t id = history.trial(number).trial_id;
    const bool changed = tables_->write_statement([&](Connection& connection) {
      change(connection, id);
      return connection.changed_rows() > 0;
    });
    if (!changed) tables_->read([&](Connection& connection) { check_open(connection, number, id, ""); });
  }

  // Of the trials known here, those that have not ended may have changed: anything of another's running one,
  // of a waiting one and of one's own the state alone.
  [[nodiscard]] std::vector<std::int64_t> changed_ids(Connection& connection, const History& history) const {
    std::vector<std::int64_t> changed, waiting, own;
    for (const auto number : history.waiting()) waiting.push_back(history.trial(number).trial_id);
    for (const auto number : history.running()) {
      const std::int64_t id = history.trial(number).trial_id;
      (own_.contains(id) ? own : changed).push_back(id);
    }
    const auto add = [&](std::vector<std::int64_t>& of, std::string_view left) {
      if (of.empty()) return;
      Query query = connection.query(std::string("SELECT trial_id FROM trials WHERE state <> '")
                                         .append(left)
                                         .append("' AND trial_id")
                                         .append(in_ids(connection.dialect())));
      query.bind(ids_value(connection.dialect(), of));
      while (query.next()) changed.push_back(query.integer(0));
    };
    add(waiting, "WAITING");
    add(own, "RUNNING");
    return changed;
  }

  static void apply_change(History& history, const FrozenTrial& trial) {
    const TrialRecord& known = history.trial(trial.number);
    if (known.state == TrialState::kWaiting && trial.state != TrialState::kWaiting)
      history.start(trial.number, trial.datetime_start.value_or(Time{}));
    for (const auto& param : trial.params)
      history.set_param(trial.number, param.name, param.distribution, param.internal);
    for (const auto& [step, value] : trial.intermediate_values) history.report(trial.number, step, value);
    for (const auto& report : trial.reports) history.report(trial.number, report);
    for (const auto& [key, value] : trial.user_attrs.items())
      history.set_trial_attr(trial.number, false, key, value);
    for (const auto& [key, value] : trial.system_attrs.items())
      history.set_trial_attr(trial.number, true, key, value);
    if (is_finished(trial.state))
      history.finish(trial.number, trial.state, trial.values, trial.datetime_complete.value_or(Time{}));
  }

  std::shared_ptr<Tables> tables_;  // shared with the store and its other studies
  std::int64_t study_, last_id_ = 0;
  std::set<std::int64_t> own_;  // ids of the running trials that only this backend changes
  TrialReader reader_;
};

class SqlStore final : public TrialStore {
 public:
  explicit SqlStore(std::shared_ptr<Tables> tables) : tables_(std::move(tables)) {
    Database& database = tables_->database();
    if (!database.is_read_only()) {
      database.switch_to_wal();
      tables_->write(create_schema);
    }
    tables_->read([&](Connection& connection) { check_schema(connection, database.name()); });
  }

  [[nodiscard]] std::vector<StoredStudy> studies() override {
    return tables_->read([](Connection& connection) {
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
    const auto taken = [&] {
      return Error(ErrorCode::kConflict, "the study '" + name + "' exists in " + tables_->name());
    };
    try {
      tables_->write_end([&](Connection& connection) {
        Query known = connection.query("SELECT 1 FROM studies WHERE study_name = ?");
        known.bind(name);
        if (known.next()) throw taken();
        Query made = connection.query("INSERT INTO studies (study_name) VALUES (?) RETURNING study_id");
        made.bind(name);
        made.next();
        for (std::size_t i = 0; i < directions.size(); ++i) {
          connection.query("INSERT INTO study_directions (direction, study_id, objective) VALUES (?, ?, ?)")
              .bind(to_text(directions[i]), made.integer(0), static_cast<std::int64_t>(i))
              .run();
        }
      });
    } catch (const storage::ConstraintViolated&) {
      throw taken();  // by another process, after we looked
    }
  }
  void delete_study(const StoredStudy& study) override {
    tables_->write_end([&](Connection& connection) {
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
    return std::make_unique<SqlBackend>(tables_, study.id);
  }

 private:
  std::shared_ptr<Tables> tables_;  // shared with the backends, which may outlive the store
};
}  // namespace

std::unique_ptr<TrialStore> open_sqlite(const fs::path& path, Durability durability) {
  std::error_code none;
  const bool read_only = fs::exists(path, none) && ::access(path.c_str(), W_OK) != 0;
  storage::DatabaseOptions options;
  options.path = path;
  options.mode = read_only ? storage::OpenMode::kReadOnly : storage::OpenMode::kCreate;
  return std::make_unique<SqlStore>(std::make_shared<Tables>(std::move(options), durability));
}

std::unique_ptr<TrialStore> open_postgres(const std::string& url, Durability durability) {
  storage::DatabaseOptions options;
  options.server = url;
  return std::make_unique<SqlStore>(std::make_shared<Tables>(std::move(options), durability));
}

}  // namespace ivory::tuning
