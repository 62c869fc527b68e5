// Folders that MLflow wrote, beside what MLflow itself says of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ivory/tracking/search.h>
#include <ivory/tracking_file/file_store.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <tuple>

#include "models_contract.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::SizeIs;

double to_number(const json& value) {
  if (!value.is_string()) return value.get<double>();
  return std::strtod(value.get<std::string>().c_str(), nullptr);  // "NaN", "Infinity"
}

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

std::map<std::string, std::string> to_map(const std::vector<KeyValue>& entries) {
  std::map<std::string, std::string> map;
  for (const KeyValue& entry : entries) map[entry.key] = entry.value;
  return map;
}

ViewType view_of(const std::string& name) {
  if (name == "DELETED_ONLY") return ViewType::kDeletedOnly;
  return name == "ALL" ? ViewType::kAll : ViewType::kActiveOnly;
}

class MLflowsFolders : public testing::Test {
 protected:
  MLflowsFolders() {
    const std::string unpack =
        "tar xzf '" + std::string(IVORY_FIXTURES) + "/mlruns.tgz' -C '" + folder_.path().string() + "'";
    if (std::system(unpack.c_str()) != 0) throw std::runtime_error("cannot run: " + unpack);
    store_ = open_store("file:mlruns",
                        {.working_directory = folder_.path(), .further = {&file_store_scheme(), 1}});
  }
  [[nodiscard]] std::string id_of(const std::string& name) const {
    return expected_["names_to_run_ids"][name];
  }

  TemporaryFolder folder_;
  json expected_ = json::parse(read_file(fs::path(IVORY_FIXTURES) / "mlruns.json"));
  std::shared_ptr<TrackingStore> store_;
};

TEST_F(MLflowsFolders, HaveTheExperimentsThatMLflowSees) {
  const auto& wanted = expected_["experiments_all"];
  EXPECT_THAT(store_->list_experiments(ViewType::kAll), SizeIs(wanted.size()));
  for (const json& want : wanted) {
    const auto record = store_->get_experiment(want["experiment_id"].get<std::string>());
    EXPECT_EQ(record.name, want["name"].get<std::string>());
    EXPECT_EQ(record.artifact_location, want["artifact_location"].get<std::string>());
    EXPECT_EQ(to_text(record.lifecycle_stage), want["lifecycle_stage"].get<std::string>());
    EXPECT_EQ(record.creation_time, want["creation_time"].get<TimeMs>());
    EXPECT_EQ(to_map(record.tags), (want["tags"].get<std::map<std::string, std::string>>())) << record.name;
  }
}

TEST_F(MLflowsFolders, HaveTheRunsThatMLflowSees) {
  int runs = 0;
  for (const auto& [name, want] : expected_["runs"].items()) {
    const auto run = store_->get_run(id_of(name));
    const json& info = want["info"];
    EXPECT_EQ(run.name, info["run_name"].get<std::string>());
    EXPECT_EQ(run.experiment_id, info["experiment_id"].get<std::string>());
    EXPECT_EQ(to_text(run.status), info["status"].get<std::string>());
    EXPECT_EQ(run.user_id, info["user_id"].get<std::string>());
    EXPECT_EQ(run.artifact_uri, info["artifact_uri"].get<std::string>());
    EXPECT_EQ(to_text(run.lifecycle_stage), info["lifecycle_stage"].get<std::string>());
    EXPECT_EQ(run.start_time, info["start_time"].get<TimeMs>());
    EXPECT_EQ(run.end_time.has_value(), info["end_time"].is_number());
    EXPECT_EQ(to_map(run.params), (want["data"]["params"].get<std::map<std::string, std::string>>())) << name;
    EXPECT_EQ(to_map(run.tags), (want["data"]["tags"].get<std::map<std::string, std::string>>())) << name;
    const json& metrics = want["data"]["metrics"];
    EXPECT_THAT(run.metrics, SizeIs(metrics.size())) << name;
    for (const Metric& metric : run.metrics)
      EXPECT_TRUE(same(metric.value, to_number(metrics[metric.key]))) << name << " " << metric.key;
    ++runs;
  }
  EXPECT_GE(runs, 10);
}

