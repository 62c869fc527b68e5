#include <ivory/storage/connection.h>

#include <algorithm>
#include <utility>

#include "driver.h"

namespace ivory::storage {

void StatementDeleter::operator()(Statement* statement) const noexcept {
  delete statement;  // NOLINT(cppcoreguidelines-owning-memory): a deleter
}

Query::Query(Statement* statement, Slot* slot, StatementPointer own)
    : statement_(statement), slot_(slot), own_(std::move(own)) {}

Query::Query(Query&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)),
      slot_(std::exchange(other.slot_, nullptr)),
      own_(std::move(other.own_)),
      next_parameter_(other.next_parameter_) {}

Query::~Query() {
  if (statement_ == nullptr) return;
  statement_->restart();
  statement_->clear();
  if (slot_ != nullptr) slot_->borrowed = false;
}

void Query::restart() {
  statement_->restart();
  next_parameter_ = 0;
}

Query& Query::add(std::int64_t value) {
  statement_->bind(next_parameter_++, value);
  return *this;
}

Query& Query::add(double value) {
  statement_->bind(next_parameter_++, value);
  return *this;
}

Query& Query::add(std::string_view value) {
  statement_->bind(next_parameter_++, value);
  return *this;
}

Query& Query::add(std::nullopt_t) {
  statement_->bind_null(next_parameter_++);
  return *this;
}

bool Query::next() { return statement_->step(); }

void Query::run() {
  while (next()) {
  }
  restart();
}

bool Query::is_null(int column) const { return statement_->is_null(column); }
std::int64_t Query::integer(int column) const { return statement_->integer(column); }
double Query::real(int column) const { return statement_->real(column); }
std::string_view Query::text(int column) const { return statement_->text(column); }

std::optional<std::int64_t> Query::find_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

Connection::Connection(ConnectionOptions options)
    : options_(std::move(options)),
      driver_(options_.server.empty() ? open_sqlite(options_) : open_postgres(options_)) {}

Connection::~Connection() = default;

Query Connection::query(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    found = statements_.emplace(std::string(sql), Query::Slot{driver_->prepare(sql), false}).first;
  }
  return borrow(found->second, sql);
}

Query Connection::borrow(Query::Slot& slot, std::string_view sql) {
  if (slot.borrowed) return owned(driver_->prepare(sql));
  slot.borrowed = true;
  return {slot.statement.get(), &slot, nullptr};
}

Query Connection::owned(StatementPointer own) {
  Statement* const statement = own.get();
  return {statement, nullptr, std::move(own)};
}

Query Connection::query_varied(std::string_view sql) {
  constexpr std::size_t kMostRecent = 16;
  if (auto own = driver_->prepare_unplanned(sql)) return owned(std::move(own));
  const auto found = std::ranges::find(recent_, sql, &Recent::sql);
  if (found != recent_.end()) {
    recent_.splice(recent_.begin(), recent_, found);
  } else {
    recent_.push_front({std::string(sql), {driver_->prepare(sql), false}});
    // What is in use is the last used, so that this one is not, unless so many are at once.
    while (recent_.size() > kMostRecent && !recent_.back().slot.borrowed) recent_.pop_back();
  }
  return borrow(recent_.front().slot, sql);
}

void Connection::execute(std::string_view sql) { driver_->execute(sql); }
std::int64_t Connection::changed_rows() const { return driver_->changed_rows(); }
std::int64_t Connection::last_insert_id() const { return driver_->last_insert_id(); }
void Connection::begin(Access access) {
  if (dialect() == Dialect::kPostgres) return driver_->begin(access);
  query(access == Access::kWrite ? "BEGIN IMMEDIATE" : "BEGIN").run();
}
void Connection::commit() {
  if (dialect() == Dialect::kPostgres) return driver_->commit();
  query("COMMIT").run();
}
void Connection::roll_back() {
  if (in_transaction()) query("ROLLBACK").run();
}
bool Connection::in_transaction() const { return driver_->in_transaction(); }
bool Connection::is_broken() const { return driver_->is_broken(); }
void Connection::leave_log() { driver_->leave_log(); }
std::int64_t Connection::log_pages() const { return driver_->log_pages(); }
std::int64_t Connection::copy_log() { return driver_->copy_log(); }
void Connection::set_durability(Durability durability) { driver_->set_durability(durability); }
std::chrono::milliseconds Connection::set_busy_timeout(std::chrono::milliseconds timeout) {
  return driver_->set_busy_timeout(timeout);
}

std::string database_name(const ConnectionOptions& options) {
  if (options.server.empty()) return options.path.string();
  std::string name = options.server;
  const auto user = name.find("://"), at = name.find('@', user == std::string::npos ? 0 : user);
  if (user == std::string::npos || at == std::string::npos) return name;
  const auto colon = name.find(':', user + 3);
  if (colon < at) name.erase(colon, at - colon);
  return name;
}

}  // namespace ivory::storage
