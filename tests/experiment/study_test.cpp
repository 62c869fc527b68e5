// Studies: trials as runs, in one process. Killed processes are in study_resume_test.cpp.
#include <ivory/experiment/study.h>

#include <cmath>
#include <csignal>
#include <map>
#include <set>

#include <gmock/gmock.h>

#include <ivory/base/interrupt.h>
#include <ivory/experiment/tracker.h>
#include <ivory/experiment/tracking.h>
#include <ivory/registry/module.h>
#include <ivory/tuning/pruners.h>
#include <ivory/tuning/samplers.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::Project;
using ::testing::SizeIs;
using tracking::RunRecord;
using tracking::RunStatus;
using tuning::TrialState;

void suggest_lr(tuning::Trial& trial, double min, double max) {
  trial.suggest_float("lr", min, max, {.log = true});
}

void suggest_steps(tuning::Trial& trial) {
  trial.suggest_int("epochs", 1, 3);
  trial.suggest_categorical("flavour", {"sweet", "sour"});  // no parameter of a run
}

// Learns from a list of numbers; it has no epochs.
class ListLearner {
 public:
  explicit ListLearner(std::vector<int> sizes, double offset) : sizes_(std::move(sizes)), offset_(offset) {}
  void start(ivory::Run& run) {
    run.call(Hook::kFitBegin);
    double sum = offset_;
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      sum += sizes_[i];
      run.report(sum, static_cast<std::int64_t>(i));
      ++steps;
    }
    run.call(Hook::kFitEnd);
  }
  static inline int steps = 0;

 private:
  std::vector<int> sizes_;
  double offset_;
};

// A metric that no epoch has a number for.
class NoNumber {
 public:
  explicit NoNumber(double above) : above_(above) {}
  void on_epoch_begin(ivory::Run& run) const {
    if (run.get<testing::LineTrainer>("trainer")->learning_rate(run).value_or(0) > above_)
      run.get<testing::LineModel>("model")->slope = std::nan("");
  }

 private:
  double above_;
};

// Fails for a fold, or for a rate.
class Fuse {
 public:
  explicit Fuse(double above) : above_(above) {}
  void on_epoch_end(ivory::Run& run) const {
    if (run.get<testing::LineTrainer>("trainer")->learning_rate(run).value_or(0) > above_)
      throw Error(ErrorCode::kInternal, "the fuse has blown");
  }

 private:
  double above_;
};

// Asks to stop at the end of the n-th epoch of all.
class Stopper {
 public:
  void on_epoch_end(ivory::Run& /*run*/) const {
    if (remaining > 0 && --remaining == 0) raise(SIGINT);
  }
  static inline int remaining = 0;
};

IVORY_MODULE(tuned, m) {
  m.function("tuned.suggest_lr", &suggest_lr, arg("min") = 1e-3, arg("max") = 1e-1);
  m.function("tuned.suggest_steps", &suggest_steps);
  m.type<ListLearner>("tuned.ListLearner").init<std::vector<int>, double>(arg("sizes"), arg("offset") = 0.0);
  m.type<NoNumber>("tuned.NoNumber").init<double>(arg("above"));
  m.type<Fuse>("tuned.Fuse").init<double>(arg("above"));
  m.type<Stopper>("tuned.Stopper").init<>();
}

constexpr const char* kObjective = R"(tuner: {sampler: {class: tpe, seed: 1}}
objective:
  lr: tuned.suggest_lr
  wide: {def: tuned.suggest_lr, min: 1e-6, max: __default__}
  steps: tuned.suggest_steps
)";

Range rates() { return {1e-3, 1e-1, 1, 0, true}; }

std::vector<TrialState> states_of(const tuning::Study& study) {
  std::vector<TrialState> states;
  for (const auto& trial : study.trials()) states.push_back(trial.state);
  return states;
}

std::string tag_of(const RunRecord& run, std::string_view key) {
  const std::string* tag = run.find_tag(key);
  return tag == nullptr ? "" : *tag;
}

