#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include <ivory/data/folds.h>
#include <ivory/data/npy.h>
#include <ivory/experiment/tracker.h>
#include <ivory/registry/module.h>
#include <ivory/tracking/artifact_store.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::Project;
using ::testing::SizeIs;

// y = 3x - 1 on 60 samples in two classes and 12 groups, named 100, 103, 106 …, split as asked for.
class SplitData : public Data {
 public:
  SplitData(std::string split, double test_fraction, bool leaks)
      : options_{.split = parse_split(split), .n_splits = 4, .test_fraction = test_fraction}, leaks_(leaks) {}

 protected:
  void init() override {
    constexpr int kSamples = 60;
    std::vector<double> x, y;
    std::vector<std::int64_t> names, labels, groups;
    for (int i = 0; i < kSamples; ++i) {
      x.push_back(i / 30.0 - 1);
      y.push_back(3 * x.back() - 1);
      names.push_back(100 + 3 * i);
      labels.push_back(i % 3 == 0);
      groups.push_back(i / 5);
    }
    if (leaks_) names[1] = names[0];
    index = Array::from(names);
    input = Array::from(x, {kSamples, 1});
    target = Array::from(y, {kSamples, 1});
    fold = make_folds(kSamples, options_, Array::from(labels), Array::from(groups));
    time_series = options_.split == Split::kTimeSeries;
  }

 private:
  FoldOptions options_;
  bool leaks_;
};

constexpr const char* kSplit = R"(datasets:
  data: {class: split.Data, split: kfold, test_fraction: 0.0, leaks: false}
  dataset:
  fold: 0
model: {class: line.Model}
results:
metrics:
monitor:
trainer: {class: line.Trainer, model: $, lr: 0.1, epochs: 2, batch_size: 8}
)";

std::vector<std::int64_t> numbers(const Array& array) { return array.to_vector<std::int64_t>(); }

// How often each index stands in the rows, by repeat.
std::map<std::pair<std::int64_t, std::int64_t>, int> counts(const Collection& all) {
  std::map<std::pair<std::int64_t, std::int64_t>, int> count;
  const auto index = numbers(all.val.index);
  const auto run = numbers(all.val.run);
  for (std::size_t i = 0; i < index.size(); ++i) {
    const Params* repeat = all.runs[static_cast<std::size_t>(run[i])].update.find("repeat");
    ++count[{repeat == nullptr ? 0 : repeat->as_int(), index[i]}];
  }
  return count;
}

class OutOfFold : public ::testing::TestWithParam<std::tuple<const char*, bool>> {};

TEST_P(OutOfFold, PredictsEachSampleOnceInEachRepeat) {
  const auto& [split, tracked] = GetParam();
  const Project project;
  project.write("split.yml", kSplit);
  const Client client(project.path(), tracked);
  const Params data{{"split", split}, {"test_fraction", 0.2}};
  const auto samples = client.create_instance("split", "datasets.data", data).share<Data>();
  samples->on_created();
  const std::vector<int> folds = samples->folds();
  ASSERT_THAT(folds, SizeIs(4));

  Task task = client.create_task("split");
  Ranges ranges{{"fold", Params(folds)}};
  std::map<std::int64_t, std::int64_t> fold_of;
  for (ivory::Run& run : task.product(ranges, 2, data)) {
    run.start("both");
    const auto parts = run.get<Datasets>("datasets");
    const auto train = numbers(parts->train()->all().index);
    const auto val = numbers(parts->val()->all().index);
    for (const std::int64_t sample : val) fold_of[sample] = parts->fold();
    if (samples->time_series) {
      EXPECT_LT(std::ranges::max(train), std::ranges::min(val)) << "no sample is trained on its future";
    }
  }

  std::set<std::int64_t> expected, tests;
  const auto fold = numbers(samples->fold);
  const auto index = numbers(samples->index);
  for (std::size_t i = 0; i < fold.size(); ++i) {
    if (fold[i] == -1) tests.insert(index[i]);
    if (fold[i] >= (samples->time_series ? 1 : 0)) expected.insert(index[i]);
  }
  const Collection all = task.results();
  EXPECT_THAT(all.runs, SizeIs(8));
  const auto count = counts(all);
  EXPECT_EQ(count.size(), 2 * expected.size()) << "every sample in both repeats";
  for (const auto& [key, times] : count) {
    EXPECT_EQ(times, 1);
    EXPECT_TRUE(expected.contains(key.second));
  }
  const auto val = numbers(all.val.index), of_fold = numbers(all.val.fold);
  for (std::size_t i = 0; i < val.size(); ++i) EXPECT_EQ(of_fold[i], fold_of.at(val[i]));

  const Collection mean = task.results(Reduction::kMean);
  EXPECT_EQ(numbers(mean.val.index), std::vector<std::int64_t>(expected.begin(), expected.end()));
  EXPECT_EQ(numbers(mean.test.index), std::vector<std::int64_t>(tests.begin(), tests.end()));
  EXPECT_EQ(all.test.rows(), 8 * mean.test.rows()) << "every model predicts every test sample";
}

