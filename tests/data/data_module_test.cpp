// What YAML can name of this library.
#include <gmock/gmock.h>
#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/data/csv_data.h>
#include <ivory/data/data_loaders.h>
#include <ivory/registry/blueprint.h>
#include <ivory/registry/registry.h>
#include <ivory/yaml/yaml.h>

namespace ivory {
namespace {

using testing::HasSubstr;

class DataModuleTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file(folder_.path() / "a.csv", "x,y\n1,0\n2,1\n3,0\n4,1\n5,0\n6,1\n7,0\n8,1\n");
  }
  Value make(const std::string& yaml, const std::string& member) {
    section_ = parse_yaml(yaml, "a.yml");
    const Blueprint blueprint(registry_, section_, "", {}, folder_.path());
    return blueprint.make(member, [](std::string_view) { return Value(); });
  }
  std::string message_of(const std::string& yaml, const std::string& member) {
    try {
      static_cast<void>(make(yaml, member));
    } catch (const Error& error) {
      EXPECT_EQ(2, error.exit_status());
      return error.what();
    }
    return "no error";
  }
  TemporaryFolder folder_;
  Registry registry_;
  Params section_;
};

TEST_F(DataModuleTest, MakesDatasetsFromAParameterFile) {
  const Value value = make(R"(
datasets:
  data: {class: ivory.CsvData, path: a.csv, target: y, n_splits: 4, split: stratified, test_fraction: 0.25}
  dataset:
  fold: 1
)",
                           "datasets");
  const auto& sets = value.as<Datasets>();
  EXPECT_EQ(1, sets.fold());
  EXPECT_EQ(2, sets.test()->size());
  EXPECT_EQ(6, sets.train()->size() + sets.val()->size());
}

TEST_F(DataModuleTest, MakesLoadersAndKnowsTheOriginalsNames) {
  const Value value = make(R"(
loaders:
  class: ivory.DataLoaders
  data: {class: ivory.CsvData, path: a.csv, target: [y], n_splits: 4}
  dataset: {def: ivory.core.data.Dataset}
  batch_size: 4
)",
                           "loaders");
  EXPECT_EQ(2, value.as<DataLoaders>().train().batches());
  for (const auto* name : {"ivory.core.data.Data", "ivory.core.data.Dataset", "ivory.core.data.Datasets"})
    EXPECT_NE(nullptr, registry_.find(name)) << name;
}

TEST_F(DataModuleTest, AWrongArgumentIsNamedWithItsLine) {
  const auto with = [&](const std::string& arguments) {
    return message_of(
        "datasets:\n  data: {class: ivory.CsvData, path: a.csv, target: y}\n  fold: 9\ndata:\n  class: "
        "ivory.CsvData\n" +
            arguments,
        "data");
  };
  EXPECT_THAT(message_of("datasets:\n  data: {class: ivory.CsvData, path: a.csv, target: y}\n  fold: 9\n",
                         "datasets"),
              testing::AllOf(HasSubstr("a.yml:3"),
                             HasSubstr("fold 9 does not exist; the data have the folds 0, 1, 2, 3, 4")));
  EXPECT_THAT(with("  path: a.csv\n  target: y\n  split: stratifed\n"),
              testing::AllOf(HasSubstr("a.yml:8"), HasSubstr("stratified")));
  EXPECT_THAT(with("  path: a.csv\n  target: y\n  n_splits: 9\n"),
              testing::AllOf(HasSubstr("a.yml:8"), HasSubstr("only 8 samples")));
  EXPECT_THAT(with("  path: a.csv\n  target: y\n  separator: ab\n"), HasSubstr("a.yml:8"));
  EXPECT_THAT(with("  path: b.csv\n  target: y\n"), HasSubstr("b.csv"));
}

TEST_F(DataModuleTest, EveryClassAndArgumentHasHelp) {
  for (const auto* name : {"ivory.Data", "ivory.CsvData", "ivory.NpyData", "ivory.Dataset", "ivory.Datasets",
                           "ivory.DataLoaders"}) {
    const TypeInfo& info = registry_.get(name);
    EXPECT_FALSE(info.help.empty()) << name;
    for (const auto& argument : info.args)
      EXPECT_FALSE(argument.help.empty()) << name << " " << argument.name;
  }
}

}  // namespace
}  // namespace ivory
