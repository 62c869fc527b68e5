#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/error.h>
#include <ivory/registry/overrides.h>

#include "zoo.h"

namespace {

using ivory::Overridden;
using ivory::Params;
using testing::ElementsAre;
using testing::HasSubstr;
using zoo::section;

constexpr const char* kFile = R"(data: {n_splits: 4}
datasets:
  data: $
  fold: 0
model: {class: zoo.Model, hidden_sizes: [50, 100]}
optimizer: {class: zoo.optim.SGD, params: $.model.parameters(), lr: 1e-3}
scheduler: {class: zoo.Scheduler, optimizer: $, factor: 0.5, patience: 4}
stop: {patience: 10}
trainer: {loss: zoo.losses.scaled, batch_size: 10}
metrics:
)";

Overridden override_file(const char* file, const Params& args, std::string_view library = "zoo") {
  return ivory::apply_overrides(zoo::registry(), library, section(file), args);
}
Params changed(const Params& args) { return override_file(kFile, args).params; }

// What the user is told of arguments from the command line.
std::string refusal(const Params& args, const char* file = kFile) {
  Params placed = args;
  for (auto& item : placed.items())
    item.value.set_source(std::make_shared<const std::string>("command line"), 0);
  return zoo::refusal_of([&] { (void)override_file(file, placed); });
}

// The file with one value at a place.
Params file_with(std::initializer_list<std::pair<std::string_view, Params>> values) {
  Params params = section(kFile);
  for (const auto& [path, value] : values) {
    const auto dot = path.find('.');
    params.at(path.substr(0, dot))[path.substr(dot + 1)] = value;
  }
  return params;
}

TEST(Override, ByABareNameReachesEveryPlaceOfThatName) {
  EXPECT_EQ(file_with({{"scheduler.patience", 5}, {"stop.patience", 5}}), changed({{"patience", 5}}));
  EXPECT_EQ(file_with({{"optimizer.lr", 0.1}}), changed({{"lr", 0.1}}));
  EXPECT_EQ(file_with({{"datasets.fold", 3}}), changed({{"fold", 3}}));
}

TEST(Override, ByABareNameStopsDescendingWhereItIsFound) {
  const auto params =
      override_file("a: {x: 1, b: {x: 2, c: {y: 3}}}\nd: [{x: 4, e: {x: 5}}, {f: {x: 6}}]\ny: 7\n",
                    {{"x", 0}, {"y", 8}})
          .params;
  EXPECT_EQ(section("a: {x: 0, b: {x: 2, c: {y: 3}}}\nd: [{x: 0, e: {x: 5}}, {f: {x: 0}}]\ny: 8\n"), params);
}

TEST(Override, ByADottedNameReachesOnePlace) {
  EXPECT_EQ(file_with({{"scheduler.patience", 5}}), changed({{"scheduler.patience", 5}}));
}

TEST(Override, ByAScopeThatStandsInSeveralPlaces) {
  const auto params = override_file("a: {o: {x: 1}}\nb: {o: {x: 2}}\nc: {o: {y: 3}}\n", {{"o.x", 0}}).params;
  EXPECT_EQ(section("a: {o: {x: 0}}\nb: {o: {x: 0}}\nc: {o: {y: 3}}\n"), params);
}

TEST(Override, ByAnIndexReplacesAnElement) {
  EXPECT_EQ(file_with({{"model.hidden_sizes", {70, 100}}}), changed({{"hidden_sizes.0", 70}}));
  EXPECT_EQ(file_with({{"model.hidden_sizes", {50, 70}}}), changed({{"model.hidden_sizes.1", 70}}));
  EXPECT_THAT(refusal({{"hidden_sizes.2", 70}}),
              HasSubstr("command line: unknown parameter 'hidden_sizes.2'"));
  EXPECT_THAT(refusal({{"hidden_sizes.00", 70}}), HasSubstr("unknown parameter 'hidden_sizes.00'"));
}

TEST(Override, ByColonsReplacesTheWholeList) {
  EXPECT_EQ(file_with({{"model.hidden_sizes", {7}}}), changed({{"hidden_sizes:0", 7}}));
  EXPECT_EQ(file_with({{"model.hidden_sizes", {7, 8, 9}}}),
            changed({{"hidden_sizes:1", 8}, {"hidden_sizes:2", 9}, {"hidden_sizes:0", 7}}));
  EXPECT_EQ(file_with({{"model.hidden_sizes", {7, 8}}}),
            changed({{"model.hidden_sizes:0", 7}, {"model.hidden_sizes:1", 8}}));
}

