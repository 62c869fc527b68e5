// CsvData and NpyData.
#include <gmock/gmock.h>
#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/data/csv_data.h>
#include <ivory/data/datasets.h>
#include <ivory/data/npy.h>
#include <ivory/data/npy_data.h>

#include <cmath>
#include <map>

namespace ivory {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsNan;

constexpr const char* kFlowers =
    "size,colour,day,kind\n"
    "1.5,red,1,rose\n"
    "2.5,blue,2,iris\n"
    ",red,3,rose\n"
    "4.5,NA,4,tulip\n"
    "5.5,green,5,iris\n"
    "6.5,red,6,rose\n";

class CsvDataTest : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) {
    write_file(folder_.path() / name, text);
    return folder_.path() / name;
  }
  static std::shared_ptr<CsvData> make(CsvDataOptions options) {
    auto data = std::make_shared<CsvData>(std::move(options));
    data->on_created();
    return data;
  }
  static Error error_of(const CsvDataOptions& options) {
    try {
      make(options);
    } catch (const Error& error) {
      EXPECT_EQ(2, error.exit_status());
      return error;
    }
    ADD_FAILURE() << "no error";
    return {ErrorCode::kInternal, ""};
  }
  TemporaryFolder folder_;
  std::filesystem::path flowers_ = write("flowers.csv", kFlowers);
};

TEST_F(CsvDataTest, EncodesNumbersCategoriesAndClasses) {
  const auto data = make({.path = flowers_, .target = {"kind"}, .folds = {.n_splits = 2}});
  EXPECT_THAT(data->input_columns(), ElementsAre("size", "colour", "day"));
  EXPECT_EQ((Shape{6, 3}), data->input.shape());
  EXPECT_THAT(data->input.slice(0, 4).view<float>(),
              ElementsAre(1.5, 2, 1, 2.5, 0, 2, IsNan(), 2, 3, 4.5, IsNan(), 4));
  EXPECT_THAT(data->classes(), ElementsAre("iris", "rose", "tulip"));
  EXPECT_EQ(Array::from(std::vector<std::int64_t>{1, 0, 1, 2, 0, 1}), data->target);
  EXPECT_EQ(Array::arange(6), data->index);
  EXPECT_THAT(data->folds(), ElementsAre(0, 1));
}

