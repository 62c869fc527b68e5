// A database shared by threads and processes: many readers, one writer, group commit.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <vector>

#include <ivory/storage/connection.h>

namespace ivory::storage {

class Checkpointer;

struct DatabaseOptions : ConnectionOptions {
  std::size_t max_readers = 8;  // threads reading at once; more wait
};

// Threads: any. Jobs of write() from many threads share one transaction: the thread that comes first runs
//   those that queue up meanwhile, each inside its own savepoint, and all return when the commit is durable.
//   A job runs once, on any of these threads; it must not call this database again.
// Processes: any number on one file. Not across fork().
// Errors: what the job throws, after undoing all it wrote (and only that); those of Connection; kIo when the
//   file has been removed or replaced under us.
class Database {
 public:
  using Job = std::function<void(Connection&)>;

  explicit Database(DatabaseOptions options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs `job` in a write transaction; what it wrote is kept (DatabaseOptions::durability) once this returns.
  // Returns what the job returns.
  template <class F>
  auto write(const F& job) {
    return write(job, options_.durability);
  }
  // The same with a durability of its own: under kFull what was written before it is safe too.
  template <class F>
  auto write(const F& job, Durability durability) {
    return returned_by([this, durability](const Job& run) { run_write(run, durability); }, job);
  }
  // The same for a job of one statement: a server does without BEGIN and COMMIT.
  template <class F>
  auto write_statement(const F& job, Durability durability) {
    return returned_by([this, durability](const Job& run) { run_write(run, durability, true); }, job);
  }
  // Runs `job` over one snapshot. It may be run again from its start if another process is in the way or a
  // server was started again, so it changes nothing outside itself.
  template <class F>
  auto read(const F& job) const {
    return returned_by([this](const Job& run) { run_read(run); }, job);
  }

  // Lets readers and the writer work beside each other (SQLite's WAL), from now on and for all who open the
  // file. False if the file stays as it is: somebody is using it, or it lies on a network.
  bool switch_to_wal();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return options_.path; }
  [[nodiscard]] std::string name() const { return database_name(options_); }
  [[nodiscard]] Dialect dialect() const noexcept {
    return options_.server.empty() ? Dialect::kSqlite : Dialect::kPostgres;
  }
  [[nodiscard]] bool is_read_only() const noexcept { return options_.mode == OpenMode::kReadOnly; }

 private:
  struct Waiter {
    const Job* job = nullptr;
    Durability durability = Durability::kProcess;
    bool is_statement = false;
    std::exception_ptr failure;
    bool done = false;
    std::condition_variable moved;  // it is done, or the first
  };
  struct FileIdentity {
    std::uint64_t device = 0, inode = 0;
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
  };

  template <class Run, class F>
  static auto returned_by(const Run& run, const F& job) {
    using Result = std::invoke_result_t<const F&, Connection&>;
    if constexpr (std::is_void_v<Result>) {
      run(Job(std::cref(job)));
    } else {
      std::optional<Result> result;
      run([&](Connection& connection) { result.emplace(job(connection)); });
      if (!result) throw Error(ErrorCode::kInternal, "a database job came to no result");
      return *std::move(result);
    }
  }

  void run_write(const Job& job, Durability durability, bool is_statement = false);
  void run_read(const Job& job) const;
  // `is_lost`: whether the connection was, when it throws.
  void read_once(const Job& job, bool& is_lost) const;
  // Waits until it is this one's turn (true), or another thread has done it.
  [[nodiscard]] bool wait_for_turn(Waiter& waiter, std::unique_lock<std::mutex>& lock);
  // Lets those come who were here last time, under a durability that makes each transaction wait for the
  // disk.
  void gather(Waiter& leader, std::unique_lock<std::mutex>& lock);
  // Takes the first `count` off the queue; the next has its turn.
  void leave_queue(std::size_t count);
  void commit_group(const std::vector<Waiter*>& group);
  void run_jobs(Connection& connection, const std::vector<Waiter*>& group);
  void begin_write(Connection& connection) const;
  void check_same_file() const;
  [[nodiscard]] std::optional<FileIdentity> file_identity() const;
  [[nodiscard]] std::unique_ptr<Connection> take_reader() const;
  void give_reader(std::unique_ptr<Connection> reader) const;

  DatabaseOptions options_;
  FileIdentity identity_;
  std::unique_ptr<Connection> writer_;  // used by the first of queue_ alone
  std::unique_ptr<Checkpointer> checkpointer_;

  std::mutex queue_mutex_;
  std::deque<Waiter*> queue_;
  bool is_gathering_ = false;
  std::size_t crowd_ = 0;                        // in the queue when the last transaction ended
  std::chrono::steady_clock::duration took_{0};  // the last transaction

  mutable std::mutex readers_mutex_;
  mutable std::condition_variable reader_given_;
  mutable std::vector<std::unique_ptr<Connection>> readers_;  // at rest
  mutable std::size_t readers_out_ = 0;
};

}  // namespace ivory::storage
