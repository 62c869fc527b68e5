// Runs that are killed at each of their moments, and gone on with.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <set>

#include <gmock/gmock.h>

#include <ivory/experiment/checkpoint.h>
#include <ivory/experiment/resume.h>
#include <ivory/experiment/tracking.h>
#include <ivory/tracking/liveness.h>

#include "support.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::Project;
using ::testing::SizeIs;
using testing::start_process;
using testing::status_of;
using testing::status_of_process;

// Kills the process when it has seen so many hooks, or never.
struct Killer {
  int left = -1;
  int seen = 0;
  void see() {
    ++seen;
    if (left >= 0 && left-- == 0) static_cast<void>(std::raise(SIGKILL));
  }
  void on_init_begin(ivory::Run& /*run*/) { see(); }
  void on_init_end(ivory::Run& /*run*/) { see(); }
  void on_fit_begin(ivory::Run& /*run*/) { see(); }
  void on_epoch_begin(ivory::Run& /*run*/) { see(); }
  void on_train_begin(ivory::Run& /*run*/) { see(); }
  void on_train_batch_begin(ivory::Run& /*run*/) { see(); }
  void on_train_batch_end(ivory::Run& /*run*/) { see(); }
  void on_train_end(ivory::Run& /*run*/) { see(); }
  void on_val_begin(ivory::Run& /*run*/) { see(); }
  void on_val_batch_end(ivory::Run& /*run*/) { see(); }
  void on_val_end(ivory::Run& /*run*/) { see(); }
  void on_epoch_end(ivory::Run& /*run*/) { see(); }
  void on_fit_end(ivory::Run& /*run*/) { see(); }
  void on_test_begin(ivory::Run& /*run*/) { see(); }
  void on_test_batch_end(ivory::Run& /*run*/) { see(); }
  void on_test_end(ivory::Run& /*run*/) { see(); }
};

// A run in a process that is killed after `hooks` hooks.
void run_and_kill(const Project& project, const Params& arguments, int hooks) {
  const int status = status_of_process([&] {
    ivory::Run run = create_client(project.path()).create_run("line", arguments);
    const auto killer = std::make_shared<Killer>();
    killer->left = hooks;
    run.set("killer", Value::object(killer));
    run.start("both");
  });
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
}

ivory::Run resume_only_run(const Client& client, bool start = true) {
  const auto runs = client.tracker()->store().list_runs({});
  EXPECT_THAT(runs, SizeIs(1));
  ResumedRun resumed = resume_run(client, runs.at(0).run_id);
  if (start) resumed.run.start(resumed.mode);
  return std::move(resumed.run);
}

using Files = std::map<std::string, std::string>;
using Points = std::map<std::string, std::vector<std::pair<std::int64_t, double>>>;

// Every file of the states, and every point of the metrics.
std::pair<Files, Points> all_of(const Client& client, const std::string& id) {
  std::pair<Files, Points> all;
  const tracking::RunRecord record = client.tracker()->store().get_run(id);
  EXPECT_EQ(record.status, tracking::RunStatus::kFinished);
  const fs::path folder = record.artifact_uri;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().filename() != "params.yaml")
      all.first[entry.path().lexically_relative(folder)] = read_file(entry.path());
  for (const tracking::Metric& metric : record.metrics) {
    auto& points = all.second[metric.key];
    for (const auto& point : client.tracker()->store().metric_history(id, metric.key))
      points.emplace_back(point.step, point.value);
  }
  return all;
}

struct Case {
  const char* name;
  const char* from;  // of line.yml
  const char* to;
  int every;  // so many hooks are between two kills
};

class KilledRun : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override { prepare(whole_); }
  static void prepare(const Project& project) {
    std::string text = read_file(project.path() / "line.yml");
    const auto at = text.find(GetParam().from);
    ASSERT_NE(at, std::string::npos);
    project.write("line.yml", text.replace(at, std::string(GetParam().from).size(), GetParam().to));
  }
  const Params arguments_{{"epochs", 3}, {"fold", 1}};
  const Project whole_;
};

