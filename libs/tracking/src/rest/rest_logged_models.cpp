#include "rest/rest_logged_models.h"

#include <algorithm>

#include <ivory/tracking/store_error.h>

#include "rest/rest_json.h"

namespace ivory::tracking {
namespace {

using net::Repeat;

constexpr std::size_t kParamsPerRequest = 100;

std::string path_of(std::string_view model_id) { return "logged-models/" + net::percent_encoded(model_id); }

std::vector<KeyValue> part_of(const std::vector<KeyValue>& all, std::size_t begin) {
  const auto from = all.begin() + static_cast<std::ptrdiff_t>(std::min(begin, all.size()));
  const auto count = std::min<std::ptrdiff_t>(all.end() - from, kParamsPerRequest);
  return {from, from + count};
}

LoggedModel model_in(const Json& answer) { return logged_model_from(object_of(answer, "model")); }

}  // namespace

LoggedModel RestLoggedModels::create_logged_model(const CreateLoggedModel& create) {
  Json body = {{"experiment_id", create.experiment_id},
               {"model_type", create.model_type},
               {"source_run_id", create.source_run_id},
               {"params", to_json(part_of(create.params, 0))},
               {"tags", to_json(create.tags)}};
  if (!create.name.empty()) body["name"] = create.name;
  LoggedModel model = model_in(client_.change("POST", "logged-models", body, Repeat::kIfUnmet));
  if (create.params.size() <= kParamsPerRequest) return model;
  const std::vector<KeyValue> rest(create.params.begin() + kParamsPerRequest, create.params.end());
  log_logged_model_params(model.model_id, rest);
  return get_logged_model(model.model_id);
}

std::optional<LoggedModel> RestLoggedModels::find_logged_model(std::string_view model_id) const {
  try {
    return get_logged_model(model_id);
  } catch (const StoreError& error) {
    if (error.refusal() != Refusal::kResourceDoesNotExist) throw;
    return std::nullopt;
  }
}

LoggedModel RestLoggedModels::get_logged_model(std::string_view model_id) const {
  return model_in(client_.get(path_of(model_id)));
}

LoggedModel RestLoggedModels::finalize_logged_model(std::string_view model_id, LoggedModelStatus status) {
  const Json body = {{"model_id", model_id}, {"status", to_text(status)}};
  return model_in(client_.change("PATCH", path_of(model_id), body));
}

void RestLoggedModels::delete_logged_model(std::string_view model_id) {
  client_.change("DELETE", path_of(model_id), {{"model_id", model_id}}, Repeat::kIfUnmet);
}

LoggedModel RestLoggedModels::set_logged_model_tags(std::string_view model_id,
                                                    const std::vector<KeyValue>& tags) {
  client_.change("PATCH", path_of(model_id) + "/tags", {{"model_id", model_id}, {"tags", to_json(tags)}});
  return get_logged_model(model_id);
}

void RestLoggedModels::delete_logged_model_tag(std::string_view model_id, std::string_view key) {
  client_.change("DELETE", path_of(model_id) + "/tags/" + net::percent_encoded(key),
                 {{"model_id", model_id}, {"tag_key", key}}, Repeat::kIfUnmet);
}

void RestLoggedModels::log_logged_model_params(std::string_view model_id,
                                               const std::vector<KeyValue>& params) {
  for (std::size_t begin = 0; begin < params.size(); begin += kParamsPerRequest) {
    client_.change("POST", path_of(model_id) + "/params",
                   {{"model_id", model_id}, {"params", to_json(part_of(params, begin))}});
  }
}

Page<LoggedModel> RestLoggedModels::search_logged_models(const SearchLoggedModels& search) const {
  Json body = {{"experiment_ids", search.experiment_ids}, {"max_results", search.max_results}};
  if (!search.filter.empty()) body["filter"] = search.filter;
  if (!search.page_token.empty()) body["page_token"] = search.page_token;
  for (const Dataset& dataset : search.datasets) {
    Json json = {{"dataset_name", dataset.name}};
    if (!dataset.digest.empty()) json["dataset_digest"] = dataset.digest;
    body["datasets"].push_back(std::move(json));
  }
  for (const LoggedModelOrder& order : search.order_by) {
    Json json = {{"field_name", order.field_name}, {"ascending", order.ascending}};
    if (!order.dataset_name.empty()) json["dataset_name"] = order.dataset_name;
    if (!order.dataset_digest.empty()) json["dataset_digest"] = order.dataset_digest;
    body["order_by"].push_back(std::move(json));
  }
  const Json answer = client_.ask("logged-models/search", body);
  Page<LoggedModel> page;
  for (const Json& model : list_of(answer, "models")) page.items.push_back(logged_model_from(model));
  page.next_page_token = text_of(answer, "next_page_token");
  return page;
}

}  // namespace ivory::tracking
