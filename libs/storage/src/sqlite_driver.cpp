// SQLite's C interface.
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

#include "driver.h"

namespace ivory::storage {
namespace {

constexpr std::chrono::microseconds kShortestWait{200};
constexpr std::chrono::microseconds kLongestWait{8'000};

// A file name as a URI for SQLite.
std::string to_uri(const std::filesystem::path& path) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string uri = "file:";
  for (const char c : path.string()) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '%' || c == '?' || c == '#' || byte < 0x20) {
      uri += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      uri += c;
    }
  }
  return uri;
}

// The file or its folder cannot be written, and SQLite wants to.
bool needs_another_way(int code) {
  return (code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_READONLY;
}

bool has_write_ahead_log(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path.string() + "-wal", ignored);
}

class SqliteDriver final : public Driver {
 public:
  explicit SqliteDriver(ConnectionOptions options)
      : options_(std::move(options)), jitter_(static_cast<std::minstd_rand::result_type>(getpid())) {
    options_.mode == OpenMode::kReadOnly ? open_to_read() : open_to_write();
    configure();
  }

  [[nodiscard]] StatementPointer prepare(std::string_view sql) override;
  void execute(std::string_view sql) override {
    const std::string text(sql);
    const int code = sqlite3_exec(handle_.get(), text.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code, sql);
  }
  [[nodiscard]] std::int64_t changed_rows() const override { return sqlite3_changes64(handle_.get()); }
  [[nodiscard]] std::int64_t last_insert_id() override { return sqlite3_last_insert_rowid(handle_.get()); }
  void leave_log() override {
    sqlite3_wal_hook(
        handle_.get(),
        [](void* self, sqlite3*, const char*, int pages) {
          static_cast<SqliteDriver*>(self)->log_pages_ = pages;
          return SQLITE_OK;
        },
        this);
  }
  [[nodiscard]] std::int64_t log_pages() const override { return log_pages_; }
  std::int64_t copy_log() override;
  [[nodiscard]] bool in_transaction() const override { return sqlite3_get_autocommit(handle_.get()) == 0; }
  [[nodiscard]] bool is_broken() const override { return false; }
  void set_durability(Durability durability) override {
    if (options_.mode == OpenMode::kReadOnly || durability == options_.durability) return;
    options_.durability = durability;
    apply_durability();
  }
  std::chrono::milliseconds set_busy_timeout(std::chrono::milliseconds timeout) override {
    return std::exchange(options_.busy_timeout, timeout);
  }
  [[noreturn]] void fail(int code, std::string_view doing) const;

 private:
  struct Closer {
    void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
  };
  void open_to_read();
  void open_to_write();
  [[nodiscard]] int probe();
  [[nodiscard]] bool is_writable() const { return sqlite3_db_readonly(handle_.get(), "main") == 0; }
  [[nodiscard]] int open_handle(const std::string& name, int flags);
  void configure();
  void apply_durability() {
    execute(options_.durability == Durability::kFull ? "PRAGMA synchronous = FULL"
                                                     : "PRAGMA synchronous = NORMAL");
  }
  [[nodiscard]] static int wait_for_lock(void* self, int attempt);

  ConnectionOptions options_;
  std::unique_ptr<sqlite3, Closer> handle_;
  std::int64_t log_pages_ = 0;
  std::chrono::steady_clock::time_point wait_began_;
  std::minstd_rand jitter_;
};

class SqliteStatement final : public Statement {
 public:
  SqliteStatement(const SqliteDriver& driver, sqlite3_stmt* statement)
      : driver_(driver), statement_(statement) {}

  void restart() override { sqlite3_reset(statement_.get()); }
  void clear() override { sqlite3_clear_bindings(statement_.get()); }
  void bind(int parameter, std::int64_t value) override {
    check(sqlite3_bind_int64(statement_.get(), parameter + 1, value));
  }
  void bind(int parameter, double value) override {
    check(sqlite3_bind_double(statement_.get(), parameter + 1, value));
  }
  void bind(int parameter, std::string_view value) override {
    // A null pointer would bind NULL.
    const char* data = value.data() == nullptr ? "" : value.data();
    check(sqlite3_bind_text64(statement_.get(), parameter + 1, data, value.size(), SQLITE_TRANSIENT,
                              SQLITE_UTF8));
  }
  void bind_null(int parameter) override { check(sqlite3_bind_null(statement_.get(), parameter + 1)); }