TEST_F(MLflowsFolders, HaveTheHistoriesThatMLflowSees) {
  int histories = 0;
  for (const auto& [name, metrics] : expected_["metric_history"].items()) {
    for (const auto& [key, points] : metrics.items()) {
      std::set<std::tuple<TimeMs, std::int64_t, std::string>> want;
      for (const json& point : points) want.emplace(point["timestamp"], point["step"], point["value"].dump());
      const auto history = store_->metric_history(id_of(name), key);
      EXPECT_THAT(history, SizeIs(want.size())) << name << " " << key;  // the same point once
      for (const Metric& metric : history) {
        const bool known = std::any_of(points.begin(), points.end(), [&](const json& point) {
          return point["timestamp"] == metric.timestamp_ms && point["step"] == metric.step &&
                 same(to_number(point["value"]), metric.value);
        });
        EXPECT_TRUE(known) << name << " " << key << " " << metric.step;
      }
      ++histories;
    }
  }
  EXPECT_GE(histories, 20);
}

// Where MLflow's own stores differ on the same content, files are one way and databases the other: whatever
// compares with a NaN.
TEST_F(MLflowsFolders, AreSearchedAsMLflowSearchesThem) {
  std::map<std::string, std::string> labels;
  for (const auto& [label, id] : expected_["names_to_run_ids"].items()) labels[id.get<std::string>()] = label;
  int searches = 0;
  int refused = 0;
  for (const json& want : expected_["search_runs"]) {
    SearchRuns search;
    if (want.contains("experiment_ids"))
      search.experiment_ids = want["experiment_ids"].get<std::vector<std::string>>();
    if (want.contains("filter") && want["filter"].is_string()) search.filter = want["filter"];
    if (want.contains("order_by") && want["order_by"].is_array())
      search.order_by = want["order_by"].get<std::vector<std::string>>();
    if (want.contains("view_type")) search.view = view_of(want["view_type"]);
    if (want.contains("error_code") || want.contains("error")) {
      EXPECT_NE(refusal_of_call([&] { (void)store_->search_runs(search); }), "") << want.dump();
      ++refused;
      continue;
    }
    std::vector<std::string> found;
    for (const RunRecord& run : store_->search_runs(search).items) found.push_back(labels[run.run_id]);
    EXPECT_EQ(found, want["run_names"].get<std::vector<std::string>>()) << search.filter;
    ++searches;
  }
  EXPECT_GE(searches, 50);
  EXPECT_GE(refused, 20);
}

TEST_F(MLflowsFolders, HaveTheModelsThatMLflowSees) {
  const auto model = store_->model_registry().get_registered_model("rm1");
  EXPECT_EQ(model.description, "a model");
  EXPECT_EQ(model.aliases, (std::vector<ModelAlias>{{"champion", "1"}}));
  EXPECT_THAT(model.latest_versions, SizeIs(2));
  EXPECT_EQ(store_->model_registry().get_version_by_alias("rm1", "champion").version, "1");
  EXPECT_EQ(store_->model_registry().search_model_versions({.filter = "name = 'rm1'"}).items.size(),
            expected_["model_versions"].size());
  const json& want = expected_["logged_model"];
  const auto logged = store_->logged_models().get_logged_model(want["model_id"].get<std::string>());
  EXPECT_EQ(logged.name, want["name"].get<std::string>());
  EXPECT_EQ(logged.status, LoggedModelStatus::kReady);
  ASSERT_THAT(logged.metrics, SizeIs(1));
  EXPECT_EQ(logged.metrics[0].metric.value, 0.33);
  EXPECT_EQ(logged.params, (std::vector<KeyValue>{{"p", logged.params.at(0).value}}));
}

}  // namespace
}  // namespace ivory::tracking
