#include <csignal>

#include <gmock/gmock.h>

#include <ivory/base/interrupt.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::LineModel;
using testing::message_of;
using testing::Project;

// Records every hook of a run.
struct Diary {
  std::vector<std::string> lines;
  void on_init_begin(ivory::Run& run) { lines.push_back("init_begin " + run.mode()); }
  void on_init_end(ivory::Run& /*run*/) { lines.emplace_back("init_end"); }
  void on_fit_begin(ivory::Run& /*run*/) { lines.emplace_back("fit_begin"); }
  void on_epoch_begin(ivory::Run& /*run*/) { lines.emplace_back("epoch_begin"); }
  void on_train_begin(ivory::Run& /*run*/) { lines.emplace_back("train_begin"); }
  void on_train_batch_begin(ivory::Run& /*run*/) { lines.emplace_back("train_batch_begin"); }
  void on_train_batch_end(ivory::Run& run) {
    lines.push_back("train_batch_end " + std::to_string(run.batch().index.rows()));
  }
  void on_train_end(ivory::Run& /*run*/) { lines.emplace_back("train_end"); }
  void on_val_begin(ivory::Run& /*run*/) { lines.emplace_back("val_begin"); }
  void on_val_batch_end(ivory::Run& run) {
    lines.push_back("val_batch_end " + std::to_string(run.batch().index.rows()));
  }
  void on_val_end(ivory::Run& /*run*/) { lines.emplace_back("val_end"); }
  void on_epoch_end(ivory::Run& /*run*/) { lines.emplace_back("epoch_end"); }
  void on_fit_end(ivory::Run& /*run*/) { lines.emplace_back("fit_end"); }
  void on_test_begin(ivory::Run& run) { lines.push_back("test_begin " + run.mode()); }
  void on_test_batch_end(ivory::Run& run) {
    lines.push_back("test_batch_end " + std::to_string(run.batch().index.rows()));
  }
  void on_test_end(ivory::Run& /*run*/) { lines.emplace_back("test_end"); }
};

struct Bomb {
  void on_train_end(ivory::Run& /*run*/) { throw Error(ErrorCode::kInternal, "the learner broke"); }
};

Run line_run(const Project& project, const Params& args = {}) {
  return create_client(project.path(), false).create_run("line", args);
}

TEST(Run, CallsHooksInTheirOrder) {
  const Project project;
  ivory::Run run = line_run(project, {{"epochs", 1}, {"batch_size", 16}});
  const auto diary = std::make_shared<Diary>();
  run.set("diary", Value::object(diary));
  run.start("both");
  EXPECT_THAT(diary->lines,
              ElementsAre("init_begin train", "init_end", "fit_begin", "epoch_begin", "train_begin",
                          "train_batch_begin", "train_batch_end 16", "train_batch_begin", "train_batch_end 8",
                          "train_end", "val_begin", "val_batch_end 8", "val_end", "epoch_end", "fit_end",
                          "init_begin test", "init_end", "test_begin test", "test_batch_end 8", "test_end"));
}

TEST(Run, CallsTheMembersOfOneHookInTheOrderOfTheFile) {
  const Project project;
  ivory::Run run = line_run(project);
  run.create_callbacks();
  EXPECT_THAT(run.callbacks(Hook::kEpochEnd), ElementsAre("metrics", "monitor"));
}

TEST(Run, IsMadeDirectlyFromParamsAndInstances) {
  const auto data = std::make_shared<testing::LineData>(false);
  data->on_created();
  const auto model = std::make_shared<LineModel>();
  ivory::Run run(Params{{"run", {{"seed", 4}}}},
                 {{"datasets", Value::object(std::make_shared<Datasets>(data))},
                  {"model", Value::object(model)},
                  {"trainer", Value::object(std::make_shared<testing::LineTrainer>(model, 0.1, 60, 8))}});
  EXPECT_EQ(run.seed(), 4U);
  EXPECT_EQ(run.mode(), "");
  run.start();
  EXPECT_EQ(run.mode(), "train");
  EXPECT_NEAR(model->slope, 3, 0.1);
  EXPECT_NEAR(model->offset, -1, 0.1);
}

TEST(Run, RefusesAModeThatDoesNotExist) {
  const Project project;
  ivory::Run run = line_run(project);
  EXPECT_THAT(message_of([&] { run.start("tset"); }), HasSubstr("did you mean 'test'?"));
}

TEST(Run, GoesOnFromThePresentEpochWhenStartedAgain) {
  const Project project;
  ivory::Run run = line_run(project, {{"epochs", 3}});
  run.start();
  const auto diary = std::make_shared<Diary>();
  run.set("diary", Value::object(diary));
  run.start();
  EXPECT_THAT(diary->lines, ElementsAre("init_begin train", "init_end", "fit_begin", "fit_end"));
}

