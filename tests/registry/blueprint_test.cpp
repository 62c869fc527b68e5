#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/error.h>

#include "zoo.h"

namespace {

using ivory::Blueprint;
using ivory::Params;
using testing::ElementsAre;
using testing::HasSubstr;
using zoo::Made;
using zoo::refusal;
using zoo::refusal_of;
using zoo::section;

constexpr const char* kWhole = R"(library: zoo
data: {n_splits: 5}
datasets:
  data: $
  dataset:
  fold: 1
model: {class: zoo.Model, hidden_sizes: [50, 100]}
optimizer: {class: zoo.optim.SGD, params: $.model.parameters(), lr: 1e-2}
scheduler: {class: zoo.Scheduler, optimizer: $, patience: 2}
metrics: {top_k: {k: 3}, other: {def: zoo.losses.scaled, scale: 2}}
stop:
trainer: {loss: zoo.losses.Huber}
)";

// ---- what a file makes

TEST(Blueprint, MakesAWholeFileInOrder) {
  const Made made(kWhole);
  EXPECT_THAT(made.blueprint().names(), ElementsAre("data", "datasets", "model", "optimizer", "scheduler",
                                                    "metrics", "stop", "trainer"));
  EXPECT_EQ(5, made.get<zoo::Data>("data").n_splits);
  EXPECT_EQ(1000, made.get<zoo::Data>("data").num_samples);
  EXPECT_TRUE(made.get<zoo::Data>("data").created);
  EXPECT_EQ(2U, made.get<zoo::Sgd>("optimizer").params.size());
  EXPECT_DOUBLE_EQ(1e-2, made.get<zoo::Sgd>("optimizer").lr);
  EXPECT_EQ(&made.get<zoo::Sgd>("optimizer"), made.get<zoo::Scheduler>("scheduler").optimizer.get());
  EXPECT_EQ(10, made.get<zoo::Stop>("stop").patience);
  EXPECT_THAT(made.blueprint().modules(), ElementsAre("zoo"));
}

TEST(Blueprint, FillsADefArgumentsByPositionFromItsCaller) {
  const Made made(kWhole);
  const auto& datasets = made.get<zoo::Datasets>("datasets");
  const auto dataset = datasets.dataset(datasets.data, "val");
  EXPECT_EQ("val", dataset->mode);
  EXPECT_EQ(datasets.data, dataset->data);
  EXPECT_EQ(&made.get<zoo::Data>("data"), datasets.data.get());
  EXPECT_FALSE(dataset->transform);
}

TEST(Blueprint, MakesCallablesOfBarePathsDefsAndObjects) {
  const auto loss = [](const std::string& text) {
    return Made("trainer: {class: zoo.Trainer, loss: " + text + "}").get<zoo::Trainer>("trainer").loss(5, 2);
  };
  EXPECT_DOUBLE_EQ(3, loss("zoo.losses.scaled"));
  EXPECT_DOUBLE_EQ(6, loss("{def: zoo.losses.scaled, scale: 2}"));
  EXPECT_DOUBLE_EQ(3, loss("zoo.losses.Huber"));
  EXPECT_DOUBLE_EQ(9, loss("{class: zoo.losses.Huber, delta: 3}"));
  EXPECT_DOUBLE_EQ(3, loss("__default__"));
}

TEST(Blueprint, BindsTheFunctionsOfAFamilyByTheirKeys) {
  const Made made(kWhole);
  const auto& functions = made.get<zoo::Metrics>("metrics").functions;
  ASSERT_EQ(2U, functions.size());
  EXPECT_EQ("top_k", functions[0].first);
  EXPECT_DOUBLE_EQ(6, functions[0].second(1, 2));
  EXPECT_DOUBLE_EQ(-2, functions[1].second(1, 2));
}

TEST(Blueprint, TakesAFamilysKeyWithoutArgumentsAndAPathUnderAnyKey) {
  const Made made("metrics: {top_k: , mine: zoo.losses.scaled, huber: {class: zoo.losses.Huber}}");
  const auto& functions = made.get<zoo::Metrics>("metrics").functions;
  ASSERT_EQ(3U, functions.size());
  EXPECT_DOUBLE_EQ(4, functions[0].second(1, 2));
  EXPECT_DOUBLE_EQ(-1, functions[1].second(1, 2));
  EXPECT_DOUBLE_EQ(-1, functions[2].second(1, 2));
}

