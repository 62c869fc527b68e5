// One connection to a database file or a PostgreSQL server, and the queries that run on it.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/files.h>

namespace ivory::storage {

enum class OpenMode {
  kCreate,     // an empty file if there is none
  kReadWrite,  // must exist
  kReadOnly,   // must exist, and its content stays as it is
};

struct ConnectionOptions {
  std::filesystem::path path = {};
  OpenMode mode = OpenMode::kCreate;
  Durability durability = Durability::kProcess;
  // How long to wait for another process's lock before giving up with Busy.
  std::chrono::milliseconds busy_timeout{60'000};
  // "postgresql://user@host:5432/name": a database on a server, in place of a file.
  std::string server = {};
  // How long the server may take to answer a new connection, unless `?connect_timeout=` of its address or
  // PGCONNECT_TIMEOUT says otherwise; at least 2 s.
  std::chrono::seconds connect_timeout{30};
};

enum class Dialect { kSqlite, kPostgres };
enum class Access { kRead, kWrite };

// Another process held its lock for longer than the timeout.
class Busy : public Error {
 public:
  using Error::Error;
};

// A UNIQUE, NOT NULL, CHECK or FOREIGN KEY of the schema was violated.
class ConstraintViolated : public Error {
 public:
  using Error::Error;
};

class Connection;
class Driver;
class Statement;
struct StatementDeleter {
  void operator()(Statement* statement) const noexcept;
};
using StatementPointer = std::unique_ptr<Statement, StatementDeleter>;

// A prepared statement, borrowed from its connection's cache while this object lives.
//
//   auto query = connection.query("SELECT name FROM runs WHERE experiment_id = ? AND status = ?");
//   query.bind(7, "RUNNING");
//   while (query.next()) names.emplace_back(query.text(0));
//
// Columns and values count from 0. A text view lives until the next next(), run() or the query's end.
class Query {
 public:
  Query(Query&& other) noexcept;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  Query& operator=(Query&&) = delete;
  ~Query();

  // Starts over with these values: integers, reals, texts (copied), optionals of them, std::nullopt.
  // Binding none starts over with the values that add() gave.
  template <class... Values>
  Query& bind(const Values&... values) {
    restart();
    (add(values), ...);
    return *this;
  }
  // Gives the next parameter its value.
  Query& add(std::int64_t value);
  Query& add(int value) { return add(std::int64_t{value}); }
  Query& add(bool value) { return add(std::int64_t{value ? 1 : 0}); }
  Query& add(double value);  // a NaN becomes NULL
  Query& add(std::string_view value);
  Query& add(const std::string& value) { return add(std::string_view(value)); }
  Query& add(const char* value) { return add(std::string_view(value)); }
  Query& add(std::nullopt_t);
  template <class T>
  Query& add(const std::optional<T>& value) {
    return value ? add(*value) : add(std::nullopt);
  }

  // Steps to the next row; false after the last. Errors: those of Connection.
  bool next();
  // Runs to the end and gives the locks back.
  void run();

  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string_view text(int column) const;  // a NULL is empty
  [[nodiscard]] std::optional<std::int64_t> find_integer(int column) const;

 private:
  friend class Connection;
  struct Slot {
    StatementPointer statement;
    bool borrowed = false;
  };
  Query(Statement* statement, Slot* slot, StatementPointer own);
  void restart();

  Statement* statement_;
  Slot* slot_;            // where it goes back to, or
  StatementPointer own_;  // one more of the same text, while the cached one is in use
  int next_parameter_ = 0;
};

// Statements are plain SQL with `?`, or `?1` for a value that stands in several places.
//
// Threads: one at a time. Waiting for locks is done here, with short random sleeps, so that many processes
//   take turns.
// Errors: Busy (of a server also: a deadlock that it has resolved), ConstraintViolated; kIo for what the
// disk,
//   the file or the server does, kInvalidArgument for a file that is no database, kInternal for a wrong
//   statement; the message has the path or address and the database's words.
class Connection {
 public:
  explicit Connection(ConnectionOptions options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The statement of this text, prepared at its first use.
  [[nodiscard]] Query query(std::string_view sql);
  // The same for texts of which there is no end, as searches are made of: only the last few are kept. On a
  // server each is planned for its values.
  [[nodiscard]] Query query_varied(std::string_view sql);
  // One or more statements without values, not cached.
  void execute(std::string_view sql);

  [[nodiscard]] std::int64_t changed_rows() const;  // by the last statement
  [[nodiscard]] std::int64_t last_insert_id() const;
  // A transaction to read sees one snapshot; one to write has SQLite's write lock from its start.
  void begin(Access access);
  void commit();
  void roll_back();  // if there is anything to undo
  [[nodiscard]] bool in_transaction() const;
  // Commits no longer copy SQLite's write-ahead log into the file when it has become long: the caller does.
  void leave_log();
  // Of the log after the last commit, if that was left to the caller.
  [[nodiscard]] std::int64_t log_pages() const;
  // Copies what nobody reads from the log; returns how many pages are left. Another process that does so is
  // not waited for.
  std::int64_t copy_log();
  // A server that went away: this connection is of no more use.
  [[nodiscard]] bool is_broken() const;
  // Of the transactions that begin from now on.
  void set_durability(Durability durability);
  // Returns the one before.
  std::chrono::milliseconds set_busy_timeout(std::chrono::milliseconds timeout);
  [[nodiscard]] Dialect dialect() const noexcept {
    return options_.server.empty() ? Dialect::kSqlite : Dialect::kPostgres;
  }
  // Empty of a server.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return options_.path; }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  struct Recent {
    std::string sql;
    Query::Slot slot;
  };

  [[nodiscard]] static Query owned(StatementPointer own);
  [[nodiscard]] Query borrow(Query::Slot& slot, std::string_view sql);

  ConnectionOptions options_;
  std::unique_ptr<Driver> driver_;
  std::unordered_map<std::string, Query::Slot, TextHash, std::equal_to<>> statements_;
  std::list<Recent> recent_;  // the last used first
};

// How messages name it: the path, or the address without its password.
[[nodiscard]] std::string database_name(const ConnectionOptions& options);

}  // namespace ivory::storage
