// Copies SQLite's write-ahead log into the database file beside the writer.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include <ivory/storage/connection.h>

namespace ivory::storage {

// A copy waits for the disk twice. A thread of its own makes it, begun with the first long log; the writer
// copies no more than what it has added meanwhile, after which the log starts anew (sqlite.org/wal.html,
// "Checkpointing").
//
// Threads: committed() from the writer's.
// Errors: none. A log that could not be copied stays, and is tried again after a later commit.
class Checkpointer {
 public:
  explicit Checkpointer(ConnectionOptions options);
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;
  // Waits for a copy that is under way.
  ~Checkpointer();

  // The writer has committed.
  void committed(Connection& writer);

 private:
  // Pages. The more a log has, the more of them are the same page again, of which only the last is copied.
  static constexpr std::int64_t kLongLog = 8192;

  enum class State { kNothing, kAsked, kCopied };

  void start();
  void work();
  static void copy_rest(Connection& writer);
  void copy_log();

  ConnectionOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kNothing;
  std::int64_t due_ = kLongLog;  // of the writer's
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace ivory::storage