RunRecord run_of(const Client& client, const tuning::FrozenTrial& trial) {
  return client.resolve_run(trial.user_attrs.at("run_id").as_string());
}

bool is_trial_failure(const std::exception& error) {
  return dynamic_cast<const TrialFailed*>(&error) != nullptr;
}

TEST(Study, TunesASuggestFunctionThatAFileNames) {
  const Project project;
  project.write("client.yml", kObjective);
  const Client client(project.path());
  Study study = client.create_study("line");
  EXPECT_EQ(study.name(), "study#0");
  const tuning::Study tuned = study.optimize("lr", {{"epochs", 2}}, {.n_trials = 4});
  EXPECT_EQ(tuned.study_name(), "line.lr.study#0");
  EXPECT_TRUE(project.has("optuna.db"));
  ASSERT_THAT(tuned.trials(), SizeIs(4));
  for (const auto& trial : tuned.trials()) {
    EXPECT_EQ(trial.state, TrialState::kComplete);
    EXPECT_THAT(trial.params_map().keys(), ElementsAre("lr"));
    const RunRecord run = run_of(client, trial);
    EXPECT_EQ(run.status, RunStatus::kFinished);
    EXPECT_EQ(*run.find_param("epochs"), "2");
    EXPECT_EQ(*run.find_param("lr"), trial.params_map().at("lr").to_text());
    EXPECT_EQ(run.find_metric("best_score")->value, trial.value());
    EXPECT_THAT(trial.intermediate_values, SizeIs(2));
  }
}

TEST(Study, StudyAndRunsReferToEachOther) {
  const Project project;
  project.write("study.yml", kObjective);
  const Client client(project.path());
  Study study = client.create_study("line");
  const tuning::Study tuned = study.optimize("lr", {{"epochs", 1}}, {.n_trials = 2});
  EXPECT_EQ(tuned.user_attrs().at("run_id").as_string(), study.id());
  for (const auto& trial : tuned.trials()) {
    const RunRecord run = run_of(client, trial);
    EXPECT_EQ(tag_of(run, "mlflow.parentRunId"), study.id());
    EXPECT_EQ(tag_of(run, "study_name"), "line.lr.study#0");
    EXPECT_EQ(tag_of(run, "trial_number"), std::to_string(trial.number));
    EXPECT_EQ(run.name, "run#" + std::to_string(trial.number));
  }
  const RunRecord row = client.resolve_run(study.id());
  EXPECT_EQ(row.status, RunStatus::kFinished);
  EXPECT_EQ(tag_of(row, "best_trial"), std::to_string(tuned.best_trial().number));
  EXPECT_EQ(tag_of(row, "best_params"), tuned.best_params().to_text());
  EXPECT_EQ(row.find_metric("best_value")->value, tuned.best_value());
}

TEST(Study, LogsEachImprovementOnce) {
  const Project project;
  const Client client(project.path());
  Study study = client.create_study("line");
  const tuning::Study tuned = study.optimize({{"lr", {0.001, 0.01, 0.1}}, {"epochs", 2}}, {.n_trials = 6});
  double best = std::numeric_limits<double>::infinity();
  std::vector<std::pair<std::int64_t, double>> expected;
  for (const auto& trial : tuned.trials()) {
    if (trial.state != TrialState::kComplete || trial.value() >= best) continue;
    best = trial.value();
    expected.emplace_back(trial.number, best);
  }
  std::vector<std::pair<std::int64_t, double>> logged;
  for (const auto& point : client.tracker()->store().metric_history(study.id(), "best_value"))
    logged.emplace_back(point.step, point.value);
  EXPECT_EQ(logged, expected);
}

