#include <ivory/storage/database.h>

#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <thread>
#include <utility>

#include "checkpointer.h"

namespace ivory::storage {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLargestGroup = 256;
constexpr std::chrono::milliseconds kRetryPause{2};
constexpr std::chrono::milliseconds kSwitchPatience{500};

// WAL needs memory shared by all users of the file, which these file systems do not give across machines.
bool is_on_network(const std::filesystem::path& path) {
  constexpr std::array<std::uint32_t, 12> kNetworks{
      0x6969,      // NFS
      0x517B,      // SMB
      0xFF534D42,  // CIFS
      0xFE534D42,  // SMB2
      0x65735546,  // FUSE (sshfs and the like)
      0x5346414F,  // AFS
      0x0BD00BD0,  // Lustre
      0x47504653,  // GPFS
      0x19830326,  // BeeGFS
      0x01021997,  // 9P
      0x00C36400,  // Ceph
      0x01161970,  // GFS2
  };
  struct statfs info{};
  if (statfs(path.c_str(), &info) != 0) return false;
  return std::find(kNetworks.begin(), kNetworks.end(), static_cast<std::uint32_t>(info.f_type)) !=
         kNetworks.end();
}

// Runs `attempt` until another process is no longer in the way. SQLite's own waiting covers most locks, but
// not those taken for an instant when a log is recovered, made or removed.
template <class F>
void retry_while_busy(std::chrono::milliseconds patience, const F& attempt) {
  for (const auto begun = Clock::now();;) {
    try {
      return attempt();
    } catch (const Busy&) {
      if (Clock::now() - begun > patience) throw;
      std::this_thread::sleep_for(kRetryPause);
    }
  }
}

}  // namespace

Database::Database(DatabaseOptions options) : options_(std::move(options)) {
  retry_while_busy(options_.busy_timeout, [&] { writer_ = std::make_unique<Connection>(options_); });
  const auto identity = file_identity();
  if (!identity && dialect() == Dialect::kSqlite)
    throw Error(ErrorCode::kIo, "database '" + name() + "' vanished while it was opened");
  identity_ = identity.value_or(FileIdentity{});
  if (options_.mode == OpenMode::kReadOnly) {
    // A reader has no writer: what was just opened serves the first read.
    readers_.push_back(std::move(writer_));
  } else if (dialect() == Dialect::kSqlite) {
    writer_->leave_log();
    checkpointer_ = std::make_unique<Checkpointer>(options_);
  }
}

Database::~Database() = default;

std::optional<Database::FileIdentity> Database::file_identity() const {
  struct stat info{};
  if (stat(path().c_str(), &info) != 0) return std::nullopt;
  return FileIdentity{info.st_dev, info.st_ino};
}

// A removed file can still be written through an open handle, and all of it would be lost without a word.
void Database::check_same_file() const {
  if (dialect() != Dialect::kSqlite) return;
  const auto identity = file_identity();
  if (!identity) throw Error(ErrorCode::kIo, "database '" + name() + "': the file has been removed");
  if (*identity != identity_) {
    throw Error(ErrorCode::kIo, "database '" + name() + "': the file has been replaced by another");
  }
}

bool Database::switch_to_wal() {
  if (options_.mode == OpenMode::kReadOnly || dialect() != Dialect::kSqlite) return false;
  // Takes its turn like a writer, but a journal mode cannot change inside a transaction.
  Waiter turn;
  std::unique_lock lock(queue_mutex_);
  [[maybe_unused]] const bool is_first = wait_for_turn(turn, lock);
  assert(is_first && "nobody does what has no job");
  lock.unlock();

  bool switched = false;
  const auto set_mode = [&](std::string_view pragma) {
    auto query = writer_->query(pragma);
    switched = query.next() && query.text(0) == "wal";
  };
  std::exception_ptr failure;
  const auto busy_timeout = writer_->set_busy_timeout(kSwitchPatience);
  try {
    retry_while_busy(kSwitchPatience, [&] { set_mode("PRAGMA journal_mode"); });
    if (!switched && !is_on_network(path())) {
      retry_while_busy(kSwitchPatience, [&] { set_mode("PRAGMA journal_mode = WAL"); });
    }
  } catch (const Busy&) {
    switched = false;
  } catch (...) {
    failure = std::current_exception();
  }
  writer_->set_busy_timeout(busy_timeout);

  lock.lock();
  leave_queue(1);
  lock.unlock();
  if (failure) std::rethrow_exception(failure);
  return switched;
}

bool Database::wait_for_turn(Waiter& waiter, std::unique_lock<std::mutex>& lock) {
  queue_.push_back(&waiter);
  if (is_gathering_) queue_.front()->moved.notify_one();
  waiter.moved.wait(lock, [&] { return waiter.done || queue_.front() == &waiter; });
  return !waiter.done;
}

// Threads that write one thing after the other would otherwise fall into two halves that wait for each other.
void Database::gather(Waiter& leader, std::unique_lock<std::mutex>& lock) {
  constexpr int kPart = 4;
  is_gathering_ = true;
  leader.moved.wait_for(lock, took_ / kPart, [&] { return queue_.size() >= crowd_; });
  is_gathering_ = false;
}

// Each thread is woken by itself: what has nothing to do yet sleeps on. Under the lock, as a waiter is gone
// once it has seen that it is done.
void Database::leave_queue(std::size_t count) {
  for (; count > 0; --count) {
    Waiter& waiter = *queue_.front();
    queue_.pop_front();
    waiter.done = true;
    waiter.moved.notify_one();
  }
  if (!queue_.empty()) queue_.front()->moved.notify_one();
}