TEST(Blueprint, RefersToMembersMethodsAndPlainValues) {
  const Made made(R"(rate: 0.25
model: {class: zoo.Model, hidden_sizes: [1, 2, 3]}
options: {class: zoo.Options, size: $.model.depth()}
optimizer: {class: zoo.optim.SGD, params: $.model.parameters(), lr: $.rate}
alias: $.optimizer
scheduler: {class: zoo.Scheduler, optimizer: $.alias}
)");
  EXPECT_EQ(3, std::get<int>(made.get<zoo::Options>("options").size));
  EXPECT_DOUBLE_EQ(0.25, made.get<zoo::Sgd>("optimizer").lr);
  EXPECT_EQ(&made.get<zoo::Sgd>("optimizer"), made.get<zoo::Scheduler>("scheduler").optimizer.get());
}

TEST(Blueprint, KeepsWhatACallReturns) {
  const Made made(
      "model: {call: zoo.make_model, depth: 3}\nseven: {call: zoo.seven}\n"
      "options: {class: zoo.Options, size: $.seven}\n");
  EXPECT_EQ(3, made.get<zoo::Model>("model").depth());
  EXPECT_EQ(Params(7), made["seven"].data());
  EXPECT_EQ(7, std::get<int>(made.get<zoo::Options>("options").size));
}

TEST(Blueprint, MakesACallableOfAMember) {
  const Made made("loss: {def: zoo.losses.scaled, scale: 4}\ntrainer: {class: zoo.Trainer, loss: $}\n");
  EXPECT_DOUBLE_EQ(4, made.get<zoo::Trainer>("trainer").loss(2, 1));
}

TEST(Blueprint, MakesAListOfObjectsOfClassesAndPaths) {
  const Made made(R"(last: {class: zoo.Linear, in: 9}
model:
  class: zoo.Sequential
  layers:
    - {class: zoo.Linear, in: 2, out: 3}
    - zoo.ReLU
    - {class: zoo.Gear, teeth: 8}
    - $.last
)");
  std::vector<std::string> names;
  for (const auto& layer : made.get<zoo::Sequential>("model").layers) names.push_back(layer->name());
  EXPECT_THAT(names, ElementsAre("linear2x3", "relu", "gear8", "linear9x1"));
}

TEST(Blueprint, TakesTheFirstAlternativeOfAVariantThatFits) {
  const auto size = [](const std::string& text) {
    return Made("options: {class: zoo.Options, size: " + text + "}").get<zoo::Options>("options").size;
  };
  EXPECT_EQ(3, std::get<int>(size("3")));
  EXPECT_THAT(std::get<std::vector<int>>(size("[1, 2]")), ElementsAre(1, 2));
  EXPECT_THAT(std::get<std::vector<std::string>>(size("[a, b]")), ElementsAre("a", "b"));
  EXPECT_EQ("relu", std::get<std::shared_ptr<zoo::Layer>>(size("zoo.ReLU"))->name());
  EXPECT_EQ("gear12", std::get<std::shared_ptr<zoo::Layer>>(size("{class: zoo.Gear}"))->name());
}

TEST(Blueprint, LeavesRawParamsAloneAndMakesTheObjectsInAValue) {
  const Made made(R"(raw: {class: zoo.Raw, config: {class: nothing.Known, x: $.y}}
holder: {class: zoo.Holder, value: {a: [1, {class: zoo.ReLU}], b: text}}
)");
  EXPECT_EQ((Params{{"class", "nothing.Known"}, {"x", "$.y"}}), made.get<zoo::Raw>("raw").config);
  const auto items = made.get<zoo::Holder>("holder").value.items();
  ASSERT_EQ(2U, items.size());
  const auto list = items[0].second.elements();
  EXPECT_EQ(Params(1), list[0].data());
  EXPECT_EQ("relu", list[1].as<zoo::Layer>().name());
  EXPECT_EQ(Params("text"), items[1].second.data());
}

