// The searches of the model registry and of logged models.
#include <string>
#include <utility>

#include <ivory/tracking/model_search.h>

#include "experiment_rows.h"
#include "model_rules.h"
#include "search/sql.h"
#include "sql_logged_model_rows.h"
#include "sql_logged_models.h"
#include "sql_model_registry.h"
#include "sql_model_rows.h"

namespace ivory::tracking {
namespace {

using Entity = SearchEntity;
using storage::Connection;
using storage::Dialect;

std::string direction(bool ascending) { return ascending ? " ASC" : " DESC"; }

// One of the two tables of the registry that are searched, known as m.
struct RegistryTable {
  std::string_view table;
  std::string_view tags;
  std::string_view same_record;  // a row t of `tags` belongs to row m
};
constexpr RegistryTable kModels{"registered_models", "registered_model_tags", "t.name = m.name"};
constexpr RegistryTable kVersions{"model_versions", "model_version_tags",
                                  "t.name = m.name AND t.version = m.version"};

std::string registry_column(std::string_view key) {
  if (key == "version_number") return "m.version";
  if (key == "source_path") return "m.source";
  if (key == "creation_timestamp") return "m.creation_time";
  if (key == "last_updated_timestamp") return "m.last_updated_time";
  return "m." + std::string(key);
}

// " AND EXISTS (a tag of the record …": `scope` comes first, so that the key of the table serves.
SqlText tag_sql(const RegistryTable& table, const ModelRows& rows, const SearchCondition& condition,
                Dialect dialect) {
  SqlText sql(" AND EXISTS (SELECT 1 FROM ");
  sql += table.tags;
  sql += " t WHERE " + rows.scope("t") + std::string(table.same_record) + " AND t.key = ";
  sql.bind(std::string_view(condition.key));
  sql += " AND ";
  sql += comparison_sql("t.value", condition, dialect);
  return sql += ")";
}

SqlText without_prompts(const RegistryTable& table, const ModelRows& rows) {
  SqlText sql(" AND NOT EXISTS (SELECT 1 FROM ");
  sql += table.tags;
  sql += " t WHERE " + rows.scope("t") + "t.name = m.name AND t.key = ";
  sql.bind(kPromptTag);
  return sql += " AND t.value = 'true')";
}

SqlText registry_search_sql(const RegistryTable& table, std::string_view columns, const ModelRows& rows,
                            const std::vector<SearchCondition>& conditions,
                            const std::vector<SearchOrder>& order, Dialect dialect) {
  SqlText sql("SELECT ");
  sql += columns;
  sql += " FROM " + std::string(table.table) + " m WHERE " + rows.scope("m") + "1 = 1";
  const bool prompts = asks_for_prompts(conditions);
  for (const SearchCondition& condition : conditions) {
    if (condition.entity == Entity::kTag) {
      if (prompts || condition.key != kPromptTag) sql += tag_sql(table, rows, condition, dialect);
    } else {
      sql += " AND ";
      sql += comparison_sql(registry_column(condition.key), condition, dialect);
    }
  }
  if (!prompts) sql += without_prompts(table, rows);
  if (table.table == kVersions.table) {
    sql += " AND m.current_stage <> ";
    sql.bind(kStageDeleted);
  }
  std::string keys;
  for (const SearchOrder& key : order) {
    keys += keys.empty() ? " ORDER BY " : ", ";
    keys += registry_column(key.key) + direction(key.ascending);
  }
  return sql += keys;
}

// One row more than asked for tells whether there is another page.
SqlText page_sql(SqlText sql, std::int64_t max_results, std::int64_t offset) {
  sql += " LIMIT ";
  sql.bind(max_results + 1);
  sql += " OFFSET ";
  sql.bind(offset);
  return sql;
}

template <class T>
Page<T> cut_page(std::vector<T> items, std::int64_t max_results, std::int64_t offset) {
  Page<T> page{std::move(items), {}};
  if (static_cast<std::int64_t>(page.items.size()) > max_results) {
    page.items.pop_back();
    page.next_page_token = make_page_token(offset + max_results);
  }
  return page;
}

std::string logged_model_column(std::string_view key) {
  if (key == "creation_timestamp") return "m.creation_timestamp_ms";
  if (key == "last_updated_timestamp") return "m.last_updated_timestamp_ms";
  if (key == "status") {
    return "(CASE m.status WHEN 1 THEN 'PENDING' WHEN 2 THEN 'READY' WHEN 3 THEN 'FAILED' "
           "ELSE 'UNSPECIFIED' END)";
  }
  return "m." + std::string(key);
}

// " AND (v belongs to one of the datasets)".
SqlText datasets_sql(const std::vector<Dataset>& datasets) {
  SqlText sql;
  for (const Dataset& dataset : datasets) {
    sql += sql.empty() ? " AND (" : " OR ";
    sql += "(v.dataset_name = ";
    sql.bind(std::string_view(dataset.name));
    if (!dataset.digest.empty()) {
      sql += " AND v.dataset_digest = ";
      sql.bind(std::string_view(dataset.digest));
    }
    sql += ")";
  }
  if (!sql.empty()) sql += ")";
  return sql;
}

// What a row v of a table must be that holds params, tags or metrics of models.
SqlText value_sql(const SearchCondition& condition, const std::vector<Dataset>& datasets, Dialect dialect) {
  const bool is_metric = condition.entity == Entity::kMetric;
  const std::string_view name = is_metric                            ? "metric_name"
                                : condition.entity == Entity::kParam ? "param_key"
                                                                     : "tag_key";
  const std::string_view value = is_metric                            ? "v.metric_value"
                                 : condition.entity == Entity::kParam ? "v.param_value"
                                                                      : "v.tag_value";
  SqlText sql("v.");
  sql += name;
  sql += " = ";
  sql.bind(std::string_view(condition.key));
  sql += " AND ";
  sql += comparison_sql(value, condition, dialect);
  if (is_metric) sql += datasets_sql(datasets);
  return sql;
}

SqlText logged_model_condition_sql(const SearchCondition& condition, const std::vector<Dataset>& datasets,
                                   Dialect dialect) {
  if (condition.entity == Entity::kAttribute)
    return comparison_sql(logged_model_column(condition.key), condition, dialect);
  const std::string_view table = condition.entity == Entity::kMetric  ? "logged_model_metrics"
                                 : condition.entity == Entity::kParam ? "logged_model_params"
                                                                      : "logged_model_tags";
  SqlText sql("EXISTS (SELECT 1 FROM ");
  sql += table;
  sql += " v WHERE v.model_id = m.model_id AND ";
  sql += value_sql(condition, datasets, dialect);
  return sql += ")";
}

// The latest value of a metric of the model.
SqlText latest_metric_sql(const LoggedModelSort& sort) {
  SqlText sql(
      "(SELECT v.metric_value FROM logged_model_metrics v WHERE v.model_id = m.model_id AND v.metric_name "
      "= ");
  sql.bind(std::string_view(sort.order.key));
  if (!sort.dataset_name.empty()) {
    Dataset dataset;
    dataset.name = sort.dataset_name;
    dataset.digest = sort.dataset_digest;
    sql += datasets_sql({dataset});
  }
  return sql += " ORDER BY v.metric_timestamp_ms DESC, v.metric_step DESC LIMIT 1)";
}

SqlText logged_model_order_sql(const std::vector<LoggedModelSort>& sorts) {
  SqlText sql;
  for (const LoggedModelSort& sort : sorts) {
    sql += sql.empty() ? " ORDER BY " : ", ";
    const SqlText key = sort.order.entity == Entity::kMetric ? latest_metric_sql(sort)
                                                             : SqlText(logged_model_column(sort.order.key));
    sql += key;
    sql += direction(sort.order.ascending) + " NULLS LAST";
  }
  return sql;
}

SqlText experiments_sql(const std::vector<std::string>& experiment_ids) {
  std::string list;
  for (const std::string& id : experiment_ids) {
    const auto number = parse_experiment_id(id);
    if (number) list += (list.empty() ? "" : ",") + std::to_string(*number);
  }
  return SqlText("m.experiment_id IN (" + (list.empty() ? "NULL" : list) + ")");
}

SqlText logged_model_search_sql(const SearchLoggedModels& search, Dialect dialect) {
  const auto conditions = parse_logged_model_filter(search.filter);
  SqlText sql("SELECT ");
  sql += kLoggedModelColumns;
  sql += " FROM logged_models m WHERE m.lifecycle_stage <> 'deleted' AND ";
  sql += experiments_sql(search.experiment_ids);
  bool has_metric = false;
  for (const SearchCondition& condition : conditions) {
    has_metric = has_metric || condition.entity == Entity::kMetric;
    sql += " AND ";
    sql += logged_model_condition_sql(condition, search.datasets, dialect);
  }
  // Datasets without a condition on a metric: any metric on one of them will do.
  if (!search.datasets.empty() && !has_metric) {
    sql += " AND EXISTS (SELECT 1 FROM logged_model_metrics v WHERE v.model_id = m.model_id";
    sql += datasets_sql(search.datasets);
    sql += ")";
  }
  sql += logged_model_order_sql(parse_logged_model_order(search.order_by));
  return sql;
}

}  // namespace

Page<RegisteredModel> SqlModelRegistry::search_registered_models(const SearchModels& search) const {
  const std::int64_t max_results = registered_model_results(search);
  const auto conditions = parse_registered_model_filter(search.filter);
  const auto order = parse_registered_model_order(search.order_by);
  const std::int64_t offset = parse_page_token(search.page_token);
  return database_.read([&](Connection& connection) {
    const ModelRows rows(connection);
    auto query = page_sql(registry_search_sql(kModels, ModelRows::kModelColumns, rows, conditions, order,
                                              connection.dialect()),
                          max_results, offset)
                     .query(connection);
    std::vector<RegisteredModel> models;
    while (query.next()) models.push_back(ModelRows::read_model(query));
    auto page = cut_page(std::move(models), max_results, offset);
    for (RegisteredModel& model : page.items) rows.complete(model);
    return page;
  });
}

Page<ModelVersion> SqlModelRegistry::search_model_versions(const SearchModels& search) const {
  const std::int64_t max_results = model_version_results(search);
  const auto conditions = parse_model_version_filter(search.filter);
  const auto order = parse_model_version_order(search.order_by);
  const std::int64_t offset = parse_page_token(search.page_token);
  return database_.read([&](Connection& connection) {
    const ModelRows rows(connection);
    auto query = page_sql(registry_search_sql(kVersions, ModelRows::kVersionColumns, rows, conditions, order,
                                              connection.dialect()),
                          max_results, offset)
                     .query(connection);
    std::vector<ModelVersion> versions;
    while (query.next()) versions.push_back(ModelRows::read_version(query));
    auto page = cut_page(std::move(versions), max_results, offset);
    rows.complete(page.items);
    return page;
  });
}

Page<LoggedModel> SqlLoggedModels::search_logged_models(const SearchLoggedModels& search) const {
  check_max_results(search.max_results);
  for (const Dataset& dataset : search.datasets) {
    if (dataset.name.empty()) fail_no_dataset_name();
  }
  const std::int64_t offset = parse_page_token(search.page_token);
  const SqlText sql =
      page_sql(logged_model_search_sql(search, database_.dialect()), search.max_results, offset);
  return database_.read([&](Connection& connection) {
    if (!has_logged_model_tables(connection)) return Page<LoggedModel>();
    auto query = sql.query(connection);
    std::vector<LoggedModel> models;
    while (query.next()) models.push_back(read_logged_model(query));
    auto page = cut_page(std::move(models), search.max_results, offset);
    for (LoggedModel& model : page.items) complete(connection, model);
    return page;
  });
}

}  // namespace ivory::tracking
