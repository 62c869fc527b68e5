#include "stored_runs.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

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
                                          client.tracker()->shown_uri() + did_you_mean(experiment, names));
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

std::string time_text(std::optional<tracking::TimeMs> time) {
  return time ? fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(static_cast<std::time_t>(*time / 1000)))
              : std::string();
}

tracking::ViewType parse_view(std::string_view name) {
  if (name == "deleted") return tracking::ViewType::kDeletedOnly;
  return name == "all" ? tracking::ViewType::kAll : tracking::ViewType::kActiveOnly;
}

std::optional<std::size_t> checked_max(std::optional<std::int64_t> count) {
  if (!count) return std::nullopt;
  if (*count < 1)
    throw Error(ErrorCode::kInvalidArgument, fmt::format("--max: expected 1 or more, found {}", *count));
  return static_cast<std::size_t>(*count);
}

}  // namespace ivory
