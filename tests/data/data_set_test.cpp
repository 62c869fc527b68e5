// Data, Dataset and Datasets.
#include <gmock/gmock.h>
#include <ivory/base/error.h>
#include <ivory/data/datasets.h>
#include <ivory/data/folds.h>
#include <ivory/data/standardize.h>

#include <cmath>
#include <limits>

namespace ivory {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Values = std::vector<std::int64_t>;

// Input of row i is (i, 10 i), target 100 i.
class Rows : public Data {
 public:
  explicit Rows(Values folds) : folds_(std::move(folds)) {}
  int inits = 0;
  bool standardized = false;
  Values indexes;
  std::vector<float> targets;

  Params fit(std::span<const std::int64_t> rows) const override {
    return standardized ? fit_standardize(input, rows) : Params();
  }
  Array prepare(const Array& inputs, const Params& fitted) const override {
    return fitted.is_null() ? inputs : standardize(inputs, fitted);
  }

 protected:
  void init() override {
    ++inits;
    const auto n = static_cast<std::int64_t>(folds_.size());
    std::vector<float> values;
    for (std::int64_t i = 0; i < n; ++i) {
      values.push_back(static_cast<float>(i));
      values.push_back(static_cast<float>(10 * i));
    }
    if (targets.empty())
      for (std::int64_t i = 0; i < n; ++i) targets.push_back(static_cast<float>(100 * i));
    input = Array::from(values, {n, 2});
    target = Array::from(targets, {static_cast<std::int64_t>(targets.size()), 1});
    fold = Array::from(folds_);
    if (!indexes.empty()) index = Array::from(indexes);
  }

 private:
  Values folds_;
};

template <class F>
Error error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(ErrorCode::kInvalidArgument, error.code());
    return error;
  }
  ADD_FAILURE() << "no error";
  return {ErrorCode::kInternal, ""};
}

TEST(Data, IsFilledOnceAndNumbersItsRows) {
  Rows data({0, 1, 0, -1});
  data.on_created();
  data.on_created();
  EXPECT_EQ(1, data.inits);
  EXPECT_EQ(Array::arange(4), data.index);
  const Batch batch = data.get(Values{2, 1});
  EXPECT_THAT(batch.index.view<std::int64_t>(), ElementsAre(2, 1));
  EXPECT_THAT(batch.input.view<float>(), ElementsAre(2, 20, 1, 10));
  EXPECT_THAT(batch.target.view<float>(), ElementsAre(200, 100));
}

TEST(Data, ItsPartsAreByFold) {
  Rows data({0, 1, 2, -1, 1});
  data.on_created();
  EXPECT_THAT(data.folds(), ElementsAre(0, 1, 2));
  EXPECT_THAT(data.rows_of("train", 1), ElementsAre(0, 2));
  EXPECT_THAT(data.rows_of("val", 1), ElementsAre(1, 4));
  EXPECT_THAT(data.rows_of("test", 1), ElementsAre(3));
}

TEST(Data, ATimeSeriesIsTrainedOnItsPastOnly) {
  Rows data({0, 0, 1, 2, 3, -1});
  data.time_series = true;
  data.on_created();
  EXPECT_THAT(data.folds(), ElementsAre(1, 2, 3));
  EXPECT_THAT(data.rows_of("train", 2), ElementsAre(0, 1, 2));
  EXPECT_THAT(data.rows_of("val", 2), ElementsAre(3));
  const Error error = error_of([&] { return data.rows_of("train", 0); });
  EXPECT_EQ("fold", error.argument());
  EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("nothing comes before it"), HasSubstr("folds 1, 2, 3")));
}

TEST(Data, AFoldThatIsNotThereNamesThoseThatAre) {
  Rows data({0, 1, 2});
  data.on_created();
  for (const int fold : {3, -1, 7}) {
    const Error error = error_of([&] { return data.rows_of("val", fold); });
    EXPECT_EQ("fold", error.argument());
    EXPECT_THAT(error.what(), HasSubstr("fold " + std::to_string(fold) +
                                        " does not exist; the data have the folds 0, 1, 2"));
  }
  EXPECT_THAT(error_of([&] { return data.rows_of("vali", 0); }).what(), HasSubstr("did you mean 'val'"));
  Rows one({0, 0});
  one.on_created();
  EXPECT_THAT(error_of([&] { return one.rows_of("train", 0); }).what(),
              HasSubstr("leaves nothing to train on"));
}

TEST(Data, WhoseSamplesAreAllTestSamplesHasNoOtherPartInAnyFold) {
  Rows data({-1, -1});
  data.on_created();
  EXPECT_TRUE(data.rows_of("train", 3).empty());
  EXPECT_TRUE(data.rows_of("val", 3).empty());
  EXPECT_EQ((std::vector<std::int64_t>{0, 1}), data.rows_of("test", 3));
}

