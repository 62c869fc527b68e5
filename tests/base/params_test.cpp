#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include <ivory/base/error.h>
#include <ivory/base/params.h>

#include "params_printer.h"

namespace ivory {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <class Call>
Error error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::kInternal, "nothing was thrown"};
}

TEST(Params, KeepsKinds) {
  EXPECT_TRUE(Params().is_null());
  EXPECT_TRUE(Params(nullptr).is_null());
  EXPECT_TRUE(Params(true).is_bool());
  EXPECT_TRUE(Params(0).is_int());
  EXPECT_TRUE(Params(7U).is_int());
  EXPECT_TRUE(Params(0.0F).is_real());
  EXPECT_TRUE(Params("x").is_string());
  EXPECT_TRUE(Params(std::vector<int>{1, 2}).is_list());
  EXPECT_TRUE(Params::map().is_map());
  EXPECT_EQ((Params{true, false}), Params(std::vector<bool>{true, false}));
}

TEST(Params, RefusesAnUnsignedIntegerThatDoesNotFit) {
  EXPECT_EQ(std::numeric_limits<std::int64_t>::max(), Params(9223372036854775807U).as_int());
  EXPECT_EQ(ErrorCode::kInvalidArgument, error_of([] { (void)Params(9223372036854775808U); }).code());
}

TEST(Params, BracesMakeAMapOfPairsElseAList) {
  const Params map{{"fold", 1}, {"model", {{"hidden_sizes", {40, 50}}}}};
  ASSERT_TRUE(map.is_map());
  EXPECT_EQ(50, map.at("model").at("hidden_sizes").at(1).as_int());
  EXPECT_TRUE((Params{1, 2}).is_list());
  EXPECT_TRUE((Params{"a", 1}).is_list());
  EXPECT_TRUE((Params{{"a", 1}, 2}).is_list());
  EXPECT_TRUE((Params{{1, "a"}}).is_list());
  EXPECT_TRUE((Params{{"a", 1, 2}}).is_list());
  EXPECT_EQ(1U, (Params{{{"a", 1}, {"b", 2}}}).size());
  EXPECT_TRUE(Params::list({{"a", "b"}}).at(0).is_list());
}

TEST(Params, RefusesAKeyTwiceInBraces) {
  EXPECT_THAT(error_of([] { (void)Params{{"a", 1}, {"a", 2}}; }).what(), HasSubstr("'a' is given twice"));
}

TEST(Params, CopiesDeeply) {
  Params first{{"a", {{"b", 1}}}};
  const Params copy(first);
  first["a"]["b"] = 2;
  EXPECT_EQ(1, copy.at("a").at("b").as_int());
}

TEST(Params, IsNullAfterAMove) {
  Params first{{"a", 1}};
  const Params second = std::move(first);
  EXPECT_TRUE(first.is_null());  // NOLINT(bugprone-use-after-move): the promise under test
  EXPECT_EQ(1U, second.size());
}

TEST(Params, CanBecomeAPartOfItself) {
  Params copied{{"a", {{"b", {1, 2}}}}};
  copied = copied.at("a");
  EXPECT_EQ((Params{{"b", {1, 2}}}), copied);
  Params moved{{"a", {{"b", {1, 2}}}}};
  moved = std::move(moved.at("a"));
  EXPECT_EQ((Params{{"b", {1, 2}}}), moved);
  Params list{1, 2};
  list.push_back(list);
  EXPECT_EQ((Params{1, 2, {1, 2}}), list);
}

TEST(Params, KeepsTheOrderOfInsertion) {
  Params params;
  params["z"] = 1;
  params["a"] = 2;
  params["m"] = 3;
  params["z"] = 4;
  EXPECT_THAT(params.keys(), ElementsAre("z", "a", "m"));
  EXPECT_TRUE(params.erase("a"));
  EXPECT_FALSE(params.erase("a"));
  params["a"] = 5;
  EXPECT_THAT(params.keys(), ElementsAre("z", "m", "a"));
  EXPECT_NE((Params{{"a", 1}, {"b", 2}}), (Params{{"b", 2}, {"a", 1}}));
}

TEST(Params, FindsNothingInNullOrScalar) {
  EXPECT_EQ(nullptr, Params().find("a"));
  EXPECT_EQ(nullptr, Params(3).find("a"));
  EXPECT_EQ(0U, Params().size());
  EXPECT_TRUE(std::as_const(static_cast<const Params&>(Params())).elements().empty());
  EXPECT_EQ(ErrorCode::kNotFound, error_of([] { (void)Params().at("a"); }).code());
}

TEST(Params, DoesNotMixKindsInEquality) {
  EXPECT_NE(Params(1), Params(1.0));
  EXPECT_NE(Params(1), Params(true));
  EXPECT_NE(Params("null"), Params());
  EXPECT_NE(Params::list(), Params::map());
  EXPECT_EQ(Params(kNaN), Params(kNaN));
  EXPECT_EQ((Params{kNaN, {{"a", kNaN}}}), (Params{kNaN, {{"a", kNaN}}}));
}

