// The database on a server, as storage gives it to the libraries that keep tables.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/storage/database.h>

#include "postgres_server.h"

namespace ivory::storage {
namespace {
using testing::HasSubstr;

template <class F>
std::string message_of(ErrorCode expected, F&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), expected) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

DatabaseOptions options_for(const std::string& server) {
  DatabaseOptions options;
  options.server = server;
  return options;
}

class Postgres : public testing::Test {
 protected:
  void SetUp() override {
    IVORY_NEEDS_POSTGRES();
    url_ = shared_postgres().make_database();
  }
  std::string url_;
};

TEST_F(Postgres, GivesBackWhatWasWritten) {
  Connection connection({.server = url_});
  EXPECT_EQ(connection.dialect(), Dialect::kPostgres);
  connection.execute("CREATE TABLE t (id SERIAL, x FLOAT(53), note TEXT, mark TEXT DEFAULT '?')");
  Query insert = connection.query("INSERT INTO t (x, note) VALUES (?2, ?1)");
  const std::string note = "naïve 'quotes' \"and\" \\ ?\n日本";
  for (const double x : {0.1, -0.0, 5e-324, std::numeric_limits<double>::max(), HUGE_VAL})
    insert.bind(note, x).run();
  insert.bind(std::nullopt, std::numeric_limits<double>::quiet_NaN()).run();
  EXPECT_EQ(connection.changed_rows(), 1);
  EXPECT_EQ(connection.last_insert_id(), 6);
  Query query = connection.query("SELECT id, x, note, mark FROM t WHERE mark = '?' ORDER BY id");
  for (const double x : {0.1, -0.0, 5e-324, std::numeric_limits<double>::max(), HUGE_VAL}) {
    ASSERT_TRUE(query.next());
    EXPECT_EQ(query.real(1), x);
    EXPECT_EQ(query.text(2), note);
  }
  ASSERT_TRUE(query.next());
  EXPECT_TRUE(query.is_null(1));
  EXPECT_TRUE(query.is_null(2));
  EXPECT_EQ(query.integer(0), 6);
  EXPECT_FALSE(query.next());
}

TEST_F(Postgres, UndoesAJobThatThrowsAndOnlyThat) {
  Database database(options_for(url_));
  database.write([](Connection& c) { c.execute("CREATE TABLE t (x INTEGER UNIQUE)"); });
  const auto insert = [&](int x) {
    database.write([&](Connection& c) { c.query("INSERT INTO t VALUES (?)").bind(x).run(); });
  };
  insert(1);
  std::vector<std::jthread> threads;
  std::atomic<int> refused = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int x = 0; x < 20; ++x) {
        try {
          insert(x * 2 + (i % 2) * 1000);
        } catch (const ConstraintViolated&) {
          ++refused;
        }
      }
    });
  }
  threads.clear();
  const auto count = database.read([](Connection& c) {
    Query query = c.query("SELECT count(*) FROM t");
    query.next();
    return query.integer(0);
  });
  EXPECT_EQ(count, 41);
  EXPECT_EQ(refused, 120);
}

TEST_F(Postgres, CallsAServerAgainThatWentAway) {
  Database database(options_for(url_));
  database.write([](Connection& c) { c.execute("CREATE TABLE t (x INTEGER); INSERT INTO t VALUES (7)"); },
                 Durability::kFull);
  shared_postgres().crash();
  const auto read = [&] {
    return database.read([](Connection& c) {
      Query query = c.query("SELECT x FROM t");
      query.next();
      return query.integer(0);
    });
  };
  try {
    static_cast<void>(read());  // the first to notice says so
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
  }
  EXPECT_EQ(read(), 7);
  const auto write = [&] {
    database.write([](Connection& c) { c.query("UPDATE t SET x = ?").bind(8).run(); });
  };
  EXPECT_THAT(message_of(ErrorCode::kIo, write), HasSubstr("connection"));
  write();
  EXPECT_EQ(read(), 8);
}

TEST_F(Postgres, SaysWhatIsWrong) {
  Connection connection({.server = url_});
  EXPECT_THAT(message_of(ErrorCode::kInternal, [&] { static_cast<void>(connection.query("SELEC 1")); }),
              HasSubstr("in: SELEC 1"));
  connection.execute("CREATE TABLE t (x INTEGER)");
  EXPECT_THAT(
      message_of(ErrorCode::kInvalidArgument,
                 [&] { connection.query("INSERT INTO t VALUES (?)").bind(std::int64_t{1} << 40).run(); }),
      HasSubstr("out of range"));
  const std::string secret = "postgresql://me:secret@/none?host=/nowhere";
  const std::string message = message_of(ErrorCode::kIo, [&] { Connection({.server = secret}); });
  EXPECT_THAT(message, HasSubstr("postgresql://me@/none"));
  EXPECT_THAT(message, testing::Not(HasSubstr("secret")));
  Connection reader({.mode = OpenMode::kReadOnly, .server = url_});
  EXPECT_THAT(message_of(ErrorCode::kIo, [&] { reader.execute("DELETE FROM t"); }),
              HasSubstr("read-only transaction"));
}

// A listener that accepts and says nothing.
class SilentServer {
 public:
  SilentServer() {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const address = reinterpret_cast<sockaddr*>(&address_);
    socklen_t size = sizeof address_;
    const bool listens = ::bind(socket_, address, size) == 0 && ::listen(socket_, 8) == 0 &&
                         ::getsockname(socket_, address, &size) == 0;
    EXPECT_TRUE(listens);
  }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  ~SilentServer() { ::close(socket_); }
  [[nodiscard]] std::string url() const {
    return "postgresql://me@127.0.0.1:" + std::to_string(ntohs(address_.sin_port)) + "/runs";
  }

 private:
  int socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address_{};
};

TEST_F(Postgres, GivesUpWaitingForAServerThatSaysNothing) {
  const SilentServer server;
  using std::chrono::seconds;
  EXPECT_THAT(message_of(ErrorCode::kIo,
                         [&] { Connection({.server = server.url(), .connect_timeout = seconds(2)}); }),
              HasSubstr("timeout"));
  // Its address has the last word.
  const std::string url = server.url() + "?connect_timeout=2";
  EXPECT_THAT(
      message_of(ErrorCode::kIo, [&] { Connection({.server = url, .connect_timeout = seconds(3600)}); }),
      HasSubstr("timeout"));
}

TEST_F(Postgres, GivesUpWaitingForALock) {
  Connection holder({.server = url_});
  holder.execute("CREATE TABLE t (x INTEGER); INSERT INTO t VALUES (1)");
  holder.execute("BEGIN; UPDATE t SET x = 2");
  Connection waiter({.busy_timeout = std::chrono::milliseconds(50), .server = url_});
  EXPECT_THROW(waiter.execute("UPDATE t SET x = 3"), Busy);
  holder.execute("COMMIT");
  waiter.execute("UPDATE t SET x = 3");
}

}  // namespace
}  // namespace ivory::storage