TEST(Blueprint, StartsRelativePathsFromTheDirectory) {
  const char* yaml = "files: {class: zoo.Files, path: a/b.csv, more: [c, /d]}";
  const Made made(yaml, "zoo", "/project");
  EXPECT_EQ("/project/a/b.csv", made.get<zoo::Files>("files").path);
  EXPECT_THAT(made.get<zoo::Files>("files").more, ElementsAre("/project/c", "/d"));
  EXPECT_EQ("a/b.csv", Made(yaml).get<zoo::Files>("files").path);
  EXPECT_EQ(Params("a/b.csv"), made.blueprint().resolved().at("files").at("path"));
}

TEST(Blueprint, MakesAPartAlone) {
  const Made made(R"(datasets: {data: {class: zoo.Data, n_splits: 9}, dataset: }
model: {class: zoo.Sequential, layers: [zoo.ReLU, {class: zoo.Linear, in: 4}]}
metrics: {top_k: }
)");
  const auto& blueprint = made.blueprint();
  EXPECT_EQ(9, blueprint.make_part("datasets.data", made.lookup()).as<zoo::Data>().n_splits);
  EXPECT_EQ("linear4x1", blueprint.make_part("model.layers.1", made.lookup()).share<zoo::Layer>()->name());
  EXPECT_TRUE(blueprint.make_part("metrics.top_k", made.lookup()).is_callable());
  EXPECT_EQ("there is no member 'datsets'; did you mean 'datasets'?",
            refusal_of([&] { (void)blueprint.make_part("datsets.data", made.lookup()); }));
  EXPECT_EQ("'datasets' has no part 'dat'; did you mean 'data'?",
            refusal_of([&] { (void)blueprint.make_part("datasets.dat", made.lookup()); }));
  EXPECT_EQ("'model.layers' has no part '2'; expected one of 0, 1",
            refusal_of([&] { (void)blueprint.make_part("model.layers.2", made.lookup()); }));
}

TEST(Blueprint, KnowsTheClassOfAMember) {
  const Made made("model: {class: zoo.Model, hidden_sizes: []}\nrate: {def: zoo.halve}\n");
  ASSERT_NE(nullptr, made.blueprint().find_class("model"));
  EXPECT_EQ("zoo.Model", made.blueprint().find_class("model")->name);
  EXPECT_EQ(nullptr, made.blueprint().find_class("rate"));
  EXPECT_EQ(nullptr, made.blueprint().find_class("nothing"));
}

// ---- default classes

TEST(DefaultClass, IsTheLibrarysThenTheCores) {
  EXPECT_EQ("zoo.Trainer", Made("trainer:").blueprint().find_class("trainer")->name);
  EXPECT_EQ("zoo.PlainTrainer", Made("trainer:", "").blueprint().find_class("trainer")->name);
  EXPECT_EQ("zoo.Stop", Made("stop: {patience: 1}", "").blueprint().find_class("stop")->name);
}

TEST(DefaultClass, StandsForARequiredObjectLeftOut) {
  const Made made("datasets: {fold: 2}");
  EXPECT_EQ(4, made.get<zoo::Datasets>("datasets").data->n_splits);
  EXPECT_EQ("train", made.get<zoo::Datasets>("datasets").dataset(nullptr, "train")->mode);
  EXPECT_THAT(refusal("datasets: {fold: 2}", ""), HasSubstr("'zoo.Datasets' needs the argument 'data'"));
}

TEST(DefaultClass, TakesArgumentsWithoutAClass) {
  const Made made("datasets:\n  data: {n_splits: 8}\n  dataset: {mode: test}\n");
  const auto& datasets = made.get<zoo::Datasets>("datasets");
  EXPECT_EQ(8, datasets.data->n_splits);
}

TEST(DefaultClass, IsNotTakenWhereTheDefaultIsNothing) {
  const Made made(
      "d: {class: zoo.Dataset, data: {class: zoo.Data}, mode: val}\n"
      "e: {class: zoo.Dataset, data: {class: zoo.Data}, mode: val, transform: {power: 2}}\n");
  EXPECT_FALSE(made.get<zoo::Dataset>("d").transform);
  EXPECT_DOUBLE_EQ(3, made.get<zoo::Dataset>("e").transform(1));
}

// ---- refusals, word for word

TEST(BlueprintRefuses, AnUnknownArgumentBeforeAMissingOne) {
  EXPECT_EQ(
      "zoo.yml:2: unknown argument 'hiden_sizes' of 'zoo.Model' ('model'); did you mean 'hidden_sizes'? Its "
      "signature is zoo.Model(hidden_sizes)",
      refusal("model: {class: zoo.Model,\n  hiden_sizes: [1]}"));
}

