// ivory results and predict: rows of samples, to files for other programs.
#include <set>

#include <ivory/data/csv.h>
#include <ivory/data/npy.h>

#include "cli_support.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class ResultsCli : public Cli {
 protected:
  ResultsCli() { edit("toy.yml", "metrics:", "results:\nmetrics:"); }
  void run_folds() const {
    const CommandResult result = ivory({"run", "toy", "fold=0-2"});
    ASSERT_EQ(result.status, 0) << result.err;
  }
  [[nodiscard]] std::vector<double> column(std::string_view file, std::string_view name) const {
    return read_csv(path() / file).get_column(name).numbers;
  }
};

TEST_F(ResultsCli, OutOfFoldRowsHoldEachValidationSampleOnce) {
  run_folds();
  const CommandResult result = ivory({"results", "toy/task#0", "-o", "oof.csv"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("24 rows of validation samples, from 3 runs: oof.csv"));
  const std::vector<double> index = column("oof.csv", "index");
  EXPECT_EQ(index.size(), 24U);
  EXPECT_EQ(std::set<double>(index.begin(), index.end()).size(), 24U);
  const std::vector<double> fold = column("oof.csv", "fold");
  EXPECT_EQ(std::ranges::count(fold, 0.0), 8);
  EXPECT_EQ(std::ranges::count(fold, 2.0), 8);
  // The target is that of the sample in the file.
  const std::vector<double> target = column("oof.csv", "target");
  for (std::size_t i = 0; i < index.size(); ++i) EXPECT_EQ(target[i], static_cast<int>(index[i]) % 7 + 0.5);
}

TEST_F(ResultsCli, TestRowsAreTheMeanOverTheModels) {
  run_folds();
  ASSERT_EQ(ivory({"results", "toy/task#0", "--part", "test", "-o", "mean.csv"}).status, 0);
  ASSERT_EQ(ivory({"results", "toy/task#0", "--part", "test", "--reduction", "none", "-o", "all.csv"}).status,
            0);
  EXPECT_EQ(column("mean.csv", "index").size(), 8U);
  const std::vector<double> index = column("all.csv", "index");
  const std::vector<double> output = column("all.csv", "output");
  ASSERT_EQ(index.size(), 24U);
  const std::vector<double> means = column("mean.csv", "output");
  const std::vector<double> samples = column("mean.csv", "index");
  for (std::size_t i = 0; i < samples.size(); ++i) {
    double sum = 0;
    for (std::size_t row = 0; row < index.size(); ++row) sum += index[row] == samples[i] ? output[row] : 0;
    EXPECT_NEAR(means[i], sum / 3, 1e-6);
  }
}

TEST_F(ResultsCli, NumpyFilesHoldWhatTheCsvFileHolds) {
  run_folds();
  for (const char* file : {"oof.csv", "oof.npy", "oof.npz"})
    ASSERT_EQ(ivory({"results", "toy/task#0", "-o", file}).status, 0);
  const Array matrix = read_npy(path() / "oof.npy");
  EXPECT_EQ(matrix.shape(), (Shape{24, 5}));  // index, fold, run, target, output
  EXPECT_EQ(matrix.view<double>()[0], column("oof.csv", "index")[0]);
  EXPECT_EQ(matrix.view<double>()[4], static_cast<float>(column("oof.csv", "output")[0]));
  const std::vector<NamedArray> arrays = read_npz(path() / "oof.npz");
  ASSERT_EQ(arrays.size(), 5U);
  EXPECT_EQ(arrays[0].name, "index");
  EXPECT_EQ(arrays[0].array.dtype(), Dtype::kInt64);
  EXPECT_EQ(arrays[4].array.dtype(), Dtype::kFloat32);
}

TEST_F(ResultsCli, WithoutAFileTheRowsGoToStandardOutput) {
  run_folds();
  const CommandResult result = ivory({"results", "toy/run#1"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, testing::StartsWith("index,fold,target,output\n"));
}

TEST_F(ResultsCli, SaysWhatIsWrong) {
  EXPECT_THAT(ivory({"results", "toy/run#0"}).err, HasSubstr("there are no runs yet"));
  run_folds();
  const CommandResult format = ivory({"results", "toy/task#0", "-o", "oof.txt"});
  EXPECT_EQ(format.status, 2);
  EXPECT_THAT(format.err, HasSubstr("expected a file that ends in .csv, .npy or .npz"));
  EXPECT_THAT(ivory({"results", "toy/tsk#0"}).err, HasSubstr("did you mean"));
  EXPECT_THAT(ivory({"results", "toy/task#0", "--reduction", "men"}).err, HasSubstr("did you mean 'mean'"));
  EXPECT_THAT(ivory({"results"}).err, HasSubstr("say whose results"));
}

TEST_F(ResultsCli, PredictsNewSamplesWithOneModelOrTheMeanOfAll) {
  run_folds();
  write("new.csv", "other,x\n1,3\n2,4\n3,5\n");
  std::vector<double> sum(3, 0);
  for (const char* run : {"toy/run#0", "toy/run#1", "toy/run#2"}) {
    ASSERT_EQ(ivory({"predict", run, "new.csv", "-o", "one.csv"}).status, 0);
    const std::vector<double> output = column("one.csv", "output");
    ASSERT_EQ(output.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) sum[i] += output[i];
  }
  const CommandResult all = ivory({"predict", "toy/task#0", "new.csv", "-o", "all.csv"});
  EXPECT_EQ(all.status, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr("3 samples, the mean of 3 models: all.csv"));
  const std::vector<double> mean = column("all.csv", "output");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(mean[i], sum[i] / 3, 1e-6);
  EXPECT_EQ(column("all.csv", "index"), (std::vector<double>{0, 1, 2}));
}

TEST_F(ResultsCli, PredictingRecordsNothing) {
  run_folds();
  write("new.csv", "x\n3\n");
  const Params before = ivory_json({"search"});
  ASSERT_EQ(ivory({"predict", "toy/run#0", "new.csv"}).status, 0);
  EXPECT_EQ(ivory_json({"search"}), before);
}

TEST_F(ResultsCli, NewDataThatDoesNotFitIsRefusedWithItsPlace) {
  run_folds();
  write("short.csv", "z\n3\n");
  const CommandResult absent = ivory({"predict", "toy/run#0", "short.csv"});
  EXPECT_EQ(absent.status, 2);
  EXPECT_THAT(absent.err, AllOf(HasSubstr("short.csv"), HasSubstr("'x'")));
  write("text.csv", "x\nred\n");
  EXPECT_THAT(ivory({"predict", "toy/run#0", "text.csv"}).err,
              HasSubstr("column 'x' is text, but was numbers in the training file"));
  EXPECT_EQ(ivory({"predict", "toy/run#0", "gone.csv"}).status, 2);
  write_npy(path() / "wide.npy", Array::zeros(Dtype::kFloat32, {2, 3}));
  EXPECT_THAT(ivory({"predict", "toy/run#0", "wide.npy"}).err,
              HasSubstr("wide.npy: holds float32 [2, 3], but a sample of the run's data is float32 [1]"));
}

}  // namespace
}  // namespace ivory