INSTANTIATE_TEST_SUITE_P(Splitters, OutOfFold,
                         ::testing::Combine(::testing::Values("kfold", "stratified", "group", "time_series"),
                                            ::testing::Bool()),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) ? "Tracked" : "Untracked");
                         });

TEST(Datasets, RefuseASampleOnBothSides) {
  const Project project;
  project.write("split.yml", kSplit);
  const Client client(project.path(), false);
  EXPECT_THAT(message_of([&] {
                static_cast<void>(client.create_run("split", {{"split", "kfold"}, {"leaks", true}}));
              }),
              HasSubstr("it would be trained on and validated in one run"));
}

// ---- collect() by itself

RunResults results_of(std::string name, std::int64_t fold, std::vector<std::int64_t> val,
                      std::vector<std::int64_t> test = {}, Params update = Params::map()) {
  RunResults results;
  results.run.name = std::move(name);
  results.run.fold = fold;
  results.run.update = std::move(update);
  const auto rows = [&](const std::vector<std::int64_t>& index) {
    if (index.empty()) return ResultRows{};
    std::vector<double> output;
    for (const std::int64_t i : index) output.push_back(static_cast<double>(10 * fold + i));
    const auto n = static_cast<std::int64_t>(index.size());
    return ResultRows{Array::from(index), Array::from(output, {n, 1}), Array::from(output, {n, 1})};
  };
  results.val = rows(val);
  results.test = rows(test);
  return results;
}

TEST(Collect, PutsRowsInTheOrderOfTheRuns) {
  const std::vector<RunResults> results{results_of("a", 0, {4, 2}, {9}), results_of("b", 1, {1}, {9})};
  const Collection all = collect(results);
  EXPECT_THAT(numbers(all.val.index), ElementsAre(4, 2, 1));
  EXPECT_THAT(numbers(all.val.fold), ElementsAre(0, 0, 1));
  EXPECT_THAT(numbers(all.val.run), ElementsAre(0, 0, 1));
  EXPECT_EQ(all.val.output, Array::from(std::vector<double>{4, 2, 11}, {3, 1}));
  EXPECT_THAT(numbers(all.test.index), ElementsAre(9, 9));
  EXPECT_THAT(numbers(all.test.fold), Each(-1));
  EXPECT_THAT(numbers(all.test.run), ElementsAre(0, 1));
}

TEST(Collect, AveragesOverModels) {
  const std::vector<RunResults> results{results_of("a", 0, {2, 4}, {9, 8}), results_of("b", 1, {1}, {9})};
  const Collection mean = collect(results, {.reduction = Reduction::kMean});
  EXPECT_THAT(numbers(mean.val.index), ElementsAre(1, 2, 4));
  EXPECT_THAT(numbers(mean.val.fold), ElementsAre(1, 0, 0));
  EXPECT_THAT(numbers(mean.val.run), ElementsAre(1, 0, 0));
  EXPECT_THAT(numbers(mean.test.index), ElementsAre(8, 9));
  EXPECT_EQ(mean.test.output, Array::from(std::vector<double>{8, 14}, {2, 1}));
  EXPECT_THAT(numbers(mean.test.run), ElementsAre(0, -1));
}

