// A PostgreSQL server of the tests' own, in a temporary folder, reached through a socket there.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include <ivory/base/files.h>

namespace ivory {

// Started by its constructor and stopped by its destructor, or when this process dies. PostgreSQL refuses to
// run as root: then it runs as `postgres` or `nobody`. Errors: kIo if it does not start.
class PostgresServer {
 public:
  // Why there can be none here; nothing if there can.
  [[nodiscard]] static std::optional<std::string> missing();

  PostgresServer();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // The address of a database without tables, another one at each call.
  [[nodiscard]] std::string make_database();
  [[nodiscard]] std::string url(const std::string& database) const;
  // Stops it as a power cut would, and starts it again.
  void crash();
  // The same as an administrator does it: connections are cut, what was committed is written first.
  void restart();

 private:
  void start();
  void stop(int signal);
  TemporaryFolder folder_;
  pid_t process_ = -1;
  int databases_ = 0;
};

// The one that the tests of a program share. tools/setup installs PostgreSQL, so nothing is skipped where
// tools/test runs; elsewhere the reason says what is missing.
PostgresServer& shared_postgres();
#define IVORY_NEEDS_POSTGRES() \
  if (const auto missing = ::ivory::PostgresServer::missing()) GTEST_SKIP() << *missing

}  // namespace ivory
