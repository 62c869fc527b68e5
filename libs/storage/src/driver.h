// What a Connection runs on: SQLite or PostgreSQL.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <ivory/storage/connection.h>

namespace ivory::storage {

// A prepared statement. Values and columns count from 0; what is bound stays until clear(). A text view lives
// until the next step(), restart() or the statement's end.
// Errors: those of Connection.
class Statement {
 public:
  virtual ~Statement() = default;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  virtual void restart() = 0;
  virtual void clear() = 0;
  virtual void bind(int parameter, std::int64_t value) = 0;
  virtual void bind(int parameter, double value) = 0;  // a NaN becomes NULL
  virtual void bind(int parameter, std::string_view value) = 0;
  virtual void bind_null(int parameter) = 0;
  virtual bool step() = 0;  // false after the last row
  [[nodiscard]] virtual bool is_null(int column) const = 0;
  [[nodiscard]] virtual std::int64_t integer(int column) const = 0;
  [[nodiscard]] virtual double real(int column) const = 0;
  [[nodiscard]] virtual std::string_view text(int column) const = 0;

 protected:
  Statement() = default;
};

// Threads: one at a time. Statements must not outlive it. Errors: those of Connection.
class Driver {
 public:
  virtual ~Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  [[nodiscard]] virtual StatementPointer prepare(std::string_view sql) = 0;
  // One that is planned for its values each time; none of drivers whose plans do not depend on them.
  [[nodiscard]] virtual StatementPointer prepare_unplanned(std::string_view /*sql*/) { return nullptr; }
  virtual void execute(std::string_view sql) = 0;
  [[nodiscard]] virtual std::int64_t changed_rows() const = 0;
  [[nodiscard]] virtual std::int64_t last_insert_id() = 0;
  // Of drivers whose BEGIN and COMMIT are more than a statement.
  virtual void begin(Access /*access*/) {}
  virtual void commit() {}
  virtual void leave_log() {}
  [[nodiscard]] virtual std::int64_t log_pages() const { return 0; }
  virtual std::int64_t copy_log() { return 0; }
  [[nodiscard]] virtual bool in_transaction() const = 0;
  [[nodiscard]] virtual bool is_broken() const = 0;
  virtual void set_durability(Durability durability) = 0;
  virtual std::chrono::milliseconds set_busy_timeout(std::chrono::milliseconds timeout) = 0;

 protected:
  Driver() = default;
};

[[nodiscard]] std::unique_ptr<Driver> open_sqlite(const ConnectionOptions& options);
// Errors: kUnsupported if Ivory was built without PostgreSQL, or its client library is not installed.
[[nodiscard]] std::unique_ptr<Driver> open_postgres(const ConnectionOptions& options);

}  // namespace ivory::storage