TEST(Collect, RefusesASampleThatIsPredictedTwice) {
  std::vector<RunResults> results{results_of("a", 0, {1, 2}, {}, {{"fold", 0}}),
                                  results_of("b", 1, {2, 3}, {}, {{"fold", 1}})};
  const auto message = [&] { return message_of([&] { static_cast<void>(collect(results)); }); };
  EXPECT_THAT(message(), AllOf(HasSubstr("sample 2 "), HasSubstr("a (fold=0), b (fold=1)")));
  EXPECT_THAT(message_of([&] { static_cast<void>(collect(results, {.reduction = Reduction::kMean})); }),
              IsEmpty());
  results[1].run.update.set("lr", 0.1);
  EXPECT_THAT(message(), IsEmpty()) << "of other parameters";
  results[1].run.update = Params{{"fold", 1}};
  results[1].run.parent_run_id = "another task";
  EXPECT_THAT(message(), IsEmpty()) << "of another task";
}

TEST(Collect, FindsADoubledSampleAmongScatteredNames) {
  std::vector<std::int64_t> a, b;
  for (std::int64_t i = 0; i < 100; ++i) a.push_back(i * 1'000'000'007), b.push_back(-1 - i * 1'000'000'007);
  std::vector<RunResults> results{results_of("a", 0, a), results_of("b", 1, b)};
  EXPECT_THAT(message_of([&] { static_cast<void>(collect(results)); }), IsEmpty());
  b.push_back(a[50]);
  results[1] = results_of("b", 1, b);
  EXPECT_THAT(message_of([&] { static_cast<void>(collect(results)); }), HasSubstr("sample 50000000350 "));
}

TEST(Collect, RefusesARunWithoutValidationRowsAmongOthers) {
  const std::vector<RunResults> results{results_of("a", 0, {1, 2}), results_of("b", 1, {}, {7})};
  EXPECT_THAT(message_of([&] { static_cast<void>(collect(results)); }),
              HasSubstr("b has no validation rows"));
  EXPECT_EQ(collect(results, {.partial = true}).val.rows(), 2);
}

TEST(Collect, RefusesTargetsOfSomeRunsOnly) {
  std::vector<RunResults> results{results_of("a", 0, {1, 2}), results_of("b", 1, {3})};
  results[1].val.target = {};
  EXPECT_THAT(message_of([&] { static_cast<void>(collect(results)); }),
              HasSubstr("some results have targets"));
  results[0].val.target = {};
  EXPECT_TRUE(collect(results).val.target.empty());
}

TEST(Collect, NamesTheNearestReduction) {
  EXPECT_EQ(parse_reduction("mean"), Reduction::kMean);
  EXPECT_EQ(parse_reduction("none"), Reduction::kNone);
  EXPECT_THAT(message_of([] { static_cast<void>(parse_reduction("maen")); }),
              HasSubstr("did you mean 'mean'?"));
}

// ---- from a store

TEST(LoadResults, TakesTasksAndRunsTogetherEachOnce) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  for (ivory::Run& run : task.product({{"fold", Range(0, 3)}})) run.start("both");
  const Collection of_task = client.load_results({"line/task#0"});
  const Collection of_runs = client.load_results(client.get_nested_run_ids("line/task#0"));
  EXPECT_EQ(of_task.val, of_runs.val);
  EXPECT_EQ(of_task.val, task.results().val);
  EXPECT_EQ(client.load_results({"line/task#0", "line/run#2"}).val, of_task.val);
  EXPECT_EQ(of_task.val.rows(), 32);
  EXPECT_EQ(of_task.runs.front().name, "run#0");
  EXPECT_EQ(of_task.runs.front().state, "test");
  EXPECT_EQ(of_task.runs.front().parent_run_id, task.id());
}

TEST(LoadResults, PrefersTheTestThenTheBestState) {
  const Project project;
  const Client client(project.path());
  ivory::Run run = client.create_run("line", {{"lr", 0.9}});
  run.start("train");
  const Collection best = client.load_results({"line/run#0"});
  EXPECT_EQ(best.runs.front().state, "best");
  EXPECT_EQ(best.val.output,
            client.load_instance("line/run#0", "results", "best").share<Results>()->val().output);
  EXPECT_TRUE(best.test.empty());
  run.start("test");
  EXPECT_EQ(client.load_results({"line/run#0"}).runs.front().state, "test");
}

