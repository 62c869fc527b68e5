#include <ivory/tuning/distributions.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.h"

namespace ivory::tuning {
namespace {
using testing::HasSubstr;

TEST(Distribution, WritesOptunasJson) {
  EXPECT_EQ(
      Distribution::floats(-5, 5).to_json(),
      R"({"name": "FloatDistribution", "attributes": {"step": null, "low": -5.0, "high": 5.0, "log": false}})");
  EXPECT_EQ(
      Distribution::floats(1e-5, 1e16, {.log = true}).to_json(),
      R"({"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1e+16, "log": true}})");
  EXPECT_EQ(
      Distribution::ints(0, 100, {.step = 10}).to_json(),
      R"({"name": "IntDistribution", "attributes": {"log": false, "step": 10, "low": 0, "high": 100}})");
  EXPECT_EQ(
      Distribution::categorical({nullptr, true, "naïve \"q\" \\ 日本", 3, 0.5}).to_json(),
      R"({"name": "CategoricalDistribution", "attributes": {"choices": [null, true, "na\u00efve \"q\" \\ \u65e5\u672c", 3, 0.5]}})");
}

TEST(Distribution, ReadsBackWhatItWrites) {
  for (const auto& distribution :
       {Distribution::floats(-1.5, 2), Distribution::floats(0.1, 0.9, {.step = 0.2}),
        Distribution::floats(1e-7, 1, {.log = true}), Distribution::ints(-3, 12),
        Distribution::ints(0, 100, {.step = 10}), Distribution::ints(1, 1024, {.log = true}),
        Distribution::categorical({"a", 1, 2.5, false, nullptr})})
    EXPECT_EQ(Distribution::from_json(distribution.to_json()), distribution) << distribution.to_json();
}

TEST(Distribution, ReadsOlderNamesAndTheShortForm) {
  EXPECT_EQ(Distribution::from_json(R"({"name":"UniformDistribution","attributes":{"high":1.0,"low":0.0}})"),
            Distribution::floats(0, 1));
  EXPECT_EQ(
      Distribution::from_json(R"({"name":"LogUniformDistribution","attributes":{"low":0.1,"high":1.0}})"),
      Distribution::floats(0.1, 1, {.log = true}));
  EXPECT_EQ(Distribution::from_json(
                R"({"name":"DiscreteUniformDistribution","attributes":{"low":0,"high":1,"q":0.25}})"),
            Distribution::floats(0, 1, {.step = 0.25}));
  EXPECT_EQ(Distribution::from_json(
                R"({"name":"IntUniformDistribution","attributes":{"low":0,"high":8,"step":2}})"),
            Distribution::ints(0, 8, {.step = 2}));
  EXPECT_EQ(
      Distribution::from_json(R"({"name":"IntLogUniformDistribution","attributes":{"low":1,"high":8}})"),
      Distribution::ints(1, 8, {.log = true}));
  EXPECT_EQ(Distribution::from_json(R"({"type":"int","low":1,"high":8})"), Distribution::ints(1, 8));
  EXPECT_EQ(Distribution::from_json(R"({"type":"categorical","choices":["a"]})"),
            Distribution::categorical({"a"}));
}

TEST(Distribution, RefusesBrokenJsonSayingWhere) {
  EXPECT_THAT(message_of([] { (void)Distribution::from_json(R"({"name": "FloatDistribution")"); }),
              HasSubstr("byte 28"));
  EXPECT_THAT(message_of([] {
                (void)Distribution::from_json(R"({"name": "FloatDistribution", "attributes": {"low": 0}})");
              }),
              HasSubstr("'high'"));
  EXPECT_THAT(
      message_of([] { (void)Distribution::from_json(R"({"name": "FloatDistribucion", "attributes": {}})"); }),
      HasSubstr("did you mean 'FloatDistribution'"));
  EXPECT_THAT(message_of([] { (void)Distribution::from_json("[1]"); }), HasSubstr("JSON object"));
}