TEST_F(CsvDataTest, TakesTheColumnsItIsTold) {
  const auto some = make({.path = flowers_,
                          .target = {"day"},
                          .inputs = {"size", "colour"},
                          .folds = {.n_splits = 2},
                          .task = TargetTask::kRegression,
                          .scale = 0.5});
  EXPECT_THAT(some->input.slice(0, 2).view<float>(), ElementsAre(3, 2, 5, 0));
  EXPECT_THAT(some->target.view<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
  const auto others =
      make({.path = flowers_, .target = {"kind"}, .exclude = {"colour"}, .folds = {.n_splits = 2}});
  EXPECT_THAT(others->input_columns(), ElementsAre("size", "day"));
}

TEST_F(CsvDataTest, NumbersAreClassesWhenTheyCountFromZero) {
  const auto counts =
      make({.path = write("a.csv", "x,y\n1,1\n2,0\n3,2\n4,1\n"), .target = {"y"}, .folds = {.n_splits = 2}});
  EXPECT_EQ(Array::from(std::vector<std::int64_t>{1, 0, 2, 1}), counts->target);
  const auto gap = write("b.csv", "x,y\n1,10\n2,0\n3,2\n4,-1\n");
  EXPECT_EQ((Shape{4, 1}), make({.path = gap, .target = {"y"}, .folds = {.n_splits = 2}})->target.shape());
  const auto asked =
      make({.path = gap, .target = {"y"}, .folds = {.n_splits = 2}, .task = TargetTask::kClassification});
  EXPECT_THAT(asked->classes(), ElementsAre("-1", "0", "2", "10"));
  EXPECT_EQ(Array::from(std::vector<std::int64_t>{3, 1, 2, 0}), asked->target);
}

TEST_F(CsvDataTest, SeveralTargetsAreRealsOrLabels) {
  const auto labels = make({.path = write("a.csv", "x,a,b\n1,1,0\n2,0,0\n3,1,1\n4,0,1\n"),
                            .target = {"a", "b"},
                            .folds = {.split = Split::kStratified, .n_splits = 2}});
  EXPECT_EQ(Array::from(std::vector{1.0F, 0.0F, 0.0F, 0.0F, 1.0F, 1.0F, 0.0F, 1.0F}, {4, 2}), labels->target);
  EXPECT_THAT(labels->classes(), ElementsAre("a", "b"));
  const auto reals = make(
      {.path = write("b.csv", "x,a,b\n1,1,0.5\n2,0,3\n"), .target = {"b", "a"}, .folds = {.n_splits = 2}});
  EXPECT_EQ(Array::from(std::vector{0.5F, 1.0F, 3.0F, 0.0F}, {2, 2}), reals->target);
  EXPECT_TRUE(reals->classes().empty());
}

TEST_F(CsvDataTest, ATestFileFollowsTheTrainingFile) {
  const auto test = write("test.csv", "colour,extra,size,day\ngreen,q,9,7\npink,q,,8\n");
  const auto data = make({.path = flowers_, .target = {"kind"}, .test = test, .folds = {.n_splits = 2}});
  EXPECT_EQ(8, data->size());
  EXPECT_THAT(data->input.slice(6, 8).view<float>(),
              ElementsAre(9, 1, 7, IsNan(), IsNan(), 8));  // pink was never seen
  EXPECT_THAT(data->rows_of("test", 0), ElementsAre(6, 7));
  EXPECT_EQ(-1, data->target.view<std::int64_t>()[7]);
  const auto reals = make({.path = write("r.csv", "a,b\n1,0.5\n2,3\n"),
                           .target = {"b"},
                           .test = write("s.csv", "a,b\n3,\n4,7\n"),
                           .folds = {.n_splits = 2}});
  EXPECT_THAT(reals->target.view<float>(), ElementsAre(0.5, 3, IsNan(), 7));
}

TEST_F(CsvDataTest, ATestFileMustFit) {
  const auto with = [&](const std::string& text) {
    return error_of(
        {.path = flowers_, .target = {"kind"}, .test = write("t.csv", text), .folds = {.n_splits = 2}});
  };
  EXPECT_THAT(with("colour,size\nred,1\n").what(), HasSubstr("t.csv: there is no column 'day'"));
  EXPECT_THAT(with("colour,size,day\nred,1,monday\n").what(),
              HasSubstr("column 'day' is text, but was numbers"));
  EXPECT_THAT(with("colour,size,day,kind\nred,1,2,oak\n").what(),
              HasSubstr("t.csv:2: column 'kind': this class does not occur in the training file; it has "
                        "iris, rose, tulip"));
}

TEST_F(CsvDataTest, SplitsAsItIsTold) {
  std::string text = "x,g,y\n";
  for (int i = 0; i < 60; ++i)
    text += std::to_string(i) + ",g" + std::to_string(i % 7) + "," + std::to_string(i % 3) + "\n";
  const auto path = write("a.csv", text);
  const auto stratified =
      make({.path = path, .target = {"y"}, .folds = {.split = Split::kStratified, .n_splits = 5}});
  std::map<std::pair<std::int64_t, std::int64_t>, int> counts;
  for (std::size_t i = 0; i < 60; ++i)
    ++counts[{stratified->fold.view<std::int64_t>()[i], stratified->target.view<std::int64_t>()[i]}];
  EXPECT_EQ(15U, counts.size());
  for (const auto& [key, count] : counts) EXPECT_EQ(4, count);

  const auto grouped =
      make({.path = path, .target = {"y"}, .group = "g", .folds = {.split = Split::kGroup, .n_splits = 3}});
  EXPECT_THAT(grouped->input_columns(), ElementsAre("x"));
  for (std::size_t i = 7; i < 60; ++i)
    EXPECT_EQ(grouped->fold.view<std::int64_t>()[i - 7], grouped->fold.view<std::int64_t>()[i]);

  const auto series = make({.path = path,
                            .target = {"y"},
                            .inputs = {"x"},
                            .folds = {.split = Split::kTimeSeries, .n_splits = 3, .test_fraction = 0.2}});
  EXPECT_TRUE(series->time_series);
  EXPECT_THAT(series->folds(), ElementsAre(1, 2, 3));
  EXPECT_EQ(12U, series->rows_of("test", 1).size());
  EXPECT_THAT(error_of({.path = path, .target = {"y"}, .folds = {.split = Split::kGroup}}).argument(),
              "group");
}

TEST_F(CsvDataTest, StandardizesByTheTrainingPartOfTheFold) {
  const auto path = write("a.csv", "c,x,y\nb,0,0\na,2,1\nb,10,0\na,20,1\n");
  const auto data = make({.path = path,
                          .target = {"y"},
                          .folds = {.n_splits = 2, .shuffle = false},
                          .standardize = true,
                          .scale = 2});
  EXPECT_THAT(data->input.view<float>(), ElementsAre(1, 0, 0, 1, 1, 5, 0, 10));
  const Datasets fold0(data, nullptr, 0);  // trained on rows 2 and 3: mean 7.5, deviation 2.5
  EXPECT_THAT(fold0.train()->all().input.view<float>(), ElementsAre(1, -1, 0, 1));
  EXPECT_THAT(fold0.val()->all().input.view<float>(), ElementsAre(1, -3, 0, -2.6F));
  const Datasets fold1(data, nullptr, 1);
  EXPECT_THAT(fold1.train()->all().input.view<float>(), ElementsAre(1, -1, 0, 1));
}

TEST_F(CsvDataTest, WhatIsFittedPreparesAnotherFileAlone) {
  const auto data = make({.path = flowers_,
                          .target = {"kind"},
                          .folds = {.n_splits = 2},
                          .standardize = true,
                          .scale = 3,
                          .shape = {1, 3}});
  const Datasets sets(data, nullptr, 1);
  // Through text, as a run keeps it.
  const Params fitted = Params::from_json(sets.fitted().to_json());
  const Array again = read_csv_inputs(flowers_, fitted);
  EXPECT_EQ((Shape{6, 1, 3}), again.shape());
  EXPECT_EQ(data->prepared(1)->input, again);
  const auto fresh = read_csv_inputs(write("new.csv", "day,colour,size\n1,violet,1.5\n1,red,1.5\n"), fitted);
  EXPECT_THAT(fresh.view<float>()[1], IsNan());
  EXPECT_EQ(again.slice(0, 1), fresh.slice(1, 2));
  EXPECT_THROW(static_cast<void>(read_csv_inputs(write("bad.csv", "day,colour\n1,red\n"), fitted)), Error);
}

TEST_F(CsvDataTest, CanNameSamplesAndShapeThem) {
  const auto data = make({.path = write("a.csv", "id,a,b,y\n7,1,2,0\n5,3,4,1\n"),
                          .target = {"y"},
                          .index = "id",
                          .folds = {.n_splits = 2},
                          .shape = {2, 1}});
  EXPECT_THAT(data->index.view<std::int64_t>(), ElementsAre(7, 5));
  EXPECT_EQ((Shape{2, 2, 1}), data->input.shape());
  EXPECT_THAT(error_of({.path = write("b.csv", "id,a,y\n7.5,1,0\n5,3,1\n"),
                        .target = {"y"},
                        .index = "id",
                        .folds = {.n_splits = 2}})
                  .argument(),
              "index");
  const Error shape = error_of({.path = flowers_, .target = {"kind"}, .shape = {2, 2}});
  EXPECT_EQ("shape", shape.argument());
  EXPECT_THAT(shape.what(), HasSubstr("3 input columns, which do not fill the shape [2, 2]"));
}

TEST_F(CsvDataTest, SaysWhereAndWhatIsWrong) {
  const auto with = [&](const std::string& text, TargetTask task = TargetTask::kAuto) {
    return std::string(
        error_of({.path = write("w.csv", text), .target = {"y"}, .folds = {.n_splits = 2}, .task = task})
            .what());
  };
  EXPECT_THAT(with("x,y\n1,2\n3,\n"), HasSubstr("w.csv:3: column 'y': the target is missing"));
  EXPECT_THAT(with("x,y\n1,a\n3,\n"), HasSubstr("w.csv:3: column 'y': the target is missing"));
  EXPECT_THAT(with("x,y\n1,2\n3\n"), HasSubstr("w.csv:3: column 'y': the row has 1 fields"));
  EXPECT_THAT(with("x,y\n1,2\nz,3\n"), HasSubstr("w.csv:3: column 'x': \"z\" is not a number"));
  EXPECT_THAT(with("x,y\n1,a\n3,b\n", TargetTask::kRegression),
              HasSubstr("w.csv:2: column 'y': the target is text"));
  EXPECT_THAT(with("x,y\n1,1\n3,0.5\n", TargetTask::kClassification),
              HasSubstr("w.csv:3: column 'y': 0.500000 is not a class"));
  EXPECT_THAT(with("y\n1\n2\n"), HasSubstr("no columns that could be inputs"));
  EXPECT_THAT(error_of({.path = flowers_, .target = {"kin"}}).what(),
              HasSubstr("there is no column 'kin'; did you mean 'kind'?"));
  EXPECT_EQ("target", error_of({.path = flowers_}).argument());
  EXPECT_EQ("inputs", error_of({.path = flowers_, .target = {"kind"}, .inputs = {"kind"}}).argument());
  EXPECT_EQ("scale", error_of({.path = flowers_, .target = {"kind"}, .scale = 0}).argument());
  EXPECT_EQ(ErrorCode::kNotFound, error_of({.path = folder_.path() / "absent.csv", .target = {"y"}}).code());
  EXPECT_THROW(static_cast<void>(parse_task("clasification")), Error);
}

class NpyDataTest : public testing::Test {
 protected:
  static std::shared_ptr<NpyData> make(NpyDataOptions options) {
    auto data = std::make_shared<NpyData>(std::move(options));
    data->on_created();
    return data;
  }
  std::string save(const std::string& name, const Array& array) {
    write_npy(folder_.path() / name, array);
    return (folder_.path() / name).string();
  }
  TemporaryFolder folder_;
  Array input_ = Array::arange(40).astype(Dtype::kUint8).reshape({10, 2, 2});
  Array target_ = Array::from(std::vector<std::int64_t>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1});
};

