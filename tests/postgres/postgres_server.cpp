#include "postgres_server.h"

#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ivory/base/error.h>
#include <ivory/storage/connection.h>

namespace ivory {
namespace fs = std::filesystem;
namespace {

// The folder with initdb and postgres; the newest of several.
std::optional<fs::path> find_programs() {
  std::vector<fs::path> found;
  std::error_code none;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", none)) {
    if (fs::exists(version.path() / "bin" / "initdb")) found.push_back(version.path() / "bin");
  }
  std::ranges::sort(found);
  return found.empty() ? std::nullopt : std::optional(found.back());
}

const passwd* unprivileged_user() {
  const passwd* const user = ::getpwnam("postgres");
  return user != nullptr ? user : ::getpwnam("nobody");
}

// Starts a program of the server's, with its output in a file.
pid_t start_program(const std::vector<std::string>& words, const fs::path& log) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  if (const passwd* user = ::geteuid() == 0 ? unprivileged_user() : nullptr) {
    if (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0) ::_exit(126);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  if (std::freopen(log.c_str(), "a", stdout) == nullptr || ::dup2(1, 2) < 0) ::_exit(125);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

}  // namespace

std::optional<std::string> PostgresServer::missing() {
  if (!find_programs()) return "no PostgreSQL server below /usr/lib/postgresql (Debian: postgresql)";
  if (::geteuid() == 0 && unprivileged_user() == nullptr) return "no user but root to run PostgreSQL as";
  return {};
}

PostgresServer::PostgresServer() {
  if (::geteuid() == 0) {
    const passwd* const user = unprivileged_user();
    if (user == nullptr || ::chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0)
      throw Error(ErrorCode::kIo, "cannot give " + folder_.path().string() + " to PostgreSQL's user");
  }
  const fs::path data = folder_.path() / "data";
  const pid_t child = start_program({*find_programs() / "initdb", "-D", data, "-A", "trust", "-U", "ivory",
                                     "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"},
                                    folder_.path() / "initdb.log");
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) throw Error(ErrorCode::kIo, "initdb failed: " + read_file(folder_.path() / "initdb.log"));
  start();
}

PostgresServer::~PostgresServer() { stop(SIGQUIT); }

void PostgresServer::start() {
  const fs::path data = folder_.path() / "data";
  process_ = start_program({*find_programs() / "postgres", "-D", data, "-c", "listen_addresses=", "-c",
                            "unix_socket_directories=" + folder_.path().string(), "-c", "fsync=off", "-c",
                            "shared_buffers=32MB", "-c", "max_connections=200"},
                           folder_.path() / "server.log");
  const auto begun = std::chrono::steady_clock::now();
  while (true) {
    try {
      storage::Connection({.server = url("postgres")}).execute("SELECT 1");
      return;
    } catch (const Error& error) {
      if (std::chrono::steady_clock::now() - begun > std::chrono::seconds(60))
        throw Error(ErrorCode::kIo, std::string("the server does not start: ") + error.what() + "\n" +
                                        read_file(folder_.path() / "server.log"));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
}

void PostgresServer::stop(int signal) {
  ::kill(process_, signal);
  ::waitpid(process_, nullptr, 0);
}

void PostgresServer::crash() {
  stop(SIGQUIT);
  start();
}

void PostgresServer::restart() {
  stop(SIGINT);
  start();
}

std::string PostgresServer::url(const std::string& database) const {
  return "postgresql://ivory@/" + database + "?host=" + folder_.path().string();
}

std::string PostgresServer::make_database() {
  const std::string name = "d" + std::to_string(++databases_);
  storage::Connection({.server = url("postgres")}).execute("CREATE DATABASE " + name);
  return url(name);
}

PostgresServer& shared_postgres() {
  static PostgresServer server;
  return server;
}

}  // namespace ivory
