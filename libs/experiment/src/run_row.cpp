#include "run_row.h"

#include <utility>
#include <vector>

#include <ivory/tracking/liveness.h>

#include <ivory/tracking/run_context.h>

namespace ivory {
namespace {

std::vector<tracking::KeyValue> params_of(const Params& update) {
  std::vector<tracking::KeyValue> params;
  for (const auto& [key, value] : update.items()) params.push_back({key, value.to_text()});
  return params;
}

}  // namespace

std::string experiment_of(const Params& params) {
  const Params* experiment = params.find("experiment");
  const Params* name = experiment == nullptr ? nullptr : experiment->find("name");
  return name == nullptr ? "Default" : name->as_string();
}

tracking::RunRecord create_row(Tracker& tracker, std::string_view experiment, std::string_view name,
                               const Params& update, const RunOrigin& origin) {
  tracking::TrackingStore& store = tracker.store();
  tracking::CreateRun create;
  create.experiment_id = store.find_or_create_experiment(experiment).id;
  create.name_prefix = name;
  create.parent_run_id = origin.parent_run_id;
  create.params = params_of(update);
  create.tags = tracking::run_context_tags(tracker.directory());
  if (origin.index) create.tags.push_back({std::string(tracking::kIndexTag), std::to_string(*origin.index)});
  create.tags.insert(create.tags.end(), origin.tags.begin(), origin.tags.end());
  return store.create_run(create);
}

tracking::RunRecord adopt_row(Tracker& tracker, const Params& update, const RunOrigin& origin) {
  tracking::TrackingStore& store = tracker.store();
  tracking::RunRecord run = store.get_run(origin.run_id);
  tracking::RunUpdate taken{.status = tracking::RunStatus::kRunning, .tags = origin.tags};
  taken.tags.push_back({std::string(tracking::kProcessTag), tracking::this_process().to_text()});
  if (!origin.parent_run_id.empty())
    taken.tags.push_back({std::string(tracking::kParentRunIdTag), origin.parent_run_id});
  if (origin.index) taken.tags.push_back({std::string(tracking::kIndexTag), std::to_string(*origin.index)});
  store.update_run(run.run_id, taken);
  if (run.find_tag(tracking::kErrorTag) != nullptr) store.delete_tag(run.run_id, tracking::kErrorTag);

  tracking::Batch batch{.params = params_of(update)};
  std::erase_if(batch.params, [&](const tracking::KeyValue& param) {
    const std::string* logged = run.find_param(param.key);
    return logged != nullptr && *logged == param.value;
  });
  if (!batch.params.empty()) store.log_batch(run.run_id, batch);
  return store.get_run(run.run_id);
}

}  // namespace ivory