TEST(Override, OfColonsWithAGapIsRefused) {
  EXPECT_EQ(
      "command line: the elements of 'hidden_sizes' must be hidden_sizes:0, hidden_sizes:1, … without a gap; "
      "hidden_sizes:1 is missing",
      refusal({{"hidden_sizes:0", 7}, {"hidden_sizes:2", 8}}));
  EXPECT_EQ("command line: 'hidden_sizes:x': after the colon comes an index, as in 'hidden_sizes:0'",
            refusal({{"hidden_sizes:x", 7}}));
  EXPECT_EQ("command line: 'hidden_sizes:00': after the colon comes an index, as in 'hidden_sizes:0'",
            refusal({{"hidden_sizes:00", 7}}));
  EXPECT_EQ("command line: 'hidden_sizes' is given as a whole and by its elements",
            refusal({{"hidden_sizes", {7}}, {"hidden_sizes:0", 8}}));
  EXPECT_EQ("command line: 'hidden_sizes' is given as a whole and by its elements",
            refusal({{"hidden_sizes:0", 8}, {"hidden_sizes", {7}}}));
}

TEST(Override, OfADeclaredArgumentThatYamlLeavesOut) {
  EXPECT_EQ(file_with({{"optimizer.momentum", 0.9}}), changed({{"optimizer.momentum", 0.9}}));
  EXPECT_EQ(Params(0.0), changed({{"optimizer.momentum", 0}}).at("optimizer").at("momentum"));
  EXPECT_EQ(Params(3), changed({{"data.num_samples", 3}}).at("data").at("num_samples"));
  EXPECT_EQ("command line: 'optimizer.momentum' takes real, found a text ('x')",
            refusal({{"optimizer.momentum", "x"}}));
  EXPECT_EQ("command line: unknown parameter 'momentum'; did you mean 'optimizer.momentum'?",
            refusal({{"momentum", 0.9}}));
}

TEST(Override, ReachesArgumentsOfAMemberThatIsEmptyOrOfADefaultClass) {
  const auto params = override_file("stop:\ndatasets:\n  dataset:\n", {{"stop.patience", 3},
                                                                       {"datasets.fold", 2},
                                                                       {"datasets.dataset.mode", "val"},
                                                                       {"datasets.data.n_splits", 7}})
                          .params;
  EXPECT_EQ(section("stop: {patience: 3}\ndatasets: {dataset: {mode: val}, fold: 2, data: {n_splits: 7}}\n"),
            params);
}

TEST(Override, TypesMustMatchThePresentValueOrTheDeclaration) {
  EXPECT_EQ("command line: 'scheduler.patience' is an integer (4), found a text ('x')",
            refusal({{"scheduler.patience", "x"}}));
}

TEST(Override, TakesAnIntegerForARealAndKeepsItAReal) {
  EXPECT_EQ(file_with({{"optimizer.lr", 1.0}}), changed({{"lr", 1}}));
  EXPECT_THAT(refusal({{"stop.patience", 1.5}}),
              HasSubstr("'stop.patience' is an integer (10), found a real number (1.5)"));
  EXPECT_THAT(refusal({{"stop.patience", true}}), HasSubstr("found a boolean (true)"));
}

TEST(Override, TakesTheDeclaredTypeWhereThePresentValueIsAnother) {
  const char* file = "o: {class: zoo.optim.SGD, params: $.m, lr: 1}\np: {class: zoo.Options, size: 1}\n";
  EXPECT_EQ(Params(0.5), override_file(file, {{"lr", 0.5}}).params.at("o").at("lr"));
  EXPECT_EQ((Params{1, 2}), override_file(file, {{"size", {1, 2}}}).params.at("p").at("size"));
  EXPECT_THAT(refusal({{"size", 1.5}}, file),
              HasSubstr("'size' is an integer (1), found a real number (1.5)"));
}

TEST(Override, OfANullOrAReferenceTakesAnything) {
  EXPECT_EQ(Params("text"), changed({{"metrics", "text"}}).at("metrics"));
  EXPECT_EQ(Params(3), changed({{"scheduler.optimizer", 3}}).at("scheduler").at("optimizer"));
  EXPECT_EQ((Params{{"class", "zoo.Data"}}),
            changed({{"datasets.data", {{"class", "zoo.Data"}}}}).at("datasets").at("data"));
}

TEST(Override, WithAReferenceOrTheDefaultWordIsTakenAnywhere) {
  EXPECT_EQ(Params("$.n"), changed({{"patience", "$.n"}}).at("stop").at("patience"));
  EXPECT_EQ(Params("__default__"), changed({{"patience", "__default__"}}).at("stop").at("patience"));
  EXPECT_EQ(Params("$.n"), changed({{"optimizer.momentum", "$.n"}}).at("optimizer").at("momentum"));
  const char* file = "stop: {patience: __default__}";
  EXPECT_EQ(Params(3), override_file(file, {{"patience", 3}}).params.at("stop").at("patience"));
  EXPECT_EQ("command line: 'patience' takes int, found a text ('x')", refusal({{"patience", "x"}}, file));
}

