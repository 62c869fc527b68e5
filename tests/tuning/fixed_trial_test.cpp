#include <ivory/tuning/fixed_trial.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/error.h>

namespace ivory::tuning {
namespace {

double objective(Trial& trial) {
  const double x = trial.suggest_float("lr", 1e-5, 1, {.log = true});
  const auto n = trial.suggest_int("n", 1, 16, {.log = true});
  const Params optimizer = trial.suggest_categorical("optimizer", {"adam", "sgd"});
  const Params dropout = trial.suggest_categorical("dropout", {nullptr, 0.5, true, 3});
  for (int step = 0; step < 3; ++step) {
    trial.report(x, step);
    if (trial.should_prune()) throw TrialPruned();
  }
  trial.set_user_attr("seen", {{"n", n}});
  trial.set_constraint("size", static_cast<double>(n) - 8);
  return x * static_cast<double>(n) * (optimizer.as_string() == "adam" ? 1 : 2) *
         (dropout.is_null() ? 1 : 10);
}

TEST(FixedTrial, GivesWhatItWasMadeWith) {
  FixedTrial trial({{"lr", 0.5}, {"n", 4}, {"optimizer", "sgd"}, {"dropout", nullptr}}, 7);
  EXPECT_EQ(objective(trial), 4);
  EXPECT_EQ(trial.number(), 7);
  EXPECT_EQ(trial.params(), Params({{"lr", 0.5}, {"n", 4}, {"optimizer", "sgd"}, {"dropout", nullptr}}));
  EXPECT_EQ(trial.user_attrs(), Params({{"seen", {{"n", 4}}}}));
  EXPECT_EQ(trial.system_attrs(), Params({{"constraints:size", -4.0}}));
  EXPECT_EQ(trial.intermediate_values().size(), 3U);
  EXPECT_EQ(trial.distributions().at(1).second, Distribution::ints(1, 16, {.log = true}));
}

TEST(FixedTrial, NamesTheParameterThatIsMissing) {
  FixedTrial trial({{"lr", 0.5}, {"m", 4}});
  try {
    objective(trial);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_THAT(error.what(), testing::HasSubstr("no parameter 'n'"));
  }
}

TEST(FixedTrial, RefusesAValueOfAnotherKind) {
  FixedTrial trial({{"n", "many"}, {"c", "x"}});
  EXPECT_THROW(trial.suggest_int("n", 1, 2), Error);
  EXPECT_THROW(trial.suggest_categorical("c", {"a", "b"}), Error);
  EXPECT_THROW(FixedTrial(Params::list({1})), Error);
}

TEST(FixedTrial, RefusesAParameterThatChangesItsKind) {
  FixedTrial trial({{"n", 3}});
  EXPECT_EQ(trial.suggest_int("n", 1, 5), 3);
  EXPECT_EQ(trial.suggest_int("n", 1, 10), 3);
  EXPECT_THROW(trial.suggest_float("n", 1, 5), Error);
  EXPECT_THROW(trial.report(1, -1), Error);
}

}  // namespace
}  // namespace ivory::tuning
