// What waits on disk while a server is away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include <ivory/tracking/spool.h>

#include "tracking_support.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::SizeIs;

Batch points(int count) {
  Batch batch{.params = {{"p", "ž\n"}}, .tags = {{"t", "v"}}};
  for (int i = 0; i < count; ++i) batch.metrics.push_back({"m", i / 3.0, 1'700'000'000'000 + i, i});
  batch.model_metrics.push_back({{"mm", 1, 2, 3}, "m-1", "", "", "r"});
  return batch;
}

TEST(Spool, GivesBackWhatWasAppended) {
  const TemporaryFolder folder;
  Spool spool(folder.path() / "deep", "http://h", "r");
  EXPECT_TRUE(spool.empty());
  EXPECT_FALSE(fs::exists(folder.path() / "deep")) << "nothing before there is something to keep";
  spool.append(points(3));
  spool.append(
      RunUpdate{.status = RunStatus::kFinished, .end_time_ms = 5, .name = "n", .tags = {{"a", "b"}}});
  spool.append(PendingArtifact{.file = "/x/y", .folder = "f"});
  const SpoolContents contents = spool.read();
  EXPECT_EQ(contents.tracking_uri, "http://h");
  EXPECT_EQ(contents.run_id, "r");
  ASSERT_THAT(contents.records, SizeIs(3));
  const auto& batch = std::get<Batch>(contents.records[0]);
  EXPECT_EQ(batch.metrics, points(3).metrics);
  EXPECT_EQ(batch.params, points(3).params);
  EXPECT_EQ(batch.model_metrics, points(3).model_metrics);
  const auto& update = std::get<RunUpdate>(contents.records[1]);
  EXPECT_EQ(update.status, RunStatus::kFinished);
  EXPECT_EQ(update.end_time_ms, 5);
  EXPECT_EQ(update.name, "n");
  EXPECT_EQ(std::get<PendingArtifact>(contents.records[2]).file, "/x/y");
  spool.clear();
  EXPECT_FALSE(fs::exists(spool.path()));
}

TEST(Spool, LeavesOutATornOrDamagedEndAndGoesOnBehindTheWholeLines) {
  const TemporaryFolder folder;
  fs::path file;
  {
    Spool spool(folder.path(), "http://h", "r");
    spool.append(points(1));
    spool.append(points(2));
    file = spool.path();
  }
  const std::string whole = read_file(file);
  for (std::size_t cut = 1; cut < whole.size() / 2; cut += 7) {
    write_file(file, whole.substr(0, whole.size() - cut));
    Spool spool(folder.path(), "http://h", "r");
    spool.append(points(3));
    const SpoolContents contents = spool.read();
    ASSERT_GE(contents.records.size(), 2u) << cut;
    EXPECT_EQ(std::get<Batch>(contents.records.back()).metrics, points(3).metrics);
  }
  std::string damaged = whole;
  damaged[whole.size() - 10] ^= 1;
  EXPECT_THAT(parse_spool(damaged).records, SizeIs(1));
  EXPECT_EQ(code_of([] { (void)parse_spool("not a spool\n"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([] { (void)parse_spool(""); }), ErrorCode::kInvalidArgument);
}

TEST(Spool, BelongsToOneProcessAtATimeAndToNoneAfterAKill) {
  const TemporaryFolder folder;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    Spool spool(folder.path(), "http://h", "r");
    spool.append(points(100));
    (void)!::write(ready[1], "x", 1);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_THAT(message_of([&] { const Spool spool(folder.path(), "http://h", "r"); }),
              HasSubstr("in use by another process"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const Spool spool(folder.path(), "http://h", "r");
  EXPECT_EQ(std::get<Batch>(spool.read().records.at(0)).metrics, points(100).metrics);
}

TEST(Spool, KeepsCopiesOfArtifactsBesideItself) {
  const TemporaryFolder folder;
  write_file(folder.path() / "in/x.txt", "first");
  Spool spool(folder.path() / "spool", "http://h", "r");
  spool.append_file(folder.path() / "in/x.txt", "f");
  write_file(folder.path() / "in/x.txt", "second");
  spool.append_files(folder.path() / "in", "g");
  spool.append_bytes("deep/y.txt", "bytes");
  spool.append(PendingInputs{{{{"d", "1", "local", "{}", "", ""}, {{"mlflow.data.context", "train"}}}}});
  const SpoolContents contents = spool.read();
  ASSERT_THAT(contents.records, SizeIs(4));
  const auto expect_artifact = [&](std::size_t at, const std::string& at_folder, const std::string& name,
                                   const std::string& bytes) {
    const auto& artifact = std::get<PendingArtifact>(contents.records.at(at));
    EXPECT_EQ(artifact.folder, at_folder);
    EXPECT_EQ(artifact.file.filename(), name);
    EXPECT_EQ(read_file(contents.files / artifact.file), bytes);
  };
  expect_artifact(0, "f", "x.txt", "first");
  expect_artifact(1, "g", "x.txt", "second");
  expect_artifact(2, "deep", "y.txt", "bytes");
  const auto& inputs = std::get<PendingInputs>(contents.records.at(3));
  EXPECT_EQ(inputs.datasets.at(0).dataset.name, "d");
  EXPECT_EQ(inputs.datasets.at(0).tags.at(0).value, "train");
  spool.clear();
  EXPECT_TRUE(fs::is_empty(folder.path() / "spool"));
}

TEST(Spool, KeepsWhatItHasWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  const std::vector<int> statuses = run_processes(1, [&](int) {
    Spool spool(folder.path(), "http://h", "r");
    spool.append(points(1));
    const auto before = fs::file_size(spool.path());
    rlimit limit{before + 100, before + 100};
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    if (code_of([&] { spool.append(points(1000)); }) != ErrorCode::kIo) return 1;
    if (code_of([&] { spool.append_bytes("a", std::string(100'000, 'x')); }) != ErrorCode::kIo) return 4;
    if (fs::file_size(spool.path()) != before) return 2;
    return spool.read().records.size() == 1 ? 0 : 3;
  });
  EXPECT_EQ(statuses.at(0), 0);
}

}  // namespace
}  // namespace ivory::tracking