TEST(Override, OfAListTakesAListOfThatKind) {
  EXPECT_EQ(file_with({{"model.hidden_sizes", {1, 2, 3}}}), changed({{"hidden_sizes", {1, 2, 3}}}));
  EXPECT_THAT(refusal({{"hidden_sizes", 5}}),
              HasSubstr("'hidden_sizes' is a list ([50, 100]), found an integer (5)"));
  EXPECT_THAT(refusal({{"hidden_sizes", {1, "x"}}}), HasSubstr("found a list ([1, x])"));
}

TEST(Override, OfAClassIsByItsMember) {
  EXPECT_EQ(Params("zoo.Other"), changed({{"optimizer.class", "zoo.Other"}}).at("optimizer").at("class"));
  EXPECT_EQ("command line: say which 'class': MEMBER.class", refusal({{"class", "zoo.Other"}}));
  EXPECT_EQ(Params("zoo.Stop"),
            override_file("s: {class: zoo.Stpo}", {{"s.class", "zoo.Stop"}}).params.at("s").at("class"));
}

TEST(Override, OfAnUnknownNameNamesTheNearest) {
  EXPECT_EQ("command line: unknown parameter 'patienc'; did you mean 'patience'?", refusal({{"patienc", 5}}));
  EXPECT_EQ("command line: unknown parameter 'scheduler.patienc'; did you mean 'scheduler.patience'?",
            refusal({{"scheduler.patienc", 5}}));
  EXPECT_EQ("command line: unknown parameter 'optimizer.momentun'; did you mean 'optimizer.momentum'?",
            refusal({{"optimizer.momentun", 5}}));
  EXPECT_EQ("command line: unknown parameter 'zzzzzz'; the members are stop",
            refusal({{"zzzzzz", 5}}, "stop:"));
  EXPECT_EQ("command line: '.x' is no name of a parameter", refusal({{".x", 5}}));
  EXPECT_THAT(refusal({{"lr.x", 5}}),
              HasSubstr("unknown parameter 'lr.x'; the members are data, datasets, model"));
}

TEST(Override, KeepsTheUpdateAsItWasGiven) {
  const Params args{{"hidden_sizes:0", 1}, {"lr", 1}, {"scheduler.patience", 3}, {"hidden_sizes:1", 2}};
  EXPECT_EQ(args, override_file(kFile, args).update);
  EXPECT_EQ(Params::map(), override_file(kFile, {}).update);
  EXPECT_EQ(Params::map(), override_file(kFile, nullptr).update);
}

TEST(Override, LeavesTheGivenSectionAlone) {
  const Params before = section(kFile);
  const Params kept = before;
  Overridden result =
      ivory::apply_overrides(zoo::registry(), "zoo", before, {{"hidden_sizes.0", 7}, {"fold", 2}});
  result.params.at("model").at("hidden_sizes").push_back(3);
  EXPECT_EQ(kept, before);
}

TEST(Override, AppliesInOrder) {
  EXPECT_EQ((Params{1, 7}),
            changed({{"hidden_sizes", {1, 2}}, {"hidden_sizes.1", 7}}).at("model").at("hidden_sizes"));
}

TEST(Override, KeepsThePlaceOfTheValue) {
  Params args{{"lr", 1}};
  args.at("lr").set_source(std::make_shared<const std::string>("command line"), 0);
  EXPECT_EQ("command line", changed(args).at("optimizer").at("lr").where());
}

TEST(PresentValue, IsWhatTheNameStandsForNow) {
  const auto present = [](std::string_view name, const char* file = kFile) {
    return ivory::present_value(zoo::registry(), "zoo", section(file), name);
  };
  EXPECT_EQ(Params(4), present("patience"));
  EXPECT_EQ(Params(10), present("stop.patience"));
  EXPECT_EQ(Params(100), present("hidden_sizes.1"));
  EXPECT_EQ(Params(50), present("hidden_sizes:3"));
  EXPECT_EQ(Params(0.0), present("optimizer.momentum"));
  EXPECT_EQ(Params(10), present("stop.patience", "stop:"));
  EXPECT_EQ(Params(10), present("patience", "stop: {patience: __default__}"));
  EXPECT_THAT(zoo::refusal_of([&] { (void)present("patienc"); }), HasSubstr("did you mean 'patience'?"));
}

}  // namespace
