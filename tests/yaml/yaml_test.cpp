#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/rng.h>
#include <ivory/yaml/yaml.h>

#include "../base/params_printer.h"

namespace ivory {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(std::string_view text) {
  try {
    (void)parse_yaml(text, "f.yml");
  } catch (const Error& error) {
    EXPECT_EQ(ErrorCode::kInvalidArgument, error.code());
    return error.what();
  }
  return "accepted";
}

TEST(ParseYaml, ReadsAnExperiment) {
  const auto params = parse_yaml(R"(library: torch
data: {class: rectangle.Data, n_splits: 4}
model:
  class: rectangle.Model
  hidden_sizes: [50, 100]
optimizer: {class: torch.optim.SGD, params: $.model.parameters(), lr: 1e-3}
results:
)");
  const Params expected{
      {"library", "torch"},
      {"data", {{"class", "rectangle.Data"}, {"n_splits", 4}}},
      {"model", {{"class", "rectangle.Model"}, {"hidden_sizes", {50, 100}}}},
      {"optimizer", {{"class", "torch.optim.SGD"}, {"params", "$.model.parameters()"}, {"lr", 1e-3}}},
      {"results", nullptr}};
  EXPECT_EQ(expected, params);
}

TEST(ParseYaml, ReadsNothingAsNull) {
  for (const auto* text : {"", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "~"}) {
    EXPECT_TRUE(parse_yaml(text).is_null()) << text;
  }
}

TEST(ParseYaml, ResolvesScalarsByTheCoreSchema) {
  const auto list = parse_yaml(
      "[1e-3, 0o17, 0x1F, yes, '1', \"true\", .inf, 1_000, TRUE, Null, 017, +7, 1., .5, !!str 5, !!float 3, "
      "! 4, "
      "!!int 12, 1:30, 2020-01-01]");
  const Params expected{
      1e-3,    15,   31,      "yes", "1",    "true",      std::numeric_limits<double>::infinity(),
      "1_000", true, nullptr, 17,    7,      1.0,         0.5,
      "5",     3.0,  "4",     12,    "1:30", "2020-01-01"};
  EXPECT_EQ(expected, list);
}

TEST(ParseYaml, RefusesATagThatTheTextDoesNotFit) {
  EXPECT_THAT(refusal("a: !!int x"), HasSubstr("'x' does not fit the tag !!int"));
  EXPECT_THAT(refusal("a: !mine x"), HasSubstr("the tag '!mine' is not known"));
  EXPECT_THAT(refusal("a: !!set {x}"), HasSubstr("is not known"));
}

TEST(ParseYaml, KeepsFileAndLineOfEveryNode) {
  const auto params = parse_yaml("a: 1\nb:\n  c: [x,\n    y]\n  d:\ne:\n  - z\n", "f.yml");
  EXPECT_EQ("f.yml:1", params.at("a").where());
  EXPECT_EQ("f.yml:2", params.at("b").where());
  EXPECT_EQ("f.yml:3", params.at("b").at("c").where());
  EXPECT_EQ("f.yml:4", params.at("b").at("c").at(1).where());
  EXPECT_EQ("f.yml:5", params.at("b").at("d").where());
  EXPECT_EQ("f.yml:7", params.at("e").at(0).where());
}

TEST(ParseYaml, CopiesAliases) {
  const auto params = parse_yaml("a: &x {k: 1}\nb: *x\nc: [*x]\n&n name: 1\nd: *n\n");
  EXPECT_EQ(params.at("a"), params.at("b"));
  EXPECT_EQ(params.at("a"), params.at("c").at(0));
  EXPECT_EQ(2, params.at("b").line());
  EXPECT_EQ(Params("name"), params.at("d"));
}

TEST(ParseYaml, MergesKeysThatAreNotWrittenBeside) {
  const auto params = parse_yaml("base: &b {x: 1, y: 2}\nrun:\n  y: 3\n  <<: *b\n  z: 4\n");
  EXPECT_EQ((Params{{"y", 3}, {"x", 1}, {"z", 4}}), params.at("run"));
  const auto before = parse_yaml("base: &b {x: 1, y: 2}\nrun:\n  <<: *b\n  y: 3\n");
  EXPECT_EQ((Params{{"x", 1}, {"y", 3}}), before.at("run"));
}

TEST(ParseYaml, MergesAListOfMapsTheEarlierFirst) {
  const auto params = parse_yaml("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n");
  EXPECT_EQ((Params{{"x", 1}, {"y", 2}}), params.at("c"));
}

TEST(ParseYaml, TakesAQuotedMergeKeyForAKey) { EXPECT_EQ((Params{{"<<", 1}}), parse_yaml("'<<': 1")); }

TEST(ParseYaml, RefusesToMergeAScalar) {
  EXPECT_THAT(refusal("a: 1\n<<: 3\n"), HasSubstr("f.yml:2:1: '<<' merges a mapping"));
}

TEST(ParseYaml, RefusesAKeyGivenTwiceNamingBothLines) {
  EXPECT_EQ("f.yml:3:3: the key 'lr' is given twice, first on line 2", refusal("a:\n  lr: 1\n  lr: 2\n"));
  EXPECT_THAT(refusal("{a: 1, 'a': 2}"), HasSubstr("given twice"));
}

TEST(ParseYaml, RefusesKeysThatAreNoScalars) {
  EXPECT_THAT(refusal("? [a]\n: 1\n"), HasSubstr("a key must be a scalar"));
  EXPECT_THAT(refusal("{{a: 1}: 2}"), HasSubstr("a key must be a scalar"));
  EXPECT_THAT(refusal("a: &x [1]\n*x : 2\n"), HasSubstr("a key must be a scalar"));
  EXPECT_THAT(refusal("null: 1\n"), HasSubstr("a key is null"));
}

TEST(ParseYaml, KeepsTheTextOfAKey) {
  EXPECT_EQ((Params{{"1", 0}, {"true", 0}, {"1e3", 0}}), parse_yaml("1: 0\ntrue: 0\n1e3: 0\n"));
}

TEST(ParseYaml, NamesThePlaceOfBrokenSyntax) {
  EXPECT_THAT(refusal("a: 1\nb: [1, 2\nc: 3\n"), StartsWith("f.yml:"));
  EXPECT_THAT(refusal("a: 1\n  b: 2\n"), StartsWith("f.yml:2:"));
  EXPECT_THAT(refusal("a: *nothing\n"), StartsWith("f.yml:1:"));
  EXPECT_THAT(refusal("a: 1\nb: [1\n"), HasSubstr("f.yml:3:1: end of sequence flow not found"));
}

TEST(ParseYaml, RefusesAQuoteLeftOpen) {
  for (const auto* text : {"a: \"open", "a: \"open\n", "a: 'open\n  \t", "'\n"}) {
    EXPECT_THAT(refusal(text), StartsWith("f.yml:")) << text;
  }
  EXPECT_EQ("f.yml:2:1: a quoted text is left open", refusal("a: 'open\n"));
}

TEST(ParseYaml, KeepsTheLineBreaksOfABlockText) {
  EXPECT_EQ((Params{{"a", "x\n y\n"}}), parse_yaml("a: |\n  x\n   y\n\n"));
  EXPECT_EQ((Params{{"a", "x\n\n"}}), parse_yaml("a: |+\n  x\n\n"));
  EXPECT_EQ((Params{{"a", "x y"}}), parse_yaml("a: >-\n  x\n  y\n"));
}

TEST(ParseYaml, RefusesSeveralDocuments) {
  EXPECT_THAT(refusal("a: 1\n---\nb: 2\n"), HasSubstr("a second document"));
}

TEST(ParseYaml, RefusesControlCharactersAndWhatIsNotUtf8) {
  EXPECT_EQ("f.yml:2:4: a control character (code 4)", refusal("a: 1\nb: \x04\n"));
  EXPECT_EQ("f.yml:1:4: not UTF-8", refusal("é: \xFF"));
  EXPECT_THAT(refusal(std::string_view("a\0b", 3)), HasSubstr("code 0"));
}

TEST(ParseYaml, BoundsDepth) {
  EXPECT_EQ("accepted", refusal(std::string(200, '[') + std::string(200, ']')));
  EXPECT_THAT(refusal(std::string(201, '[') + std::string(201, ']')), HasSubstr("nested deeper than 200"));
  EXPECT_NE("accepted", refusal(std::string(100'000, '[')));
  EXPECT_NE("accepted", refusal(std::string(100'000, '{')));
  std::string dashes;
  for (int i = 0; i < 10'000; ++i) dashes += "- ";
  EXPECT_THAT(refusal(dashes), HasSubstr("nested deeper"));
}

TEST(ParseYaml, BoundsDepthThroughAliases) {
  const std::string open(150, '['), close(150, ']');
  EXPECT_THAT(refusal("a: &a " + open + close + "\nb: " + open + "*a" + close + "\n"),
              HasSubstr("nested deeper"));
}

TEST(ParseYaml, BoundsWhatAliasesExpandTo) {
  std::string text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 1; j < 10; ++j) text += "," + before;
    text += "]\n";
  }
  EXPECT_THAT(refusal(text), HasSubstr("more than a million"));
}

TEST(ParseYaml, RefusesAnAliasInsideOfWhatItNames) {
  EXPECT_THAT(refusal("&a [*a]"), HasSubstr("inside of what"));
}

TEST(ParseYaml, ReadsManyKeysQuickly) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "key" + std::to_string(i) + ": " + std::to_string(i) + "\n";
  EXPECT_EQ(20'000U, parse_yaml(text).size());
}

TEST(ParseYaml, DoesNotFallOverGarbage) {
  constexpr std::string_view kPieces[] = {"a",   ":",   " ",  "- ", "\n", "[",  "]",  "{",  "}",  ",",  "&x ",
                                          "*x",  "!",   "|",  ">",  "'",  "\"", "? ", ": ", "#",  "%",  "@",
                                          "---", "...", "<<", "\t", "~",  "1",  "\\", "é",  "  ", "!!", "`"};
  Rng rng({.seed = 11, .purpose = "garbage"});
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (auto left = rng.below(24); left > 0; --left) text += kPieces[rng.below(std::size(kPieces))];
    try {
      const auto params = parse_yaml(text);
      ++accepted;
      ASSERT_EQ(params, parse_yaml(to_yaml(params))) << text;
    } catch (const Error& error) {
      ASSERT_EQ(ErrorCode::kInvalidArgument, error.code()) << text;
    }
  }
  EXPECT_GT(accepted, 100);
}

TEST(ReadYaml, NamesAMissingFileAndTheFileOfABrokenOne) {
  const TemporaryFolder folder;
  try {
    (void)read_yaml(folder.path() / "no.yml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(ErrorCode::kNotFound, error.code());
  }
  const auto path = folder.path() / "x.yml";
  write_file(path, "a: 1\na: 2\n");
  try {
    (void)read_yaml(path);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), StartsWith(path.string() + ":2:1: "));
  }
}

TEST(ToYaml, WritesBlocksAndFlowLists) {
  const Params params{
      {"fold", 0},
      {"lr", 1e-3},
      {"model", {{"class", "rectangle.Model"}, {"hidden_sizes", {50, 100}}}},
      {"layers", Params::list({{{"class", "Linear"}, {"bias", true}}, Params::list({1, Params{2}})})},
      {"none", nullptr},
      {"empty", Params::list()},
      {"nothing", Params::map()},
      {"word", "true"}};
  EXPECT_EQ(R"(fold: 0
lr: 0.001
model:
  class: rectangle.Model
  hidden_sizes: [50, 100]
layers:
  - class: Linear
    bias: true
  - - 1
    - [2]
none: null
empty: []
nothing: {}
word: 'true'
)",
            to_yaml(params));
}

TEST(ToYaml, RefusesATextThatIsNotUtf8) {
  EXPECT_THROW((void)to_yaml(Params{{"a", "\xFF"}}), Error);
  EXPECT_THROW((void)to_yaml(Params{{"\xFF", 1}}), Error);
}

class RoundTrip : public testing::TestWithParam<std::string> {};

TEST_P(RoundTrip, KeepsATextAsValueKeyAndElement) {
  const auto& text = GetParam();
  for (const auto& params :
       {Params(text), Params{{text, text}}, Params::list({text, text}), Params::list({Params::list(), text}),
        Params{{"a", {{text, {text}}}}}, Params{{text, Params::list({Params::map(), {{text, 1}}})}}}) {
    const auto yaml = to_yaml(params);
    EXPECT_EQ(params, parse_yaml(yaml)) << yaml;
    EXPECT_EQ(params, parse_yaml(params.is_scalar() ? yaml : params.to_text())) << params.to_text();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Texts, RoundTrip,
    testing::Values("", " ", "a", " a", "a ", "1", "-1", "1e-3", ".5", "+.inf", ".nan", "true", "yes", "null",
                    "~", "<<", "=", "- a", "-", "--- a", "---", "...", "a: b", "a:", ":a", "a:b",
                    "::", "a #b", "#b", "a#b", "[a]", "{a}", "a,b", "a]", "&a", "*a", "!a", "|", ">", "|\n",
                    "'", "\"", "a'b", "it's: \"so\"", "%a", "@a", "`a`", "? a", "?", "\\", "\\n", "a\nb",
                    "\n", "a\n", "\n a", "a\n\n\nb \n c", "\t", "a\tb", "\r\n", std::string("\0", 1),
                    std::string("a\0b", 3), "\x01\x04\x1b\x7f", "\u0085", "\u00a0", "\u2028\u2029", "\ufeff",
                    "\ufeffa", "é", "日本語", "🙂", "🙂: 🙂", "0o17", "0x1F", "1_000", "1:30", "2020-01-01",
                    "$.model.parameters()", "$", "__default__", "sqlite:///mlflow.db", "a  b", "a - b",
                    "key: |\n  x", std::string(2000, 'k'), std::string(2000, '\n')));

// Random trees of texts that are hard to write.
class Trees {
 public:
  explicit Trees(std::uint64_t seed) : rng_({.seed = seed, .purpose = "trees"}) {}

  Params make(int depth) {
    switch (rng_.below(depth > 0 ? 8 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return rng_.below(2) == 0;
      case 2:
        return static_cast<std::int64_t>(rng_.next64()) >> rng_.below(64);
      case 3:
        return make_real();
      case 4:
      case 5:
        return make_text();
      case 6:
        return make_list(depth);
      default:
        return make_map(depth);
    }
  }

 private:
  double make_real() {
    constexpr double kSpecial[] = {0.0, -0.0, 1.0, 1e22, 5e-324, std::numeric_limits<double>::max()};
    if (rng_.below(8) == 0) return std::numeric_limits<double>::quiet_NaN();
    if (rng_.below(8) == 0) return -std::numeric_limits<double>::infinity();
    if (rng_.below(4) == 0) return kSpecial[rng_.below(std::size(kSpecial))];
    return rng_.normal() * std::pow(10.0, rng_.uniform(-300, 300));
  }
  std::string make_text() {
    constexpr std::string_view kAlphabet[] = {
        "a", "B",  "1",  "0",      ".",    "-",    "+",    "e",    ":",      " ",     "#", ",",
        "[", "]",  "{",  "}",      "'",    "\"",   "\\",   "\n",   "\t",     "\r",    "&", "*",
        "!", "?",  "|",  ">",      "%",    "@",    "`",    "~",    "<",      "=",     "$", "_",
        "é", "日", "🙂", "\u2028", "\x7f", "\x01", "null", "true", "\u0085", "\ufeff"};
    std::string text;
    for (auto left = rng_.below(9); left > 0; --left) text += kAlphabet[rng_.below(std::size(kAlphabet))];
    return text;
  }
  Params make_list(int depth) {
    auto list = Params::list();
    for (auto left = rng_.below(5); left > 0; --left) list.push_back(make(depth - 1));
    return list;
  }
  Params make_map(int depth) {
    auto map = Params::map();
    for (auto left = rng_.below(5); left > 0; --left) map[make_text()] = make(depth - 1);
    return map;
  }

  Rng rng_;
};

// A refusal becomes a value, so that the failure shows the text that was refused.
Params reread(const std::string& yaml) {
  try {
    return parse_yaml(yaml);
  } catch (const Error& error) {
    return std::string("refused: ") + error.what();
  }
}

TEST(RoundTrip, KeepsRandomTrees) {
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    Trees trees(seed);
    const auto params = Params::list({trees.make(5), trees.make(5), trees.make(5)});
    const auto yaml = to_yaml(params);
    ASSERT_EQ(params, reread(yaml)) << "seed " << seed << "\n" << yaml;
    ASSERT_EQ(params.to_json(), Params::from_json(params.to_json()).to_json()) << "seed " << seed;
    ASSERT_EQ(params, reread(params.to_text())) << "seed " << seed << "\n" << params.to_text();
  }
}

}  // namespace
}  // namespace ivory