TEST(Study, TunesACallableAndGoesOnWithIt) {
  const Project project;
  const Client client(project.path());
  Study study = client.create_study("line");
  const Suggest suggest = [](tuning::Trial& trial) { trial.suggest_float("trainer.lr", 0.01, 0.1); };
  static_cast<void>(study.optimize("rate", suggest, {{"epochs", 1}}, {.n_trials = 2}));
  const tuning::Study tuned = study.optimize("rate", suggest, {{"epochs", 1}}, {.n_trials = 2});
  EXPECT_EQ(tuned.size(), 4);
  EXPECT_EQ(tuned.study_name(), "line.rate.study#0");
  const tuning::Study other = study.optimize("other", suggest, {{"epochs", 1}}, {.n_trials = 1});
  EXPECT_EQ(other.size(), 1);
}

TEST(Study, TunesParametricallyMixedWithAFunction) {
  const Project project;
  project.write("client.yml", kObjective);
  const Client client(project.path());
  const tuning::Study tuned = client.create_study("line").optimize(
      "steps", {{"lr", std::pair(0.01, 0.1)}, {"batch_size", {4, 8}}, {"threads", 1}}, {.n_trials = 3});
  for (const auto& trial : tuned.trials()) {
    EXPECT_THAT(trial.params_map().keys(), ElementsAre("epochs", "flavour", "lr", "batch_size"));
    EXPECT_EQ(trial.find_param("lr")->distribution, tuning::Distribution::floats(0.01, 0.1));
    const RunRecord run = run_of(client, trial);
    EXPECT_EQ(run.find_param("flavour"), nullptr);
    EXPECT_EQ(*run.find_param("epochs"), trial.params_map().at("epochs").to_text());
  }
}

TEST(Study, GivesAListByItsElements) {
  const Project project;
  project.write("list.yml", "learner: {class: tuned.ListLearner, sizes: [1, 2]}\nmonitor: {metric: score}\n");
  const Client client(project.path());
  const Suggest suggest = [](tuning::Trial& trial) {
    const auto count = trial.suggest_int("num_layers", 1, 3);
    for (std::int64_t i = 0; i < count; ++i) trial.suggest_int("sizes:" + std::to_string(i), 1, 4);
  };
  Study study = client.create_study("list");
  study.set_tuner(std::make_shared<Tuner>(TunerOptions{.sampler = tuning::make_random_sampler({.seed = 3}),
                                                       .pruner = tuning::make_nop_pruner()}));
  const tuning::Study tuned = study.optimize("sizes", suggest, {}, {.n_trials = 8});
  std::set<std::int64_t> counts;
  for (const auto& trial : tuned.trials()) {
    ASSERT_EQ(trial.state, TrialState::kComplete);
    const std::int64_t count = trial.params_map().at("num_layers").as_int();
    counts.insert(count);
    const Params sizes =
        client.load_params(trial.user_attrs.at("run_id").as_string()).at("run").at("learner").at("sizes");
    ASSERT_EQ(sizes.size(), static_cast<std::size_t>(count));
    EXPECT_EQ(sizes.at(std::size_t{0}), trial.params_map().at("sizes:0"));
  }
  EXPECT_GT(counts.size(), 1U);
  EXPECT_THAT(study.arguments_of(tuned.best_params()).keys(),
              ::testing::Not(::testing::Contains("num_layers")));
}

TEST(Study, RunsWithoutATracker) {
  const Project project;
  const Client client(project.path(), false);
  Study study = client.create_study("line");
  const tuning::Study tuned = study.optimize({{"lr", rates()}, {"epochs", 1}}, {.n_trials = 2});
  EXPECT_EQ(tuned.study_name(), "line.lr.study#0");
  EXPECT_EQ(tuned.size(), 2);
  EXPECT_FALSE(project.has("mlflow.db"));
}

