#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include <ivory/base/error.h>
#include <ivory/base/range.h>
#include <ivory/base/rng.h>

#include "params_printer.h"

namespace ivory {
namespace {

using testing::HasSubstr;

constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
constexpr auto kMin = std::numeric_limits<std::int64_t>::min();

Params values(const Range& range) { return Params::list(range.values()); }
Params read(std::string_view word, const Params& present = {}) {
  return Params::list(parse_values(word, present));
}

template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(ErrorCode::kInvalidArgument, error.code());
    return error.what();
  }
  return "accepted";
}
std::string refusal_of(std::string_view word, const Params& present = {}) {
  return refusal([&] { (void)parse_values(word, present); });
}

TEST(Range, IncludesItsStop) {
  EXPECT_EQ((Params{0, 1, 2, 3, 4}), values(Range(0, 4)));
  EXPECT_EQ((Params{10, 12, 14}), values(Range(10, 14, 2)));
  EXPECT_EQ((Params{10, 13}), values(Range(10, 15, 3)));
  EXPECT_EQ((Params{2, 1, 0}), values(Range(2, 0, -1)));
  EXPECT_EQ(Params::list({3}), values(Range(3, 3)));
}

TEST(Range, StepsInRealsWithoutDust) {
  EXPECT_EQ((Params{0.0, 0.25, 0.5}), values(Range(0.0, 0.5, 0.25)));
  EXPECT_EQ((Params{0.0, 0.1, 0.2, 0.3, 0.4, 0.5}), values(Range(0.0, 0.5, 0.1)));
  EXPECT_EQ((Params{0.3, 0.2, 0.1}), values(Range(0.3, 0.1, -0.1)));
  EXPECT_EQ((Params{0.0, 0.4, 0.8}), values(Range(0, 1, 0.4)));
}

TEST(Range, SpacesNumValuesEvenly) {
  EXPECT_EQ((Params{0.0, 0.125, 0.25, 0.375, 0.5}), values(Range(0.0, 0.5, 1, 5)));
  EXPECT_EQ((Params{0, 3, 5, 8, 10}), values(Range(0, 10, 1, 5)));
  EXPECT_EQ((Params{0, 1, 2}), values(Range(0, 2, 1, 9)));
  EXPECT_EQ(Params::list({0.5}), values(Range(0.5, 1.5, 1, 1)));
  EXPECT_EQ((Params{1.0, 0.5, 0.0}), values(Range(1.0, 0.0, 1, 3)));
}

TEST(Range, SpacesTheLogarithmEvenly) {
  EXPECT_EQ((Params{1e-5, 1e-4, 1e-3, 1e-2, 1e-1}), values(Range(1e-5, 1e-1, 1, 5, true)));
  EXPECT_EQ((Params{1, 10, 100, 1000}), values(Range(1, 1000, 1, 4, true)));
}

TEST(Range, MultipliesByTenInTheLogarithm) {
  EXPECT_EQ((Params{1e-5, 1e-4, 1e-3}), values(Range(1e-5, 1e-3, 1, 0, true)));
  EXPECT_EQ((Params{1, 10, 100}), values(Range(1, 500, 1, 0, true)));
  EXPECT_EQ((Params{1e-4, 1e-2, 1.0}), values(Range(1e-4, 1.0, 2, 0, true)));
}

TEST(Range, CountsAtTheEdgesOf64Bits) {
  EXPECT_EQ((Params{kMax - 2, kMax - 1, kMax}), values(Range(kMax - 2, kMax)));
  EXPECT_EQ((Params{kMin, kMin + kMax, kMax - 1}), values(Range(kMin, kMax, kMax)));
  EXPECT_EQ((Params{0, kMin}), values(Range(0, kMin, kMin)));
}