  bool step() override {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    driver_.fail(code, sqlite3_sql(statement_.get()));
  }
  [[nodiscard]] bool is_null(int column) const override {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
  }
  [[nodiscard]] std::int64_t integer(int column) const override {
    return sqlite3_column_int64(statement_.get(), column);
  }
  [[nodiscard]] double real(int column) const override {
    return sqlite3_column_double(statement_.get(), column);
  }
  [[nodiscard]] std::string_view text(int column) const override {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    if (data == nullptr) return {};
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
  }

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  void check(int code) const {
    if (code != SQLITE_OK) driver_.fail(code, "bind");
  }
  const SqliteDriver& driver_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

int SqliteDriver::open_handle(const std::string& name, int flags) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(name.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  handle_.reset(handle);
  if (code == SQLITE_OK) sqlite3_busy_handler(handle, &SqliteDriver::wait_for_lock, this);
  return code;
}

// A reader also opens for writing where it may: only then does SQLite repair what a killed process left, and
// tidy up its side files at the end. Its content cannot change by the reader's statements (query_only).
// Where it may not, and no log stands beside the file, the file is as good as immutable.
void SqliteDriver::open_to_read() {
  const std::string name = options_.path.string();
  int code = open_handle(name, SQLITE_OPEN_READWRITE);
  if (code == SQLITE_OK && is_writable()) code = probe();
  if (needs_another_way(code) || !is_writable()) {
    code = open_handle(name, SQLITE_OPEN_READONLY);
    if (code == SQLITE_OK) code = probe();
  }
  if (needs_another_way(code) && !has_write_ahead_log(options_.path)) {
    code = open_handle(to_uri(options_.path) + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  }
  if (code != SQLITE_OK) fail(code, "open");
}

void SqliteDriver::open_to_write() {
  const int create = options_.mode == OpenMode::kCreate ? SQLITE_OPEN_CREATE : 0;
  const int code = open_handle(options_.path.string(), SQLITE_OPEN_READWRITE | create);
  if (code != SQLITE_OK) fail(code, "open");
  if (!is_writable()) {
    throw Error(ErrorCode::kIo, "database '" + options_.path.string() + "': the file is read-only");
  }
}

// Opening alone reads nothing.
int SqliteDriver::probe() {
  return sqlite3_exec(handle_.get(), "SELECT 1 FROM sqlite_master LIMIT 1", nullptr, nullptr, nullptr);
}

void SqliteDriver::configure() {
  execute("PRAGMA foreign_keys = ON");
  execute("PRAGMA case_sensitive_like = ON");
  // KiB at most; 2048 is too little to look through an index. There are more readers than writers.
  if (options_.mode == OpenMode::kReadOnly) {
    execute("PRAGMA cache_size = -8192");
    execute("PRAGMA query_only = ON");
    return;
  }
  execute("PRAGMA cache_size = -16384");
  // Pages of the log before it is copied into the file, which waits for the disk twice: the more, the more
  // of them are the same page again.
  execute("PRAGMA wal_autocheckpoint = 8192");
  execute("PRAGMA temp_store = MEMORY");  // what a savepoint may undo: beyond 64 KiB a file would take it
  apply_durability();
}

std::int64_t SqliteDriver::copy_log() {
  int pages = 0, copied = 0;
  const int code =
      sqlite3_wal_checkpoint_v2(handle_.get(), "main", SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
  if (code == SQLITE_BUSY) return 0;
  if (code != SQLITE_OK) fail(code, "checkpoint");
  return pages - copied;
}

StatementPointer SqliteDriver::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) fail(code, sql);
  return StatementPointer(new SqliteStatement(*this, statement));  // NOLINT(cppcoreguidelines-owning-memory)
}

// Called by SQLite while a lock is held elsewhere. Many processes waiting for a lock held for less than a
// millisecond do best with short sleeps of random length.
int SqliteDriver::wait_for_lock(void* self, int attempt) {
  auto& connection = *static_cast<SqliteDriver*>(self);
  const auto now = std::chrono::steady_clock::now();
  if (attempt == 0) connection.wait_began_ = now;
  if (now - connection.wait_began_ > connection.options_.busy_timeout) return 0;
  const auto longest = std::min(kLongestWait, kShortestWait * (1 << std::min(attempt, 6)));
  std::uniform_int_distribution<std::int64_t> wait(longest.count() / 2, longest.count());
  std::this_thread::sleep_for(std::chrono::microseconds(wait(connection.jitter_)));
  return 1;
}

void SqliteDriver::fail(int code, std::string_view doing) const {
  const int system_error = handle_ ? sqlite3_system_errno(handle_.get()) : 0;
  std::string words = handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
  const int primary = code & 0xff;
  if (system_error != 0 && (primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR)) {
    words += " (" + std::generic_category().message(system_error) + ")";
  }
  const std::string message = "database '" + options_.path.string() + "': " + words;
  switch (primary) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      throw Busy(ErrorCode::kIo, message + "; another process held it for too long");
    case SQLITE_CONSTRAINT:
      throw ConstraintViolated(ErrorCode::kConflict, message);
    case SQLITE_NOTADB:
      throw Error(ErrorCode::kInvalidArgument, message);
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
      throw Error(ErrorCode::kInternal, message + " in: " + std::string(doing));
    default:
      throw Error(ErrorCode::kIo, message);
  }
}

}  // namespace

std::unique_ptr<Driver> open_sqlite(const ConnectionOptions& options) {
  return std::make_unique<SqliteDriver>(options);
}

}  // namespace ivory::storage
