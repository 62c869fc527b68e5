// ivory experiments: what the tracking store keeps runs of.
#include "command.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/search.h>

#include "stored_runs.h"
#include "table.h"

namespace ivory {
namespace {

using tracking::ExperimentRecord;
using tracking::TrackingStore;
using tracking::ViewType;

constexpr std::size_t kPage = 1000;

bool is_deleted(const ExperimentRecord& experiment) {
  return experiment.lifecycle_stage == tracking::LifecycleStage::kDeleted;
}

struct Activity {
  std::size_t runs = 0;
  std::optional<tracking::TimeMs> last_start;
};

// Of the runs that went with it, if the experiment is deleted.
Activity activity_of(const TrackingStore& store, const ExperimentRecord& experiment) {
  tracking::RunQuery query{.experiment_ids = {experiment.id},
                           .view = is_deleted(experiment) ? ViewType::kDeletedOnly : ViewType::kActiveOnly};
  query.with_metrics = query.with_params = query.with_tags = false;
  const std::vector<tracking::RunRecord> runs = store.list_runs(query);  // newest first
  return {runs.size(), runs.empty() ? std::nullopt : runs.front().start_time};
}

Params to_params(const std::optional<tracking::TimeMs>& time) { return time ? Params(*time) : Params(); }

Params to_params(const ExperimentRecord& experiment, const Activity& activity) {
  Params map{{"id", experiment.id},
             {"name", experiment.name},
             {"lifecycle_stage", tracking::to_text(experiment.lifecycle_stage)},
             {"runs", activity.runs},
             {"last_start", to_params(activity.last_start)},
             {"creation_time", to_params(experiment.creation_time)},
             {"last_update_time", to_params(experiment.last_update_time)},
             {"artifact_location", experiment.artifact_location}};
  Params tags = Params::map();
  for (const auto& [key, value] : experiment.tags) tags.set(key, value);
  map.set("tags", std::move(tags));
  return map;
}

class ExperimentsCommand : public Command {
 public:
  void declare(Options& options) override {
    options.option("--filter", search_.filter, "TEXT", "MLflow's search language: \"name LIKE 'digits%'\"");
    options.option("--order-by", search_.order_by, "NAME",
                   R"("name", "creation_time DESC"; again for further keys (none: the newest first))");
    options.option("--max,--max-results", max_, "N", "no more than the first N");
    options.choice("--view", view_, {"active", "deleted", "all"}, "which experiments");
  }

  int execute() override {
    search_.view = parse_view(view_);
    const auto most = checked_max(max_);
    static_cast<void>(tracking::parse_experiment_filter(search_.filter));
    static_cast<void>(tracking::parse_experiment_order(search_.order_by));
    const Client client = Client::of_records(directory());
    std::vector<ExperimentRecord> found;
    std::vector<Activity> activities;
    if (client.tracker()->exists()) {
      const auto store = client.tracker()->open_read_only();
      found = find(*store, most.value_or(std::numeric_limits<std::size_t>::max()));
      for (const ExperimentRecord& experiment : found) activities.push_back(activity_of(*store, experiment));
    }
    print(json() ? as_json(found, activities) : as_text(client, found, activities));
    return 0;
  }

 private:
  std::vector<ExperimentRecord> find(const TrackingStore& store, std::size_t most) {
    std::vector<ExperimentRecord> found;
    do {
      search_.max_results = static_cast<std::int64_t>(std::min(most - found.size(), kPage));
      tracking::Page<ExperimentRecord> page = store.search_experiments(search_);
      std::ranges::move(page.items, std::back_inserter(found));
      search_.page_token = std::move(page.next_page_token);
    } while (!search_.page_token.empty() && found.size() < most);
    return found;
  }

  static std::string as_json(const std::vector<ExperimentRecord>& experiments,
                             const std::vector<Activity>& activities) {
    Params list = Params::list();
    for (std::size_t i = 0; i < experiments.size(); ++i)
      list.push_back(to_params(experiments[i], activities[i]));
    return list.to_json(2) + "\n";
  }

  [[nodiscard]] std::string as_text(const Client& client, const std::vector<ExperimentRecord>& experiments,
                                    const std::vector<Activity>& activities) const {
    if (experiments.empty()) {
      const bool restricted = !search_.filter.empty() || search_.view == ViewType::kDeletedOnly;
      return (restricted ? "No experiment fits" : "There are no experiments yet") +
             (" in " + client.tracker()->shown_uri() + ".\n");
    }
    Table table({"id", "experiment", "stage", "runs", "last start", "created"});
    for (std::size_t i = 0; i < experiments.size(); ++i) {
      const ExperimentRecord& experiment = experiments[i];
      table.add_row({experiment.id, experiment.name, is_deleted(experiment) ? "deleted" : "",
                     std::to_string(activities[i].runs), time_text(activities[i].last_start),
                     time_text(experiment.creation_time)});
    }
    return table.to_text();
  }

  tracking::SearchExperiments search_;
  std::optional<std::int64_t> max_;
  std::string view_ = "active";
};

}  // namespace

std::unique_ptr<Command> make_experiments_command() { return std::make_unique<ExperimentsCommand>(); }

}  // namespace ivory
