#include <gtest/gtest.h>

#include <ivory/base/error.h>

namespace ivory {
namespace {

const std::vector<std::string> kNames = {"lr", "momentum", "patience", "hidden_sizes", "torch.optim.SGD"};

TEST(NearestName, FindsASlip) {
  EXPECT_EQ("patience", nearest_name("patiense", kNames));
  EXPECT_EQ("hidden_sizes", nearest_name("hiden_size", kNames));
  EXPECT_EQ("lr", nearest_name("l", kNames));
}

TEST(NearestName, CountsASwapAsOneEdit) { EXPECT_EQ("lr", nearest_name("rl", kNames)); }

TEST(NearestName, IgnoresCase) { EXPECT_EQ("momentum", nearest_name("MOMENTUM", kNames)); }

TEST(NearestName, FindsNothingForAnotherWord) {
  EXPECT_EQ("", nearest_name("dropout", kNames));
  EXPECT_EQ("", nearest_name("x", std::vector<std::string>{"y"}));
  EXPECT_EQ("", nearest_name("", kNames));
}

TEST(NearestName, ComparesTheLastComponent) {
  EXPECT_EQ("torch.optim.SGD", nearest_name("torch.optm.SGD", kNames));
  EXPECT_EQ("torch.optim.SGD", nearest_name("optim.sgd", kNames));
}

TEST(NearestName, DoesNotExcuseAnotherWordByALongPrefix) {
  EXPECT_EQ("", nearest_name("torch.optim.Foo", kNames));
}

TEST(NearestName, PrefersTheNearest) {
  const std::vector<std::string> names = {"val_auc", "val_loss", "loss"};
  EXPECT_EQ("val_loss", nearest_name("val_los", names));
}

TEST(DidYouMean, NamesTheNearestElseAFewElseNothing) {
  EXPECT_EQ("; did you mean 'lr'?", did_you_mean("rl", kNames));
  EXPECT_EQ("; expected one of a, b", did_you_mean("word", std::vector<std::string>{"a", "b"}));
  EXPECT_EQ("; expected a", did_you_mean("word", std::vector<std::string>{"a"}));
  EXPECT_EQ("", did_you_mean("word", std::vector<std::string>{"a", "b"}, 1));
  EXPECT_EQ("", did_you_mean("word", {}));
}

TEST(Error, KnowsItsExitStatusAndArgument) {
  EXPECT_EQ(2, Error(ErrorCode::kInvalidArgument, "m").exit_status());
  EXPECT_EQ(2, Error(ErrorCode::kNotFound, "m").exit_status());
  EXPECT_EQ(1, Error(ErrorCode::kIo, "m").exit_status());
  const Error error(ErrorCode::kInvalidArgument, "lr", "must be positive");
  EXPECT_EQ("lr", error.argument());
  EXPECT_STREQ("must be positive", error.what());
}

}  // namespace
}  // namespace ivory