TEST(Study, NeedsSomethingToTuneAndAnEnd) {
  const Project project;
  project.write("client.yml", kObjective);
  project.write("bare.yml", "model: {class: line.Model}\n");
  const Client client(project.path());
  Study study = client.create_study("line");
  const auto told = [&](const Ranges& ranges) {
    return message_of([&] { static_cast<void>(study.optimize(ranges, {.n_trials = 1})); });
  };
  EXPECT_THAT(message_of([&] { static_cast<void>(study.optimize({{"lr", rates()}}, {})); }),
              HasSubstr("a number of trials or a timeout"));
  EXPECT_THAT(told({{"epochs", 2}}), HasSubstr("nothing to tune"));
  EXPECT_THAT(told({{"lrr", rates()}}), HasSubstr("did you mean 'lr'"));
  EXPECT_THAT(told({{"epochs", std::pair(0.5, 1.5)}}), HasSubstr("epochs"));
  EXPECT_THAT(told({{"lr", rates()}, {"lr", 0.1}}), HasSubstr("given twice"));
  EXPECT_THAT(message_of([&] { static_cast<void>(study.optimize("rl", {}, {.n_trials = 1})); }),
              HasSubstr("did you mean 'lr'"));
  EXPECT_THAT(message_of([&] {
                static_cast<void>(client.create_study("bare").optimize({{"seed", {1, 2}}}, {.n_trials = 1}));
              }),
              HasSubstr("no monitor"));
  EXPECT_FALSE(project.has("optuna.db")) << "nothing was begun";
}

TEST(Study, ANaNScorePrunes) {
  const Project project("nan: {class: tuned.NoNumber, above: 0.05}\n");
  const Client client(project.path());
  const tuning::Study tuned =
      client.create_study("line").optimize({{"lr", {0.01, 0.09}}, {"epochs", 2}}, {.n_trials = 6});
  for (const auto& trial : tuned.trials()) {
    const bool is_nan = trial.params_map().at("lr").as_real() > 0.05;
    EXPECT_EQ(trial.state, is_nan ? TrialState::kPruned : TrialState::kComplete);
    EXPECT_EQ(run_of(client, trial).status, RunStatus::kFinished);
  }
}

TEST(Study, AFailedRunFailsItsTrialAndEndsTheStudyUnlessItIsCaught) {
  const Project project("fuse: {class: tuned.Fuse, above: 0.05}\n");
  const Client client(project.path());
  const Ranges ranges{{"lr", {0.01, 0.09}}, {"epochs", 2}};
  Study study = client.create_study("line");
  study.set_tuner(std::make_shared<Tuner>(
      TunerOptions{.sampler = tuning::make_grid_sampler({.values = {{"lr", {0.01, 0.09}}}})}));
  const tuning::Study tuned = study.optimize(ranges, {.n_trials = 2, .catch_exceptions = &is_trial_failure});
  for (const auto& trial : tuned.trials()) {
    const bool blown = trial.params_map().at("lr").as_real() > 0.05;
    EXPECT_EQ(trial.state, blown ? TrialState::kFail : TrialState::kComplete);
    EXPECT_EQ(run_of(client, trial).status, blown ? RunStatus::kFailed : RunStatus::kFinished);
  }
  EXPECT_EQ(client.resolve_run(study.id()).status, RunStatus::kFinished);

  Study other = client.create_study("line");
  EXPECT_THAT(message_of([&] {
                static_cast<void>(other.optimize({{"lr", {0.08, 0.09}}, {"epochs", 2}}, {.n_trials = 5}));
              }),
              AllOf(HasSubstr("trial 0"), HasSubstr("the fuse has blown")));
  const RunRecord row = client.resolve_run(other.id());
  EXPECT_EQ(row.status, RunStatus::kFailed);
  EXPECT_THAT(tag_of(row, "ivory.error"), HasSubstr("the fuse has blown"));
}

TEST(Study, RefusesAnotherSearchSpaceUnderTheSameName) {
  const Project project;
  const Client client(project.path());
  Study study = client.create_study("line");
  static_cast<void>(study.optimize({{"lr", {0.01, 0.1}}, {"epochs", 1}}, {.n_trials = 1}));
  EXPECT_THAT(message_of([&] {
                static_cast<void>(study.optimize({{"lr", rates()}, {"epochs", 1}},
                                                 {.n_trials = 3, .catch_exceptions = &is_trial_failure}));
              }),
              HasSubstr("lr"));
  const tuning::Study tuned = *study.tuner().find_study("line.lr.study#0");
  EXPECT_THAT(states_of(tuned), ElementsAre(TrialState::kComplete, TrialState::kFail));
}

