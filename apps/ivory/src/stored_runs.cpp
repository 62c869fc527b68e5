#include "stored_runs.h"

#include <algorithm>

#include <ivory/base/error.h>
#include <ivory/experiment/tracker.h>

namespace ivory {

std::vector<tracking::RunRecord> stored_runs(const Client& client, const std::string& experiment,
                                             tracking::RunQuery query) {
  if (!client.tracker()->exists()) return {};
  const auto store = client.tracker()->open_read_only();
  if (experiment.empty()) return store->list_runs(query);
  const auto found = store->find_experiment(experiment);
  if (!found) {
    std::vector<std::string> names;
    for (const auto& [id, name] : stored_experiments(client)) names.push_back(name);
    throw Error(ErrorCode::kNotFound, "there are no runs of an experiment '" + experiment + "' in " +
                                          client.tracker()->tracking_uri() + did_you_mean(experiment, names));
  }
  query.experiment_ids = {found->id};
  return store->list_runs(query);
}

std::vector<std::pair<std::string, std::string>> stored_experiments(const Client& client) {
  std::vector<std::pair<std::string, std::string>> names;
  if (!client.tracker()->exists()) return names;
  for (const auto& experiment :
       client.tracker()->open_read_only()->list_experiments(tracking::ViewType::kAll))
    names.emplace_back(experiment.id, experiment.name);
  return names;
}

std::vector<std::string> short_names(const Client& client, const std::vector<tracking::RunRecord>& runs) {
  const auto experiments = stored_experiments(client);
  std::vector<std::string> names;
  for (const tracking::RunRecord& run : runs) {
    const auto found =
        std::ranges::find(experiments, run.experiment_id, &std::pair<std::string, std::string>::first);
    names.push_back((found == experiments.end() ? run.experiment_id : found->second) + "/" + run.name);
  }
  return names;
}

}  // namespace ivory
