// /api/2.0/mlflow/experiments/…
#include <array>

#include <ivory/tracking/store_error.h>

#include "fields.h"
#include "routes.h"
#include "write_entities.h"

namespace ivory::server {
namespace {

using tracking::ExperimentRecord;
using tracking::Refusal;
using tracking::StoreError;

net::Response answer_experiment(const ExperimentRecord& experiment) {
  return answer_with("experiment", [&](JsonWriter& writer) { write_experiment(writer, experiment); });
}

net::Response create(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string name = fields.required_text("name");
  const std::string location = fields.text("artifact_location");
  const auto tags = fields.pairs("tags");
  if (location.find_first_of("#;") != std::string::npos)
    throw StoreError(Refusal::kInvalidParameterValue,
                     "'artifact_location' URL can't include fragments or params.");
  call.needs_new_experiment();
  call.needs_place(location, Permission::kEdit);
  const std::string id = call.store().create_experiment(name, location, tags);
  return answer_with("experiment_id", [&](JsonWriter& writer) { writer.value(id); });
}

net::Response get(Call& call) {
  const std::string id = call.fields().required_text("experiment_id");
  const ExperimentRecord experiment = call.store().get_experiment(id);
  call.needs_experiment(id, Permission::kRead);
  return answer_experiment(experiment);
}

net::Response get_by_name(Call& call) {
  const std::string name = call.fields().required_text("experiment_name");
  const auto experiment = call.store().find_experiment(name);
  if (!experiment)
    throw StoreError(Refusal::kResourceDoesNotExist, "Could not find experiment with name '" + name + "'");
  call.needs_experiment(experiment->id, Permission::kRead);
  return answer_experiment(*experiment);
}

tracking::ViewType asked_view(const RequestReader& fields) {
  const auto view = find_view_type(fields, "view_type");
  if (!view && fields.has("view_type")) fields.refuse("view_type");
  return view.value_or(tracking::ViewType::kActiveOnly);
}

net::Response answer_found(const Call& call, const tracking::SearchExperiments& search) {
  auto page = call.store().search_experiments(search);
  std::erase_if(page.items, [&](const ExperimentRecord& experiment) { return !call.may_read(experiment); });
  return answer_page("experiments", page.items, page.next_page_token, write_experiment);
}

net::Response search(Call& call) {
  const RequestReader& fields = call.fields();
  tracking::SearchExperiments search;
  search.max_results = fields.integer("max_results").value_or(0);
  search.filter = fields.text("filter");
  search.order_by = fields.texts("order_by");
  search.page_token = fields.text("page_token");
  search.view = asked_view(fields);
  return answer_found(call, search);
}

// Of MLflow 1, which some clients still ask: all of them, unless they want pages.
net::Response list(Call& call) {
  const RequestReader& fields = call.fields();
  constexpr std::int64_t kMost = 50'000;
  tracking::SearchExperiments search;
  search.max_results = fields.integer("max_results").value_or(kMost);
  search.order_by = {"experiment_id"};
  search.page_token = fields.text("page_token");
  search.view = asked_view(fields);
  return answer_found(call, search);
}

net::Response remove(Call& call) {
  const std::string id = call.fields().required_text("experiment_id");
  call.needs_experiment(id, Permission::kManage);
  call.store().delete_experiment(id);
  return empty_answer();
}

net::Response restore(Call& call) {
  const std::string id = call.fields().required_text("experiment_id");
  call.needs_experiment(id, Permission::kManage);
  call.store().restore_experiment(id);
  return empty_answer();
}

net::Response update(Call& call) {
  const std::string id = call.fields().required_text("experiment_id");
  const std::string name = call.fields().required_text("new_name");
  call.needs_experiment(id, Permission::kManage);
  call.store().rename_experiment(id, name);
  return empty_answer();
}

net::Response set_tag(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string id = fields.required_text("experiment_id");
  const std::string key = fields.required_text("key");
  const std::string value = fields.text("value");
  call.needs_experiment(id, Permission::kEdit);
  call.store().set_experiment_tag(id, {key, value});
  return empty_answer();
}

net::Response delete_tag(Call& call) {
  const std::string id = call.fields().required_text("experiment_id");
  const std::string key = call.fields().required_text("key");
  call.needs_experiment(id, Permission::kEdit);
  call.store().delete_experiment_tag(id, key);
  return empty_answer();
}

net::Response search_datasets(Call& call) {
  const auto ids = call.fields().texts("experiment_ids");
  constexpr std::size_t kMost = 20;
  if (ids.empty())
    throw StoreError(Refusal::kInvalidParameterValue,
                     "SearchDatasets request must specify at least one experiment_id.");
  if (ids.size() > kMost)
    throw StoreError(Refusal::kInvalidParameterValue,
                     "SearchDatasets request cannot specify more than 20 experiment_ids. Received " +
                         std::to_string(ids.size()) + " experiment_ids.");
  const auto datasets = call.store().search_datasets(call.readable(ids));
  return answer_page("dataset_summaries", datasets, "",
                     [](JsonWriter& writer, const tracking::DatasetSummary& dataset) {
                       writer.begin_object();
                       writer.field("experiment_id", dataset.experiment_id);
                       writer.field("name", dataset.name);
                       writer.field("digest", dataset.digest);
                       writer.field_unless_empty("context", dataset.context);
                       writer.end_object();
                     });
}

constexpr std::array kRoutes{
    Route{"POST", "/api/2.0/mlflow/experiments/create", Effect::kWrites, create},
    Route{"GET", "/api/2.0/mlflow/experiments/get", Effect::kReads, get},
    Route{"GET", "/api/2.0/mlflow/experiments/get-by-name", Effect::kReads, get_by_name},
    Route{"GET", "/api/2.0/mlflow/experiments/search", Effect::kReads, search},
    Route{"POST", "/api/2.0/mlflow/experiments/search", Effect::kReads, search},
    Route{"GET", "/api/2.0/mlflow/experiments/list", Effect::kReads, list},
    Route{"POST", "/api/2.0/mlflow/experiments/delete", Effect::kWrites, remove},
    Route{"POST", "/api/2.0/mlflow/experiments/restore", Effect::kWrites, restore},
    Route{"POST", "/api/2.0/mlflow/experiments/update", Effect::kWrites, update},
    Route{"POST", "/api/2.0/mlflow/experiments/set-experiment-tag", Effect::kWrites, set_tag},
    Route{"POST", "/api/2.0/mlflow/experiments/delete-experiment-tag", Effect::kWrites, delete_tag},
    Route{"POST", "/api/2.0/mlflow/experiments/search-datasets", Effect::kReads, search_datasets},
};

}  // namespace

std::span<const Route> experiment_routes() { return kRoutes; }

}  // namespace ivory::server
