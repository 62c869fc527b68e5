#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include <ivory/base/files.h>
#include <ivory/storage/connection.h>

namespace ivory::storage {
namespace {

using testing::HasSubstr;

class ConnectionTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  Connection connection_{{.path = folder_.path() / "test.db"}};
};

template <class F>
std::optional<ErrorCode> code_of(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

TEST_F(ConnectionTest, GivesBackEveryKindOfValue) {
  connection_.execute("CREATE TABLE t (i INTEGER, r REAL, s TEXT, n TEXT, o INTEGER)");
  connection_.query("INSERT INTO t VALUES (?, ?, ?, ?, ?)")
      .bind(std::numeric_limits<std::int64_t>::min(), 5e-324, "žluť 🚀", std::nullopt,
            std::optional<std::int64_t>{7})
      .run();
  auto row = connection_.query("SELECT i, r, s, n, o FROM t");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(row.integer(0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(row.real(1), 5e-324);
  EXPECT_EQ(row.text(2), "žluť 🚀");
  EXPECT_TRUE(row.is_null(3));
  EXPECT_EQ(row.text(3), "");
  EXPECT_EQ(row.find_integer(3), std::nullopt);
  EXPECT_EQ(row.find_integer(4), 7);
  EXPECT_FALSE(row.next());
}

TEST_F(ConnectionTest, TellsAnEmptyTextFromNull) {
  auto row = connection_.query("SELECT ?, ?");
  row.bind(std::string_view{}, std::optional<std::string>{});
  ASSERT_TRUE(row.next());
  EXPECT_FALSE(row.is_null(0));
  EXPECT_TRUE(row.is_null(1));
}

TEST_F(ConnectionTest, LetsTheSameTextRunInsideItself) {
  constexpr std::string_view kCount = "SELECT value FROM json_each('[1, 2, 3]')";
  auto outer = connection_.query(kCount);
  int pairs = 0;
  while (outer.next()) {
    auto inner = connection_.query(kCount);
    while (inner.next()) ++pairs;
  }
  EXPECT_EQ(pairs, 9);
}

TEST_F(ConnectionTest, ForgetsTheValuesOfTheQueryBefore) {
  connection_.query("SELECT ?").bind("left behind").run();
  auto again = connection_.query("SELECT ?");
  ASSERT_TRUE(again.next());
  EXPECT_TRUE(again.is_null(0));
}

TEST_F(ConnectionTest, ChecksForeignKeysAndTheCaseInLike) {
  connection_.execute("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a_id REFERENCES a (id))");
  EXPECT_THROW(connection_.query("INSERT INTO b VALUES (?)").bind(1).run(), ConstraintViolated);
  auto like = connection_.query("SELECT 'Abc' LIKE 'abc', 'Abc' LIKE 'Ab_'");
  ASSERT_TRUE(like.next());
  EXPECT_EQ(like.integer(0), 0);
  EXPECT_EQ(like.integer(1), 1);
}

TEST_F(ConnectionTest, CallsAWrongStatementOurOwnMistakeAndQuotesIt) {
  try {
    (void)connection_.query("SELECT nothing FROM nowhere");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal);
    EXPECT_THAT(error.what(), HasSubstr("nowhere"));
    EXPECT_THAT(error.what(), HasSubstr("test.db"));
  }
}

TEST_F(ConnectionTest, ReadsWithoutBeingAbleToWrite) {
  connection_.execute("CREATE TABLE t (x)");
  Connection reader({.path = folder_.path() / "test.db", .mode = OpenMode::kReadOnly});
  EXPECT_EQ(code_of([&] { reader.execute("INSERT INTO t VALUES (1)"); }), ErrorCode::kIo);
}

TEST(Connection, RefusesAFileThatIsNoDatabase) {
  TemporaryFolder folder;
  const auto path = folder.path() / "notes.txt";
  write_file(path, std::string(4096, 'x'));
  EXPECT_EQ(code_of([&] { Connection({.path = path}).execute("CREATE TABLE t (x)"); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(read_file(path), std::string(4096, 'x'));
}

TEST(Connection, SaysWhichFolderIsMissing) {
  TemporaryFolder folder;
  try {
    Connection connection({.path = folder.path() / "no" / "such.db"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.what(), HasSubstr("no/such.db"));
    EXPECT_THAT(error.what(), HasSubstr("No such file or directory"));
  }
}

TEST(Connection, OpensNamesThatAUriWouldTwist) {
  TemporaryFolder folder;
  const auto path = folder.path() / "50% off?.db #1";
  Connection({.path = path}).execute("CREATE TABLE t (x)");
  EXPECT_TRUE(std::filesystem::exists(path));
  Connection reader({.path = path, .mode = OpenMode::kReadOnly});
  EXPECT_FALSE(reader.query("SELECT * FROM t").next());
}

TEST_F(ConnectionTest, RunsMoreTextsThanItKeepsInAnyOrderAndInsideEachOther) {
  const auto text = [](int i) { return "SELECT ? + " + std::to_string(i); };
  for (const int i : {0, 1, 0, 40, 3, 40, 0}) {
    auto outer = connection_.query_varied(text(i));
    ASSERT_TRUE(outer.bind(100).next());
    for (int j = 0; j < 50; ++j) {
      auto inner = connection_.query_varied(text(j));  // once of the text that is in use
      ASSERT_TRUE(inner.bind(1000).next());
      EXPECT_EQ(inner.integer(0), 1000 + j);
    }
    EXPECT_EQ(outer.integer(0), 100 + i);
    EXPECT_FALSE(outer.next());
  }
}

TEST_F(ConnectionTest, SeesATableChangedUnderATextThatItKept) {
  connection_.execute("CREATE TABLE t (x); INSERT INTO t VALUES (1)");
  const auto columns = [&] {
    auto query = connection_.query_varied("SELECT * FROM t");
    EXPECT_TRUE(query.next());
    return query.is_null(1) ? -1 : query.integer(1);
  };
  EXPECT_EQ(columns(), -1);
  connection_.execute("ALTER TABLE t ADD COLUMN y DEFAULT 7");
  EXPECT_EQ(columns(), 7);
}

}  // namespace
}  // namespace ivory::storage