TEST(Range, RefusesWhatLeadsNowhere) {
  EXPECT_THAT(refusal([] { Range(0, 4, 0); }), HasSubstr("step must not be 0"));
  EXPECT_THAT(refusal([] { Range(4, 0); }), HasSubstr("a step of 1 does not lead from 4 to 0"));
  EXPECT_THAT(refusal([] { Range(0, 4, 1, -1); }), HasSubstr("num must not be negative"));
  EXPECT_THAT(refusal([] { Range(0.0, 1.0, 1, 3, true); }), HasSubstr("positive"));
  EXPECT_THAT(refusal([] { Range("a", 1); }), HasSubstr("start must be a number, found a text"));
  EXPECT_THAT(refusal([] { Range(0, std::numeric_limits<double>::infinity()); }), HasSubstr("finite"));
}

TEST(Range, RefusesMoreThanTenMillionValues) {
  EXPECT_THAT(refusal([] { (void)Range(kMin, kMax).values(); }), HasSubstr("too many"));
  EXPECT_THAT(refusal([] { (void)Range(0.0, 1e300).values(); }), HasSubstr("too many"));
  EXPECT_THAT(refusal([] { (void)Range(0.0, 1.0, 1, kMax).values(); }), HasSubstr("too many"));
  EXPECT_THAT(refusal([] { (void)Range(-1e308, 1e308, 1e-308).values(); }), HasSubstr("too many"));
}

TEST(ParseScalar, FollowsTheCoreSchema) {
  for (const auto* text : {"", "~", "null", "Null", "NULL"}) EXPECT_EQ(Params(), parse_scalar(text)) << text;
  for (const auto* text : {"true", "True", "TRUE"}) EXPECT_EQ(Params(true), parse_scalar(text)) << text;
  for (const auto* text :
       {"nULL", "tRUE", "yes",  "on",   "1_000", "0b1",   "1e",  "e1",  "-",     ".",    "-.", "0x",
        "0xg",  "0o8",  "-0x1", "0x-1", "1 2",   "1.2.3", "inf", "nan", "+.nan", "1e5x", "--1"}) {
    EXPECT_EQ(Params(text), parse_scalar(text)) << text;
  }
  EXPECT_EQ(Params(17), parse_scalar("017"));
  EXPECT_EQ(Params(15), parse_scalar("0o17"));
  EXPECT_EQ(Params(31), parse_scalar("0x1F"));
  EXPECT_EQ(Params(-1), parse_scalar("-1"));
  EXPECT_EQ(Params(7), parse_scalar("+7"));
  EXPECT_EQ(Params(1e-3), parse_scalar("1e-3"));
  EXPECT_EQ(Params(1000.0), parse_scalar("1E3"));
  EXPECT_EQ(Params(1.0), parse_scalar("1."));
  EXPECT_EQ(Params(-0.5), parse_scalar("-.5"));
  EXPECT_EQ(Params(0.5), parse_scalar("+.5"));
  EXPECT_EQ(Params(-std::numeric_limits<double>::infinity()), parse_scalar("-.inf"));
  EXPECT_EQ(Params(std::nan("")), parse_scalar(".NaN"));
}

TEST(ParseScalar, ReadsWhatIsTooLargeAsTheNearestReal) {
  EXPECT_EQ(Params(kMax), parse_scalar("9223372036854775807"));
  EXPECT_EQ(Params(kMin), parse_scalar("-9223372036854775808"));
  EXPECT_EQ(Params(9223372036854775808.0), parse_scalar("9223372036854775808"));
  EXPECT_EQ(Params(18446744073709551616.0), parse_scalar("0x10000000000000000"));
  EXPECT_EQ(Params(std::numeric_limits<double>::infinity()), parse_scalar("1e999"));
  EXPECT_EQ(Params(-std::numeric_limits<double>::infinity()), parse_scalar("-1e999"));
  EXPECT_EQ(Params(0.0), parse_scalar("1e-999"));
}