TEST(Distribution, RefusesWhatMakesNoSense) {
  EXPECT_THAT(message_of([] { (void)Distribution::floats(1, 0); }),
              HasSubstr("low <= high; got low=1.0 and high=0.0"));
  EXPECT_THAT(message_of([] { (void)Distribution::floats(0, 1, {.log = true}); }), HasSubstr("low > 0"));
  EXPECT_THAT(message_of([] { (void)Distribution::floats(1, 2, {.step = 0.1, .log = true}); }),
              HasSubstr("no step"));
  EXPECT_THAT(message_of([] { (void)Distribution::floats(1, 2, {.step = 0}); }), HasSubstr("step > 0"));
  EXPECT_THAT(message_of([] { (void)Distribution::floats(0, HUGE_VAL); }), HasSubstr("finite"));
  EXPECT_THAT(message_of([] { (void)Distribution::ints(3, 2); }), HasSubstr("low=3 and high=2"));
  EXPECT_THAT(message_of([] { (void)Distribution::ints(0, 2, {.log = true}); }), HasSubstr("low >= 1"));
  EXPECT_THAT(message_of([] { (void)Distribution::ints(1, 9, {.step = 2, .log = true}); }),
              HasSubstr("step=1"));
  EXPECT_THAT(message_of([] { (void)Distribution::categorical({}); }), HasSubstr("at least one choice"));
  EXPECT_THAT(message_of([] { (void)Distribution::categorical({"a", "b", "a"}); }), HasSubstr("given twice"));
}

TEST(Distribution, LowersHighToTheLastValueThatStepsReach) {
  const Quiet quiet;
  EXPECT_EQ(Distribution::floats(0, 1, {.step = 0.3}).high(), 0.9);
  EXPECT_EQ(Distribution::floats(0, 1, {.step = 0.1}).high(), 1.0);  // 1.0 % 0.1 is not 0 in doubles
  EXPECT_EQ(Distribution::floats(-0.7, 0.65, {.step = 0.1}).high(), 0.6);
  EXPECT_EQ(Distribution::floats(1e-20, 1, {.step = 0.25}).high(), 1e-20 + 0.75);
  EXPECT_EQ(Distribution::ints(1, 10, {.step = 4}).high(), 9);
}

TEST(Distribution, ConvertsBetweenInternalAndExternalValues) {
  const auto choices = Distribution::categorical({nullptr, true, 1, "1", 2.5});
  EXPECT_EQ(choices.to_internal(true), 1);
  EXPECT_EQ(choices.to_internal(1), 2);
  EXPECT_EQ(choices.to_internal(1.0), 2);
  EXPECT_EQ(choices.to_internal("1"), 3);
  EXPECT_EQ(choices.to_external(0), Params());
  EXPECT_THAT(message_of([&] { (void)choices.to_internal("2"); }), HasSubstr("2"));
  const auto ints = Distribution::ints(0, 10, {.step = 2});
  EXPECT_EQ(ints.to_external(4), Params(4));
  EXPECT_TRUE(ints.contains(4));
  EXPECT_FALSE(ints.contains(5));
  EXPECT_FALSE(ints.contains(12));
  EXPECT_THAT(message_of([&] { (void)ints.to_internal(2.5); }), HasSubstr("expected an integer"));
  EXPECT_THAT(message_of([&] { (void)ints.to_internal("4"); }), HasSubstr("expected a number"));
}

TEST(Distribution, KnowsSingleValues) {
  EXPECT_TRUE(Distribution::floats(2, 2).is_single());
  EXPECT_FALSE(Distribution::floats(2, 3).is_single());
  EXPECT_TRUE(Distribution::ints(2, 2, {.step = 3}).is_single());
  EXPECT_TRUE(Distribution::categorical({"a"}).is_single());
}

TEST(Distribution, KeepsKindLogAndChoicesWithinAStudy) {
  check_compatible("x", Distribution::floats(0, 1), Distribution::floats(-2, 3, {.step = 0.5}));
  EXPECT_THAT(message_of([] { check_compatible("x", Distribution::floats(0, 1), Distribution::ints(0, 1)); }),
              HasSubstr("kind"));
  EXPECT_THAT(message_of([] {
                check_compatible("x", Distribution::floats(1, 2), Distribution::floats(1, 2, {.log = true}));
              }),
              HasSubstr("log"));
  EXPECT_THAT(message_of([] {
                check_compatible("x", Distribution::categorical({1, 2}), Distribution::categorical({2, 1}));
              }),
              HasSubstr("choices"));
}

}  // namespace
}  // namespace ivory::tuning
