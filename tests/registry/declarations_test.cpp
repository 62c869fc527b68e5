#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include <ivory/base/error.h>
#include <ivory/registry/module.h>
#include <ivory/registry/registry.h>

#include "zoo.h"

namespace {

using ivory::ArgInfo;
using ivory::ArgType;
using ivory::Hook;
using ivory::Params;
using ivory::TypeInfo;
using ivory::Value;
using testing::ElementsAre;
using testing::IsEmpty;

const TypeInfo& info_of(std::string_view name) { return zoo::registry().get(name); }

std::string type_text(std::string_view type, std::string_view arg) {
  return info_of(type).find_arg(arg)->type.to_text();
}

// ---- what a declaration says

TEST(Declaration, NamesItsArgumentsWithTypesDefaultsAndHelp) {
  const TypeInfo& data = info_of("zoo.Data");
  EXPECT_EQ("Some data.", data.help);
  EXPECT_EQ("zoo", data.module);
  EXPECT_THAT(data.arg_names(), ElementsAre("n_splits", "num_samples"));
  EXPECT_EQ("number of folds", data.find_arg("n_splits")->help);
  EXPECT_EQ(Params(4), data.find_arg("n_splits")->default_value);
  EXPECT_FALSE(data.find_arg("n_splits")->required);
  EXPECT_TRUE(info_of("zoo.Model").find_arg("hidden_sizes")->required);
  EXPECT_EQ("zoo.optim.SGD(params, lr=0.001, momentum=0.0)", info_of("zoo.optim.SGD").signature());
  EXPECT_EQ("zoo.Metrics(metrics…)", info_of("zoo.Metrics").signature());
}

TEST(Declaration, SaysTheTypeOfEachArgumentInYamlsWords) {
  EXPECT_EQ("int", type_text("zoo.Data", "n_splits"));
  EXPECT_EQ("list[int]", type_text("zoo.Model", "hidden_sizes"));
  EXPECT_EQ("object<zoo::Sgd>", type_text("zoo.Scheduler", "optimizer"));
  EXPECT_EQ("callable?", type_text("zoo.Dataset", "transform"));
  EXPECT_EQ("real?", type_text("zoo.Trainer", "clip"));
  EXPECT_EQ("int|list[int]|list[string]|object<zoo::Layer>", type_text("zoo.Options", "size"));
  EXPECT_EQ("list[object<zoo::Layer>]", type_text("zoo.Sequential", "layers"));
  EXPECT_EQ("bool", type_text("zoo.Options", "flag"));
  EXPECT_EQ("string", type_text("zoo.Options", "text"));
  EXPECT_EQ("list[path]", type_text("zoo.Files", "more"));
  EXPECT_EQ("data?", type_text("zoo.Raw", "config"));
  EXPECT_EQ("any?", type_text("zoo.Holder", "value"));
  EXPECT_EQ("map[callable]", info_of("zoo.Metrics").rest_arg()->type.to_text());
  EXPECT_EQ("zoo.metrics", info_of("zoo.Metrics").rest_arg()->family);
}

TEST(Declaration, TellsFunctionsCallablesAndAbstractClassesApart) {
  EXPECT_EQ(TypeInfo::Kind::kFunction, info_of("zoo.halve").kind);
  EXPECT_TRUE(info_of("zoo.halve").callable);
  EXPECT_TRUE(info_of("zoo.losses.Huber").callable);
  EXPECT_FALSE(info_of("zoo.Stop").callable);
  EXPECT_TRUE(info_of("zoo.Layer").abstract);
}

TEST(Declaration, SaysWhatAnObjectIsSeenAs) {
  EXPECT_THAT(info_of("zoo.Linear").provides, ElementsAre("zoo::Linear", "zoo::Layer"));
  EXPECT_THAT(info_of("zoo.Gear").provides, ElementsAre("zoo::Gear", "zoo::Layer"));
  EXPECT_THAT(info_of("zoo.Layer").provides, ElementsAre("zoo::Layer"));
  EXPECT_THAT(info_of("zoo.make_model").provides, ElementsAre("zoo::Model"));
  EXPECT_THAT(info_of("zoo.halve").provides, IsEmpty());
}

TEST(Declaration, GivesEveryClassTheMethodsOfItsTraits) {
  const auto* method = info_of("zoo.Gear").find_method("teeth");
  ASSERT_NE(nullptr, method);
  EXPECT_EQ("int", method->result);
}

TEST(Declaration, RefusesANameTwiceAndADefaultOfAnotherType) {
  ivory::Module m("mine");
  m.type<zoo::Relu>("mine.A").init<>();
  EXPECT_THROW(m.type<zoo::Relu>("mine.A"), ivory::Error);
  const auto declare_badly = [&] { m.type<zoo::Picky>("mine.B").init<int>(ivory::arg("size") = "x"); };
  EXPECT_THROW(declare_badly(), ivory::Error);
}

// ---- abilities found by concepts

TEST(Abilities, HooksAreFoundByTheirNames) {
  const auto& ops = ivory::ops_of<zoo::Stop>();
  ivory::Run run;
  zoo::Stop stop{1};
  for (const auto* hook : {"on_epoch_end", "on_fit_begin"})
    EXPECT_THAT(info_of("zoo.Stop").hooks, testing::Contains(hook));
  EXPECT_EQ(2U, info_of("zoo.Stop").hooks.size());
  ops.hooks[static_cast<std::size_t>(Hook::kFitBegin)](&stop, run);
  ops.hooks[static_cast<std::size_t>(Hook::kEpochEnd)](&stop, run);
  EXPECT_THAT(run.calls, ElementsAre("on_fit_begin", "on_epoch_end"));
  EXPECT_EQ(nullptr, ops.hooks[static_cast<std::size_t>(Hook::kFitEnd)]);
  EXPECT_TRUE(ops.has_any_hook());
  EXPECT_FALSE(ivory::ops_of<zoo::Data>().has_any_hook());
}

template <int Number>
struct AllHooks {
  void on_init_begin(ivory::Run& run) { run.calls.emplace_back("on_init_begin"); }
  void on_init_end(ivory::Run& run) { run.calls.emplace_back("on_init_end"); }
  void on_fit_begin(ivory::Run& run) { run.calls.emplace_back("on_fit_begin"); }
  void on_epoch_begin(ivory::Run& run) { run.calls.emplace_back("on_epoch_begin"); }
  void on_train_begin(ivory::Run& run) { run.calls.emplace_back("on_train_begin"); }
  void on_train_end(ivory::Run& run) { run.calls.emplace_back("on_train_end"); }
  void on_val_begin(ivory::Run& run) { run.calls.emplace_back("on_val_begin"); }
  void on_val_end(ivory::Run& run) { run.calls.emplace_back("on_val_end"); }
  void on_epoch_end(ivory::Run& run) { run.calls.emplace_back("on_epoch_end"); }
  void on_fit_end(ivory::Run& run) { run.calls.emplace_back("on_fit_end"); }
  void on_test_begin(ivory::Run& run) { run.calls.emplace_back("on_test_begin"); }
  void on_test_end(ivory::Run& run) { run.calls.emplace_back("on_test_end"); }
  void on_train_batch_begin(ivory::Run& run) { run.calls.emplace_back("on_train_batch_begin"); }
  void on_train_batch_end(ivory::Run& run) { run.calls.emplace_back("on_train_batch_end"); }
  void on_val_batch_end(ivory::Run& run) { run.calls.emplace_back("on_val_batch_end"); }
  void on_test_batch_end(ivory::Run& run) { run.calls.emplace_back("on_test_batch_end"); }
};

TEST(Abilities, EveryHookStandsUnderItsName) {
  ivory::Run run;
  AllHooks<0> object;
  const auto& ops = ivory::ops_of<AllHooks<0>>();
  std::vector<std::string> names;
  for (std::size_t hook = 0; hook < ivory::kHookCount; ++hook) {
    names.emplace_back(ivory::hook_name(static_cast<Hook>(hook)));
    ops.hooks[hook](&object, run);
  }
  EXPECT_EQ(names, run.calls);
}

TEST(Abilities, StartIsFound) {
  EXPECT_TRUE(info_of("zoo.Trainer").starts);
  EXPECT_FALSE(info_of("zoo.Stop").starts);
  ivory::Run run;
  zoo::Trainer trainer{};
  ivory::ops_of<zoo::Trainer>().start(&trainer, run);
  EXPECT_THAT(run.calls, ElementsAre("start"));
}

TEST(Abilities, StateIsJsonOrBytes) {
  const auto& small = ivory::ops_of<zoo::Stop>();
  ASSERT_STREQ("json", small.state_extension);
  const zoo::Stop stop{1, 6};
  zoo::Stop other{1};
  small.load_state_dict(&other, small.state_dict(&stop));
  EXPECT_EQ(6, other.waited);

  const auto& own = ivory::ops_of<zoo::Trainer>();
  ASSERT_STREQ("trainer", own.state_extension);
  const zoo::Trainer trainer{nullptr, 17, {}};
  zoo::Trainer loaded{};
  std::stringstream bytes;
  own.save(&trainer, bytes);
  own.load(&loaded, bytes);
  EXPECT_EQ(17, loaded.batch_size);
  EXPECT_FALSE(ivory::ops_of<zoo::Data>().has_state());
}

// ---- values

TEST(Value, IsSeenAsItsClassOrItsInterface) {
  const Value linear = Value::object(std::make_shared<zoo::Linear>(1, 2));
  EXPECT_EQ("linear1x2", linear.as<zoo::Layer>().name());
  EXPECT_EQ("linear1x2", linear.as<zoo::Linear>().name());
  EXPECT_EQ(nullptr, linear.find<zoo::Data>());
  EXPECT_EQ("expected an object of zoo::Data, found an object of zoo::Linear",
            zoo::refusal_of([&] { (void)linear.share<zoo::Data>(); }));
  const Value gear = Value::object(std::make_shared<zoo::Gear>(zoo::Gear{5}));
  EXPECT_EQ("gear5", gear.share<zoo::Layer>()->name());
}

TEST(Value, SaysWhatItIsWhenItIsSomethingElse) {
  EXPECT_EQ("expected plain data, found a list", zoo::refusal_of([] { (void)Value::list({}).data(); }));
  EXPECT_EQ("expected a callable, found an integer",
            zoo::refusal_of([] { (void)Value(Params(3)).as_callable(); }));
  EXPECT_EQ("expected a list, found null", zoo::refusal_of([] { (void)Value().elements(); }));
  EXPECT_EQ("expected a mapping, found a text", zoo::refusal_of([] { (void)Value(Params("x")).items(); }));
}

TEST(ToValue, KeepsDataAsDataAndSharesObjects) {
  EXPECT_EQ(Params(3), ivory::to_value(3).data());
  EXPECT_EQ(Params("x"), ivory::to_value(std::string("x")).data());
  EXPECT_EQ((Params{1, 2}), ivory::to_value(std::vector<int>{1, 2}).data());
  const auto model = std::make_shared<zoo::Model>();
  EXPECT_EQ(model.get(), ivory::to_value(model).pointer());
  EXPECT_TRUE(ivory::to_value(std::shared_ptr<zoo::Model>()).is_null());
  EXPECT_EQ(2, ivory::to_value(zoo::Gear{2}).as<zoo::Gear>().teeth);
}

TEST(StdFunction, PassesObjectsByReferenceToTheCallable) {
  ivory::Callable callable;
  callable.name = "tooth";
  callable.call = [](std::span<Value> values) -> Value {
    values[0].as<zoo::Gear>().teeth += 1;
    return values[1];
  };
  using Function = std::function<int(zoo::Gear&, int)>;
  const auto function = ivory::Convert<Function>::from(Value::callable(callable));
  zoo::Gear gear{1};
  EXPECT_EQ(7, function(gear, 7));
  EXPECT_EQ(2, gear.teeth);
}

TEST(StdFunction, IsWhatAFunctionReturned) {
  using Function = std::function<double(double)>;
  const auto function =
      ivory::Convert<Function>::from(ivory::to_value(Function([](double x) { return x * 3; })));
  EXPECT_DOUBLE_EQ(6, function(2));
  EXPECT_FALSE(ivory::Convert<Function>::from(Value()));
}

// ---- types as text

TEST(ArgType, ReadsBackFromItsText) {
  for (const auto* text :
       {"any", "data?", "bool", "int", "real?", "string", "path", "list[int]", "list[int?]?",
        "map[list[real]]", "int|list[int]", "int|string?", "callable", "list[int|string]",
        "object<std::vector<int, std::allocator<int> >>", "object<a::B>|callable?"}) {
    EXPECT_EQ(text, ArgType::parse(text).to_text());
    EXPECT_EQ(ArgType::parse(text), ArgType::parse(ArgType::parse(text).to_text()));
  }
  for (const auto* text : {"", "integer", "list[", "list[int", "object<a", "int|", "int]", "list[]"})
    EXPECT_THROW((void)ArgType::parse(text), ivory::Error) << text;
}

TEST(ArgType, OfAnyCppTypeReadsBack) {
  using Deep =
      std::variant<std::optional<int>, std::variant<double, std::string>, std::vector<std::optional<bool>>>;
  const ArgType type = ivory::Convert<Deep>::type();
  EXPECT_EQ("int|real|string|list[bool?]?", type.to_text());
  EXPECT_EQ(type, ArgType::parse(type.to_text()));
}

TEST(ArgType, AcceptsWhatYamlMayWriteForIt) {
  const auto takes = [](std::string_view type, const Params& data) {
    return accepts(ArgType::parse(type), data);
  };
  EXPECT_TRUE(takes("real", 1));
  EXPECT_FALSE(takes("int", 1.0));
  EXPECT_FALSE(takes("int", true));
  EXPECT_FALSE(takes("int", nullptr));
  EXPECT_TRUE(takes("int?", nullptr));
  EXPECT_TRUE(takes("list[real]", {1, 2.5}));
  EXPECT_FALSE(takes("list[real]", {1, "x"}));
  EXPECT_TRUE(takes("map[int]", {{"a", 1}}));
  EXPECT_FALSE(takes("map[int]", {{"a", "b"}}));
  EXPECT_TRUE(takes("int|string", "x"));
  EXPECT_FALSE(takes("callable", "x"));
  EXPECT_FALSE(takes("object<X>", Params::map()));
  EXPECT_TRUE(takes("data", Params::map()));
}

// ---- manifests

TEST(Manifest, ReadsBackEqual) {
  ivory::Module m("mine");
  m.type<zoo::Options>("mine.Options", "help \"quoted\"")
      .factory(
          [](double a, std::optional<int> b, std::string c, std::vector<double> d) {
            return std::make_shared<zoo::Options>(zoo::Options{static_cast<int>(a + d[0]), b, true, c, 1});
          },
          ivory::arg("a") = std::numeric_limits<double>::infinity(), ivory::arg("b") = nullptr,
          ivory::arg("c", "one of").choices({"x", "y"}) = "x", ivory::arg("d") = Params{1.0, 1e300})
      .method("get", [](const zoo::Options& o) { return o.text; });
  m.function(
      "mine.f", [](double x, double) { return x; },
      ivory::arg("nan") = std::numeric_limits<double>::quiet_NaN());
  m.alias("theirs.f", "mine.f");
  m.default_class({"option", "mine.Options", "mine", true});
  m.process_owned("because");
  const ivory::Manifest first = ivory::Manifest::of(m);
  const ivory::Manifest second = ivory::Manifest::from_json(first.to_json());
  EXPECT_EQ(first.to_json(), second.to_json());
  const ArgInfo& infinite = second.types[0].args[0];
  EXPECT_EQ(Params(std::numeric_limits<double>::infinity()), infinite.default_value);
  EXPECT_EQ((Params::List{"x", "y"}), second.types[0].find_arg("c")->choices);
  EXPECT_TRUE(second.types[0].find_arg("b")->default_value.is_null());
  EXPECT_FALSE(second.types[0].find_arg("b")->required);
  EXPECT_EQ("mine", second.types[0].module);
  EXPECT_EQ("because", second.process_owned);
  ASSERT_EQ(1U, second.default_classes.size());
  EXPECT_TRUE(second.default_classes[0].def);
}

TEST(Manifest, OfEveryDeclarationOfTheTestsReadsBackEqual) {
  for (const TypeInfo* info : zoo::registry().list())
    EXPECT_EQ(info->to_params(), TypeInfo::from_params(info->to_params()).to_params());
}

TEST(Manifest, RefusesWhatIsNone) {
  for (const auto* text : {"", "[]", "{}", "3", R"({"ivory_manifest": 999})", R"({"ivory_manifest": 1})",
                           R"({"ivory_manifest": 1, "module": 3})"}) {
    try {
      (void)ivory::Manifest::from_json(text);
      FAIL() << text;
    } catch (const ivory::Error& error) {
      EXPECT_EQ(ivory::ErrorCode::kInvalidArgument, error.code());
      EXPECT_THAT(error.what(), testing::StartsWith("not a manifest of this version of Ivory: "));
    }
  }
}

}  // namespace
