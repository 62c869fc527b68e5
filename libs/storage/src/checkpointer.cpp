#include "checkpointer.h"

#include <exception>
#include <system_error>
#include <utility>

namespace ivory::storage {

Checkpointer::Checkpointer(ConnectionOptions options) : options_(std::move(options)) {
  options_.mode = OpenMode::kReadWrite;
}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::committed(Connection& writer) {
  const std::int64_t pages = writer.log_pages();
  std::unique_lock lock(mutex_);
  if (pages < kLongLog) due_ = kLongLog;  // it has begun anew
  if (state_ == State::kCopied) {
    state_ = State::kNothing;
    lock.unlock();
    if (pages >= kLongLog) copy_rest(writer);
  } else if (state_ == State::kNothing && pages >= due_) {
    // Somebody who reads from the log keeps it: that is seen to again when there is as much more.
    due_ = pages + kLongLog;
    state_ = State::kAsked;
    start();
  }
}

void Checkpointer::copy_rest(Connection& writer) {
  try {
    writer.copy_log();
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
    // The disk is full, say: what was committed stays in the log.
  }
}

void Checkpointer::start() {
  try {
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
    changed_.notify_one();
  } catch (const std::system_error&) {
    state_ = State::kCopied;  // no thread to be had: the writer copies all of it, then
  }
}

void Checkpointer::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || state_ == State::kAsked; });
    if (ending_) return;
    lock.unlock();
    copy_log();
    lock.lock();
    state_ = State::kCopied;
  }
}

// In rounds, as the writer goes on meanwhile.
void Checkpointer::copy_log() {
  constexpr int kMostRounds = 4;
  constexpr std::int64_t kLittle = 512;
  try {
    Connection connection(options_);
    for (int round = 0; round < kMostRounds; ++round)
      if (connection.copy_log() < kLittle) return;
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
    // No descriptors left, say: the writer copies all of it, then.
  }
}

}  // namespace ivory::storage