// The first in the queue leads: it takes all who wait into its transaction (leveldb's write queue).
void Database::run_write(const Job& job, Durability durability, bool is_statement) {
  assert(options_.mode != OpenMode::kReadOnly && "a database opened for reading is not written");
  Waiter mine;
  mine.job = &job;
  mine.durability = durability;
  mine.is_statement = is_statement;
  std::unique_lock lock(queue_mutex_);
  if (wait_for_turn(mine, lock)) {
    if (durability == Durability::kFull) gather(mine, lock);
    std::vector<Waiter*> group;
    for (Waiter* waiter : queue_) {
      // One without a job waits for its turn to have the writer alone.
      if (waiter->job == nullptr || group.size() == kLargestGroup) break;
      group.push_back(waiter);
    }
    lock.unlock();
    const auto begun = Clock::now();
    commit_group(group);
    lock.lock();
    took_ = Clock::now() - begun;
    crowd_ = queue_.size();
    leave_queue(group.size());
  }
  lock.unlock();
  if (mine.failure) std::rethrow_exception(std::exchange(mine.failure, nullptr));
}

// Each waiter gets its own failure; one of the whole transaction goes to all that had none.
void Database::commit_group(const std::vector<Waiter*>& group) {
  std::string failed;
  ErrorCode code = ErrorCode::kIo;
  try {
    check_same_file();
    if (writer_->is_broken()) writer_ = std::make_unique<Connection>(options_);
    const bool full = std::ranges::any_of(
        group, [](const Waiter* waiter) { return waiter->durability == Durability::kFull; });
    writer_->set_durability(full ? Durability::kFull : Durability::kProcess);
    const bool alone = group.size() == 1 && group.front()->is_statement && dialect() == Dialect::kPostgres;
    if (!alone) begin_write(*writer_);
    run_jobs(*writer_, group);
    check_same_file();
    if (writer_->in_transaction()) {
      retry_while_busy(options_.busy_timeout, [&] { writer_->commit(); });
    }
    if (checkpointer_) checkpointer_->committed(*writer_);
    return;
  } catch (const Error& error) {
    failed = error.what();
    code = error.code();
  } catch (const std::exception& error) {
    failed = error.what();
    code = ErrorCode::kInternal;
  } catch (...) {
    failed = "database '" + name() + "': given up with another thread's transaction";
    code = ErrorCode::kInternal;
  }
  try {
    writer_->roll_back();
  } catch (const Error& error) {
    failed += "; then: " + std::string(error.what());
  }
  // An exception object of its own for each, as they are read on different threads.
  for (Waiter* waiter : group) {
    if (!waiter->failure) waiter->failure = std::make_exception_ptr(Error(code, failed));
  }
}

void Database::begin_write(Connection& connection) const {
  retry_while_busy(options_.busy_timeout, [&] { connection.begin(Access::kWrite); });
}

void Database::run_jobs(Connection& connection, const std::vector<Waiter*>& group) {
  if (group.size() == 1) {
    // Alone, the transaction itself is undone.
    try {
      (*group.front()->job)(connection);
    } catch (...) {
      group.front()->failure = std::current_exception();
      connection.roll_back();
    }
    return;
  }
  for (Waiter* waiter : group) {
    try {
      connection.query("SAVEPOINT job").run();
      (*waiter->job)(connection);
      connection.query("RELEASE job").run();
    } catch (...) {
      waiter->failure = std::current_exception();
      // When SQLite has given up the whole transaction, the others' work is gone too.
      if (!connection.in_transaction()) std::rethrow_exception(waiter->failure);
      connection.query("ROLLBACK TO job").run();
      connection.query("RELEASE job").run();
    }
  }
}

// A server that was started again has ended all connections; each of those at rest finds that out once.
void Database::run_read(const Job& job) const {
  for (std::size_t others = dialect() == Dialect::kPostgres ? options_.max_readers : 0;; --others) {
    bool is_lost = false;
    try {
      return read_once(job, is_lost);
    } catch (const Error&) {
      if (others == 0 || !is_lost) throw;
    }
  }
}

void Database::read_once(const Job& job, bool& is_lost) const {
  check_same_file();
  auto reader = take_reader();
  const auto give_back = [this](Connection* connection) {
    give_reader(std::unique_ptr<Connection>(connection));
  };
  const std::unique_ptr<Connection, decltype(give_back)> lease(reader.release(), give_back);
  retry_while_busy(options_.busy_timeout, [&] {
    try {
      lease->begin(Access::kRead);
      job(*lease);
      lease->commit();
    } catch (...) {
      is_lost = lease->is_broken();
      if (!is_lost) lease->roll_back();
      throw;
    }
  });
}

std::unique_ptr<Connection> Database::take_reader() const {
  std::unique_lock lock(readers_mutex_);
  reader_given_.wait(lock, [&] { return !readers_.empty() || readers_out_ < options_.max_readers; });
  ++readers_out_;
  if (!readers_.empty()) {
    auto reader = std::move(readers_.back());
    readers_.pop_back();
    return reader;
  }
  lock.unlock();
  try {
    auto options = static_cast<const ConnectionOptions&>(options_);
    options.mode = OpenMode::kReadOnly;
    std::unique_ptr<Connection> reader;
    retry_while_busy(options_.busy_timeout, [&] { reader = std::make_unique<Connection>(options); });
    return reader;
  } catch (...) {
    lock.lock();
    --readers_out_;
    lock.unlock();
    reader_given_.notify_one();
    throw;
  }
}

void Database::give_reader(std::unique_ptr<Connection> reader) const {
  {
    const std::lock_guard lock(readers_mutex_);
    --readers_out_;
    if (!reader->is_broken()) readers_.push_back(std::move(reader));
  }
  reader_given_.notify_one();
}

}  // namespace ivory::storage
