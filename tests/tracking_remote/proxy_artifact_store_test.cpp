// Artifacts kept by a tracking server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include <nlohmann/json.hpp>

#include <ivory/tracking/artifact_store.h>

#include "test_server.h"
#include "tracking_support.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;
using net::Received;
using net::Reply;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kInterface = "/api/2.0/mlflow-artifacts/artifacts";

// Keeps files in memory; paths as they come, percent-encoded.
class ProxyTest : public testing::Test {
 protected:
  Reply answer(const Received& request) {
    const std::string path = request.target.substr(kInterface.size());
    if (request.method == "PUT") {
      files_[path] = request.body;
      return {};
    }
    if (request.method == "DELETE") {
      files_.erase(path);
      return {};
    }
    if (path.starts_with("?")) return {.body = listing_};
    const auto found = files_.find(path);
    if (found == files_.end())
      return {.status = 404, .body = R"({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "x"})"};
    return {.body = found->second};
  }

  std::map<std::string, std::string> files_;
  std::string listing_ = R"({"files": []})";
  net::TestServer server_{[this](const Received& request) { return answer(request); }};
  std::unique_ptr<ArtifactStore> store_ =
      open_artifact_store("mlflow-artifacts:/3/abc/artifacts", Durability::kProcess, server_.url());
  TemporaryFolder folder_;
};

TEST_F(ProxyTest, GivesBackWhatWasWritten) {
  store_->write("a b/č.txt", std::string("x\0y", 3));
  EXPECT_TRUE(files_.contains("/3/abc/artifacts/a%20b/%C4%8D.txt"));
  EXPECT_EQ(store_->read("a b/č.txt"), std::string("x\0y", 3));
  EXPECT_EQ(code_of([&] { (void)store_->read("none"); }), ErrorCode::kNotFound);
  EXPECT_EQ(store_->local_path("a"), std::nullopt);
  store_->remove("a b/č.txt");
  EXPECT_TRUE(files_.empty());
}

TEST_F(ProxyTest, SendsFilesAndFolders) {
  write_file(folder_.path() / "in/one.txt", "1");
  write_file(folder_.path() / "in/sub/two.txt", "2");
  store_->log_artifact(folder_.path() / "in/one.txt", "to");
  store_->log_artifacts(folder_.path() / "in", "all");
  std::vector<std::string> names;
  for (const auto& [name, bytes] : files_)
    names.push_back(name.substr(std::string_view("/3/abc/artifacts/").size()));
  EXPECT_THAT(names, ElementsAre("all/one.txt", "all/sub/two.txt", "to/one.txt"));
  EXPECT_EQ(code_of([&] { store_->log_artifact("/none"); }), ErrorCode::kNotFound);
}

TEST_F(ProxyTest, DownloadsAFileWholeOrNotAtAll) {
  store_->write("f", "bytes");
  store_->download("f", folder_.path() / "sub/f");
  EXPECT_EQ(read_file(folder_.path() / "sub/f"), "bytes");
  EXPECT_EQ(code_of([&] { store_->download("none", folder_.path() / "none"); }), ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(folder_.path() / "none"));
  EXPECT_THAT(std::vector<fs::path>(fs::directory_iterator(folder_.path()), {}),
              ElementsAre(folder_.path() / "sub"));
}

TEST_F(ProxyTest, ListsAFolder) {
  listing_ =
      R"({"files": [{"path": "z.bin", "is_dir": false, "file_size": "12"}, {"path": "deep", "is_dir": true}]})";
  EXPECT_THAT(store_->list("sub/"), ElementsAre(ArtifactInfo{"sub/deep", true, std::nullopt},
                                                ArtifactInfo{"sub/z.bin", false, 12}));
  EXPECT_THAT(server_.received().back().target, testing::EndsWith("?path=3%2Fabc%2Fartifacts%2Fsub"));
  listing_ = R"({"files": [{"path": "../evil", "is_dir": false, "file_size": 1}]})";
  EXPECT_EQ(code_of([&] { (void)store_->list(""); }), ErrorCode::kInvalidArgument);
}

TEST_F(ProxyTest, RefusesPathsThatLeaveTheRun) {
  for (const char* path : {"../x", "a/../../x", "/etc/passwd", "", "."})
    EXPECT_EQ(code_of([&] { store_->write(path, "x"); }), ErrorCode::kInvalidArgument) << path;
  EXPECT_TRUE(files_.empty());
}

TEST_F(ProxyTest, KnowsAllFormsOfAnAddress) {
  const auto place = [&](const std::string& uri, const std::string& tracking_uri) {
    files_.clear();
    open_artifact_store(uri, Durability::kProcess, tracking_uri)->write("f", "");
    return files_.begin()->first;
  };
  const std::string host = server_.url().substr(std::string_view("http://").size());
  EXPECT_EQ(place("mlflow-artifacts:/1/r", server_.url() + "/"), "/1/r/f");
  EXPECT_EQ(place("mlflow-artifacts://" + host + "/1/r", "http://elsewhere:1"), "/1/r/f");
  EXPECT_EQ(place(server_.url() + std::string(kInterface) + "/1/r", ""), "/1/r/f");
  EXPECT_THAT(message_of([&] {
                (void)open_artifact_store("mlflow-artifacts:/1", Durability::kProcess, "sqlite:///x");
              }),
              HasSubstr("needs a tracking server"));
  EXPECT_EQ(code_of([] { (void)open_artifact_store("http://h/other"); }), ErrorCode::kInvalidArgument);
  EXPECT_THAT(message_of([] { (void)open_artifact_store("s3://b"); }), HasSubstr("unknown scheme 's3'"));
}

}  // namespace
}  // namespace ivory::tracking