TEST(Run, GivesTheSameNumbersForTheSameSeedAndOthersForAnother) {
  const Project project;
  const auto slope = [&](int seed) {
    ivory::Run run = line_run(project, {{"seed", seed}});
    run.start();
    return run["model"].as<LineModel>().slope;
  };
  EXPECT_EQ(slope(1), slope(1));
  EXPECT_NE(slope(1), slope(2));
}

TEST(Run, StopsAtTheEndOfTheEpochInWhichItIsAskedTo) {
  struct Stopper {
    void on_train_batch_end(ivory::Run& run) { run.stop("enough"); }
  };
  const Project project;
  ivory::Run run = line_run(project);
  run.set("stopper", Value::object(std::make_shared<Stopper>()));
  run.start();
  EXPECT_EQ(run.get<Trainer>("trainer")->epoch(), 0);
  EXPECT_EQ(run.stop_reason(), "enough");
}

TEST(Run, RestoresTheBestStateBeforeTheTest) {
  struct Spoiler {  // makes every epoch after the second worse
    void on_train_end(ivory::Run& run) {
      if (run.get<Trainer>("trainer")->epoch() > 1) run["model"].as<LineModel>().slope += 100;
    }
  };
  const Project project;
  ivory::Run run = line_run(project, {{"epochs", 4}});
  run.set("spoiler", Value::object(std::make_shared<Spoiler>()));
  run.start("both");
  EXPECT_EQ(run.get<Monitor>("monitor")->best_epoch(), 1);
  EXPECT_LT(run["model"].as<LineModel>().slope, 50);
}

TEST(Run, EndsAfterTrainingWhenThereIsNothingToTest) {
  const Project project;
  ivory::Run run = line_run(project, {{"with_test", false}});
  EXPECT_FALSE(run.has_test());
  run.start("both");
  EXPECT_EQ(run.mode(), "train");
  EXPECT_THAT(message_of([&] { run.start("test"); }), HasSubstr("no samples to test"));
}

TEST(Run, LetsTheExceptionOfAMemberThrough) {
  const Project project;
  ivory::Run run = line_run(project);
  run.set("bomb", Value::object(std::make_shared<Bomb>()));
  EXPECT_EQ(message_of([&] { run.start("both"); }), "the learner broke");
}

TEST(Run, GivesItsStateBackThroughAFolder) {
  const Project project;
  ivory::Run run = line_run(project);
  run.start();
  run.save(project.path() / "state");
  EXPECT_TRUE(project.has("state/model.json"));
  EXPECT_TRUE(project.has("state/results.npz"));
  ivory::Run other = line_run(project);
  other.load_state_dict(other.load(project.path() / "state"));
  EXPECT_EQ(other.state_dict(), run.state_dict());
  EXPECT_EQ(other["model"].as<LineModel>().slope, run["model"].as<LineModel>().slope);
}

TEST(Run, RefusesTheStateOfAMemberItDoesNotHave) {
  const Project project;
  ivory::Run run = line_run(project);
  EXPECT_THAT(message_of([&] { run.load_state_dict({{"modle", 1}}); }), HasSubstr("did you mean 'model'?"));
  EXPECT_THAT(message_of([&] { run.load_state_dict({{"datasets", 1}}); }), HasSubstr("no state"));
  EXPECT_THAT(message_of([&] { static_cast<void>(run.load(project.path() / "nowhere")); }),
              HasSubstr("nowhere"));
}

TEST(Run, CanBeMovedBetweenStarts) {
  const Project project;
  ivory::Run run = line_run(project);
  run.start();
  const ivory::Run moved = std::move(run);
  EXPECT_EQ(moved.mode(), "train");
  EXPECT_EQ(moved.get<Trainer>("trainer")->epoch(), 4);
}

TEST(Run, EndsItsEpochAfterAnInterruption) {
  struct Interrupter {
    void on_train_begin(ivory::Run& run) {
      if (run.get<Trainer>("trainer")->epoch() == 1) static_cast<void>(std::raise(SIGINT));
    }
  };
  const Project project;
  auto guard = std::make_unique<InterruptGuard>();
  ivory::Run run = line_run(project);
  const auto diary = std::make_shared<Diary>();
  run.set("interrupter", Value::object(std::make_shared<Interrupter>()));
  run.set("diary", Value::object(diary));
  EXPECT_THROW(run.start("both"), Interrupted);
  EXPECT_EQ(run.get<Trainer>("trainer")->epoch(), 1);
  EXPECT_EQ(diary->lines.back(), "epoch_end");
  guard.reset();
  const InterruptGuard fresh;  // the next test starts uninterrupted
}

}  // namespace
}  // namespace ivory
