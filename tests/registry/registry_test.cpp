#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/registry/registry.h>

#include "zoo.h"

namespace {

namespace fs = std::filesystem;
using ivory::Blueprint;
using ivory::Error;
using ivory::ErrorCode;
using ivory::Params;
using ivory::Registry;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

ErrorCode code_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "accepted";
  return ErrorCode::kInternal;
}

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

bool is_loaded(const std::string& library) {
  std::ifstream maps("/proc/self/maps");
  const std::string text((std::istreambuf_iterator<char>(maps)), {});
  return text.find(fs::canonical(library).filename()) != std::string::npos;
}

// A folder of its own, gone at the end.
class Folder {
 public:
  Folder() {
    path_ = fs::temp_directory_path() / ("ivory-registry-" + std::to_string(::getpid()));
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(Registry, KnowsTheModulesLinkedIntoTheProcess) {
  EXPECT_TRUE(zoo::registry().has_module("zoo"));
  EXPECT_THAT(zoo::registry().modules(), Contains("zoo"));
  EXPECT_EQ("zoo.Data", zoo::registry().get("zoo.Data").name);
  EXPECT_EQ(nullptr, zoo::registry().find("zoo.Dat"));
}

TEST(Registry, FollowsAliases) {
  EXPECT_EQ(zoo::registry().find("zoo.Data"), zoo::registry().find("original.zoo.Data"));
  EXPECT_THAT(zoo::registry().aliases("zoo.Data"), ElementsAre("original.zoo.Data"));
  EXPECT_EQ(4, zoo::Made("d: {class: original.zoo.Data}").get<zoo::Data>("d").n_splits);
}

TEST(Registry, NamesTheNearestOrTheMissingModule) {
  const auto message = [](std::string_view name) {
    return message_of([&] { (void)zoo::registry().get(name); });
  };
  EXPECT_EQ("unknown class or function 'zoo.optim.SDG'; did you mean 'zoo.optim.SGD'?",
            message("zoo.optim.SDG"));
  EXPECT_EQ("unknown class or function 'original.zoo.Date'; did you mean 'original.zoo.Data'?",
            message("original.zoo.Date"));
  EXPECT_EQ("unknown class or function 'zoo.Elephant'; `ivory types` lists what there is",
            message("zoo.Elephant"));
  EXPECT_EQ(
      "unknown class or function 'ivory.sklearn.estimator.Estimator'; the module 'opencv', which declares "
      "it, is "
      "not installed",
      message("ivory.sklearn.estimator.Estimator"));
  EXPECT_EQ(
      "unknown class or function 'ivory.lightgbm.estimator.Regressor'; the module 'xgboost', which declares "
      "it, is not "
      "installed",
      message("ivory.lightgbm.estimator.Regressor"));
  EXPECT_EQ("unknown class or function 'farm.Cow'; no module declares names that begin with 'farm.'",
            message("farm.Cow"));
}

TEST(Registry, ListsByPrefixInOrder) {
  std::vector<std::string> names;
  for (const ivory::TypeInfo* info : zoo::registry().list("zoo.losses.")) names.push_back(info->name);
  EXPECT_THAT(names, ElementsAre("zoo.losses.Huber", "zoo.losses.scaled"));
}

TEST(Registry, GivesTheLibrarysDefaultMembersAndTheCores) {
  EXPECT_THAT(zoo::registry().default_members("zoo"), testing::IsSupersetOf({"data", "dataset", "trainer"}));
  EXPECT_THAT(zoo::registry().default_members(""), Not(Contains("data")));
}

// First of those that load: what is loaded stays.
TEST(OnDemand, ChecksByTheManifestAndLoadsToMake) {
  ASSERT_FALSE(is_loaded(GARDEN));
  Registry registry;
  registry.add_library(GARDEN);
  EXPECT_TRUE(registry.has_module("garden"));
  EXPECT_EQ("in cm", registry.get("garden.Plant").find_arg("height")->help);
  EXPECT_EQ("its seed belongs to the process", registry.process_owned("garden"));
  EXPECT_EQ("", registry.process_owned("zoo"));
  const Params section = zoo::section(
      "plant: {height: 4}\nbed: {class: garden.Bed, plants: [$.plant, garden.Plant]}\n"
      "n: {class: zoo.Holder, value: $.bed.count()}\n");
  const Blueprint blueprint(registry, section, "garden");
  EXPECT_THAT(blueprint.modules(), ElementsAre("garden", "zoo"));
  EXPECT_EQ(
      "zoo.yml:1: unknown argument 'hight' of 'garden.Plant' ('plant'); did you mean 'height'? Its signature "
      "is "
      "garden.Plant(height=3)",
      message_of([&] { const Blueprint bad(registry, zoo::section("plant: {hight: 4}"), "garden"); }));
  ASSERT_FALSE(is_loaded(GARDEN));

  std::map<std::string, ivory::Value, std::less<>> made;
  for (const std::string& name : blueprint.names())
    made[name] = blueprint.make(name, [&](std::string_view member) { return made.find(member)->second; });
  EXPECT_TRUE(is_loaded(GARDEN));
  EXPECT_EQ(Params(2), made["n"].as<zoo::Holder>().value.data());
}

TEST(OnDemand, TellsTheModuleTheSettingsOfTheProcess) {
  Registry registry;
  registry.add_library(GARDEN);
  registry.prepare_process({"garden"}, {40, 2});
  const Blueprint blueprint(registry, zoo::section("plant:"), "garden");
  const ivory::Value plant = blueprint.make("plant", {});
  EXPECT_EQ(Params(45), plant.code()->find_method("grown")->call(plant).data());
}

TEST(OnDemand, TwoRegistriesDoNotSeeEachOthersLibraries) {
  Registry one;
  one.add_library(GARDEN);
  Registry two;
  two.add_library(MEADOW);
  const auto make = [](const Registry& registry) {
    return Blueprint(registry, zoo::section("p: {class: garden.Plant}"), "").make("p", {});
  };
  EXPECT_NE(make(one).ops()->type, make(two).ops()->type);  // each its own class of that name
  EXPECT_EQ(nullptr, one.find("meadow.Grass"));
  EXPECT_EQ(nullptr, two.find("garden.Bed"));
  const Registry later;  // both are loaded by now
  EXPECT_EQ(nullptr, later.find("garden.Plant"));
  EXPECT_EQ(nullptr, later.find("meadow.Grass"));
}

TEST(OnDemand, RefusesANameThatIsDeclaredAlreadyAndStaysAsItWas) {
  Registry registry;
  registry.add_library(GARDEN);
  EXPECT_EQ(ErrorCode::kConflict, code_of([&] { registry.add_library(MEADOW); }));
  EXPECT_EQ("'garden.Plant' is declared by the module 'garden' and again by 'meadow'",
            message_of([&] { registry.add_library(MEADOW); }));
  EXPECT_EQ(nullptr, registry.find("meadow.Grass"));
  EXPECT_FALSE(registry.has_module("meadow"));
  EXPECT_EQ("garden", registry.get("garden.Plant").module);
  EXPECT_EQ(ErrorCode::kConflict, code_of([&] { registry.add_library(GARDEN); }));
}

TEST(OnDemand, RefusesALibraryWithoutAManifest) {
  Registry registry;
  EXPECT_EQ(ErrorCode::kNotFound, code_of([&] { registry.add_library("/nowhere/libx.so"); }));
  EXPECT_THAT(message_of([&] { registry.add_library("/nowhere/libx.so"); }),
              HasSubstr("/nowhere/libx.so.manifest.json"));
}

TEST(OnDemand, RefusesAManifestThatIsBroken) {
  const Folder folder;
  const fs::path library = folder.path() / "libx.so";
  ivory::write_file(ivory::manifest_path(library), "{");
  Registry registry;
  EXPECT_THAT(message_of([&] { registry.add_library(library); }),
              testing::StartsWith(ivory::manifest_path(library).string() +
                                  ": not a manifest of this version of Ivory: "));
}

TEST(OnDemand, RefusesALibraryThatCannotBeLoadedOrIsAnother) {
  const Folder folder;
  const fs::path broken = folder.path() / "libbroken.so";
  ivory::write_file(broken, "no library");
  const std::string manifest = ivory::read_file(ivory::manifest_path(GARDEN));
  ivory::write_file(ivory::manifest_path(broken), manifest);
  Registry registry;
  registry.add_library(broken);
  EXPECT_THAT(message_of([&] { (void)registry.code(registry.get("garden.Plant")); }),
              HasSubstr("libbroken.so cannot be loaded: "));

  const fs::path other = folder.path() / "libother.so";
  fs::copy_file(fs::canonical(MEADOW), other);
  ivory::write_file(ivory::manifest_path(other), manifest);
  Registry second;
  second.add_library(other);
  EXPECT_THAT(message_of([&] { (void)second.code(second.get("garden.Plant")); }),
              HasSubstr("libother.so declares something else than its manifest says; build it again"));
}

TEST(OnDemand, FindsALibraryByARelativePathAfterTheProcessMoves) {
  const Folder folder;
  fs::copy_file(fs::canonical(GARDEN), folder.path() / "librelative.so");
  ivory::write_file(folder.path() / "librelative.so.manifest.json",
                    ivory::read_file(ivory::manifest_path(GARDEN)));
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  Registry registry;
  registry.add_library("librelative.so");
  fs::current_path(before);
  EXPECT_NO_THROW((void)registry.code(registry.get("garden.Plant")));
}

TEST(OnDemand, WritesTheManifestThatReadLibraryGives) {
  const ivory::Manifest manifest = ivory::read_library(GARDEN);
  EXPECT_EQ(ivory::read_file(ivory::manifest_path(GARDEN)), manifest.to_json() + "\n");
  EXPECT_FALSE(manifest.hash.empty());
}

TEST(ReadLibrary, RefusesALibraryThatDeclaresNothing) {
  EXPECT_THAT(message_of([] { (void)ivory::read_library(BASE); }),
              HasSubstr("declares no module; expected IVORY_MODULE(name, m)"));
}

TEST(OnDemand, LoadsOnceForManyThreads) {
  Registry registry;
  registry.add_library(GARDEN);
  const Blueprint blueprint(registry, zoo::section("plant: {height: 4}"), "garden");
  std::vector<std::thread> threads;
  std::vector<const ivory::TypeCode*> codes(8);
  for (auto& code : codes) threads.emplace_back([&] { code = blueprint.make("plant", {}).code(); });
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(codes, testing::Each(codes.front()));
}

}  // namespace
