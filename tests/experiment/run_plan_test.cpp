#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include <ivory/experiment/ranges.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;

std::vector<Params> all_arguments(const RunPlan& plan, const RunScores& scores = {}) {
  std::vector<Params> all;
  for (std::size_t i = 0; i < plan.size(); ++i) all.push_back(plan.arguments(i, scores));
  return all;
}

std::vector<Axis> random_axes(std::mt19937& generator) {
  std::vector<Axis> axes(generator() % 4);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    axes[i].name = "p" + std::to_string(i);
    axes[i].values.resize(1 + generator() % 3);
    for (std::size_t j = 0; j < axes[i].values.size(); ++j)
      axes[i].values[j] = static_cast<std::int64_t>(10 * i + j);
  }
  return axes;
}

// Nested loops, written out: the product by its definition.
void brute_force_product(const std::vector<Axis>& axes, std::size_t depth, Params& arguments,
                         std::vector<Params>& all) {
  if (depth == axes.size()) return all.push_back(arguments);
  for (const Params& value : axes[depth].values) {
    Params deeper = arguments;
    deeper.set(axes[depth].name, value);
    brute_force_product(axes, depth + 1, deeper, all);
  }
}

TEST(RunPlan, ProductVariesTheLastParameterFastest) {
  const RunPlan plan = RunPlan::product({{"a", {1, 2}}, {"b", {"x", "y"}}});
  EXPECT_THAT(all_arguments(plan), ElementsAre(Params{{"a", 1}, {"b", "x"}}, Params{{"a", 1}, {"b", "y"}},
                                               Params{{"a", 2}, {"b", "x"}}, Params{{"a", 2}, {"b", "y"}}));
}

TEST(RunPlan, ProductsAreThoseOfNestedLoops) {
  std::mt19937 generator(1);
  for (int round = 0; round < 200; ++round) {
    const std::vector<Axis> axes = random_axes(generator);
    const std::int64_t repeat = 1 + static_cast<std::int64_t>(generator() % 3);
    std::vector<Params> expected;
    for (std::int64_t r = 0; r < repeat; ++r) {
      Params arguments{{"fixed", 7}};
      if (repeat > 1) arguments.set("repeat", r);
      brute_force_product(axes, 0, arguments, expected);
    }
    const RunPlan plan = RunPlan::product(axes, repeat, Params{{"fixed", 7}});
    EXPECT_EQ(all_arguments(plan), expected);
    EXPECT_EQ(plan.stage_count(), 1u);
    EXPECT_EQ(plan.stage(0), (RunPlan::Stage{0, expected.size()}));
  }
}

// The value of an axis that scored best: compared with every other, the first where several are as good.
const Params* brute_force_best(const Axis& axis, const std::vector<double>& scores, bool maximize) {
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) continue;
    const bool best = std::ranges::all_of(scores, [&](double other) {
      return std::isnan(other) || (maximize ? scores[i] >= other : scores[i] <= other);
    });
    if (best) return &axis.values[i];
  }
  return nullptr;
}

// The chain by its definition: the runs one after the other, each with its score; some fail, some have none.
TEST(RunPlan, ChainsAreThoseOfALoopOverParameters) {
  std::mt19937 generator(2);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (int round = 0; round < 200; ++round) {
    const std::vector<Axis> axes = random_axes(generator);
    const bool use_best = generator() % 2 == 0;
    const bool maximize = generator() % 2 == 0;
    const RunPlan plan = RunPlan::chain(axes, use_best, Params{{"fixed", 7}});
    RunScores scores;
    std::size_t index = 0;
    Params base{{"fixed", 7}};
    for (const Axis& axis : axes) {
      std::vector<double> of_axis;
      for (const Params& value : axis.values) {
        Params expected = base;
        expected.set(axis.name, value);
        ASSERT_LT(index, plan.size());
        EXPECT_EQ(plan.arguments(index, scores), expected);
        const auto draw = generator() % 5;
        of_axis.push_back(draw < 2 ? nan : static_cast<double>(draw));
        if (draw != 0) scores[index] = {of_axis.back(), maximize};  // 0: the run failed
        ++index;
      }
      const Params* best = brute_force_best(axis, of_axis, maximize);
      if (use_best && best != nullptr) base.set(axis.name, *best);
    }
    EXPECT_EQ(index, plan.size());
  }
}

TEST(RunPlan, ChainTakesTheFirstOfEqualScores) {
  const RunPlan plan = RunPlan::chain({{"a", {1, 2, 3}}, {"b", {9}}});
  EXPECT_EQ(plan.arguments(3, {{0, {0.5, false}}, {1, {0.25, false}}, {2, {0.25, false}}}),
            (Params{{"a", 2}, {"b", 9}}));
  EXPECT_EQ(plan.arguments(3, {{0, {0.5, true}}, {1, {0.25, true}}}), (Params{{"a", 1}, {"b", 9}}));
  EXPECT_EQ(plan.arguments(3, {}), (Params{{"b", 9}})) << "nothing was scored: the default";
}

TEST(RunPlan, ChainHasAStageForEachParameter) {
  const RunPlan plan = RunPlan::chain({{"a", {1, 2, 3}}, {"b", {1, 2}}});
  ASSERT_EQ(plan.stage_count(), 2u);
  EXPECT_EQ(plan.stage(0), (RunPlan::Stage{0, 3}));
  EXPECT_EQ(plan.stage(1), (RunPlan::Stage{3, 5}));
  EXPECT_EQ(RunPlan::chain({}).size(), 0u);
}