TEST_P(KilledRun, EndsAsOneThatNothingInterruptedWhereverItIsKilled) {
  const Client client = create_client(whole_.path());
  ivory::Run run = client.create_run("line", arguments_);
  const auto counter = std::make_shared<Killer>();
  run.set("counter", Value::object(counter));
  run.start("both");
  const auto expected = all_of(client, run.id());
  ASSERT_GT(counter->seen, 40);
  for (int hooks = 0; hooks < counter->seen; hooks += GetParam().every) {
    const Project project;
    prepare(project);
    ASSERT_NO_FATAL_FAILURE(run_and_kill(project, arguments_, hooks));
    const Client other = create_client(project.path());
    const ivory::Run resumed = resume_only_run(other);
    EXPECT_EQ(resumed.name(), "run#0");
    ASSERT_EQ(all_of(other, resumed.id()), expected) << "killed after " << hooks << " hooks";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Variants, KilledRun,
    ::testing::Values(
        Case{"early_best", "monitor: {metric: val_loss}", "monitor: {metric: val_loss, mode: max}", 3},
        Case{"steps", "monitor:", "checkpoint: {every_n_steps: 2}\nmonitor:", 1},
        Case{"rows_of_metrics", "results:\n", "checkpoint: {every_n_steps: 1}\nresults: {train: false}\n", 4},
        Case{"loaders", "datasets:\n",
             "checkpoint: {every_n_steps: 3}\ndataloaders:\n  class: ivory.DataLoaders\n  batch_size: 8\n"
             "  shuffle: true\n",
             4}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Resume, GoesOnInTheMiddleOfAnEpoch) {
  const Project project("checkpoint: {every_n_steps: 2}\n");
  // init_begin, init_end, fit_begin, epoch_begin, train_begin, three batches of an epoch of three
  run_and_kill(project, {}, 5 + 5);
  const Client client = create_client(project.path());
  const ivory::Run run = resume_only_run(client, false);
  const auto trainer = run.get<Trainer>("trainer");
  EXPECT_EQ(trainer->epoch(), 0);
  EXPECT_EQ(trainer->batch(), 2);
  EXPECT_EQ(trainer->steps(), 2);
}

TEST(Resume, GoesOnAgainAfterASecondKill) {
  const Project project("checkpoint: {every_n_steps: 2}\n");
  const Client whole_client = create_client(project.path());
  ivory::Run whole = whole_client.create_run("line");
  whole.start("both");
  const auto expected = all_of(whole_client, whole.id());

  const Project other("checkpoint: {every_n_steps: 2}\n");
  run_and_kill(other, {}, 20);
  for (int time = 0; time < 3; ++time) {
    const int status = status_of_process([&] {
      ivory::Run run = resume_only_run(create_client(other.path()), false);
      const auto killer = std::make_shared<Killer>();
      killer->left = 12;
      run.set("killer", Value::object(killer));
      run.start("both");
    });
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  const Client client = create_client(other.path());
  EXPECT_EQ(all_of(client, resume_only_run(client).id()), expected);
}

TEST(Resume, BeginsAnewARunThatWasKilledBeforeItsParameterFile) {
  const Project project;
  const Client client = create_client(project.path());
  const Params arguments{{"fold", 2}, {"lr", 0.05}, {"epochs", 2}, {"metric", "val_mae"}};
  ivory::Run whole = client.create_run("line", arguments);
  whole.start("train");
  const auto row = client.create_experiment("line").reserve_run(arguments);
  ResumedRun resumed = resume_run(client, row.run_id);
  EXPECT_FALSE(resumed.from_checkpoint);
  EXPECT_EQ(resumed.mode, "both");
  EXPECT_EQ(resumed.run.params().at("run").at("datasets"), whole.params().at("run").at("datasets"));
  EXPECT_EQ(resumed.run.params().at("run").at("monitor"), whole.params().at("run").at("monitor"));
  resumed.run.start("train");
  EXPECT_EQ(resumed.run.state_dict(), whole.state_dict());
}

TEST(Resume, KeepsAsBestWhatWasNotKeptYet) {
  const Project project;
  run_and_kill(project, {{"epochs", 2}},
               5 + 6 + 4 + 1);  // in the second epoch; the first was the best so far
  const Client client = create_client(project.path());
  const fs::path folder = client.tracker()->store().list_runs({}).at(0).artifact_uri;
  fs::remove_all(folder / "best");
  const ivory::Run run = resume_only_run(client, false);
  EXPECT_EQ(read_file(folder / "best/model.json"), read_file(folder / "current/model.json"));
}

TEST(Resume, RemovesWhatAKilledProcessLeftHalfWritten) {
  const Project project;
  run_and_kill(project, {}, 30);
  const Client client = create_client(project.path());
  const fs::path folder = client.tracker()->store().list_runs({}).at(0).artifact_uri;
  fs::create_directory(folder / ".ivory-1-2-3.tmp");
  EXPECT_TRUE(fs::exists(folder.parent_path() / ".ivory-current.tmp"));
  const ivory::Run run = resume_only_run(client, false);
  EXPECT_FALSE(fs::exists(folder / ".ivory-1-2-3.tmp"));
  EXPECT_FALSE(fs::exists(folder.parent_path() / ".ivory-current.tmp"));
}

TEST(Resume, DoesNotTrainOnAfterTheRunWasAskedToStop) {
  struct Stopper {
    void on_val_end(ivory::Run& run) {
      if (run.get<Trainer>("trainer")->epoch() == 1) run.stop("enough");
    }
    void on_fit_end(ivory::Run& /*run*/) { static_cast<void>(std::raise(SIGKILL)); }
  };
  const Project project;
  const int status = status_of_process([&] {
    ivory::Run run = create_client(project.path()).create_run("line");
    run.set("stopper", Value::object(std::make_shared<Stopper>()));
    run.start("both");
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  const Client client = create_client(project.path());
  ivory::Run run = resume_only_run(client, false);
  run.start("train");
  EXPECT_EQ(run.get<Trainer>("trainer")->epoch(), 1);
  EXPECT_EQ(run.stop_reason(), "enough");
}

TEST(Resume, TakesAFailedRunUpWithoutItsError) {
  struct Bomb {
    void on_train_begin(ivory::Run& /*run*/) { throw Error(ErrorCode::kInternal, "the learner broke"); }
  };
  const Project project;
  const Client client = create_client(project.path());
  std::string id;
  {
    ivory::Run run = client.create_run("line");
    id = run.id();
    run.set("bomb", Value::object(std::make_shared<Bomb>()));
    EXPECT_EQ(message_of([&] { run.start(); }), "the learner broke");
  }
  EXPECT_EQ(reason_not_to_resume(client, id), std::nullopt);
  ResumedRun resumed = resume_run(client, id);
  EXPECT_EQ(resumed.mode, "train");
  resumed.run.start(resumed.mode);
  EXPECT_EQ(client.tracker()->store().get_run(id).find_tag("ivory.error"), nullptr);
  EXPECT_THAT(*reason_not_to_resume(client, id), HasSubstr("run#0 is FINISHED"));
}

TEST(Resume, HasNothingInAStoreThatAKilledProcessWasAboutToFill) {
  const Project project;
  project.write("mlflow.db", "");
  const Client client = create_client(project.path());
  EXPECT_FALSE(client.tracker()->exists());
  ivory::Run run = client.create_run("line", {{"epochs", 1}});
  run.start("both");
  EXPECT_EQ(run.name(), "run#0");
  EXPECT_TRUE(client.tracker()->exists());
}

TEST(Resume, LeavesARunAloneWhoseProcessIsAlive) {
  const Project project;
  const Client client = create_client(project.path());
  const ivory::Run run = client.create_run("line");
  EXPECT_THAT(*reason_not_to_resume(client, run.id()), HasSubstr("its process is alive"));
}

TEST(Resume, NamesTheFolderOfACheckpointThatDoesNotFit) {
  const Project project;
  run_and_kill(project, {}, 30);
  const Client client = create_client(project.path());
  const tracking::RunRecord record = client.tracker()->store().list_runs({}).at(0);
  write_file(fs::path(record.artifact_uri) / "current/model.json", "{\"slope\": 1.0}");
  EXPECT_THAT(message_of([&] { static_cast<void>(resume_run(client, record.run_id)); }),
              AllOf(HasSubstr("current"), HasSubstr("'model'"), HasSubstr("offset")));
  EXPECT_THAT(message_of([&] { static_cast<void>(resume_run(client, std::string(32, 'a'))); }),
              HasSubstr(std::string(32, 'a')));
}

TEST(Checkpoint, IsDueAfterSoManyOptimizerSteps) {
  EXPECT_FALSE(Checkpoint().is_due(1));
  EXPECT_TRUE(Checkpoint(3).is_due(6));
  EXPECT_FALSE(Checkpoint(3).is_due(7));
  const Project project("checkpoint: {every_n_steps: 0}\n");
  EXPECT_THAT(message_of([&] { static_cast<void>(create_client(project.path()).create_run("line")); }),
              AllOf(HasSubstr("line.yml:"), HasSubstr("1 or more optimizer steps")));
}

TEST(ManyProcesses, TrackTheirRunsInOneStoreAtOnceAndLoseNothing) {
  constexpr int kProcesses = 64;
  constexpr int kEpochs = 2;
  const Project project;
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    children.push_back(start_process([&] {
      ivory::Run run =
          create_client(project.path()).create_run("line", {{"seed", process}, {"epochs", kEpochs}});
      run.start("both");
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(status_of(child), 0);
  const Client client = create_client(project.path());
  std::set<std::string> names, seeds;
  for (const auto& record : client.tracker()->store().list_runs({})) {
    names.insert(record.name);
    seeds.insert(*record.find_param("seed"));
    EXPECT_EQ(record.status, tracking::RunStatus::kFinished);
    for (const char* key : {"loss", "val_loss", "val_mae", "best_score"})
      EXPECT_THAT(client.tracker()->store().metric_history(record.run_id, key), SizeIs(kEpochs)) << key;
    for (const char* state : {"current", "best", "test"})
      EXPECT_TRUE(fs::exists(fs::path(record.artifact_uri) / state / "metrics.json")) << state;
  }
  EXPECT_THAT(names, SizeIs(kProcesses));
  EXPECT_THAT(seeds, SizeIs(kProcesses));
}

}  // namespace
}  // namespace ivory
