#include <gmock/gmock.h>

#include <cmath>
#include <csignal>
#include <ranges>

#include <ivory/base/interrupt.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/artifact_store.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::Project;
using ::testing::SizeIs;
using tracking::RunRecord;
using tracking::RunStatus;

static_assert(std::ranges::input_range<TaskRuns>);

RunRecord row(const Client& client, const std::string& id) { return client.tracker()->store().get_run(id); }

std::string tag(const RunRecord& run, std::string_view key) {
  const std::string* found = run.find_tag(key);
  return found == nullptr ? "(none)" : *found;
}

// The flag of an interruption stays until somebody listens anew.
void lower_flag() { const InterruptGuard guard; }

TEST(Task, MakesNestedRunsOfAProduct) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  EXPECT_EQ(task.name(), "task#0");
  std::vector<std::string> names;
  for (ivory::Run& run : task.product({{"fold", Range(0, 1)}, {"lr", {0.1, 0.2}}}, 1, {{"epochs", 2}})) {
    run.start("both");
    names.push_back(run.name());
    const RunRecord record = row(client, run.id());
    EXPECT_EQ(tag(record, tracking::kParentRunIdTag), task.id());
    EXPECT_EQ(tag(record, tracking::kIndexTag), std::to_string(names.size() - 1));
    EXPECT_EQ(tag(record, tracking::kMonitorTag), "val_loss min");
    EXPECT_EQ(run.get<Trainer>("trainer")->epochs(), 2);
  }
  EXPECT_THAT(names, ElementsAre("run#0", "run#1", "run#2", "run#3"));
  const RunRecord record = row(client, task.id());
  EXPECT_EQ(record.status, RunStatus::kFinished);
  EXPECT_TRUE(record.end_time.has_value());
  EXPECT_EQ(tag(record, "fold"), "[0, 1]");
  EXPECT_EQ(tag(record, "lr"), "[0.1, 0.2]");
  EXPECT_EQ(tag(record, "epochs"), "2");
}

TEST(Task, KeepsItsPlanAsTagAndArtifact) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  const RunPlan plan = RunPlan::product({{"fold", {0, 1}}}, 2);
  for (const ivory::Run& run : task.product({{"fold", {0, 1}}}, 2)) static_cast<void>(run);
  ASSERT_NE(task.plan(), nullptr);
  EXPECT_EQ(*task.plan(), plan);
  const RunRecord record = row(client, task.id());
  const std::string artifact = tracking::open_artifact_store(record.artifact_uri)->read("task.json");
  EXPECT_EQ(RunPlan::from_params(Params::from_json(artifact).at("plan")), plan);
  EXPECT_EQ(Params::from_json(tag(record, tracking::kTaskTag)), Params::from_json(artifact));
  EXPECT_EQ(tag(record, "repeat"), "2");
}

TEST(Task, RefersToTheArtifactWhenAPlanIsLongerThanATag) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  task.begin(RunPlan::product({{"seed", Range(0, 4999).values()}}));
  EXPECT_EQ(tag(row(client, task.id()), tracking::kTaskTag), "task.json");
  task.finish(RunStatus::kKilled);
  const Task again = client.resume_task("line/task#0");
  ASSERT_NE(again.plan(), nullptr);
  EXPECT_EQ(again.plan()->size(), 5000u);
}

TEST(Task, RepeatsWithTheSameFoldsAndOtherDraws) {
  const Project project;
  const Client client(project.path(), false);
  Task task = client.create_task("line");
  std::vector<std::uint64_t> repeats;
  std::vector<double> slopes;
  std::vector<Array> validated;
  for (ivory::Run& run : task.product({{"fold", 0}}, 2)) {
    run.start();
    repeats.push_back(run.repeat());
    slopes.push_back(run.get<testing::LineModel>("model")->slope);
    validated.push_back(run.get<Results>("results")->val().index);
  }
  EXPECT_THAT(repeats, ElementsAre(0, 1));
  EXPECT_NE(slopes[0], slopes[1]);
  EXPECT_EQ(validated[0], validated[1]);
}