TEST(BlueprintRefuses, AMissingArgument) {
  EXPECT_EQ(
      "zoo.yml:1: 'zoo.Model' needs the argument 'hidden_sizes'; its signature is zoo.Model(hidden_sizes)",
      refusal("model: {class: zoo.Model}"));
  EXPECT_EQ(
      "zoo.yml:1: 'zoo.Model' has no default for 'hidden_sizes'; its signature is zoo.Model(hidden_sizes)",
      refusal("model: {class: zoo.Model, hidden_sizes: __default__}"));
}

TEST(BlueprintRefuses, AnUnknownClass) {
  EXPECT_EQ("zoo.yml:2: unknown class or function 'zoo.Modle'; did you mean 'zoo.Model'?",
            refusal("stop:\nmodel: {class: zoo.Modle}"));
  EXPECT_EQ(
      "zoo.yml:1: unknown class or function 'farm.Cow'; no module declares names that begin with 'farm.'",
      refusal("model: {class: farm.Cow}"));
  EXPECT_EQ(
      "zoo.yml:1: unknown class or function 'lightgbm.Booster'; the module 'xgboost', which declares it, is "
      "not "
      "installed",
      refusal("model: {class: lightgbm.Booster}"));
}

TEST(BlueprintRefuses, AMemberThatNamesNothing) {
  EXPECT_EQ(
      "zoo.yml:1: member 'stopp' has no `class`, `def` or `call`, and there is no default class of that "
      "name; "
      "did you mean 'stop'?",
      refusal("stopp: {patience: 1}"));
}

TEST(BlueprintRefuses, TwoFormsAtOnceAndNamesThatAreNoText) {
  EXPECT_EQ("zoo.yml:1: give one of `class`, `def` and `call`, not two",
            refusal("m: {class: zoo.Stop, def: zoo.Stop}"));
  EXPECT_EQ("zoo.yml:1: `class` takes a name, found an integer", refusal("m: {class: 3}"));
}

TEST(BlueprintRefuses, WrongTypes) {
  EXPECT_EQ("zoo.yml:1: 'patience': expected an integer, found a text ('x')", refusal("stop: {patience: x}"));
  EXPECT_EQ("zoo.yml:1: 'patience': expected an integer, found a real number (1.5)",
            refusal("stop: {patience: 1.5}"));
  EXPECT_EQ("zoo.yml:1: 'patience': expected an integer, found null", refusal("stop: {patience: }"));
  EXPECT_EQ("zoo.yml:1: 'hidden_sizes': expected a list (list[int]), found an integer (5)",
            refusal("model: {class: zoo.Model, hidden_sizes: 5}"));
  EXPECT_EQ("zoo.yml:2: 'hidden_sizes.1': expected an integer, found a text ('b')",
            refusal("model: {class: zoo.Model, hidden_sizes: [1,\n b]}"));
  EXPECT_EQ("zoo.yml:1: 'flag': expected true or false, found an integer (1)",
            refusal("m: {class: zoo.Options, flag: 1}"));
  EXPECT_EQ("zoo.yml:1: 'limit': expected a number, found a boolean (true)",
            refusal("m: {class: zoo.Options, limit: true}"));
  EXPECT_EQ("zoo.yml:1: 'path': expected a path, found an integer (1)",
            refusal("m: {class: zoo.Files, path: 1}"));
  EXPECT_THAT(
      refusal("m: {class: zoo.Options, size: 1.5}"),
      HasSubstr("'size': expected an integer or a list (list[int]) or a list (list[string]) or an object of "
                "zoo::Layer, found a real number (1.5)"));
}

