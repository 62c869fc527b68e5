// From URIs to stores; the contract over every kind of store that opens without a server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models_contract.h"

namespace ivory::tracking {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<StorePlace> local_places() {
  std::vector<StorePlace> places;
  for (const std::string& scheme : store_schemes()) {
    if (is_local(scheme)) places.push_back({scheme, [scheme] { return OpenPlace{uri_for(scheme), {}}; }});
  }
  return places;
}

INSTANTIATE_TEST_SUITE_P(EveryLocalStore, TrackingStoreContract, testing::ValuesIn(local_places()),
                         name_of_place);
INSTANTIATE_TEST_SUITE_P(EveryLocalStore, ModelRegistryContract, testing::ValuesIn(local_places()),
                         name_of_place);
INSTANTIATE_TEST_SUITE_P(EveryLocalStore, LoggedModelsContract, testing::ValuesIn(local_places()),
                         name_of_place);

TEST(OpenStore, NamesTheSchemesThatItKnows) {
  for (const char* uri : {"sqlight:///x.db", "mysql://h/x", "mlflow.db", "", ":", "sqlite"}) {
    EXPECT_EQ(code_of([&] { (void)open_store(uri); }), ErrorCode::kInvalidArgument) << uri;
  }
  EXPECT_THAT(message_of([] { (void)open_store("sqlit:///x.db"); }), HasSubstr("did you mean 'sqlite'"));
  EXPECT_THAT(message_of([] { (void)open_store("mysql://h/x"); }), HasSubstr("supported: sqlite"));
}

TEST(OpenStore, SaysHowAPathIsWrittenAsAUri) {
  EXPECT_THAT(message_of([] { (void)open_store("runs/mlflow.db"); }),
              HasSubstr("'runs/mlflow.db' has no scheme; did you mean 'sqlite:///runs/mlflow.db'?"));
  const StoreScheme folders{.name = "file", .open = nullptr, .exists = nullptr};
  EXPECT_THAT(message_of([&] { (void)open_store("./mlruns", {.further = {&folders, 1}}); }),
              HasSubstr("did you mean 'file:./mlruns'?"));
  EXPECT_THAT(message_of([] { (void)open_store("./mlruns"); }), Not(HasSubstr("file:")));
}

TEST(OpenStore, RefusesSqliteUrisWithoutAFile) {
  for (const char* uri :
       {"sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:x.db", "sqlite:///x.db?mode=ro"}) {
    EXPECT_EQ(code_of([&] { (void)open_store(uri); }), ErrorCode::kInvalidArgument) << uri;
  }
}

TEST(OpenStore, TakesRelativeAndAbsolutePaths) {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "sub");
  const StoreOptions options{.working_directory = folder.path() / "sub" / ".."};
  (void)open_store("sqlite:///sub/a b.db", options);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "sub/a b.db"));
  const std::string absolute = "sqlite:///" + (folder.path() / "abs.db").string();
  (void)open_store(absolute, options);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "abs.db"));
  EXPECT_TRUE(store_exists(absolute, options));
}

TEST(OpenStore, MakesNothingWhenItMayOnlyRead) {
  TemporaryFolder folder;
  const StoreOptions options{.working_directory = folder.path(), .access = Access::kReadOnly};
  EXPECT_FALSE(store_exists(kDefaultTrackingUri, options));
  EXPECT_EQ(code_of([&] { (void)open_store(kDefaultTrackingUri, options); }), ErrorCode::kNotFound);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace ivory::tracking
