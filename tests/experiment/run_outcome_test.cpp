#include <limits>

#include <gtest/gtest.h>

#include <ivory/base/error.h>
#include <ivory/experiment/run_outcome.h>

namespace ivory {
namespace {

RunOutcome full_outcome() {
  RunOutcome outcome;
  outcome.id = "0123";
  outcome.name = "run#3";
  outcome.status = "KILLED";
  outcome.error = "a \"message\"\nof two lines";
  outcome.update = {{"lr", 1e-3}, {"fold", 2}, {"whole", 1.0}, {"name", "x"}};
  outcome.metrics = {{"val_loss", 0.1}, {"loss", std::numeric_limits<double>::infinity()}};
  outcome.epochs = 5;
  outcome.monitor = "accuracy";
  outcome.maximize = true;
  outcome.best_score = 0.1 + 0.2;
  outcome.best_epoch = 4;
  outcome.test = {{"test_loss", 5e-324}};
  outcome.seconds = 0.25;
  return outcome;
}

TEST(RunOutcome, IsTheSameAfterJson) {
  for (const RunOutcome& outcome : {full_outcome(), RunOutcome{}})
    EXPECT_EQ(RunOutcome::from_params(Params::from_json(outcome.to_params().to_json())), outcome);
}

TEST(RunOutcome, KeepsANaN) {
  RunOutcome outcome = full_outcome();
  outcome.metrics = {{"loss", std::numeric_limits<double>::quiet_NaN()}};
  const RunOutcome read = RunOutcome::from_params(Params::from_json(outcome.to_params().to_json()));
  ASSERT_EQ(read.metrics.size(), 1U);
  EXPECT_NE(read.metrics.front().second, read.metrics.front().second);
}

TEST(RunOutcome, HasNoBestAsLongAsNoEpochHadAScore) {
  EXPECT_FALSE(RunOutcome{}.to_params().contains("best"));
  EXPECT_FALSE(RunOutcome{}.to_params().contains("test"));
}

TEST(RunOutcome, RefusesWhatIsNone) {
  EXPECT_THROW(static_cast<void>(RunOutcome::from_params(Params{{"id", 3}})), Error);
  EXPECT_THROW(static_cast<void>(RunOutcome::from_params(Params("x"))), Error);
}

}  // namespace
}  // namespace ivory
