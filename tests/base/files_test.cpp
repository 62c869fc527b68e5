#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include <ivory/base/asides.h>
#include <ivory/base/error.h>
#include <ivory/base/files.h>

namespace ivory {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::size_t count_entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

template <class Call>
Error error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::kInternal, "nothing was thrown"};
}

class Files : public testing::Test {
 protected:
  [[nodiscard]] fs::path in(const char* name) const { return folder_.path() / name; }
  TemporaryFolder folder_;
};

// Writes beyond this size fail as on a full disk, but with EFBIG.
class SizeLimit {
 public:
  explicit SizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    (void)std::signal(SIGXFSZ, handler_);
  }
  SizeLimit(const SizeLimit&) = delete;
  SizeLimit& operator=(const SizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_F(Files, ReadBackWhatWasWritten) {
  const std::string bytes("a\0b\n\xFF", 5);
  for (const auto durability : {Durability::kProcess, Durability::kFull}) {
    write_file(in("new/folder/file"), bytes, durability);
    EXPECT_EQ(bytes, read_file(in("new/folder/file")));
    write_file(in("new/folder/file"), "", durability);
    EXPECT_EQ("", read_file(in("new/folder/file")));
    write_file(in("big"), std::string(1'000'000, 'x'), durability);
    EXPECT_EQ(1'000'000U, read_file(in("big")).size());
  }
  EXPECT_EQ(1U, count_entries(in("new/folder")));
}

TEST_F(Files, TellAMissingFileFromAnUnreadableOne) {
  const auto missing = error_of([&] { (void)read_file(in("no")); });
  EXPECT_EQ(ErrorCode::kNotFound, missing.code());
  EXPECT_THAT(missing.what(), HasSubstr(in("no").string()));
  const auto folder = error_of([&] { (void)read_file(folder_.path()); });
  EXPECT_EQ(ErrorCode::kIo, folder.code());
  EXPECT_THAT(folder.what(), HasSubstr("Is a directory"));
}

TEST_F(Files, LeaveTheOldOneWhenWritingFails) {
  write_file(in("file"), "old");
  Error error(ErrorCode::kInternal, "");
  {
    const SizeLimit limit(4096);
    error = error_of([&] { write_file(in("file"), std::string(100'000, 'x')); });
  }
  EXPECT_EQ(ErrorCode::kIo, error.code());
  EXPECT_THAT(error.what(), HasSubstr("File too large"));
  EXPECT_EQ("old", read_file(in("file")));
  EXPECT_EQ(1U, count_entries(folder_.path()));
}

TEST_F(Files, RefuseAFolderInTheirPlaceAndAFileAsFolder) {
  fs::create_directories(in("folder/inside"));
  EXPECT_EQ(ErrorCode::kIo, error_of([&] { write_file(in("folder"), "x"); }).code());
  write_file(in("file"), "x");
  EXPECT_EQ(ErrorCode::kIo, error_of([&] { write_file(in("file/inside"), "x"); }).code());
  EXPECT_EQ(2U, count_entries(folder_.path()));
}

TEST_F(Files, KeepPermissionsAndFollowLinks) {
  write_file(in("file"), "a");
  fs::permissions(in("file"), fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("file", in("link"));
  write_file(in("link"), "b");
  EXPECT_TRUE(fs::is_symlink(in("link")));
  EXPECT_EQ("b", read_file(in("file")));
  EXPECT_EQ(fs::perms::owner_read | fs::perms::owner_write, fs::status(in("file")).permissions());
}

TEST_F(Files, AreNeverSeenHalfWritten) {
  write_file(in("file"), std::string(50'000, 'a'));
  std::atomic<bool> done{false};
  std::atomic<int> reads{0}, torn{0};
  std::thread reader([&] {
    while (!done) {
      const auto bytes = read_file(in("file"));
      ++reads;
      if (bytes.size() != 50'000 || bytes.front() != bytes.back()) ++torn;
    }
  });
  for (int i = 0; i < 300 || reads < 20; ++i) {
    write_file(in("file"), std::string(50'000, static_cast<char>('a' + i % 26)));
  }
  done = true;
  reader.join();
  EXPECT_EQ(0, torn);
}

TEST_F(Files, OfAFolderAppearTogether) {
  for (const auto durability : {Durability::kProcess, Durability::kFull}) {
    FolderWriter writer(in("deep/target"), durability);
    write_file(writer.path() / "a", "1");
    write_file(writer.path() / "sub/b", "2");
    fs::remove_all(in("deep/target"));
    writer.commit();
    EXPECT_EQ("1", read_file(in("deep/target/a")));
    EXPECT_EQ("2", read_file(in("deep/target/sub/b")));
    EXPECT_EQ(1U, count_entries(in("deep")));
  }
}

TEST_F(Files, OfAFolderReplaceTheOldOnes) {
  for (const auto* text : {"first", "second"}) {
    FolderWriter writer(in("target/"));
    write_file(writer.path() / text, text);
    writer.commit();
  }
  EXPECT_FALSE(fs::exists(in("target/first")));
  EXPECT_EQ("second", read_file(in("target/second")));
  EXPECT_EQ(1U, count_entries(folder_.path()));
}

TEST_F(Files, OfAFolderNotCommittedVanish) {
  write_file(in("target/old"), "old");
  {
    const FolderWriter writer(in("target"));
    write_file(writer.path() / "new", "new");
    EXPECT_EQ(2U, count_entries(folder_.path()));
  }
  EXPECT_EQ("old", read_file(in("target/old")));
  EXPECT_EQ(1U, count_entries(folder_.path()));
}

TEST_F(Files, OfAFolderAreSeenOldOrNew) {
  const auto write = [&](int i) {
    FolderWriter writer(in("target"));
    write_file(writer.path() / "a", std::to_string(i));
    write_file(writer.path() / "b", std::to_string(i));
    writer.commit();
  };
  write(0);
  std::atomic<bool> done{false};
  std::atomic<int> missing{0}, looks{0};
  std::thread reader([&] {
    while (!done) {
      if (!fs::exists(in("target"))) ++missing;
      ++looks;
    }
  });
  for (int i = 1; i < 200 || looks < 20; ++i) write(i);
  done = true;
  reader.join();
  EXPECT_EQ(0, missing);
  EXPECT_EQ(read_file(in("target/a")), read_file(in("target/b")));
}

TEST_F(Files, OfAFolderAreWrittenInPlaceOnce) {
  FolderWriter writer(in("target"), Durability::kFull);
  writer.write("a.json", "{}");
  EXPECT_EQ(read_file(writer.path() / "a.json"), "{}");
  const Error again = error_of([&] { writer.write("a.json", "[]"); });
  EXPECT_EQ(again.code(), ErrorCode::kIo);
  EXPECT_THAT(again.what(), HasSubstr(in("target/a.json").string()));
  const SizeLimit limit(8);
  EXPECT_EQ(error_of([&] { writer.write("b.json", std::string(100, 'b')); }).code(), ErrorCode::kIo);
}

class Replacing : public Files, public testing::WithParamInterface<Durability> {
 protected:
  FolderReplacer replacer_{in("target"), in(".spare"), GetParam()};
};

TEST_P(Replacing, GivesTheTargetWhatWasWrittenAndNothingElse) {
  const auto replace = [&](const std::string& text, bool more) {
    replacer_.write("a.json", text);
    if (more) replacer_.write("b.json", text);
    replacer_.commit();
    EXPECT_EQ(read_file(in("target/a.json")), text);
    EXPECT_EQ(count_entries(in("target")), more ? 2 : 1);
  };
  replace("one", false);
  replace("a longer one", true);
  replace("two", true);
  replace("3", false);
  replace("", true);
}

TEST_P(Replacing, KeepsWhatHasASecondNameAsItWas) {
  FolderReplacer best(in("best"), in(".best"), GetParam());
  for (int i = 0; i < 6; ++i) {
    replacer_.write("a.json", "state " + std::to_string(i));
    replacer_.commit();
    if (i == 1 || i == 2) {
      best.link_files(in("target"));
      best.commit();
    }
    EXPECT_EQ(read_file(in("target/a.json")), "state " + std::to_string(i));
  }
  EXPECT_EQ(read_file(in("best/a.json")), "state 2");
}

TEST_P(Replacing, OverwritesTheFilesOfTheLastButOne) {
  const auto inode = [&] {
    struct stat status{};
    EXPECT_EQ(stat(in("target/a.json").c_str(), &status), 0);
    return status.st_ino;
  };
  std::vector<ino_t> inodes;
  for (int i = 0; i < 4; ++i) {
    replacer_.write("a.json", "state");
    replacer_.commit();
    inodes.push_back(inode());
  }
  EXPECT_NE(inodes[0], inodes[1]);
  EXPECT_EQ(inodes[0], inodes[2]);
  EXPECT_EQ(inodes[1], inodes[3]);
}

TEST_P(Replacing, UsesTheSpareOfAKilledProcessAndRemovesItAtItsEnd) {
  {
    FolderReplacer replacer(in("other"), in(".left"), GetParam());
    fs::create_directories(in(".left/a.json/deep"));
    write_file(in(".left/b.json"), "half of some");
    replacer.write("a.json", "whole");
    replacer.commit();
    EXPECT_EQ(read_file(in("other/a.json")), "whole");
    EXPECT_EQ(count_entries(in("other")), 1);
    replacer.write("a.json", "whole");
    replacer.commit();
    EXPECT_TRUE(fs::exists(in(".left")));
  }
  EXPECT_FALSE(fs::exists(in(".left")));
}

INSTANTIATE_TEST_SUITE_P(Durabilities, Replacing, testing::Values(Durability::kProcess, Durability::kFull));

TEST_F(Files, LeftHalfWrittenByAKilledProcessAreRemovedAndNothingElse) {
  const pid_t child = fork();
  if (child == 0) {
    FolderWriter writer(in("target"));
    writer.write("a.json", "{}");
    kill(getpid(), SIGKILL);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  write_file(in("kept.json"), "{}");
  write_file(in(".ivory-kept"), "{}");
  EXPECT_EQ(count_entries(folder_.path()), 3);
  remove_leftovers(folder_.path());
  EXPECT_EQ(count_entries(folder_.path()), 2);
  EXPECT_EQ(read_file(in("kept.json")), "{}");
  remove_leftovers(in("nowhere"));
}

TEST_F(Files, LeftHalfWrittenAreFoundInSubfoldersButNotBehindLinks) {
  write_file(aside_path(in("run/plots/a.png")), "half");
  write_file(in("run/plots/b.png"), "whole");
  write_file(aside_path(in("elsewhere/c.png")), "half");
  fs::create_directory_symlink(in("elsewhere"), in("run/link"));
  remove_leftovers(in("run"));
  EXPECT_EQ(count_entries(in("run/plots")), 2);
  remove_leftovers_below(in("run"));
  EXPECT_EQ(count_entries(in("run/plots")), 1);
  EXPECT_EQ(count_entries(in("elsewhere")), 1);
  remove_leftovers_below(in("nowhere"));
}

TEST_F(Files, HaveAPathAsideThatIsNobodyElses) {
  const fs::path one = aside_path(in("a")), other = aside_path(in("a"));
  EXPECT_NE(one, other);
  EXPECT_EQ(one.parent_path(), folder_.path());
  EXPECT_TRUE(is_aside(one));
  EXPECT_FALSE(is_aside(in("a")));
}

TEST_F(Files, AreLockedAgainstOtherHolders) {
  int inside = 0, most = 0;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        const FileLock lock(in("sub/lock"));
        {
          const std::lock_guard guard(mutex);
          most = std::max(most, ++inside);
        }
        std::this_thread::yield();
        const std::lock_guard guard(mutex);
        --inside;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(1, most);
}

TEST(TemporaryFolder, VanishesWithAllItHolds) {
  fs::path path;
  {
    const TemporaryFolder folder;
    path = folder.path();
    write_file(path / "a/b", "x");
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(ContentHash, IsFnv1a) {
  EXPECT_EQ("cbf29ce484222325", content_hash(""));
  EXPECT_EQ("af63dc4c8601ec8c", content_hash("a"));
  EXPECT_EQ("85944171f73967e8", content_hash("foobar"));
}

TEST_F(Files, HaveTheHashOfTheirBytesHoweverManyPiecesTheyAreReadIn) {
  const std::string large(200'000, 'x');
  for (const std::string& bytes : {std::string(), std::string("foobar"), large}) {
    write_file(in("hashed"), bytes);
    EXPECT_EQ(content_hash(bytes), content_hash_of_file(in("hashed")));
  }
}

TEST_F(Files, AreNotLockedWhileAnotherHoldsThemInAWayThatExcludesIt) {
  using Mode = FileLock::Mode;
  {
    const auto shared = FileLock::try_take(in("lock"), Mode::kShared);
    ASSERT_NE(nullptr, shared);
    EXPECT_NE(nullptr, FileLock::try_take(in("lock"), Mode::kShared));
    EXPECT_EQ(nullptr, FileLock::try_take(in("lock")));
  }
  const auto exclusive = FileLock::try_take(in("lock"));
  ASSERT_NE(nullptr, exclusive);
  EXPECT_EQ(nullptr, FileLock::try_take(in("lock"), Mode::kShared));
}

TEST_F(Files, AreLockedAsTheyAreNamedThoughTheHolderBeforeRemovedThem) {
  std::vector<std::thread> threads;
  std::atomic<int> inside = 0, most = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        const FileLock lock(in("sub/lock"));
        const int now = ++inside;
        if (now > most) most = now;
        std::this_thread::yield();
        --inside;
        fs::remove(in("sub/lock"));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(1, most);
}

}  // namespace
}  // namespace ivory
