#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/asides.h>
#include <ivory/tracking/artifact_store.h>

#include "tracking_support.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ArtifactStoreTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  fs::path root_ = folder_.path() / "run" / "artifacts";
  std::unique_ptr<ArtifactStore> store_ = open_artifact_store(root_.string());
};

TEST_F(ArtifactStoreTest, MakesNothingBeforeItIsWrittenTo) {
  EXPECT_THAT(store_->list(), IsEmpty());
  EXPECT_EQ(code_of([&] { (void)store_->read("a"); }), ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(folder_.path() / "run"));
}

TEST_F(ArtifactStoreTest, GivesBackWhatWasWritten) {
  const std::string bytes("\0\xff text", 7);
  store_->write("sub/dir/blob.bin", bytes);
  store_->write("params.yaml", "old");
  store_->write("params.yaml", "new");
  EXPECT_EQ(store_->read("sub/dir/blob.bin"), bytes);
  EXPECT_EQ(store_->read("params.yaml"), "new");
  EXPECT_THAT(store_->list(),
              ElementsAre(ArtifactInfo{"params.yaml", false, 3}, ArtifactInfo{"sub", true, {}}));
  EXPECT_THAT(store_->list("sub"), ElementsAre(ArtifactInfo{"sub/dir", true, {}}));
  EXPECT_THAT(store_->list("sub/dir"), ElementsAre(ArtifactInfo{"sub/dir/blob.bin", false, 7}));
  EXPECT_THAT(store_->list("params.yaml"), IsEmpty());
  EXPECT_EQ(store_->local_path("sub/dir"), root_ / "sub/dir");
}

TEST_F(ArtifactStoreTest, CopiesFilesAndFolders) {
  const fs::path source = folder_.path() / "source";
  write_file(source / "ü file.txt", "a");
  write_file(source / "deep" / "er" / "b.txt", "b");
  store_->log_artifact(source / "ü file.txt", "with space");
  store_->log_artifacts(source, "all");
  store_->log_artifacts(source);
  EXPECT_EQ(store_->read("with space/ü file.txt"), "a");
  EXPECT_EQ(store_->read("all/deep/er/b.txt"), "b");
  EXPECT_EQ(store_->read("deep/er/b.txt"), "b");
  EXPECT_EQ(store_->list("with space").size(), 1u);  // nothing is left of the copying
  EXPECT_EQ(code_of([&] { store_->log_artifact(source / "none"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { store_->log_artifacts(source / "none"); }), ErrorCode::kNotFound);
}

TEST_F(ArtifactStoreTest, ListsNothingThatAKilledProcessLeftHalfCopied) {
  store_->write("plots/whole.png", "1");
  write_file(aside_path(root_ / "plots" / "half.png"), "0.5");
  EXPECT_THAT(store_->list("plots"), ElementsAre(ArtifactInfo{"plots/whole.png", false, 1}));
}

TEST_F(ArtifactStoreTest, RemovesWhatIsThere) {
  store_->write("a/b", "1");
  store_->remove("a");
  store_->remove("a");
  store_->write("file", "x");
  store_->remove("file/below");
  EXPECT_EQ(store_->read("file"), "x");
  store_->remove("file");
  EXPECT_THAT(store_->list(), IsEmpty());
}

TEST_F(ArtifactStoreTest, RefusesPathsThatLeaveTheFolder) {
  store_->write("a", "1");
  write_file(folder_.path() / "run" / "secret", "s");
  fs::create_directory_symlink(folder_.path() / "run", root_ / "link");
  for (const std::string path : {"../secret", "a/../../secret", "/etc/passwd", "..", "x/..", "link/secret"}) {
    EXPECT_EQ(code_of([&] { (void)store_->read(path); }), ErrorCode::kInvalidArgument) << path;
    EXPECT_EQ(code_of([&] { store_->write(path, "x"); }), ErrorCode::kInvalidArgument) << path;
    EXPECT_EQ(code_of([&] { (void)store_->list(path); }), ErrorCode::kInvalidArgument) << path;
    EXPECT_EQ(code_of([&] { (void)store_->local_path(path); }), ErrorCode::kInvalidArgument) << path;
    EXPECT_EQ(code_of([&] { store_->remove(path); }), ErrorCode::kInvalidArgument) << path;
    EXPECT_EQ(code_of([&] { store_->log_artifact(root_ / "a", path); }), ErrorCode::kInvalidArgument) << path;
  }
  EXPECT_EQ(code_of([&] { (void)store_->read(std::string("a\0b", 3)); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store_->write("", "x"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(read_file(folder_.path() / "run" / "secret"), "s");
}

TEST_F(ArtifactStoreTest, WorksInAFolderReachedByALink) {
  fs::create_directory(folder_.path() / "real");
  fs::create_directory_symlink(folder_.path() / "real", folder_.path() / "run");
  store_->write("a", "1");
  EXPECT_EQ(read_file(folder_.path() / "real" / "artifacts" / "a"), "1");
}

TEST_F(ArtifactStoreTest, OpensFileUris) {
  store_->write("a", "1");
  EXPECT_EQ(open_artifact_store("file://" + root_.string())->read("a"), "1");
  EXPECT_EQ(open_artifact_store("file://localhost" + root_.string() + "/")->read("a"), "1");
  const auto spaced = open_artifact_store("file://" + folder_.path().string() + "/with%20space");
  spaced->write("a", "2");
  EXPECT_EQ(read_file(folder_.path() / "with space" / "a"), "2");
}

TEST(OpenArtifactStore, RefusesWhatItCannotReach) {
  for (const char* uri :
       {"s3://bucket/x", "relative/path", "", "file://other-host/x", "mlflow-artifacts:/1"}) {
    EXPECT_EQ(code_of([&] { (void)open_artifact_store(uri); }), ErrorCode::kInvalidArgument) << uri;
  }
  EXPECT_THAT(message_of([] { (void)open_artifact_store("s3://bucket/x"); }), HasSubstr("supported"));
}

TEST_F(ArtifactStoreTest, KeepsTheOldFileWhenTheDiskIsFull) {
  const auto full = open_artifact_store("/dev/full");
  EXPECT_EQ(code_of([&] { full->write("a", "1"); }), ErrorCode::kIo);
}

}  // namespace
}  // namespace ivory::tracking