TEST(Data, RefusesArraysThatDoNotFit) {
  Rows folds({0, 1, -2});
  EXPECT_THAT(error_of([&] { folds.on_created(); }).what(), HasSubstr("row 2 has the fold -2"));
  Rows targets({0, 1, 2});
  targets.targets = {1, 2};
  EXPECT_THAT(error_of([&] { targets.on_created(); }).what(),
              HasSubstr("3 rows of input, but `target` is float32 [2, 1]"));
  Rows missing({0, 1, -1});
  missing.targets = {1, std::nanf(""), std::nanf("")};
  EXPECT_THAT(error_of([&] { missing.on_created(); }).what(), HasSubstr("row 1 has no target"));
  Rows empty({});
  EXPECT_THAT(error_of([&] { empty.on_created(); }).what(), HasSubstr("no samples"));
}

TEST(Data, ATestSampleMayLackItsTarget) {
  Rows data({0, 1, -1});
  data.targets = {1, 2, std::nanf("")};
  EXPECT_NO_THROW(data.on_created());
}

TEST(Data, ASampleInTwoFoldsIsALeak) {
  Rows leak({0, 1, 0, 2});
  leak.indexes = {8, 5, 3, 8};
  EXPECT_THAT(error_of([&] { leak.on_created(); }).what(),
              HasSubstr("index 8 stands in row 0 (fold 0) and in row 3 (fold 2)"));
  Rows twice({0, 1, 0, -1});  // the same fold, and a test sample
  twice.indexes = {8, 5, 8, 5};
  EXPECT_NO_THROW(twice.on_created());
}

TEST(Dataset, GathersAndTransformsEachBatch) {
  auto data = std::make_shared<Rows>(Values{0, 1, 0, 1, -1});
  const Dataset train(data, "train", 1, [](const std::string& mode, const Array& input, const Array& target) {
    EXPECT_EQ("train", mode);
    return std::pair(input.reshape({-1, 1, 2}), target.astype(Dtype::kInt32));
  });
  EXPECT_EQ(2, train.size());
  EXPECT_THAT(train.rows(), ElementsAre(0, 2));
  const Batch batch = train.get(Values{1});
  EXPECT_THAT(batch.index.view<std::int64_t>(), ElementsAre(2));
  EXPECT_EQ((Shape{1, 1, 2}), batch.input.shape());
  EXPECT_THAT(batch.target.view<std::int32_t>(), ElementsAre(200));
  EXPECT_EQ(2, train.all().rows());
  EXPECT_THAT(error_of([&] { return train.get(Values{2}); }).what(), HasSubstr("sample 2"));
}

TEST(Dataset, RefusesATransformThatLosesRows) {
  const Dataset val(std::make_shared<Rows>(Values{0, 1, 1}), "val", 1,
                    [](const std::string&, const Array& input, const Array& target) {
                      return std::pair(input.slice(0, 1), target);
                    });
  EXPECT_EQ("transform", error_of([&] { return val.all(); }).argument());
}

TEST(Datasets, HoldTheThreePartsOfAFold) {
  const Datasets sets(std::make_shared<Rows>(Values{0, 1, 0, 1, -1}), nullptr, 1);
  EXPECT_THAT(sets.train()->rows(), ElementsAre(0, 2));
  EXPECT_THAT(sets.get("val")->rows(), ElementsAre(1, 3));
  EXPECT_THAT(sets.test()->rows(), ElementsAre(4));
  EXPECT_EQ("mode", error_of([&] { return sets.get("tset"); }).argument());
  EXPECT_EQ("fold", error_of([] { Datasets(std::make_shared<Rows>(Values{0, 1}), nullptr, 5); }).argument());
}

TEST(Datasets, WithoutTestSamplesTheTestPartIsEmpty) {
  const Datasets sets(std::make_shared<Rows>(Values{0, 1}));
  EXPECT_EQ(0, sets.test()->size());
  EXPECT_EQ((Shape{0, 2}), sets.test()->all().input.shape());
}

TEST(Datasets, MakeTheirPartsByTheFactory) {
  std::vector<std::string> modes;
  const DatasetFactory factory = [&](std::shared_ptr<Data> data, std::string mode, int fold) {
    modes.push_back(mode);
    // As a careless class might: the validation part is the training part.
    return std::make_shared<Dataset>(std::move(data), mode == "val" ? "train" : mode, fold);
  };
  EXPECT_THAT(
      error_of([&] { Datasets(std::make_shared<Rows>(Values{0, 1, 1}), factory, 0); }).what(),
      HasSubstr("the sample with index 1 is both in the training and in the validation part of fold 0"));
  EXPECT_THAT(modes, ElementsAre("train", "val", "test"));
}