TEST(BlueprintRefuses, ObjectsOfAnotherKind) {
  EXPECT_EQ("zoo.yml:1: expected an object of zoo::Sgd, found 'zoo.Stop'",
            refusal("s: {class: zoo.Scheduler, optimizer: {class: zoo.Stop}}"));
  EXPECT_EQ("zoo.yml:1: expected an object of zoo::Sgd, found 'zoo.Stop'",
            refusal("s: {class: zoo.Scheduler, optimizer: zoo.Stop}"));
  EXPECT_EQ("zoo.yml:2: expected an object of zoo::Sgd, found 'zoo.Stop'",
            refusal("stop:\ns: {class: zoo.Scheduler, optimizer: $.stop}"));
  EXPECT_EQ("zoo.yml:1: expected an object of zoo::Sgd, found the callable 'zoo.halve'",
            refusal("s: {class: zoo.Scheduler, optimizer: zoo.halve}"));
  EXPECT_EQ("zoo.yml:1: expected an object of zoo::Sgd, found 'zoo.make_model'",
            refusal("s: {class: zoo.Scheduler, optimizer: {call: zoo.make_model}}"));
  EXPECT_EQ("zoo.yml:2: expected an object of zoo::Sgd, found the callable 'zoo.halve'",
            refusal("h: {def: zoo.halve}\ns: {class: zoo.Scheduler, optimizer: $.h}"));
  EXPECT_EQ(
      "zoo.yml:1: 'optimizer': expected an object of zoo::Sgd, found a mapping ({lr: 1}); say which with "
      "`class:`",
      refusal("s: {class: zoo.Scheduler, optimizer: {lr: 1}}"));
  EXPECT_EQ("zoo.yml:1: expected a function, found 'zoo.Stop'",
            refusal("trainer: {loss: {class: zoo.Stop}}"));
}

TEST(BlueprintRefuses, WrongElementsOfAListOfObjects) {
  EXPECT_EQ("zoo.yml:1: expected an object of zoo::Layer, found 'zoo.Stop'",
            refusal("m: {class: zoo.Sequential, layers: [zoo.ReLU, zoo.Stop]}"));
  EXPECT_EQ(
      "zoo.yml:1: unknown argument 'x' of 'zoo.Linear' ('layers.0'); its signature is zoo.Linear(in, out=1)",
      refusal("m: {class: zoo.Sequential, layers: [{class: zoo.Linear, in: 1, x: 2}]}"));
  EXPECT_EQ("zoo.yml:1: `$` alone has no name here; write $.member",
            refusal("m: {class: zoo.Sequential, layers: [$]}"));
}

TEST(BlueprintRefuses, AbstractClassesAndFunctionsUnderClass) {
  EXPECT_EQ("zoo.yml:1: 'zoo.Layer' is a base for classes of your own; it cannot be made itself",
            refusal("m: {class: zoo.Layer}"));
  EXPECT_EQ("zoo.yml:1: 'zoo.halve' is a function; name it with `def:` (or `call:` to keep what it returns)",
            refusal("m: {class: zoo.halve}"));
}

TEST(BlueprintRefuses, ReferencesThatLeadNowhere) {
  EXPECT_EQ("zoo.yml:1: refers to the member 'optimizer', which does not exist; expected stop",
            refusal_of([] {
              const Blueprint b(zoo::registry(), section("{stop: , s: {class: zoo.Scheduler, optimizer: $}}"),
                                "zoo");
            }));
  EXPECT_EQ("zoo.yml:1: refers to the member 'optimizer', which does not come before it",
            refusal("s: {class: zoo.Scheduler, optimizer: $}\n"
                    "optimizer: {class: zoo.optim.SGD, params: $.s}"));
  EXPECT_EQ("zoo.yml:1: refers to the member 's', which does not come before it",
            refusal("s: {class: zoo.Scheduler, optimizer: $.s}"));
  EXPECT_EQ("zoo.yml:2: refers to the member 'modle', which does not exist; did you mean 'model'?",
            refusal("model: {class: zoo.Model, hidden_sizes: [1]}\n"
                    "o: {class: zoo.optim.SGD, params: $.modle.parameters()}"));
}

TEST(BlueprintRefuses, MethodsThatAreNotThere) {
  const std::string model = "model: {class: zoo.Model, hidden_sizes: [1]}\n";
  EXPECT_EQ("zoo.yml:2: 'zoo.Model' has no method 'parametrs'; did you mean 'parameters'?",
            refusal(model + "o: {class: zoo.optim.SGD, params: $.model.parametrs()}"));
  EXPECT_EQ("zoo.yml:2: expected an object of zoo::Sgd, but the method 'depth' returns int",
            refusal(model + "o: {class: zoo.Scheduler, optimizer: $.model.depth()}"));
  EXPECT_EQ("zoo.yml:2: 'rate' is an integer (1); it has no method 'get'",
            refusal("rate: 1\no: {class: zoo.Holder, value: $.rate.get()}"));
  EXPECT_EQ("zoo.yml:2: 'f' is no object; it has no method 'get'",
            refusal("f: {def: zoo.halve}\no: {class: zoo.Holder, value: $.f.get()}"));
  EXPECT_EQ("zoo.yml:2: '$.model.parameters' is no reference; write $.member or $.member.method()",
            refusal(model + "o: {class: zoo.optim.SGD, params: $.model.parameters}"));
}