TEST(Params, NamesPlaceFoundAndExpected) {
  Params params{{"lr", "fast"}, {"n", 3}};
  params.at("lr").set_source(std::make_shared<std::string>("x.yml"), 12);
  const auto error = error_of([&] { (void)params.at("lr").as_real(); });
  EXPECT_EQ(ErrorCode::kInvalidArgument, error.code());
  EXPECT_STREQ("x.yml:12: expected a number, found a text ('fast')", error.what());
  EXPECT_STREQ("expected a list, found an integer (3)",
               error_of([&] { (void)params.at("n").elements(); }).what());
  EXPECT_STREQ("expected an integer, found null", error_of([] { (void)Params().as_int(); }).what());
  EXPECT_THAT(error_of([&] { (void)params.at("nn"); }).what(), HasSubstr("no key 'nn'; did you mean 'n'?"));
  EXPECT_THAT(error_of([&] { (void)Params{1}.at(2); }).what(), HasSubstr("no element 2 in a list of 1"));
}

TEST(Params, RemembersItsSourceAndEqualityIgnoresIt) {
  Params params(3);
  EXPECT_EQ("", params.where());
  params.set_source(std::make_shared<std::string>("command line"), 0);
  EXPECT_EQ("command line", params.where());
  params.set_source(std::make_shared<std::string>("a.yml"), 4);
  EXPECT_EQ("a.yml:4", Params(params).where());
  EXPECT_EQ(Params(3), params);
  Params null;
  null.set_source(std::make_shared<std::string>("a.yml"), 5);
  EXPECT_TRUE(null.is_null());
  EXPECT_EQ(Params(), null);
  null["a"] = 1;
  EXPECT_EQ("a.yml:5", null.where());
}

TEST(ParamsText, WritesScalarsBare) {
  EXPECT_EQ("null", Params().to_text());
  EXPECT_EQ("true", Params(true).to_text());
  EXPECT_EQ("-3", Params(-3).to_text());
  EXPECT_EQ("1.0", Params(1.0).to_text());
  EXPECT_EQ("nan", Params(kNaN).to_text());
  EXPECT_EQ("a: [b", Params("a: [b").to_text());
}

TEST(ParamsText, WritesContainersInFlowForm) {
  EXPECT_EQ("[1, two, '3', null, 'a, b', \"x\\ny\", .inf]",
            (Params{1, "two", "3", nullptr, "a, b", "x\ny", kInfinity}).to_text());
  EXPECT_EQ(
      "{class: torch.nn.Linear, sizes: [1, 2], 'yes': {}, '': []}",
      (Params{{"class", "torch.nn.Linear"}, {"sizes", {1, 2}}, {"yes", Params::map()}, {"", Params::list()}})
          .to_text());
}

TEST(RealToText, IsShortestAndAlwaysAReal) {
  EXPECT_EQ("1.0", real_to_text(1));
  EXPECT_EQ("-0.0", real_to_text(-0.0));
  EXPECT_EQ("0.1", real_to_text(0.1));
  EXPECT_EQ("1e+22", real_to_text(1e22));
  EXPECT_EQ("5e-324", real_to_text(5e-324));
  EXPECT_EQ("nan", real_to_text(-kNaN));
  EXPECT_EQ("-inf", real_to_text(-kInfinity));
}

TEST(ParamsJson, KeepsOrderKindsAndDigits) {
  const std::string text = R"({"z":1,"a":[true,null,1.0,-0.0,1e-07,"é\n\""],"m":{},"l":[]})";
  const auto params = Params::from_json(text);
  EXPECT_TRUE(params.at("a").at(2).is_real());
  EXPECT_EQ(text, params.to_json());
  EXPECT_EQ("{\n  \"a\": 1\n}", Params({{"a", 1}}).to_json(2));
}

TEST(ParamsJson, WritesNonFiniteRealsAsTexts) {
  EXPECT_EQ(R"(["NaN","Infinity","-Infinity"])", (Params{kNaN, kInfinity, -kInfinity}).to_json());
}

TEST(ParamsJson, ReadsAnIntegerBeyond64BitsAsAReal) {
  EXPECT_EQ(Params(std::numeric_limits<std::int64_t>::min()), Params::from_json("-9223372036854775808"));
  EXPECT_EQ(Params(9223372036854775808.0), Params::from_json("9223372036854775808"));
  EXPECT_EQ(Params(-1e20), Params::from_json("-100000000000000000000"));
}

TEST(ParamsJson, RefusesBrokenTextWithItsPosition) {
  for (const auto* text : {"", "{", "[1,]", "{\"a\":1}}", "nan", "[1e999]", "\"\xFF\"", "'a'"}) {
    const auto error = error_of([&] { (void)Params::from_json(text); });
    EXPECT_EQ(ErrorCode::kInvalidArgument, error.code()) << text;
    EXPECT_THAT(error.what(), HasSubstr("JSON, byte ")) << text;
  }
}

TEST(ParamsJson, RefusesAKeyGivenTwice) {
  EXPECT_THAT(error_of([] { (void)Params::from_json(R"({"a":{"b":1,"b":2}})"); }).what(),
              HasSubstr("'b' is given twice"));
}

TEST(ParamsJson, BoundsDepth) {
  EXPECT_NO_THROW((void)Params::from_json(std::string(200, '[') + std::string(200, ']')));
  EXPECT_THROW((void)Params::from_json(std::string(201, '[') + std::string(201, ']')), Error);
  EXPECT_THROW((void)Params::from_json(std::string(1'000'000, '[')), Error);
}

TEST(ParamsJson, RefusesToWriteWhatIsNotUtf8) {
  EXPECT_EQ(ErrorCode::kInvalidArgument, error_of([] { (void)Params("\xFF").to_json(); }).code());
}

}  // namespace
}  // namespace ivory