TEST(Task, MakesARunWhenItIsAskedFor) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  TaskRuns runs = task.product({{"fold", Range(0, 3)}});
  EXPECT_EQ(runs.size(), 4u);
  EXPECT_THAT(client.search_nested_run_ids("line"), IsEmpty());
  auto at = runs.begin();
  EXPECT_THAT(client.search_nested_run_ids("line"), SizeIs(1));
  EXPECT_EQ(runs.arguments(), (Params{{"fold", 0}}));
  ++at;
  EXPECT_THAT(client.search_nested_run_ids("line"), SizeIs(2));
  EXPECT_EQ(runs.index(), 1u);
  EXPECT_EQ(at->get<Datasets>("datasets")->fold(), 1);
}

TEST(Task, ChainGoesOnWithTheBestValue) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  std::vector<Params> updates;
  std::vector<double> scores;
  for (ivory::Run& run : task.chain({{"lr", {0.001, 0.3, 0.01}}, {"batch_size", {4, 16}}})) {
    run.start();
    updates.push_back(run.update());
    scores.push_back(run.get<Monitor>("monitor")->best_score());
  }
  ASSERT_LT(scores[1], std::min(scores[0], scores[2])) << "the middle rate learns fastest";
  EXPECT_THAT(updates,
              ElementsAre(Params{{"lr", 0.001}}, Params{{"lr", 0.3}}, Params{{"lr", 0.01}},
                          Params{{"lr", 0.3}, {"batch_size", 4}}, Params{{"lr", 0.3}, {"batch_size", 16}}));
}

TEST(Task, ChainLeavesTheOthersAtTheirDefaults) {
  const Project project;
  const Client client(project.path(), false);
  Task task = client.create_task("line");
  std::vector<Params> updates;
  for (ivory::Run& run :
       task.chain({{"lr", {0.001, 0.3}}, {"batch_size", {4, 16}}}, false, {{"epochs", 1}})) {
    run.start();
    updates.push_back(run.update());
  }
  EXPECT_THAT(updates, ElementsAre(Params{{"epochs", 1}, {"lr", 0.001}}, Params{{"epochs", 1}, {"lr", 0.3}},
                                   Params{{"epochs", 1}, {"batch_size", 4}},
                                   Params{{"epochs", 1}, {"batch_size", 16}}));
}

TEST(Task, OverridesUnderAChainAreResolvedAsThoseOfARun) {
  const Project project("extra: {class: line.Trainer, model: $.model, lr: 0.5}\n");
  const Client client(project.path(), false);
  Task task = client.create_task("line");
  for (ivory::Run& run : task.chain({{"lr", {0.2}}, {"trainer.lr", {0.4}}})) {
    run.start();
    const auto own = run.get<Trainer>("trainer")->learning_rate(run);
    const auto extra = run.get<Trainer>("extra")->learning_rate(run);
    const bool first = run.update().size() == 1;
    EXPECT_EQ(own, first ? 0.2 : 0.4);
    EXPECT_EQ(extra, 0.2) << "the bare name stands for both, the dotted one for its own";
  }
}

TEST(Task, FailsWhenItsLoopIsLeftByAnException) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  EXPECT_THROW(
      for (ivory::Run& run : task.product({{"fold", Range(0, 3)}})) {
        run.start();
        if (run.name() == "run#1") throw std::runtime_error("no more");
      },
      std::runtime_error);
  EXPECT_EQ(row(client, task.id()).status, RunStatus::kFailed);
  EXPECT_THAT(client.get_nested_run_ids("line/task#0"), SizeIs(2));
}

TEST(Task, FailsWhenARunCannotBeMade) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  EXPECT_THROW(for (const ivory::Run& run : task.product({{"fold", {0, 99}}})) static_cast<void>(run), Error);
  EXPECT_EQ(row(client, task.id()).status, RunStatus::kFailed);
}