TEST(ParseScalar, ReadsQuotedTextAsText) {
  EXPECT_EQ(Params("1"), parse_scalar("'1'"));
  EXPECT_EQ(Params("it's"), parse_scalar("'it''s'"));
  EXPECT_EQ(Params("a\n\"\t\\é日🙂"), parse_scalar(R"("a\n\"\t\\\xe9\u65e5\U0001F642")"));
  EXPECT_EQ(Params(""), parse_scalar("\"\""));
  for (const auto* text : {"'", "\"", "'a", "'a'b'", R"("\q")", R"("\x1")", R"("a"b")", R"("\")"}) {
    EXPECT_EQ(Params(text), parse_scalar(text)) << text;
  }
}

TEST(ParseScalar, ReadsBackEveryReal) {
  Rng rng({.seed = 3, .purpose = "reals"});
  for (int i = 0; i < 100'000; ++i) {
    const double value = rng.normal() * std::pow(10.0, rng.uniform(-320, 300));
    ASSERT_EQ(Params(value), parse_scalar(real_to_text(value)));
  }
}

TEST(ParseValues, TakesAWholeNumberForItself) {
  EXPECT_EQ(Params::list({1e-3}), read("1e-3"));
  EXPECT_EQ(Params::list({-1}), read("-1"));
  EXPECT_EQ(Params::list({-1.5e-7}), read("-1.5e-7"));
}

TEST(ParseValues, SeparatesByCommas) {
  EXPECT_EQ((Params{1, 2, 5}), read("1,2,5"));
  EXPECT_EQ((Params{1e-3, "a", true}), read("1e-3, a , true"));
  EXPECT_EQ((Params{"a,b", "c"}), read("'a,b',c"));
  EXPECT_EQ((Params{0, 1, 2, 7}), read("0-2,7"));
}

TEST(ParseValues, ExpandsRanges) {
  EXPECT_EQ((Params{0, 1, 2, 3, 4}), read("0-4"));
  EXPECT_EQ((Params{0.0, 0.125, 0.25, 0.375, 0.5}), read("0.0-0.5:5"));
  EXPECT_EQ((Params{0.0, 0.125, 0.25, 0.375, 0.5}), read("0-0.5:5"));
  EXPECT_EQ((Params{10, 12, 14, 16, 18, 20}), read("10-20-2"));
  EXPECT_EQ((Params{-1, 0, 1}), read("-1_1"));
  EXPECT_EQ((Params{-3, -2}), read("-3--2"));
  EXPECT_EQ((Params{3, 2, 1}), read("3-1--1"));
  EXPECT_EQ((Params{1e-5, 1e-4, 1e-3}), read("1e-5_1e-3.log"));
  EXPECT_EQ((Params{1e-5, 1e-4, 1e-3}), read("1e-5-1e-3:3.log"));
  EXPECT_EQ((Params{0.1, 0.2, 0.3}), read("0.1-0.3-0.1"));
  EXPECT_EQ((Params{1, 100, 10000}), read("1-10000-2.log"));
}

TEST(FindRange, ReadsTheEndsOfAnInterval) {
  const auto range = find_range("1e-5-1e-3");
  ASSERT_TRUE(range);
  EXPECT_EQ(Params(1e-5), range->start());
  EXPECT_EQ(Params(1e-3), range->stop());
  EXPECT_FALSE(range->log());
  EXPECT_TRUE(find_range(" 1e-5_1e-3.log ")->log());
  EXPECT_EQ(5, find_range("0-0.5:5")->num());
  EXPECT_EQ(Params(0.25), find_range("0-1-0.25")->step());
}

TEST(FindRange, LeavesNumbersAndTexts) {
  for (const auto* text : {"1e-3", "-1", "", "a-b", "3-fold", "1-2-3-4", "5-", "1-2-", "run.log", "1.log",
                           "1,2", "-", "_", "1+5", "1 - 5", "0x1-5"}) {
    EXPECT_FALSE(find_range(text)) << text;
  }
}

TEST(ParseValues, LeavesWhatIsNoRangeAsText) {
  EXPECT_EQ(Params::list({"3-fold"}), read("3-fold"));
  EXPECT_EQ(Params::list({"don't"}), read("don't"));
  EXPECT_EQ(Params::list({"$.model"}), read("$.model"));
}

TEST(ParseValues, OnlySeparatesForAText) {
  EXPECT_EQ((Params{"1-3", "[x]", "true", "1"}), read("1-3,[x],true,1", "present"));
  EXPECT_EQ((Params{"a,b", "c"}), read("'a,b',c", "present"));
  EXPECT_EQ((Params{1, 2, 3}), read("1-3", "$"));
  EXPECT_EQ((Params{1, 2, 3}), read("1-3", "__default__"));
}

TEST(ParseValues, TakesABracketedListForOneValueOfAList) {
  const Params present{10, 20};
  EXPECT_EQ(Params::list({Params{1, 2}}), read("[1,2]", present));
  EXPECT_EQ(Params::list({Params{1, 2}, Params{3, Params{4}}}), read("[1,2],[3,[4]]", present));
  EXPECT_EQ(Params::list({Params{1, 2, 3}}), read("[1-3]", present));
  EXPECT_EQ(Params::list({Params::list()}), read("[]"));
  EXPECT_EQ(Params::list({Params{"a,b", "c"}}), read("['a,b', c]"));
}

TEST(ParseValues, TakesBracketsForAGroupOfAScalar) {
  EXPECT_EQ((Params{1, 2}), read("[1,2]", 0));
  EXPECT_EQ((Params{0, 1, 2, 9}), read("[0-2],9", 5));
}

TEST(ParseValues, RefusesEmptyAndBrokenWords) {
  EXPECT_THAT(refusal_of(""), HasSubstr("a value is missing"));
  EXPECT_THAT(refusal_of("  "), HasSubstr("a value is missing"));
  EXPECT_THAT(refusal_of("1,,2"), HasSubstr("a value is missing between commas"));
  EXPECT_THAT(refusal_of("1,"), HasSubstr("a value is missing between commas"));
  EXPECT_THAT(refusal_of("[1,2"), HasSubstr("left open"));
  EXPECT_THAT(refusal_of("'a,b"), HasSubstr("left open"));
  EXPECT_THAT(refusal_of("4-0"), HasSubstr("'4-0': a step of 1 does not lead from 4 to 0"));
  EXPECT_THAT(refusal_of("0-4-0"), HasSubstr("step must not be 0"));
  EXPECT_THAT(refusal_of("0-4:0"), HasSubstr("positive integer, found '0'"));
  EXPECT_THAT(refusal_of("0-4:x"), HasSubstr("positive integer, found 'x'"));
  EXPECT_THAT(refusal_of("0-1.log"), HasSubstr("positive numbers"));
  EXPECT_THAT(refusal_of("[]", 1), HasSubstr("holds no value"));
  EXPECT_THAT(refusal_of(std::string(300, '[') + std::string(300, ']')), HasSubstr("nested deeper"));
}

TEST(ParseValues, RefusesARangeOfRealsThatItsStepCannotWalk) {
  EXPECT_THAT(refusal_of("1e-5-1e-3"), HasSubstr("needs a step or a number of values"));
  EXPECT_EQ((Params{0.5, 1.5, 2.5}), read("0.5-2.5"));
}

TEST(ParseValues, DoesNotFallOverGarbage) {
  constexpr std::string_view kAlphabet = "0123456789..--__eE:,[]{}'\"\\ lognaxu$~";
  Rng rng({.seed = 5, .purpose = "garbage"});
  int accepted = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string text;
    for (auto left = rng.below(12); left > 0; --left) text += kAlphabet[rng.below(kAlphabet.size())];
    for (const auto& present : {Params(), Params("text"), Params(1)}) {
      try {
        accepted += parse_values(text, present).empty() ? 0 : 1;
      } catch (const Error& error) {
        ASSERT_EQ(ErrorCode::kInvalidArgument, error.code()) << text;
      }
    }
  }
  EXPECT_GT(accepted, 10'000);
}

}  // namespace
}  // namespace ivory
