#include "run_search.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "experiment_rows.h"
#include "search/sql.h"

namespace ivory::tracking {
namespace {

using Entity = SearchEntity;
using storage::Connection;
using storage::Dialect;

// Where fewer rows than these meet a condition, the search begins with them. Counting up to the second takes
// a fraction of a millisecond, which is much for a search that ends at the first.
constexpr std::array<std::int64_t, 2> kFew{200, 3000};

std::vector<std::int64_t> experiment_numbers(const std::vector<std::string>& ids) {
  std::vector<std::int64_t> numbers;
  for (const std::string& id : ids) {
    if (const auto number = parse_experiment_id(id)) numbers.push_back(*number);
  }
  return numbers;
}

std::string experiment_list(const std::vector<std::int64_t>& experiments) {
  if (experiments.size() == 1) return " = " + std::to_string(experiments.front());
  std::string list;
  for (const std::int64_t id : experiments) list += (list.empty() ? "" : ", ") + std::to_string(id);
  return " IN (" + list + ")";
}

// Rows of a page as they come, beginning at `offset` of the whole; one row more says that there is a further
// page.
class PageRows {
 public:
  PageRows(Connection& connection, const RunSearch& search)
      : connection_(connection), skip_(search.offset), wanted_(search.max_results + 1) {}

  [[nodiscard]] bool is_full() const { return static_cast<std::int64_t>(runs_.size()) >= wanted_; }

  // Takes what it still wants of the rows of `select ORDER BY keys`, which come next in the whole.
  void take(SqlText select, const std::string& keys) {
    const SqlText all = select;
    select += " ORDER BY " + keys + " LIMIT ";
    select.bind(wanted_ - static_cast<std::int64_t>(runs_.size()));
    select += " OFFSET ";
    select.bind(skip_);
    const std::size_t before = runs_.size();
    auto rows = select.query(connection_);
    while (rows.next()) runs_.push_back(read_run(rows));
    if (is_full()) return;
    skip_ = runs_.size() > before ? 0 : std::max<std::int64_t>(0, skip_ - count(all));
  }

  Page<RunRecord> page(const RunSearch& search) && {
    Page<RunRecord> page{std::move(runs_), {}};
    if (static_cast<std::int64_t>(page.items.size()) == wanted_) {
      page.items.pop_back();
      page.next_page_token = make_page_token(search.offset + search.max_results);
    }
    return page;
  }

 private:
  [[nodiscard]] std::int64_t count(const SqlText& select) const {
    if (skip_ == 0) return 0;
    SqlText sql("SELECT count(*) FROM (");
    sql += select;
    sql += ") AS counted";
    auto rows = sql.query(connection_);
    return rows.next() ? rows.integer(0) : 0;
  }

  Connection& connection_;
  std::int64_t skip_;
  std::int64_t wanted_;
  std::vector<RunRecord> runs_;
};

class RunSearcher {
 public:
  RunSearcher(Connection& connection, const RunSearch& search, bool has_own_indexes)
      : connection_(connection),
        search_(search),
        dialect_(connection.dialect()),
        has_own_indexes_(has_own_indexes) {}

  Page<RunRecord> page() {
    PageRows rows(connection_, search_);
    const auto fewest = dialect_ == Dialect::kSqlite ? find_fewest() : std::nullopt;
    if (fewest) {
      take_from(rows, *fewest);
    } else if (is_walked()) {
      walk(rows);
    } else {
      take_all(rows);
    }
    return std::move(rows).page(search_);
  }

 private:
  static constexpr std::size_t kNoCondition = std::numeric_limits<std::size_t>::max();

  // All that runs must fulfil but the conditions of which `is_left_out` holds.
  template <class F>
  [[nodiscard]] SqlText where(std::string_view run_id, const F& is_left_out) const {
    SqlText sql("r.experiment_id" + experiment_list(search_.experiments));
    if (search_.view != ViewType::kAll) sql += " AND r." + std::string(lifecycle_condition(search_.view));
    for (std::size_t i = 0; i < search_.conditions.size(); ++i) {
      if (is_left_out(i)) continue;
      sql += " AND ";
      sql += run_condition_sql(search_.conditions[i], context(run_id));
    }
    return sql;
  }
  [[nodiscard]] SqlText where() const {
    return where("r.run_uuid", [](std::size_t) { return false; });
  }
  [[nodiscard]] RunContext context(std::string_view run_id) const {
    return {dialect_, run_id, has_own_indexes_};
  }