TEST(Task, IsFinishedWhenItsLoopIsLeftByABreak) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  for (ivory::Run& run : task.product({{"fold", Range(0, 3)}})) {
    run.start();
    break;
  }
  const RunRecord record = row(client, task.id());
  EXPECT_EQ(record.status, RunStatus::kFinished);
  EXPECT_NE(record.find_metric("val_loss_mean"), nullptr) << "the run that was finished counts";
  EXPECT_EQ(record.find_metric("val_loss_std"), nullptr) << "one run has no deviation";
}

TEST(Task, IsFinishedWhenAFailureOfARunIsCaughtInTheLoop) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  for (ivory::Run& run : task.product({{"fold", {0, 1}}})) {
    try {
      run.start(run.name() == "run#0" ? "no mode" : "train");
    } catch (const Error&) {  // the next one may do better
    }
  }
  EXPECT_EQ(row(client, task.id()).status, RunStatus::kFinished);
  EXPECT_THAT(task.scores(), SizeIs(1));
}

TEST(Task, IsKilledByCtrlC) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  std::optional<InterruptGuard> guard;
  guard.emplace();
  EXPECT_THROW(
      for (ivory::Run& run : task.product({{"fold", Range(0, 3)}})) {
        ASSERT_EQ(std::raise(SIGINT), 0);
        run.start();
      },
      Interrupted);
  EXPECT_EQ(row(client, task.id()).status, RunStatus::kKilled);
  EXPECT_THAT(client.get_nested_run_ids("line/task#0"), SizeIs(1));
  guard.reset();
  lower_flag();
}

TEST(Task, LogsMeanAndDeviationOverItsRuns) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  std::vector<double> last, best, test;
  for (ivory::Run& run : task.product({{"fold", Range(0, 2)}})) {
    run.start("both");
    const RunRecord record = row(client, run.id());
    last.push_back(record.find_metric("val_loss")->value);
    best.push_back(record.find_metric("best_score")->value);
    test.push_back(record.find_metric("test_mae")->value);
  }
  const RunRecord record = row(client, task.id());
  for (const auto& [name, values] :
       {std::pair("val_loss", last), std::pair("best_score", best), std::pair("test_mae", test)}) {
    const double mean = (values[0] + values[1] + values[2]) / 3;
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    ASSERT_NE(record.find_metric(name + std::string("_mean")), nullptr) << name;
    EXPECT_DOUBLE_EQ(record.find_metric(name + std::string("_mean"))->value, mean);
    EXPECT_DOUBLE_EQ(record.find_metric(name + std::string("_std"))->value, std::sqrt(squares / 2));
  }
  EXPECT_EQ(record.find_metric("best_epoch_mean"), nullptr);
  // As when a process is killed before it has ended the task, and another ends it.
  task.finish();
  EXPECT_EQ(client.tracker()->store().metric_history(task.id(), "val_loss_mean").size(), 1U);
}

TEST(Task, SumsUpTheSameWithoutATracker) {
  const Project project;
  const Ranges folds{{"fold", Range(0, 2)}};
  Task tracked = Client(project.path()).create_task("line");
  Task untracked = Client(project.path(), false).create_task("line");
  for (ivory::Run& run : tracked.product(folds)) run.start("both");
  for (ivory::Run& run : untracked.product(folds)) run.start("both");
  EXPECT_FALSE(tracked.summary().empty());
  EXPECT_EQ(untracked.summary(), tracked.summary());
}

TEST(Task, ChecksNamesAndKindsBeforeAnythingIsMade) {
  const Project project;
  const Client client(project.path(), false);
  Task task = client.create_task("line");
  EXPECT_THAT(message_of([&] { static_cast<void>(task.product({{"fodl", {0}}})); }),
              HasSubstr("did you mean 'fold'?"));
  EXPECT_THAT(message_of([&] { static_cast<void>(task.product({{"lr", {0.1, "fast"}}})); }),
              HasSubstr("fast"));
  EXPECT_THAT(message_of([&] { static_cast<void>(task.chain({{"lr", {0.1}}}, true, {{"epohcs", 1}})); }),
              HasSubstr("did you mean 'epochs'?"));
  EXPECT_EQ(task.plan(), nullptr);
}

