#include <ivory/storage/connection.h>

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <system_error>
#include <thread>

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

}  // namespace

void StatementDeleter::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }

void Connection::Closer::operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }

Query::Query(Connection& connection, sqlite3_stmt* statement, Slot* slot, StatementPointer own)
    : connection_(&connection), statement_(statement), slot_(slot), own_(std::move(own)) {}

Query::Query(Query&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      slot_(std::exchange(other.slot_, nullptr)),
      own_(std::move(other.own_)),
      next_parameter_(other.next_parameter_) {}

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  if (slot_ != nullptr) slot_->borrowed = false;
}

void Query::restart() {
  sqlite3_reset(statement_);
  next_parameter_ = 0;
}

Query& Query::add(std::int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_, ++next_parameter_, value))
    connection_->fail(code, "bind");
  return *this;
}

Query& Query::add(double value) {
  if (const int code = sqlite3_bind_double(statement_, ++next_parameter_, value))
    connection_->fail(code, "bind");
  return *this;
}

Query& Query::add(std::string_view value) {
  // A null pointer would bind NULL.
  const char* data = value.data() == nullptr ? "" : value.data();
  const int code =
      sqlite3_bind_text64(statement_, ++next_parameter_, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) connection_->fail(code, "bind");
  return *this;
}

Query& Query::add(std::nullopt_t) {
  if (const int code = sqlite3_bind_null(statement_, ++next_parameter_)) connection_->fail(code, "bind");
  return *this;
}

bool Query::next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  connection_->fail(code, sqlite3_sql(statement_));
}

void Query::run() {
  while (next()) {
  }
  restart();
}

bool Query::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Query::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string_view Query::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<std::int64_t> Query::find_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

Connection::Connection(ConnectionOptions options)
    : options_(std::move(options)), jitter_(static_cast<std::minstd_rand::result_type>(getpid())) {
  options_.mode == OpenMode::kReadOnly ? open_to_read() : open_to_write();
  configure();
}

Connection::~Connection() = default;

int Connection::open_handle(const std::string& name, int flags) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(name.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  handle_.reset(handle);
  if (code == SQLITE_OK) sqlite3_busy_handler(handle, &Connection::wait_for_lock, this);
  return code;
}

// A reader also opens for writing where it may: only then does SQLite repair what a killed process left, and
// tidy up its side files at the end. Its content cannot change by the reader's statements (query_only).
// Where it may not, and no log stands beside the file, the file is as good as immutable.
void Connection::open_to_read() {
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

void Connection::open_to_write() {
  const int create = options_.mode == OpenMode::kCreate ? SQLITE_OPEN_CREATE : 0;
  const int code = open_handle(options_.path.string(), SQLITE_OPEN_READWRITE | create);
  if (code != SQLITE_OK) fail(code, "open");
  if (!is_writable()) {
    throw Error(ErrorCode::kIo, "database '" + options_.path.string() + "': the file is read-only");
  }
}

// Opening alone reads nothing.
int Connection::probe() {
  return sqlite3_exec(handle_.get(), "SELECT 1 FROM sqlite_master LIMIT 1", nullptr, nullptr, nullptr);
}

void Connection::configure() {
  execute("PRAGMA foreign_keys = ON");
  execute("PRAGMA case_sensitive_like = ON");
  if (options_.mode == OpenMode::kReadOnly) {
    execute("PRAGMA query_only = ON");
    return;
  }
  execute(options_.durability == Durability::kFull ? "PRAGMA synchronous = FULL"
                                                   : "PRAGMA synchronous = NORMAL");
}

StatementPointer Connection::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) fail(code, sql);
  return StatementPointer(statement);
}

Query Connection::query(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    found = statements_.emplace(std::string(sql), Query::Slot{prepare(sql), false}).first;
  }
  Query::Slot& slot = found->second;
  if (slot.borrowed) {
    auto own = prepare(sql);
    sqlite3_stmt* const statement = own.get();
    return {*this, statement, nullptr, std::move(own)};
  }
  slot.borrowed = true;
  return {*this, slot.statement.get(), &slot, nullptr};
}

void Connection::execute(std::string_view sql) {
  const std::string text(sql);
  const int code = sqlite3_exec(handle_.get(), text.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code, sql);
}

std::int64_t Connection::changed_rows() const { return sqlite3_changes64(handle_.get()); }
std::int64_t Connection::last_insert_id() const { return sqlite3_last_insert_rowid(handle_.get()); }
bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
bool Connection::is_writable() const { return sqlite3_db_readonly(handle_.get(), "main") == 0; }

// Called by SQLite while a lock is held elsewhere. Many processes waiting for a lock held for less than a
// millisecond do best with short sleeps of random length.
int Connection::wait_for_lock(void* self, int attempt) {
  auto& connection = *static_cast<Connection*>(self);
  const auto now = std::chrono::steady_clock::now();
  if (attempt == 0) connection.wait_began_ = now;
  if (now - connection.wait_began_ > connection.options_.busy_timeout) return 0;
  const auto longest = std::min(kLongestWait, kShortestWait * (1 << std::min(attempt, 6)));
  std::uniform_int_distribution<std::int64_t> wait(longest.count() / 2, longest.count());
  std::this_thread::sleep_for(std::chrono::microseconds(wait(connection.jitter_)));
  return 1;
}

void Connection::fail(int code, std::string_view doing) const {
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

}  // namespace ivory::storage
