#include "sql_schema.h"

#include <array>
#include <string>
#include <vector>

#include <ivory/base/error.h>

namespace ivory::tuning {
namespace {
using storage::Connection;
using storage::Dialect;
using storage::Query;

constexpr std::string_view kRevision = "v3.2.0.a";

// Words in angle brackets differ between the databases.
constexpr std::string_view kSchema = R"(
CREATE TABLE studies (study_id <id>, study_name VARCHAR(512) NOT NULL, PRIMARY KEY (study_id));
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE TABLE version_info (version_info_id <id>, schema_version INTEGER, library_version VARCHAR(256),
  PRIMARY KEY (version_info_id), CHECK (version_info_id=1));
CREATE TABLE study_directions (study_direction_id <id>, direction <direction> NOT NULL, study_id INTEGER NOT NULL,
  objective INTEGER NOT NULL, PRIMARY KEY (study_direction_id), UNIQUE (study_id, objective),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE study_user_attributes (study_user_attribute_id <id>, study_id INTEGER, "key" VARCHAR(512),
  value_json TEXT, PRIMARY KEY (study_user_attribute_id), UNIQUE (study_id, "key"),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE study_system_attributes (study_system_attribute_id <id>, study_id INTEGER, "key" VARCHAR(512),
  value_json TEXT, PRIMARY KEY (study_system_attribute_id), UNIQUE (study_id, "key"),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE trials (trial_id <id>, number INTEGER, study_id INTEGER, state <state> NOT NULL,
  datetime_start <time>, datetime_complete <time>, PRIMARY KEY (trial_id),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE INDEX ix_trials_study_id ON trials (study_id);
CREATE TABLE trial_user_attributes (trial_user_attribute_id <id>, trial_id INTEGER, "key" VARCHAR(512),
  value_json TEXT, PRIMARY KEY (trial_user_attribute_id), UNIQUE (trial_id, "key"),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_system_attributes (trial_system_attribute_id <id>, trial_id INTEGER, "key" VARCHAR(512),
  value_json TEXT, PRIMARY KEY (trial_system_attribute_id), UNIQUE (trial_id, "key"),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_params (param_id <id>, trial_id INTEGER, param_name VARCHAR(512), param_value <real>,
  distribution_json TEXT, PRIMARY KEY (param_id), UNIQUE (trial_id, param_name),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_values (trial_value_id <id>, trial_id INTEGER NOT NULL, objective INTEGER NOT NULL,
  value <real>, value_type <value_type> NOT NULL, PRIMARY KEY (trial_value_id), UNIQUE (trial_id, objective),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_intermediate_values (trial_intermediate_value_id <id>, trial_id INTEGER NOT NULL,
  step INTEGER NOT NULL, intermediate_value <real>, intermediate_value_type <report_type> NOT NULL,
  PRIMARY KEY (trial_intermediate_value_id), UNIQUE (trial_id, step), FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_heartbeats (trial_heartbeat_id <id>, trial_id INTEGER NOT NULL, heartbeat <time> NOT NULL,
  PRIMARY KEY (trial_heartbeat_id), UNIQUE (trial_id), FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO version_info VALUES (1, 12, 'ivory');
INSERT INTO alembic_version VALUES ('v3.2.0.a');
)";

constexpr std::string_view kPostgresTypes = R"(
CREATE TYPE studydirection AS ENUM ('NOT_SET', 'MINIMIZE', 'MAXIMIZE');
CREATE TYPE trialstate AS ENUM ('RUNNING', 'COMPLETE', 'PRUNED', 'FAIL', 'WAITING');
CREATE TYPE trialvaluetype AS ENUM ('FINITE', 'INF_POS', 'INF_NEG');
CREATE TYPE trialintermediatevaluetype AS ENUM ('FINITE', 'INF_POS', 'INF_NEG', 'NAN');
)";

struct Word {
  std::string_view word, sqlite, postgres;
};
constexpr std::array kWords{
    Word{"<id>", "INTEGER NOT NULL", "SERIAL NOT NULL"},
    Word{"<real>", "FLOAT", "FLOAT(53)"},
    Word{"<time>", "DATETIME", "TIMESTAMP WITHOUT TIME ZONE"},
    Word{"<direction>", "VARCHAR(8)", "studydirection"},
    Word{"<state>", "VARCHAR(8)", "trialstate"},
    Word{"<value_type>", "VARCHAR(7)", "trialvaluetype"},
    Word{"<report_type>", "VARCHAR(7)", "trialintermediatevaluetype"},
};

std::string in_dialect(std::string_view sql, Dialect dialect) {
  std::string text(sql);
  for (const auto& word : kWords) {
    const std::string_view with = dialect == Dialect::kSqlite ? word.sqlite : word.postgres;
    for (auto at = text.find(word.word); at != std::string::npos; at = text.find(word.word, at + with.size()))
      text.replace(at, word.word.size(), with);
  }
  return text;
}

bool has_table(Connection& connection, std::string_view name) {
  Query query = connection.query(connection.dialect() == Dialect::kSqlite
                                     ? "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
                                     : "SELECT 1 WHERE to_regclass(?) IS NOT NULL");
  query.bind(name);
  return query.next();
}

// Others may have tables in one PostgreSQL database, but a file of something else is left alone.
bool has_room(Connection& connection) {
  if (connection.dialect() == Dialect::kSqlite)
    return !connection.query("SELECT 1 FROM sqlite_master").next();
  // One at a time until the end of the transaction. The number is arbitrary.
  connection.query("SELECT pg_advisory_xact_lock(5601324)").run();
  return !has_table(connection, "studies") && !has_table(connection, "alembic_version");
}
}  // namespace

void create_schema(Connection& connection) {
  if (!has_room(connection)) return;
  if (connection.dialect() == Dialect::kPostgres) connection.execute(kPostgresTypes);
  connection.execute(in_dialect(kSchema, connection.dialect()));
}

void check_schema(Connection& connection, std::string_view name) {
  if (!has_table(connection, "alembic_version") || !has_table(connection, "trial_intermediate_values")) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string(name) + " is a database of something else: it has none of Optuna's tables");
  }
  Query query = connection.query("SELECT version_num FROM alembic_version");
  const std::string found = query.next() ? std::string(query.text(0)) : "none";
  if (found != kRevision) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string(name) + " has the schema revision " + found + "; expected " +
                    std::string(kRevision) +
                    " (Optuna 3.2 and later; `optuna storage upgrade` brings an older file there)");
  }
}

void create_reports_table(Connection& connection) {
  constexpr std::string_view kTable = R"(
CREATE TABLE IF NOT EXISTS ivory_trial_reports (trial_id INTEGER NOT NULL, fold INTEGER NOT NULL, step INTEGER NOT NULL,
  objective INTEGER NOT NULL, value <real>, value_type VARCHAR(7) NOT NULL,
  PRIMARY KEY (trial_id, fold, step, objective), FOREIGN KEY(trial_id) REFERENCES trials (trial_id))";
  const bool sqlite = connection.dialect() == Dialect::kSqlite;
  if (!sqlite) connection.query("SELECT pg_advisory_xact_lock(5601324)").run();
  connection.execute(in_dialect(kTable, connection.dialect()) +
                     (sqlite ? ") WITHOUT ROWID" : " ON DELETE CASCADE)"));
  // SQLite looks at foreign keys only where asked to, and gives the ids of deleted trials away again.
  if (sqlite) {
    connection.execute(
        "CREATE TRIGGER IF NOT EXISTS ivory_forget_reports AFTER DELETE ON trials "
        "BEGIN DELETE FROM ivory_trial_reports WHERE trial_id = old.trial_id; END");
  }
}

bool has_reports_table(Connection& connection) { return has_table(connection, "ivory_trial_reports"); }

std::string_view row_lock(Dialect dialect) { return dialect == Dialect::kSqlite ? "" : " FOR UPDATE"; }

std::string_view heartbeat_age(Dialect dialect) {
  return dialect == Dialect::kSqlite ? "(strftime('%s', 'now') - strftime('%s', heartbeat))"
                                     : "EXTRACT(EPOCH FROM CURRENT_TIMESTAMP::timestamp - heartbeat)";
}

std::string_view in_ids(Dialect dialect) {
  return dialect == Dialect::kSqlite ? " IN (SELECT value FROM json_each(?))" : " = ANY(?::INTEGER[])";
}

std::string ids_value(Dialect dialect, std::span<const std::int64_t> ids) {
  const bool sqlite = dialect == Dialect::kSqlite;
  std::vector<std::string> words;
  words.reserve(ids.size());
  for (const auto id : ids) words.push_back(std::to_string(id));
  return (sqlite ? '[' : '{') + join(words) + (sqlite ? ']' : '}');
}

}  // namespace ivory::tuning