TEST(Datasets, MakeTheTestPartOfOtherSamplesByTheSameFactory) {
  const DatasetFactory factory = [](std::shared_ptr<Data> data, std::string mode, int fold) {
    const Transform negative = [](const std::string& part, const Array& input, const Array& target) {
      return std::pair(part == "test" ? Array::zeros(input.dtype(), input.shape()) : input, target);
    };
    return std::make_shared<Dataset>(std::move(data), mode, fold, negative);
  };
  const Datasets sets(std::make_shared<Rows>(Values{0, 1, 1}), factory, 1);
  const auto other = sets.with_test(std::make_shared<Rows>(Values{-1, -1}));
  EXPECT_EQ(0, other->train()->size());
  EXPECT_EQ(0, other->val()->size());
  EXPECT_EQ(2, other->test()->size());
  EXPECT_EQ(1, other->fold());
  EXPECT_THAT(other->test()->all().input.view<float>(), testing::Each(0));
  EXPECT_THAT(error_of([&] { return sets.with_test(std::make_shared<Rows>(Values{-1, 0})); }).what(),
              HasSubstr("does not exist"));
  EXPECT_THAT(error_of([&] { return sets.with_test(std::make_shared<Rows>(Values{-1, 1, 0})); }).what(),
              HasSubstr("must all be test samples"));
}

TEST(Datasets, OfTestSamplesAloneAreRefused) {
  const Error error = error_of([] { Datasets(std::make_shared<Rows>(Values{-1, -1})); });
  EXPECT_EQ("fold", error.argument());
  EXPECT_THAT(error.what(), HasSubstr("leaves nothing to train on"));
}

TEST(Datasets, LearnFromTheTrainingPartOfTheirFoldAlone) {
  auto data = std::make_shared<Rows>(Values{0, 0, 1, 1, -1});
  data->standardized = true;
  const Datasets fold0(data, nullptr, 0);
  // Rows 2 and 3: mean 2.5 and 25, deviation 0.5 and 5.
  EXPECT_EQ(Params({{"mean", {2.5, 25.0}}, {"deviation", {0.5, 5.0}}}), fold0.fitted());
  EXPECT_THAT(fold0.train()->all().input.view<float>(), ElementsAre(-1, -1, 1, 1));
  EXPECT_THAT(fold0.val()->all().input.view<float>(), ElementsAre(-5, -5, -3, -3));
  EXPECT_THAT(fold0.test()->all().input.view<float>(), ElementsAre(3, 3));
  const Datasets fold1(data, nullptr, 1);
  EXPECT_EQ(0.5, fold1.fitted().at("mean").at(std::size_t{0}).as_real());
  // What an earlier fold holds stays, and new data can be prepared by it.
  EXPECT_THAT(fold0.test()->all().input.view<float>(), ElementsAre(3, 3));
  EXPECT_THAT(data->prepare(Array::from(std::vector{3.0F, 30.0F}, {1, 2}), fold0.fitted()).view<float>(),
              ElementsAre(1, 1));
}

TEST(Datasets, ThatLearnNothingShareTheDatasInput) {
  auto data = std::make_shared<Rows>(Values{0, 1});
  data->on_created();
  EXPECT_EQ(data->input.data(), data->prepared(0)->input.data());
}

TEST(Standardize, LeavesMissingValuesOutAndConstantsAtZero) {
  const float nan = std::nanf("");
  const Array input = Array::from(std::vector{1.0F, 7.0F, nan, nan, 7.0F, nan, 3.0F, 7.0F, nan}, {3, 3});
  const Params fitted = fit_standardize(input, Values{0, 1, 2});
  const Array out = standardize(input, fitted);
  EXPECT_THAT(out.view<float>(), ElementsAre(-1, 0, testing::IsNan(), testing::IsNan(), 0, testing::IsNan(),
                                             1, 0, testing::IsNan()));
  EXPECT_THAT(error_of([&] { return standardize(Array::zeros(Dtype::kFloat32, {1, 2}), fitted); }).what(),
              HasSubstr("2 numbers a sample"));
  EXPECT_THAT(error_of([&] { return fit_standardize(input, Values{}); }).what(), HasSubstr("no samples"));
  EXPECT_EQ(Dtype::kFloat64, standardize(input.astype(Dtype::kFloat64), fitted).dtype());
  EXPECT_EQ(Dtype::kFloat32, standardize(Array::zeros(Dtype::kUint8, {1, 3}), fitted).dtype());
}

}  // namespace
}  // namespace ivory