TEST(RunPlan, NamesWhatVaries) {
  EXPECT_THAT(RunPlan::product({{"a", {1}}, {"b", {1, 2}}}).varied(), ElementsAre("b"));
  EXPECT_THAT(RunPlan::product({{"b", {1, 2}}}, 3).varied(), ElementsAre("repeat", "b"));
  EXPECT_THAT(RunPlan::chain({{"a", {1}}, {"b", {1, 2}}}).varied(), ElementsAre("a", "b"));
  EXPECT_THAT(RunPlan().varied(), IsEmpty());
}

TEST(RunPlan, SurvivesJson) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<Axis> axes{{"sizes", {Params::list({1, 2}), Params::list({3.0})}},
                               {"clip", {1.0, infinity, -infinity, 1, true, nullptr, "inf"}}};
  for (const RunPlan& plan :
       {RunPlan::product(axes, 2, Params{{"lr", infinity}}), RunPlan::chain(axes, false)})
    EXPECT_EQ(RunPlan::from_params(Params::from_json(plan.to_params().to_json())), plan);
}

TEST(RunPlan, SaysWhatIsWrong) {
  const auto product = [](std::vector<Axis> axes, std::int64_t repeat = 1,
                          const Params& fixed = Params::map()) {
    return message_of([&] { static_cast<void>(RunPlan::product(axes, repeat, fixed)); });
  };
  EXPECT_THAT(product({{"a", {}}}), HasSubstr("'a' has no values"));
  EXPECT_THAT(product({{"a", {1}}, {"a", {2}}}), HasSubstr("'a' is given twice"));
  EXPECT_THAT(product({{"a", {1}}}, 1, Params{{"a", 2}}), HasSubstr("'a' is given twice"));
  EXPECT_THAT(product({{"repeat", {0, 1}}}, 2), HasSubstr("'repeat' is given twice"));
  EXPECT_THAT(product({{"repeat", {0, 1}}}), IsEmpty());
  EXPECT_THAT(product({{"a", {1}}}, 0), HasSubstr("repeat 0"));
  const std::vector<Params> many(100'000, Params(1));
  EXPECT_THAT(product({{"a", many}, {"b", many}}), HasSubstr("too many runs"));
}

TEST(RunPlan, RefusesParamsThatAreNoPlan) {
  const auto read = [](const char* json) {
    return message_of([&] { static_cast<void>(RunPlan::from_params(Params::from_json(json))); });
  };
  EXPECT_THAT(read("[]"), HasSubstr("a plan is a map"));
  EXPECT_THAT(read("{}"), HasSubstr("kind"));
  EXPECT_THAT(read(R"({"kind": "prodcut", "axes": [], "fixed": {}})"), HasSubstr("did you mean 'product'?"));
  EXPECT_THAT(read(R"({"kind": "product", "axes": {}, "repeat": 1, "fixed": {}})"), HasSubstr("list"));
  EXPECT_THAT(read(R"({"kind": "product", "axes": [{"name": "a", "values": 1}], "repeat": 1, "fixed": {}})"),
              HasSubstr("expected a list of values"));
  EXPECT_THAT(read(R"({"kind": "chain", "axes": [], "repeat": 1, "fixed": {}})"), HasSubstr("repeat"));
  EXPECT_THAT(read(R"({"kind": "product", "axes": [], "repeat": -1, "fixed": {}})"), HasSubstr("repeat -1"));
}

TEST(Ranges, TellValuesFromWhatIsFixed) {
  const Ranges ranges{{"fold", Range(0, 2)}, {"lr", {1e-3, 1e-2}}, {"epochs", 3}, {"name", {"a", "b"}}};
  const auto [axes, fixed] = ranges.split();
  EXPECT_THAT(axes, ElementsAre(Axis{"fold", {0, 1, 2}}, Axis{"lr", {1e-3, 1e-2}}, Axis{"name", {"a", "b"}}));
  EXPECT_EQ(fixed, (Params{{"epochs", 3}}));
}

TEST(Ranges, OfAListTakeAListOfLists) {
  const Ranges ranges{{"hidden_sizes", Params::list({Params::list({10, 20}), Params::list({30})})}};
  EXPECT_THAT(ranges.split().first,
              ElementsAre(Axis{"hidden_sizes", {Params::list({10, 20}), Params::list({30})}}));
}

TEST(Ranges, KeepARange) {
  const Ranges ranges{{"lr", Range(1e-4, 1e-2, 1, 3, true)}};
  ASSERT_NE(ranges.items().front().range.find_range(), nullptr);
  EXPECT_TRUE(ranges.items().front().range.find_range()->log());
  EXPECT_EQ(ranges.items().front().range.values().size(), 3u);
}

TEST(Ranges, ComeFromAMap) {
  const Params map{{"fold", {0, 1}}, {"epochs", 3}};
  const auto [axes, fixed] = Ranges(map).split();
  EXPECT_THAT(axes, ElementsAre(Axis{"fold", {0, 1}}));
  EXPECT_EQ(fixed, (Params{{"epochs", 3}}));
  EXPECT_THAT(message_of([] { static_cast<void>(Ranges(Params(3))); }), HasSubstr("expected a map"));
}

}  // namespace
}  // namespace ivory