TEST(BlueprintRefuses, AValueThatNothingUses) {
  EXPECT_EQ("zoo.yml:2: nothing uses the value 'patience'; it is an argument of 'stop'",
            refusal("stop:\npatience: 5"));
  EXPECT_EQ("zoo.yml:1: nothing uses the value 'libary'; did you mean 'library'?",
            refusal("libary: zoo\nstop:"));
  EXPECT_EQ("zoo.yml:1: nothing uses the text 'model'; for an object write model: {class: zoo.ReLU}",
            refusal("model: zoo.ReLU"));
  EXPECT_EQ("accepted", refusal("library: zoo\nstop:"));
}

TEST(BlueprintRefuses, ReferencesToDataOfAnotherType) {
  EXPECT_EQ("zoo.yml:2: expected an integer, but 'n' is a text ('many')",
            refusal("n: many\nstop: {patience: $.n}"));
}

TEST(BlueprintRefuses, AValueOutsideTheChoices) {
  EXPECT_EQ("zoo.yml:1: 'mode' is tset; did you mean 'test'?",
            refusal("d: {class: zoo.Dataset, data: , mode: tset}"));
  EXPECT_EQ("zoo.yml:1: 'mode' is other; expected one of train, val, test",
            refusal("d: {class: zoo.Dataset, data: , mode: other}"));
}

TEST(BlueprintRefuses, ANameThatIsNotOfTheFamily) {
  EXPECT_EQ("zoo.yml:1: unknown name 'topk' in 'zoo.Metrics'; did you mean 'top_k'?",
            refusal("metrics: {topk: }"));
  EXPECT_EQ(
      "zoo.yml:1: unknown argument 'n' of 'zoo.metrics.top_k' ('top_k'); its signature is "
      "zoo.metrics.top_k(k=1)",
      refusal("metrics: {top_k: {n: 2}}"));
}

TEST(BlueprintRefuses, ALibraryThatIsNotThereAndASectionThatIsNoMapping) {
  EXPECT_EQ("zoo.yml:2: library 'zooo' is not installed; did you mean 'zoo'?",
            refusal("stop:\nlibrary: zooo", "zooo"));
  EXPECT_EQ("zoo.yml:1: expected a mapping of members, found a list ([1])", refusal("[1]"));
}

// ---- errors while making

std::string failure(const std::string& yaml) {
  return refusal_of([&] { const Made made(yaml); });
}

TEST(BlueprintMaking, PutsTheArgumentsLineBeforeAConstructorsError) {
  EXPECT_EQ("zoo.yml:3: zoo.Picky (size): it must not be negative",
            failure("stop:\np: {class: zoo.Picky,\n  size: -1}"));
  EXPECT_EQ("zoo.yml:2: zoo.Picky: bad luck", failure("stop:\np: {class: zoo.Picky, size: 13}"));
  EXPECT_EQ("zoo.yml:1: zoo.Options (count): expected an integer from 0 to 4294967295, found -1",
            failure("o: {class: zoo.Options, count: -1}"));
  EXPECT_EQ(
      "zoo.yml:1: zoo.Linear (in): expected an integer from -2147483648 to 2147483647, found 3000000000",
      failure("o: {class: zoo.Linear, in: 3000000000}"));
}

TEST(BlueprintMaking, PlacesTheErrorsOfInnerObjectsAtThem) {
  EXPECT_EQ("zoo.yml:2: zoo.Picky (size): it must not be negative",
            failure("h: {class: zoo.Holder, value:\n  {class: zoo.Picky, size: -1}}"));
}

TEST(BlueprintMaking, RefusesAFunctionOfOtherParameters) {
  EXPECT_EQ(
      "zoo.yml:1: zoo.Trainer (loss): 'zoo.halve' takes (double), but would be called with (double, double)",
      failure("trainer: {class: zoo.Trainer, loss: zoo.halve}"));
}