TEST(Study, TwoStudiesOfOneNameAreOneOnlyIfThatIsWanted) {
  const Project project;
  const Client client(project.path());
  const Ranges ranges{{"lr", rates()}, {"epochs", 1}};
  static_cast<void>(client.create_study("line").optimize(ranges, {.n_trials = 1, .study_name = "mine"}));
  EXPECT_THAT(message_of([&] {
                static_cast<void>(
                    client.create_study("line").optimize(ranges, {.n_trials = 1, .study_name = "mine"}));
              }),
              AllOf(HasSubstr("'mine'"), HasSubstr("load_if_exists")));
  const tuning::Study tuned = client.create_study("line", {{"tuner.load_if_exists", true}})
                                  .optimize(ranges, {.n_trials = 1, .study_name = "mine"});
  EXPECT_EQ(tuned.size(), 2);

  auto found = client.find_study("line", "mine");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id(), tuned.user_attrs().at("run_id").as_string());
  EXPECT_EQ(found->optimize(ranges, {.n_trials = 1, .study_name = "mine"}).size(), 3);
  EXPECT_FALSE(client.find_study("line", "yours"));
}

TEST(Study, WatchesSeveralMetrics) {
  const Project project;
  std::string text = read_file(project.path() / "line.yml");
  const std::string one = "monitor: {metric: val_loss}";
  text.replace(text.find(one), one.size(), "monitor: [{metric: val_loss}, {metric: lr, mode: max}]");
  project.write("line.yml", text);
  const Client client(project.path());
  Study study = client.create_study("line");
  const tuning::Study tuned = study.optimize({{"lr", rates()}, {"epochs", 2}}, {.n_trials = 5});
  EXPECT_THAT(tuned.directions(), ElementsAre(tuning::Direction::kMinimize, tuning::Direction::kMaximize));
  EXPECT_THAT(tuned.metric_names(), ElementsAre("val_loss", "lr"));
  for (const auto& trial : tuned.trials()) {
    if (trial.state != TrialState::kComplete) continue;
    ASSERT_THAT(trial.values, SizeIs(2));
    EXPECT_EQ(trial.values[1], trial.params_map().at("lr").as_real());
    EXPECT_EQ(trial.values[0], run_of(client, trial).find_metric("best_score")->value);
  }
  std::string front = "[";
  for (const auto& trial : tuned.best_trials())
    front += (front.size() > 1 ? ", " : "") + std::to_string(trial.number);
  EXPECT_EQ(tag_of(client.resolve_run(study.id()), "best_trials"), front + "]");
}

// ---- folds

TEST(Study, ATrialMayBeACrossValidation) {
  const Project project;
  const Client client(project.path());
  Study study = client.create_study("line");
  const tuning::Study tuned =
      study.optimize({{"lr", rates()}, {"fold", Range(0, 2)}, {"epochs", 2}}, {.n_trials = 2});
  for (const auto& trial : tuned.trials()) {
    ASSERT_EQ(trial.state, TrialState::kComplete);
    EXPECT_THAT(trial.reports, SizeIs(6));
    const RunRecord row = run_of(client, trial);
    EXPECT_EQ(row.name, "task#" + std::to_string(trial.number));
    EXPECT_EQ(tag_of(row, "mlflow.parentRunId"), study.id());
    EXPECT_EQ(*row.find_param("lr"), trial.params_map().at("lr").to_text());
    double sum = 0, squares = 0;
    const std::vector<std::string> folds = client.get_nested_run_ids(row.run_id);
    ASSERT_THAT(folds, SizeIs(3));
    for (std::size_t i = 0; i < 3; ++i) {
      const RunRecord fold = client.resolve_run(folds[i]);
      EXPECT_EQ(*fold.find_param("fold"), std::to_string(i));
      sum += fold.find_metric("best_score")->value;
    }
    const double mean = sum / 3;
    for (const std::string& fold : folds)
      squares += std::pow(client.resolve_run(fold).find_metric("best_score")->value - mean, 2);
    EXPECT_EQ(trial.value(), mean);
    EXPECT_EQ(row.find_metric("best_score")->value, mean);
    EXPECT_DOUBLE_EQ(row.find_metric("best_score_std")->value, std::sqrt(squares / 2));
  }
}

