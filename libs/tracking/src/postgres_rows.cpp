#include "postgres_rows.h"

#include <array>
#include <charconv>
#include <map>
#include <string>

namespace ivory::tracking {
namespace {

using storage::Connection;
using Entries = std::map<std::string_view, std::string_view>;

// The text of an array: {1,2.5,"a \"text\""}.
class ArrayText {
 public:
  void add(std::string_view text) {
    begin_item();
    text_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') text_ += '\\';
      text_ += c;
    }
    text_ += '"';
  }
  template <class Number>
  void add_number(Number number) {
    begin_item();
    constexpr std::size_t kLongest = 32;
    std::array<char, kLongest> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
    text_.append(buffer.data(), end);
  }
  [[nodiscard]] std::string whole() const { return text_ + '}'; }

 private:
  void begin_item() {
    if (text_.size() > 1) text_ += ',';
  }
  std::string text_ = "{";
};

struct MetricArrays {
  ArrayText keys, values, timestamps, steps, nans;
  explicit MetricArrays(const std::vector<MetricRow>& rows) {
    for (const MetricRow& row : rows) {
      keys.add(row.key);
      values.add_number(row.value);
      timestamps.add_number(row.timestamp_ms);
      steps.add_number(row.step);
      nans.add_number(row.is_nan ? 1 : 0);
    }
  }
};

#define IVORY_METRIC_ROWS                                                                                 \
  "SELECT key, value, time, step, is_nan <> 0, ?1 FROM unnest(CAST(?2 AS text[]), CAST(?3 AS float8[]), " \
  "CAST(?4 AS bigint[]), CAST(?5 AS bigint[]), CAST(?6 AS int[])) AS u(key, value, time, step, is_nan) "

void run_with_rows(Connection& connection, std::string_view sql, std::string_view run_id,
                   const std::vector<MetricRow>& rows) {
  if (rows.empty()) return;
  const MetricArrays arrays(rows);
  connection.query(sql)
      .bind(run_id, arrays.keys.whole(), arrays.values.whole(), arrays.timestamps.whole(),
            arrays.steps.whole(), arrays.nans.whole())
      .run();
}

// In the order of their keys, so that two writers of the same ones do not wait for each other in a ring.
Entries in_order(const std::vector<KeyValue>& entries) {
  Entries ordered;
  for (const KeyValue& entry : entries) ordered[entry.key] = entry.value;
  return ordered;
}

void run_with_entries(Connection& connection, std::string_view sql, std::string_view run_id,
                      const Entries& entries) {
  ArrayText keys, values;
  for (const auto& [key, value] : entries) {
    keys.add(key);
    values.add(value);
  }
  connection.query(sql).bind(run_id, keys.whole(), values.whole()).run();
}

std::map<std::string, std::string, std::less<>> logged_params(Connection& connection, std::string_view run_id,
                                                              const Entries& wanted) {
  ArrayText keys;
  for (const auto& [key, value] : wanted) keys.add(key);
  auto rows =
      connection.query("SELECT key, value FROM params WHERE run_uuid = ? AND key = ANY(CAST(? AS text[]))");
  rows.bind(run_id, keys.whole());
  std::map<std::string, std::string, std::less<>> logged;
  while (rows.next()) logged.emplace(rows.text(0), rows.text(1));
  return logged;
}

}  // namespace

void insert_metric_rows(Connection& connection, std::string_view run_id, const std::vector<MetricRow>& rows) {
  run_with_rows(connection,
                "INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid) " IVORY_METRIC_ROWS
                "ON CONFLICT DO NOTHING",
                run_id, rows);
}

void upsert_latest_rows(Connection& connection, std::string_view run_id, const std::vector<MetricRow>& rows) {
  run_with_rows(
      connection,
      "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) " IVORY_METRIC_ROWS
      "ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp, "
      "step = excluded.step, is_nan = excluded.is_nan "
      "WHERE (excluded.step, excluded.timestamp, excluded.value) > "
      "(latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)",
      run_id, rows);
}

void upsert_tag_rows(Connection& connection, std::string_view run_id, const std::vector<KeyValue>& tags) {
  if (tags.empty()) return;
  run_with_entries(connection,
                   "INSERT INTO tags (run_uuid, key, value) "
                   "SELECT ?, key, value FROM unnest(CAST(? AS text[]), CAST(? AS text[])) AS u(key, value) "
                   "ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value",
                   run_id, in_order(tags));
}

std::vector<ChangedParam> insert_param_rows(Connection& connection, std::string_view run_id,
                                            const std::vector<KeyValue>& params) {
  if (params.empty()) return {};
  // Of a key that comes twice the first is logged, and the second compared with it.
  Entries entries;
  for (const KeyValue& param : params) entries.try_emplace(param.key, param.value);
  run_with_entries(connection,
                   "INSERT INTO params (run_uuid, key, value) "
                   "SELECT ?, key, value FROM unnest(CAST(? AS text[]), CAST(? AS text[])) AS u(key, value) "
                   "ON CONFLICT DO NOTHING",
                   run_id, entries);
  if (connection.changed_rows() == static_cast<std::int64_t>(params.size())) return {};
  const auto logged = logged_params(connection, run_id, entries);
  std::vector<ChangedParam> changed;
  for (const KeyValue& param : params) {
    const auto found = logged.find(param.key);
    if (found != logged.end() && found->second != param.value) changed.push_back({&param, found->second});
  }
  return changed;
}

}  // namespace ivory::tracking