TEST(BlueprintMaking, RefusesToCallWhatNeedsACaller) {
  EXPECT_EQ(
      "zoo.yml:1: 'zoo.halve' needs (double) from its caller; name it with `def:`, as it cannot be called "
      "from "
      "YAML",
      failure("h: {call: zoo.halve}"));
}

TEST(BlueprintMaking, LetsTheCallerFillRequiredArguments) {
  const Made made("f: {def: zoo.raise}\nd: {class: zoo.Data}\n");
  ivory::Values arguments{Params(1.0), Params(0.5)};
  EXPECT_EQ(Params(1.5), made["f"].as_callable().call(arguments).data());
  ivory::Values few{Params(1.0)};
  EXPECT_EQ("'zoo.raise' needs the argument 'power'; its signature is zoo.raise(power)",
            refusal_of([&] { (void)made["f"].as_callable().call(few); }));
  ivory::Values many{Params(1.0), Params(0.5), Params(2)};
  EXPECT_EQ("'zoo.raise' was called with 3 values, but takes 2",
            refusal_of([&] { (void)made["f"].as_callable().call(many); }));
  ivory::Values none;
  EXPECT_EQ("'zoo.raise' takes (double)", refusal_of([&] { (void)made["f"].as_callable().call(none); }));
}

// ---- resolved

TEST(Resolved, NamesEveryClassAndFillsEveryDefault) {
  const Blueprint blueprint(
      zoo::registry(), section("library: zoo\nseed: 3\ntrainer: {batch_size: 5}\nstop:\n"), "zoo", {"seed"});
  const Params expected{{"library", "zoo"},
                        {"seed", 3},
                        {"trainer",
                         {{"class", "zoo.Trainer"},
                          {"loss", {{"def", "zoo.losses.scaled"}}},
                          {"batch_size", 5},
                          {"clip", nullptr}}},
                        {"stop", {{"class", "zoo.Stop"}, {"patience", 10}}}};
  EXPECT_EQ(expected, blueprint.resolved());
}

TEST(Resolved, ReadsBackAsTheSameBlueprint) {
  const char* const sections[] = {
      kWhole,
      "trainer:",
      "datasets: {fold: 3}",
      "d: {class: zoo.Dataset, data: , mode: val}",
      "d: {class: zoo.Dataset, data: , mode: val, transform: }",
      "d: {class: zoo.Dataset, data: , mode: val, transform: __default__}",
      "n: 3\nstop: {patience: $.n}\nfurther: $.stop",
      "m: {class: zoo.Sequential, layers: [zoo.ReLU, {class: zoo.Gear}, {class: zoo.Linear, in: 1}]}",
      "o: {class: zoo.Options, size: [a, b], limit: 2}\np: {class: zoo.Options, size: zoo.Gear}",
      "metrics: {top_k: , mine: zoo.losses.scaled, huber: zoo.losses.Huber}",
      "m: {call: zoo.make_model}\nf: {def: zoo.losses.scaled}\nh: {class: zoo.Holder, value: [{class: "
      "zoo.Stop}, $.m]}",
      "r: {class: zoo.Raw, config: {class: x, stop: , a: [$.b]}}",
      "d: {class: original.zoo.Data}",
      "f: {class: zoo.Files, path: ''}",
  };
  for (const char* const text : sections) {
    SCOPED_TRACE(text);
    const Blueprint first(zoo::registry(), section(text), "zoo");
    const Blueprint second(zoo::registry(), first.resolved(), "zoo");
    EXPECT_EQ(first.resolved(), second.resolved());
    EXPECT_EQ(first.names(), second.names());
    EXPECT_EQ(first.modules(), second.modules());
  }
}

TEST(Resolved, KeepsADefaultOfNothingApartFromADefaultClass) {
  const Blueprint blueprint(zoo::registry(), section("d: {class: zoo.Dataset, data: , mode: val}"), "zoo");
  const Params resolved = blueprint.resolved();
  EXPECT_EQ(Params("__default__"), resolved.at("d").at("transform"));
  EXPECT_EQ((Params{{"class", "zoo.Data"}, {"n_splits", 4}, {"num_samples", 1000}}),
            resolved.at("d").at("data"));
}

}  // namespace
