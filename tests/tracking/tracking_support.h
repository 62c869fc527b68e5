// What the tests of tracking share.
#pragma once
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/storage/connection.h>
#include <ivory/tracking/open_store.h>

namespace ivory::tracking {

template <class F>
std::optional<ErrorCode> code_of(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

template <class F>
std::string message_of(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

// Whether stores of the scheme need no server.
inline bool is_local(std::string_view scheme) { return scheme == "sqlite" || scheme == "file"; }

// A fresh place for a store of each local scheme.
inline std::string uri_for(std::string_view scheme) {
  if (scheme == "sqlite") return "sqlite:///store.db";
  throw Error(ErrorCode::kInternal, "no test place for stores of " + std::string(scheme));
}

using Row = std::vector<std::string>;

// All rows of a query, read apart from the store; a NULL is "NULL".
inline std::vector<Row> rows_of(const std::filesystem::path& database, std::string_view sql, int columns) {
  storage::Connection connection({.path = database, .mode = storage::OpenMode::kReadOnly});
  auto query = connection.query(sql);
  std::vector<Row> rows;
  while (query.next()) {
    Row row;
    for (int i = 0; i < columns; ++i) row.push_back(query.is_null(i) ? "NULL" : std::string(query.text(i)));
    rows.push_back(std::move(row));
  }
  return rows;
}

// Runs `work` in `count` processes that start together; the exit status of each is what `work` returns (100
// for an exception, which is written to stderr).
inline std::vector<int> run_processes(int count, const std::function<int(int)>& work) {
  int gate[2];
  if (pipe(gate) != 0) return {};
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      ::close(gate[1]);
      char end = 0;
      (void)!::read(gate[0], &end, 1);  // comes back when the parent closes the other end
      int status = 100;
      try {
        status = work(i);
      } catch (const std::exception& error) {
        (void)!::write(2, error.what(), std::string_view(error.what()).size());
        (void)!::write(2, "\n", 1);
      }
      _exit(status);
    }
    children.push_back(child);
  }
  ::close(gate[0]);
  ::close(gate[1]);
  std::vector<int> statuses;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    statuses.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  }
  return statuses;
}

}  // namespace ivory::tracking