TEST(Study, SweepsWhatEachTrialIsToHave) {
  const Project project;
  const Client client(project.path());
  const tuning::Study tuned = client.create_study("line").optimize(
      {{"lr", rates()}, {"fold", {1, 3}}, {"epochs", 1}}, {.n_trials = 1, .each = {{"batch_size", {4, 8}}}});
  const RunRecord row = run_of(client, tuned.trial(0));
  std::vector<std::string> swept;
  for (const std::string& id : client.get_nested_run_ids(row.run_id)) {
    const RunRecord run = client.resolve_run(id);
    swept.push_back(*run.find_param("fold") + " " + *run.find_param("batch_size"));
  }
  EXPECT_THAT(swept, ElementsAre("1 4", "1 8", "3 4", "3 8"));
}

TEST(Study, OneFoldIsNoCrossValidation) {
  const Project project;
  const Client client(project.path());
  const tuning::Study tuned =
      client.create_study("line").optimize({{"lr", rates()}, {"fold", {2}}, {"epochs", 1}}, {.n_trials = 1});
  EXPECT_EQ(run_of(client, tuned.trial(0)).name, "run#0");
  EXPECT_THAT(tuned.trial(0).reports, IsEmpty());
}

TEST(Study, AFailedFoldFailsTheTrialAndTheRestIsNotRun) {
  const Project project("fuse: {class: tuned.Fuse, above: 0.05}\n");
  const Client client(project.path());
  const tuning::Study tuned =
      client.create_study("line").optimize({{"lr", {0.08, 0.09}}, {"fold", Range(0, 2)}, {"epochs", 2}},
                                           {.n_trials = 1, .catch_exceptions = &is_trial_failure});
  EXPECT_EQ(tuned.trial(0).state, TrialState::kFail);
  const RunRecord row = run_of(client, tuned.trial(0));
  EXPECT_EQ(row.status, RunStatus::kFailed);
  EXPECT_THAT(tag_of(row, "ivory.error"), HasSubstr("the fuse has blown"));
  EXPECT_THAT(client.get_nested_run_ids(row.run_id), SizeIs(1));
}

// ---- events, interruption, threads

struct Diary final : StudyEvents {
  void on_study_begin(const tuning::Study& study) override { size_before = study.size(); }
  void on_trial_begin(std::int64_t number, const std::string& run_name, const Params& arguments) override {
    begun.push_back(std::to_string(number) + " " + run_name + " " + arguments.at("epochs").to_text());
  }
  void on_trial_progress(std::int64_t number, std::size_t fold, std::size_t folds,
                         const RunProgress& progress) override {
    EXPECT_LT(fold, folds);
    epochs[number] = std::max(epochs[number], progress.epochs_done);
  }
  void on_trial_end(const tuning::FrozenTrial& trial, const TrialOutcome& outcome, bool is_best) override {
    ended[trial.number] = outcome.status;
    if (is_best) best = trial.number;
  }
  std::int64_t size_before = -1, best = -1;
  std::vector<std::string> begun;
  std::map<std::int64_t, int> epochs;
  std::map<std::int64_t, std::string> ended;
};

TEST(Study, TellsHowItGoesOn) {
  const Project project;
  const Client client(project.path());
  Diary diary;
  const tuning::Study tuned = client.create_study("line").optimize({{"lr", rates()}, {"epochs", 2}},
                                                                   {.n_trials = 3, .events = &diary});
  EXPECT_EQ(diary.size_before, 0);
  EXPECT_THAT(diary.begun, ElementsAre("0 run#0 2", "1 run#1 2", "2 run#2 2"));
  EXPECT_EQ(diary.epochs.at(2), 2);
  EXPECT_THAT(diary.ended, SizeIs(3));
  EXPECT_EQ(diary.best, tuned.best_trial().number);
}