  static SqlText select() { return SqlText("SELECT " + std::string(kRunColumns) + " FROM "); }

  void take_all(PageRows& rows) const {
    const OrderSql order = run_order_sql(search_.order, 0, dialect_);
    SqlText sql = select() += "runs r";
    sql += order.joins;
    sql += " WHERE ";
    sql += where();
    rows.take(std::move(sql), order.keys);
  }

  // The rows of an indexed condition, known as c.
  [[nodiscard]] std::optional<SqlText> driver(std::size_t i) const {
    const SearchCondition& condition = search_.conditions[i];
    const bool is_name = condition.entity == Entity::kAttribute && condition.key == "run_name";
    const bool is_text = condition.entity == Entity::kParam || condition.entity == Entity::kTag || is_name;
    const bool is_range =
        condition.entity == Entity::kMetric && condition.comparator != Comparator::kNotEqual;
    if (!is_range && !(is_text && condition.comparator == Comparator::kEqual)) return std::nullopt;
    SqlText sql("c.key = ");
    sql.bind(is_name ? kRunNameTag : std::string_view(condition.key));
    sql += " AND ";
    sql += comparison_sql("c.value", condition, dialect_, is_text);
    return sql;
  }
  [[nodiscard]] std::string_view driver_table(std::size_t i) const {
    const Entity entity = search_.conditions[i].entity;
    return table_of(entity == Entity::kAttribute ? Entity::kTag : entity);
  }

  // Rows up to `most`.
  [[nodiscard]] std::int64_t count(const SqlText& from, std::int64_t most) const {
    SqlText sql("SELECT count(*) FROM (SELECT 1 FROM ");
    sql += from;
    sql += " LIMIT ";
    sql.bind(most);
    sql += ")";
    auto rows = sql.query(connection_);
    return rows.next() ? rows.integer(0) : 0;
  }

