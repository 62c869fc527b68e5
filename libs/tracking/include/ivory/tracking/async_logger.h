// AsyncLogger: logging that costs the caller nanoseconds.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

class ArtifactStore;
class Spool;

// NOLINTBEGIN(readability-redundant-member-init): as CreateRun
struct AsyncOptions {
  std::chrono::milliseconds interval{100};  // how long what is logged waits at most before it is written
  // For a store that may be out of reach: where what cannot be sent is kept meanwhile (spool.h), and of which
  // server. Without it, it stays in memory.
  std::filesystem::path spool_folder = {};
  std::string tracking_uri = {};
  Durability durability = Durability::kProcess;
  std::chrono::milliseconds retry_interval{5000};  // between tries to reach a store that did not answer
};
// NOLINTEND(readability-redundant-member-init)

// Puts what a run logs into a buffer that a thread of its own writes to the store in large batches.
//
// Durable points: when flush(), update() or the destructor returns, what was logged before lies in the store,
// or in
//   the spool. Between them a kill loses at most what was logged within the last `interval`.
// Order: everything reaches the store in the order it was logged.
// Errors: of the store, at the next durable point (the destructor only warns). One refused point does not
// take
//   others with it. An outage is no error while there is a spool that takes the data: it is sent when the
//   store answers again, or by sync_spools().
// Threads: any method from any thread. A caller waits only when a million points are pending. Not across
// fork().
class AsyncLogger {
 public:
  // The store outlives it.
  AsyncLogger(TrackingStore& store, std::string run_id, AsyncOptions options = {});
  ~AsyncLogger();
  AsyncLogger(const AsyncLogger&) = delete;
  AsyncLogger& operator=(const AsyncLogger&) = delete;

  void log_metric(std::string_view key, double value, std::int64_t step) {
    log_metric(key, value, step, now_ms());
  }
  void log_metric(std::string_view key, double value, std::int64_t step, TimeMs timestamp_ms);
  void log_batch(Batch batch);
  // Artifacts are in their store when these return, or, while that is out of reach, copied into the spool.
  // The store is that of the run. Errors: those of ArtifactStore, at once; of what waited in the spool and is
  // refused later, at the next durable point.
  void log_artifact(ArtifactStore& artifacts, const std::filesystem::path& file, std::string_view folder);
  void log_artifacts(ArtifactStore& artifacts, const std::filesystem::path& source, std::string_view folder);
  void write_artifact(ArtifactStore& artifacts, std::string_view path, std::string_view bytes);
  // In the store, or in the spool, when it returns. Errors: those of the store, at once.
  void log_inputs(const std::vector<DatasetInput>& datasets);
  // A durable point: returns when all is safe. Errors: the first since the last durable point.
  void flush();
  // flush(), then the update; into the spool, too, if the store is out of reach.
  void update(const RunUpdate& update);
  // Whether something waits in the spool.
  [[nodiscard]] bool is_spooling() const;

 private:
  void work();
  void write(Batch batch);
  void write_parts(const Batch& batch);
  bool send_spooled();
  template <class Send, class Keep>
  void send_or_keep(const Send& send, const Keep& keep);
  void try_once_more();
  void put_off(std::string_view why);
  void keep(const Batch& batch);
  void note(const std::exception_ptr& error);
  Batch take();
  void throw_first_error();

  TrackingStore& store_;
  std::string run_id_;
  AsyncOptions options_;
  mutable std::mutex sending_;  // taken before buffering_
  std::unique_ptr<Spool> spool_;
  std::chrono::steady_clock::time_point next_try_;
  std::exception_ptr error_;

  std::mutex buffering_;
  std::condition_variable wake_, room_;
  Batch buffer_;
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace ivory::tracking