TEST(Study, AnInterruptedTrialIsGoneOnWithAsTheSame) {
  const Project project("stopper: {class: tuned.Stopper}\n");
  Stopper::remaining = 3;
  const Client client(project.path());
  std::string id;
  {
    Study study = client.create_study("line");
    id = study.id();
    const InterruptGuard guard;
    EXPECT_THROW(static_cast<void>(study.optimize({{"lr", rates()}, {"epochs", 2}}, {.n_trials = 3})),
                 Interrupted);
  }
  EXPECT_EQ(client.resolve_run(id).status, RunStatus::kKilled);
  const RunRecord killed = client.resolve_run("line/run#1");
  EXPECT_EQ(killed.status, RunStatus::kKilled);

  const InterruptGuard guard;
  Study study = client.resume_study("line/study#0");
  EXPECT_EQ(study.id(), id);
  const tuning::Study tuned = study.resume();
  EXPECT_THAT(states_of(tuned),
              ElementsAre(TrialState::kComplete, TrialState::kComplete, TrialState::kComplete));
  EXPECT_EQ(tuned.trial(1).user_attrs.at("run_id").as_string(), killed.run_id);
  EXPECT_THAT(tuned.trial(1).intermediate_values, SizeIs(2));
  EXPECT_EQ(client.resolve_run(killed.run_id).status, RunStatus::kFinished);
  EXPECT_THAT(client.search_runs({.parent_run_id = id}), SizeIs(3));
  EXPECT_EQ(client.resolve_run(id).status, RunStatus::kFinished);
}

// What does not depend on clocks and ids, bit by bit.
std::vector<std::string> digest(const tuning::Study& study) {
  std::vector<std::string> lines;
  for (const auto& trial : study.trials()) {
    std::string line(to_text(trial.state));
    line += " " + trial.params_map().to_text();
    for (const double value : trial.values) line += " " + real_to_text(value);
    for (const auto& [step, value] : trial.intermediate_values) line += " " + real_to_text(value);
    for (const auto& report : trial.reports)
      line += " " + std::to_string(*report.fold) + ":" + real_to_text(report.values.front());
    lines.push_back(std::move(line));
  }
  return lines;
}

TEST(Study, ADeterministicStudyIsTheSameWithAnyNumberOfThreads) {
  std::vector<std::string> expected;
  for (const std::int64_t jobs : {1, 2, 4}) {
    const Project project;
    project.write("client.yml",
                  "tuner: {deterministic: true, lag: 4, sampler: {class: tpe, seed: 7, "
                  "n_startup_trials: 4}, pruner: {class: median, n_startup_trials: 3}}\n");
    const Client client(project.path());
    const tuning::Study tuned = client.create_study("line").optimize(
        {{"lr", rates()}, {"batch_size", {4, 8, 16}}, {"fold", Range(0, 1)}, {"epochs", 3}},
        {.n_trials = 12, .n_jobs = jobs});
    if (jobs == 1) expected = digest(tuned);
    EXPECT_EQ(digest(tuned), expected) << jobs << " jobs";
  }
  EXPECT_THAT(expected, SizeIs(12));
}

TEST(Study, ProcessesNeedACommand) {
  const Project project;
  const Client client(project.path());
  EXPECT_THAT(message_of([&] {
                static_cast<void>(client.create_study("line").optimize(
                    {{"lr", rates()}}, {.n_trials = 1, .engine = Engine::kProcess}));
              }),
              HasSubstr("cannot start worker processes"));
}

TEST(Study, IsATaskToo) {
  const Project project;
  const Client client(project.path());
  Study study = client.create_study("line");
  for (ivory::Run& run : study.product({{"fold", Range(0, 1)}, {"epochs", 1}})) run.start();
  EXPECT_THAT(client.get_nested_run_ids(study.id()), SizeIs(2));
}

}  // namespace
}  // namespace ivory
