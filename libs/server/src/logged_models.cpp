// /api/2.0/mlflow/logged-models/…
#include <array>

#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/store_error.h>

#include "routes.h"
#include "write_entities.h"

namespace ivory::server {
namespace {

using tracking::LoggedModel;
using tracking::LoggedModelStatus;

net::Response answer_model(const LoggedModel& model) {
  return answer_with("model", [&](JsonWriter& writer) { write_logged_model(writer, model); });
}

net::Response create(Call& call) {
  const RequestReader& fields = call.fields();
  tracking::CreateLoggedModel create;
  create.experiment_id = fields.required_text("experiment_id");
  create.name = fields.text("name");
  create.model_type = fields.text("model_type");
  create.source_run_id = fields.text("source_run_id");
  create.params = fields.pairs("params");
  create.tags = fields.pairs("tags");
  call.needs_experiment(create.experiment_id, Permission::kEdit);
  return answer_model(call.store().logged_models().create_logged_model(create));
}

net::Response get(Call& call) {
  const LoggedModel model = call.store().logged_models().get_logged_model(call.word(0));
  call.needs_experiment(model.experiment_id, Permission::kRead);
  return answer_model(model);
}

net::Response finalize(Call& call) {
  const RequestReader& fields = call.fields();
  constexpr std::array kStatuses{LoggedModelStatus::kUnspecified, LoggedModelStatus::kPending,
                                 LoggedModelStatus::kReady, LoggedModelStatus::kUploadFailed};  // 0 to 3
  std::vector<RequestReader::EnumName> names;
  for (const auto status : kStatuses)
    names.push_back({to_text(status), static_cast<std::int64_t>(names.size())});
  if (!fields.has("status")) fields.refuse_missing("status");
  const auto number = fields.enumerator("status", names);
  if (!number) fields.refuse("status");
  call.needs_logged_model(call.word(0), Permission::kEdit);
  return answer_model(call.store().logged_models().finalize_logged_model(
      call.word(0), kStatuses.at(static_cast<std::size_t>(*number))));
}

net::Response remove(Call& call) {
  call.needs_logged_model(call.word(0), Permission::kEdit);
  call.store().logged_models().delete_logged_model(call.word(0));
  return empty_answer();
}

net::Response search(Call& call) {
  const RequestReader& fields = call.fields();
  tracking::SearchLoggedModels search;
  if (!fields.has("experiment_ids")) fields.refuse_missing("experiment_ids");
  search.experiment_ids = call.readable(fields.texts("experiment_ids"));
  search.filter = fields.text("filter");
  for (const RequestReader& entry : fields.objects("datasets"))
    search.datasets.push_back({entry.text("dataset_name"), entry.text("dataset_digest"), {}, {}, {}, {}});
  for (const RequestReader& entry : fields.objects("order_by")) {
    search.order_by.push_back({.field_name = entry.text("field_name"),
                               .ascending = entry.flag("ascending", true),
                               .dataset_name = entry.text("dataset_name"),
                               .dataset_digest = entry.text("dataset_digest")});
  }
  if (const auto most = fields.integer("max_results"); most && *most != 0) search.max_results = *most;
  search.page_token = fields.text("page_token");
  const auto page = call.store().logged_models().search_logged_models(search);
  return answer_page("models", page.items, page.next_page_token, write_logged_model);
}

net::Response set_tags(Call& call) {
  const auto tags = call.fields().pairs("tags");
  call.needs_logged_model(call.word(0), Permission::kEdit);
  call.store().logged_models().set_logged_model_tags(call.word(0), tags);
  return empty_answer();
}

net::Response delete_tag(Call& call) {
  call.needs_logged_model(call.word(0), Permission::kEdit);
  call.store().logged_models().delete_logged_model_tag(call.word(0), call.word(1));
  return empty_answer();
}

net::Response log_params(Call& call) {
  const std::string id = call.fields().required_text("model_id");
  const auto params = call.fields().pairs("params");
  if (id != call.word(0)) call.fields().refuse("model_id");
  call.needs_logged_model(id, Permission::kEdit);
  call.store().logged_models().log_logged_model_params(id, params);
  return empty_answer();
}

constexpr std::array kRoutes{
    Route{"POST", "/api/2.0/mlflow/logged-models", Effect::kWrites, create},
    Route{"POST", "/api/2.0/mlflow/logged-models/search", Effect::kReads, search},
    Route{"GET", "/api/2.0/mlflow/logged-models/{}", Effect::kReads, get},
    Route{"PATCH", "/api/2.0/mlflow/logged-models/{}", Effect::kWrites, finalize},
    Route{"DELETE", "/api/2.0/mlflow/logged-models/{}", Effect::kWrites, remove},
    Route{"PATCH", "/api/2.0/mlflow/logged-models/{}/tags", Effect::kWrites, set_tags},
    Route{"DELETE", "/api/2.0/mlflow/logged-models/{}/tags/{...}", Effect::kWrites, delete_tag},
    Route{"POST", "/api/2.0/mlflow/logged-models/{}/params", Effect::kWrites, log_params},
};

}  // namespace

std::span<const Route> logged_model_routes() { return kRoutes; }

}  // namespace ivory::server
