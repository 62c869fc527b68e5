// What is tuned, by functions and by ranges.
#include <ivory/experiment/objective.h>

#include <gmock/gmock.h>

#include <ivory/tuning/fixed_trial.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using tuning::Distribution;

// What the ranges suggest, by name.
std::vector<std::pair<std::string, Distribution>> distributions_of(const Ranges& ranges) {
  tuning::Study study = tuning::create_study({.sampler = tuning::make_random_sampler({.seed = 1})});
  const auto trial = study.ask();
  Objective::make_suggest(ranges)(*trial);
  return trial->distributions();
}

Distribution distribution_of(const ParamRange& range) {
  return distributions_of(Ranges{{"x", range}}).at(0).second;
}

TEST(Objective, ARangeBetweenWholeNumbersSuggestsWholeNumbers) {
  EXPECT_EQ(distribution_of(Range(1, 8)), Distribution::ints(1, 8));
  EXPECT_EQ(distribution_of(Range(2, 10, 2)), Distribution::ints(2, 10, {.step = 2}));
  EXPECT_EQ(distribution_of(Range(1, 64, 1, 0, true)), Distribution::ints(1, 64, {.log = true}));
  EXPECT_EQ(distribution_of(Range(0, 10, 1, 3)), Distribution::categorical({0, 5, 10}));
}

TEST(Objective, ARangeOfRealsIsAnInterval) {
  EXPECT_EQ(distribution_of(Range(0.0, 0.5)), Distribution::floats(0, 0.5));
  EXPECT_EQ(distribution_of(Range(1e-5, 1e-1, 1, 0, true)), Distribution::floats(1e-5, 1e-1, {.log = true}));
  EXPECT_EQ(distribution_of(Range(0.0, 0.5, 0.25)), Distribution::floats(0, 0.5, {.step = 0.25}));
  EXPECT_EQ(distribution_of(Range(0.0, 0.5, 1, 5)), Distribution::floats(0, 0.5, {.step = 0.125}));
  EXPECT_EQ(distribution_of(Range(0.01, 1.0, 1, 3, true)).choices().size(), 3U);
}

TEST(Objective, APairIsAnIntervalAndAListAChoice) {
  EXPECT_EQ(distribution_of(std::pair(0.0, 1.0)), Distribution::floats(0, 1));
  EXPECT_EQ(distribution_of(std::pair(1, 3)), Distribution::ints(1, 3));
  EXPECT_EQ(distribution_of({"sgd", "adam"}), Distribution::categorical({"sgd", "adam"}));
}

TEST(Objective, TakesSeveralParametersAtOnce) {
  Ranges ranges;
  ranges.add({"lr", "momentum"}, {std::pair(0.01, 0.1), {0.9, 0.99}});
  ranges.add({"epochs", 5});
  const auto found = distributions_of(ranges);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].first, "lr");
  EXPECT_EQ(found[1].second, Distribution::categorical({0.9, 0.99}));
  EXPECT_EQ(Objective::name_of(ranges), "lr.momentum");
  EXPECT_THAT(message_of([&] { ranges.add({"a", "b"}, {std::pair(0, 1)}); }), HasSubstr("a, b"));
}

TEST(Objective, SaysWhichRangeCannotBeTuned) {
  const auto told = [](const Ranges& ranges) {
    return message_of([&] { static_cast<void>(Objective::make_suggest(ranges)); });
  };
  EXPECT_THAT(told({{"lr", Range(1, 8, 2, 0, true)}}), HasSubstr("'lr' cannot be tuned"));
  EXPECT_THAT(told({{"sizes", {{1, 2}, {3}}}}), HasSubstr("'sizes' cannot be tuned"));
  EXPECT_THAT(told({{"lr", {0.1, 0.2}}, {"lr", {0.1, 0.2}}}), HasSubstr("given twice"));
}

TEST(Objective, FindsFunctionsByName) {
  Objective objective{{"lr", [](tuning::Trial& trial) { trial.suggest_float("lr", 0, 1); }}};
  objective.add("both", Ranges{{"lr", std::pair(0.0, 1.0)}, {"depth", std::pair(1, 3)}});
  EXPECT_THAT(objective.names(), ElementsAre("lr", "both"));
  tuning::FixedTrial trial({{"lr", 0.5}, {"depth", 2}});
  objective.get("both")(trial);
  EXPECT_THAT(trial.params().keys(), ElementsAre("lr", "depth"));
  EXPECT_THAT(message_of([&] { static_cast<void>(objective.get("boht")); }),
              HasSubstr("did you mean 'both'"));
  EXPECT_THAT(message_of([] { static_cast<void>(Objective().get("lr")); }),
              HasSubstr("nothing is declared under `objective`"));
}

}  // namespace
}  // namespace ivory