  // What few rows meet: the number of a condition, or kNoCondition for the runs of the experiments.
  [[nodiscard]] std::optional<std::size_t> find_fewest() const {
    for (const std::int64_t few : kFew)
      if (const auto fewest = find_fewest(few)) return fewest;
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::size_t> find_fewest(std::int64_t least) const {
    std::optional<std::size_t> fewest;
    const auto look = [&](std::size_t i, const SqlText& from) {
      const std::int64_t rows = count(from, least);
      if (rows >= least) return;
      least = rows;
      fewest = i;
    };
    look(kNoCondition, SqlText("runs r WHERE r.experiment_id" + experiment_list(search_.experiments)));
    for (std::size_t i = 0; i < search_.conditions.size(); ++i) {
      const auto rows = driver(i);
      if (!rows) continue;
      SqlText from(driver_table(i));
      from += " c WHERE ";
      look(i, from += *rows);
    }
    return fewest;
  }

  // CROSS JOIN keeps SQLite to this order.
  void take_from(PageRows& rows, std::size_t fewest) const {
    const auto from = fewest == kNoCondition ? std::nullopt : driver(fewest);
    if (!from) return take_all(rows);
    const OrderSql order = run_order_sql(search_.order, 0, dialect_);
    SqlText sql = select() += driver_table(fewest);
    sql += " c CROSS JOIN runs r";
    sql += order.joins;
    sql += " WHERE r.run_uuid = c.run_uuid AND ";
    sql += *from;
    sql += " AND ";
    sql += where("c.run_uuid", [&](std::size_t i) { return i == fewest; });
    rows.take(std::move(sql), order.keys);
  }

  // Whether the index of metrics gives the order, so that looking can stop when the page is full.
  [[nodiscard]] bool is_walked() const {
    return dialect_ == Dialect::kSqlite && !search_.order.empty() &&
           search_.order.front().entity == Entity::kMetric;
  }
  [[nodiscard]] bool is_of_first_key(std::size_t i) const {
    const SearchCondition& condition = search_.conditions[i];
    return condition.entity == Entity::kMetric && condition.key == search_.order.front().key;
  }

  // Numbers, then NaN, then runs without the metric.
  void walk(PageRows& rows) const {
    const SearchOrder& first = search_.order.front();
    take_walked(rows, "NOT w.is_nan", std::string("w.value") + (first.ascending ? ", " : " DESC, "));
    if (rows.is_full()) return;
    // MLflow keeps a NaN as 0.
    take_walked(rows, "w.is_nan AND w.value = 0", "");
    bool needs_metric = false;
    for (std::size_t i = 0; i < search_.conditions.size(); ++i)
      needs_metric = needs_metric || is_of_first_key(i);
    if (rows.is_full() || needs_metric) return;
    take_without_metric(rows, first);
  }

  void take_walked(PageRows& rows, std::string_view which, const std::string& first_key) const {
    const OrderSql order = run_order_sql(search_.order, 1, dialect_);
    SqlText sql = select() += "latest_metrics w CROSS JOIN runs r";
    sql += order.joins;
    sql += " WHERE r.run_uuid = w.run_uuid AND w.key = ";
    sql.bind(std::string_view(search_.order.front().key));
    (sql += " AND ") += which;
    for (std::size_t i = 0; i < search_.conditions.size(); ++i) {
      if (!is_of_first_key(i)) continue;
      sql += " AND ";
      sql += comparison_sql("w.value", search_.conditions[i], dialect_);
    }
    sql += " AND ";
    sql += where("w.run_uuid", [&](std::size_t i) { return is_of_first_key(i); });
    rows.take(std::move(sql), first_key + order.keys);
  }

  void take_without_metric(PageRows& rows, const SearchOrder& first) const {
    const OrderSql order = run_order_sql(search_.order, 1, dialect_);
    SqlText sql = select() += "runs r";
    sql += order.joins;
    sql += " WHERE ";
    sql += where();
    sql += " AND ";
    sql += run_condition_sql({Entity::kMetric, first.key, Comparator::kIsNull, {}}, context("r.run_uuid"));
    rows.take(std::move(sql), order.keys);
  }

  Connection& connection_;
  const RunSearch& search_;
  Dialect dialect_;
  bool has_own_indexes_;
};

}  // namespace

RunSearch::RunSearch(const SearchRuns& search)
    : experiments(experiment_numbers(search.experiment_ids)),
      view(search.view),
      conditions(parse_run_filter(search.filter)),
      order(parse_run_order(search.order_by)),
      offset(parse_page_token(search.page_token)),
      max_results(search.max_results) {
  check_max_results(max_results);
}

Page<RunRecord> search_runs(Connection& connection, const RunSearch& search, const RunParts& parts,
                            bool has_own_indexes) {
  if (search.experiments.empty()) return {};
  auto page = RunSearcher(connection, search, has_own_indexes).page();
  complete_runs(connection, page.items, parts);
  return page;
}

Page<ExperimentRecord> search_experiments(Connection& connection, const SearchExperiments& search) {
  check_max_results(search.max_results);
  const auto conditions = parse_experiment_filter(search.filter);
  const auto order = parse_experiment_order(search.order_by);
  const std::int64_t offset = parse_page_token(search.page_token);
  SqlText where("e." + std::string(lifecycle_condition(search.view)));
  if (search.view == ViewType::kAll) where = SqlText("1 = 1");
  for (const SearchCondition& condition : conditions) {
    where += " AND ";
    where += experiment_condition_sql(condition, connection.dialect());
  }
  where += " ORDER BY " + experiment_order_sql(order, connection.dialect()) + " LIMIT ";
  where.bind(search.max_results + 1);
  where += " OFFSET ";
  where.bind(offset);
  Page<ExperimentRecord> page{load_experiments(connection, where), {}};
  if (static_cast<std::int64_t>(page.items.size()) > search.max_results) {
    page.items.pop_back();
    page.next_page_token = make_page_token(offset + search.max_results);
  }
  return page;
}

}  // namespace ivory::tracking