TEST(Task, NumbersRunsOnOverItsPlans) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  for (ivory::Run& run : task.product({{"fold", {0, 1}}})) run.start();
  for (ivory::Run& run : task.chain({{"lr", {0.1, 0.2}}})) run.start();
  std::vector<std::string> indexes;
  for (const std::string& id : client.get_nested_run_ids("line/task#0"))
    indexes.push_back(tag(row(client, id), tracking::kIndexTag));
  EXPECT_THAT(indexes, ElementsAre("0", "1", "2", "3"));
  EXPECT_EQ(task.find_index(row(client, client.get_run_id("line", 2))), 0u);
  EXPECT_EQ(task.find_index(row(client, client.get_run_id("line", 1))), std::nullopt) << "of the plan before";
  EXPECT_EQ(row(client, task.id()).status, RunStatus::kFinished);
}

TEST(Task, GoesOnWithWhatIsLeft) {
  const Project project;
  const Client client(project.path());
  std::string id;
  {
    Task task = client.create_task("line");
    id = task.id();
    for (ivory::Run& run : task.product({{"fold", Range(0, 3)}})) {
      run.start();
      if (run.name() == "run#1") break;
    }
  }
  Task task = client.resume_task("line/task#0");
  EXPECT_EQ(task.id(), id);
  EXPECT_EQ(task.name(), "task#0");
  EXPECT_EQ(row(client, id).status, RunStatus::kRunning);
  ASSERT_NE(task.plan(), nullptr);
  std::vector<Params> updates;
  for (ivory::Run& run : task.runs()) {
    run.start();
    updates.push_back(run.update());
  }
  EXPECT_THAT(updates, ElementsAre(Params{{"fold", 2}}, Params{{"fold", 3}}));
  EXPECT_EQ(row(client, id).status, RunStatus::kFinished);
  EXPECT_THAT(client.get_nested_run_ids("line/task#0"), SizeIs(4));
}

TEST(Task, GoesOnInAChainWithTheScoresOfTheStore) {
  const Project project;
  const Client client(project.path());
  const Ranges ranges{{"lr", {0.001, 0.3}}, {"batch_size", {4, 16}}};
  std::vector<Params> whole, parts;
  {
    Task task = client.create_task("line");
    for (ivory::Run& run : task.chain(ranges)) run.start(), whole.push_back(run.update());
  }
  {
    Task task = client.create_task("line");
    for (ivory::Run& run : task.chain(ranges)) {
      run.start();
      parts.push_back(run.update());
      if (parts.size() == 2) break;
    }
  }
  Task task = client.resume_task("line/task#1");
  for (ivory::Run& run : task.runs()) run.start(), parts.push_back(run.update());
  EXPECT_EQ(parts, whole);
}

TEST(Task, KeepsItsPlanAndScoresAsState) {
  const Project project;
  const Client client(project.path(), false);
  Task task = client.create_task("line");
  for (ivory::Run& run : task.product({{"fold", Range(0, 2)}})) {
    run.start();
    if (task.scores().size() == 1) break;
  }
  task.save(project.path() / "state");
  EXPECT_TRUE(project.has("state/task.json"));
  Task other = client.create_task("line");
  other.load_state_dict(other.load(project.path() / "state"));
  EXPECT_EQ(other.state_dict(), task.state_dict());
  EXPECT_EQ(other.scores(), task.scores());
  std::vector<Params> left;
  for (const ivory::Run& run : other.runs()) left.push_back(run.update());
  EXPECT_THAT(left, SizeIs(3 - task.scores().size()));
}

TEST(Task, RefusesAStateThatIsNone) {
  const Project project;
  Task task = Client(project.path(), false).create_task("line");
  const Params scores = Params::list({Params::list({5, 0.5, false})});
  EXPECT_THAT(message_of([&] { task.load_state_dict({{"task", {{"scores", scores}}}}); }),
              HasSubstr("no run 5"));
  EXPECT_THAT(message_of([&] { static_cast<void>(task.runs()); }), HasSubstr("no plan"));
}

