// A write-ahead log that has become long is copied into the file beside the writer.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include <ivory/base/files.h>
#include <ivory/storage/database.h>

namespace ivory::storage {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// How often the log has begun anew: of its head the fourth number (sqlite.org/fileformat2.html#walformat).
std::uint32_t times_begun(const fs::path& log) {
  std::array<unsigned char, 16> head{};
  std::ifstream(log, std::ios::binary).read(reinterpret_cast<char*>(head.data()), head.size());
  return std::uint32_t{head[12]} << 24 | std::uint32_t{head[13]} << 16 | std::uint32_t{head[14]} << 8 |
         head[15];
}

class LongLog : public testing::Test {
 protected:
  LongLog() {
    database_.switch_to_wal();
    write("CREATE TABLE t (text TEXT)");
  }
  void write(std::string_view sql) {
    database_.write([&](Connection& connection) { connection.execute(sql); });
  }
  void insert_pages(int count) {
    write("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
          std::to_string(count) + ") INSERT INTO t SELECT printf('%.3900c', 'x') FROM n");
  }
  void make_log_long() { insert_pages(10'000); }  // it is from 8,192 on
  [[nodiscard]] std::int64_t rows() const {
    return database_.read([](Connection& connection) {
      auto query = connection.query("SELECT count(*) FROM t");
      return query.next() ? query.integer(0) : -1;
    });
  }

  TemporaryFolder folder_;
  fs::path path_ = folder_.path() / "test.db";
  Database database_{{{.path = path_}}};
};

TEST_F(LongLog, IsCopiedWithoutAnotherWriteAndBeginsAnewWithTheNextOnes) {
  make_log_long();
  const auto deadline = Clock::now() + 60s;
  while (fs::file_size(path_) < std::uintmax_t{10'000} * 4096) {
    ASSERT_LT(Clock::now(), deadline) << "nothing has copied the log";
    std::this_thread::sleep_for(5ms);
  }
  const auto before = times_begun(path_.string() + "-wal");
  std::int64_t written = 10'000;
  while (times_begun(path_.string() + "-wal") == before) {
    ASSERT_LT(Clock::now(), deadline) << "the log grows without end";
    write("INSERT INTO t VALUES ('y')");
    ++written;
  }
  EXPECT_EQ(rows(), written);
}

TEST_F(LongLog, StaysWhileSomebodyReadsItAndIsCopiedAfterwards) {
  Connection reader({.path = path_, .mode = OpenMode::kReadOnly});
  reader.begin(Access::kRead);
  auto count = reader.query("SELECT count(*) FROM t");
  ASSERT_TRUE(count.next());
  make_log_long();
  for (int i = 0; i < 50; ++i) write("INSERT INTO t VALUES ('y')");
  EXPECT_EQ(count.integer(0), 0);
  EXPECT_EQ(rows(), 10'050);

  EXPECT_FALSE(count.next());
  reader.commit();
  const auto before = times_begun(path_.string() + "-wal");
  const auto deadline = Clock::now() + 60s;
  while (times_begun(path_.string() + "-wal") == before) {
    ASSERT_LT(Clock::now(), deadline) << "the log is never copied";
    insert_pages(100);
  }
}

}  // namespace
}  // namespace ivory::storage