TEST_F(NpyDataTest, ReadsFilesAndKeepsTheirTypes) {
  const auto data = make({.input = save("x.npy", input_),
                          .target = save("y.npy", target_),
                          .folds = {.split = Split::kStratified}});
  EXPECT_EQ(input_, data->input);
  EXPECT_EQ(target_, data->target);
  EXPECT_THAT(data->folds(), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_TRUE(Datasets(data).fitted().is_null());
}

TEST_F(NpyDataTest, ReadsAnArchiveWithFoldsAndIndexes) {
  const std::vector<NamedArray> arrays{
      {"images", input_},
      {"target", target_},
      {"fold", target_.astype(Dtype::kInt8)},
      {"index", Array::from(std::vector<std::int32_t>{9, 8, 7, 6, 5, 4, 3, 2, 1, 0})}};
  write_npz(folder_.path() / "a.npz", arrays, true);
  const auto data = make({.path = folder_.path() / "a.npz", .input = "images"});
  EXPECT_EQ(target_, data->fold);
  EXPECT_EQ(9, data->index.view<std::int64_t>()[0]);
  try {
    make({.path = folder_.path() / "a.npz", .input = "image"});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ("input", error.argument());
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'images'"));
  }
}

TEST_F(NpyDataTest, ScalesAndStandardizesByFold) {
  const auto x = save("x.npy", input_);
  const auto y = save("y.npy", target_);
  const auto scaled = make({.input = x, .target = y, .scale = 10});
  EXPECT_EQ(Dtype::kFloat32, scaled->prepared(0)->input.dtype());
  EXPECT_FLOAT_EQ(3.9F, scaled->prepared(0)->input.view<float>()[39]);
  const auto data = make({.input = x, .target = y, .standardize = true});
  const Datasets sets(data, nullptr, 2);
  const Batch train = sets.train()->all();
  for (std::size_t column = 0; column < 4; ++column) {
    double sum = 0, squares = 0;
    for (std::size_t row = 0; row < 8; ++row) {
      const double value = train.input.view<float>()[row * 4 + column];
      sum += value;
      squares += value * value;
    }
    EXPECT_NEAR(0, sum, 1e-5);
    EXPECT_NEAR(8, squares, 1e-4);
  }
}

TEST_F(NpyDataTest, RefusesFilesThatDoNotFit) {
  const auto short_target = save("y.npy", target_.slice(0, 9));
  EXPECT_THROW(make({.input = save("x.npy", input_), .target = short_target}), Error);
  EXPECT_THROW(make({.input = save("x.npy", input_)}), Error);
  EXPECT_THROW(make({.input = "absent.npy", .target = "absent.npy"}), Error);
}

}  // namespace
}  // namespace ivory