TEST(Task, StartsMembersOfItsOwnAlone) {
  const Project project("task:\n  model: {class: line.Model}\n");
  const Client client(project.path());
  Task task = client.create_task("line");
  EXPECT_THAT(task.dict().keys(), ElementsAre("model", "task", "tracking"));
  task.start("train");
  EXPECT_THAT(client.search_nested_run_ids("line"), IsEmpty());
  EXPECT_EQ(row(client, task.id()).status, RunStatus::kFinished);
  EXPECT_THAT(task.state_dict().keys(), ElementsAre("model", "task"));
}

TEST(Task, MakesANestedRunOfItsOwn) {
  const Project project;
  const Client client(project.path());
  const Task task = client.create_task("line");
  const ivory::Run run = task.create_run({{"fold", 2}});
  const RunRecord record = row(client, run.id());
  EXPECT_EQ(tag(record, tracking::kParentRunIdTag), task.id());
  EXPECT_EQ(record.find_tag(tracking::kIndexTag), nullptr);
  EXPECT_FALSE(run.params().contains("task")) << "its params are those of a run";
}

TEST(Task, CanBeMadeDirectly) {
  const Project project;
  const Experiment experiment = Client(project.path(), false).create_experiment("line");
  Task task(experiment.params(), {{"note", Value(Params("mine"))}});
  EXPECT_EQ(task["note"].data(), Params("mine"));
  std::vector<int> folds;
  for (const ivory::Run& run : task.product({{"fold", {1, 3}}}))
    folds.push_back(run.get<Datasets>("datasets")->fold());
  EXPECT_THAT(folds, ElementsAre(1, 3));
}

TEST(Task, MadeDirectlyTracksItsRunsOnceItHasATracker) {
  const Project project;
  const Client client(project.path());
  const Experiment experiment = client.create_experiment("line");
  Task task(experiment.params());
  task.set_tracker(client.tracker());
  EXPECT_EQ(task.name(), "task#0");
  for (ivory::Run& run : task.product({{"fold", {1, 3}}})) run.start();
  EXPECT_THAT(client.get_nested_run_ids("line/task#0"), SizeIs(2));
}

TEST(Task, IsMadeByItsOwnFunction) {
  const Project project;
  const Experiment experiment = Client(project.path(), false).create_experiment("line");
  EXPECT_THAT(message_of([&] { static_cast<void>(experiment.create_run({}, "task")); }),
              HasSubstr("create_task()"));
  EXPECT_TRUE(experiment.create_params({}, "task").first.contains("task"));
}

TEST(Creator, ReservesARunThatAnotherTakesOver) {
  const Project project;
  const Client client(project.path());
  const Experiment experiment = client.create_experiment("line");
  const Task task = experiment.create_task();
  const RunRecord first =
      experiment.reserve_run({{"fold", 1}}, "run", {.parent_run_id = task.id(), .index = 0});
  const RunRecord second =
      experiment.reserve_run({{"fold", 2}}, "run", {.parent_run_id = task.id(), .index = 1});
  EXPECT_EQ(first.name, "run#0");
  EXPECT_EQ(*second.find_param("fold"), "2");
  ivory::Run run = experiment.create_run({{"fold", 2}}, "run", {.run_id = second.run_id});
  EXPECT_EQ(run.id(), second.run_id);
  EXPECT_EQ(run.name(), "run#1");
  run.start();
  const RunRecord after = row(client, second.run_id);
  EXPECT_EQ(after.status, RunStatus::kFinished);
  EXPECT_EQ(tag(after, tracking::kIndexTag), "1");
  EXPECT_EQ(tag(after, tracking::kParentRunIdTag), task.id());
  EXPECT_THAT(after.params, SizeIs(1));
}

TEST(Creator, TakesOverNoRunOfOtherParams) {
  const Project project;
  const Client client(project.path());
  const Experiment experiment = client.create_experiment("line");
  const RunRecord reserved = experiment.reserve_run({{"fold", 1}});
  EXPECT_THAT(message_of([&] {
                static_cast<void>(experiment.create_run({{"fold", 2}}, "run", {.run_id = reserved.run_id}));
              }),
              HasSubstr("fold"));
}

}  // namespace
}  // namespace ivory