TEST(LoadResults, ReadsTheFoldOfARunThatWasGivenNone) {
  const Project project;
  const Client client(project.path());
  client.create_run("line").start();
  const Collection all = client.load_results({"line/run#0"});
  EXPECT_EQ(all.runs.front().fold, 0);
  EXPECT_THAT(numbers(all.val.fold), Each(0));
}

TEST(LoadResults, SaysWhichRunsOfATaskAreMissing) {
  const Project project;
  const Client client(project.path());
  {
    Task task = client.create_task("line");
    for (ivory::Run& run : task.product({{"fold", Range(0, 3)}})) {
      if (run.name() == "run#2") break;
      run.start();
    }
  }
  EXPECT_THAT(message_of([&] { static_cast<void>(client.load_results({"line/task#0"})); }),
              AllOf(HasSubstr("task#0"), HasSubstr("run#2 (fold=2) is KILLED"),
                    HasSubstr("run 4 of 4 was not made")));
  const std::vector<std::string> ids{client.get_run_id("line", 0, "task")};
  const Collection there = collect_results(client.tracker()->store(), ids, {.partial = true});
  EXPECT_THAT(there.runs, SizeIs(2));
}

TEST(LoadResults, SaysThatARunKeptNone) {
  const Project project;
  project.write("plain.yml", "model: {class: line.Model}\n");
  const Client client(project.path());
  client.create_run("plain").start();
  EXPECT_THAT(message_of([&] { static_cast<void>(client.load_results({"plain/run#0"})); }),
              HasSubstr("run#0"));
  EXPECT_THAT(message_of([&] { static_cast<void>(client.load_results({"plain/run#7"})); }),
              HasSubstr("there is no run 'plain/run#7'"));
}

TEST(LoadResults, FindsResultsUnderAnotherName) {
  const Project project;
  project.write("other.yml", R"(datasets: {data: {class: line.Data}, dataset: , fold: 1}
model: {class: line.Model}
kept: {class: ivory.Results}
trainer: {class: line.Trainer, model: $}
)");
  const Client client(project.path());
  client.create_run("other").start();
  EXPECT_EQ(client.load_results({"other/run#0"}).val.rows(), 10);
}

TEST(LoadResults, RefusesAFileThatIsNone) {
  const Project project;
  const Client client(project.path());
  ivory::Run run = client.create_run("line");
  run.start();
  const auto folder =
      *tracking::open_artifact_store(client.resolve_run("line/run#0").artifact_uri)->local_path("best");
  const auto message = [&] {
    return message_of([&] { static_cast<void>(client.load_results({"line/run#0"})); });
  };
  const Array two = Array::arange(2), three = Array::arange(3);
  write_npz(folder / "results.npz", std::vector<NamedArray>{{"val_index", two}, {"val_output", three}});
  EXPECT_THAT(message(), AllOf(HasSubstr("results.npz"), HasSubstr("2 samples")));
  write_npz(folder / "results.npz", std::vector<NamedArray>{{"val_idx", two}});
  EXPECT_THAT(message(), HasSubstr("unknown array 'val_idx'"));
  write_file(folder / "results.npz", "no archive");
  EXPECT_THAT(message(), HasSubstr("results.npz"));
}

TEST(LoadResults, ShowsHowFarItIs) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  for (ivory::Run& run : task.product({{"fold", Range(0, 2)}})) run.start();
  std::vector<std::size_t> done;
  const std::vector<std::string> ids{task.id()};
  static_cast<void>(
      collect_results(client.tracker()->store(), ids, {.progress = [&](std::size_t n, std::size_t count) {
                        EXPECT_EQ(count, 3u);
                        done.push_back(n);
                      }}));
  EXPECT_THAT(done, ElementsAre(1, 2, 3));
}

IVORY_MODULE(split, m) {
  m.type<SplitData>("split.Data")
      .init<std::string, double, bool>(arg("split") = "kfold", arg("test_fraction") = 0.0,
                                       arg("leaks") = false);
}

}  // namespace
}  // namespace ivory
