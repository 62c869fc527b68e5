// Writes that trials are alive.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>

#include "backend.h"

namespace ivory::tuning {

// Threads: any. The backend must outlive it. A sign that cannot be written is a warning: the next may be.
class Heart {
 public:
  Heart(Backend& backend, std::chrono::seconds interval);

  // A trial is alive from its start, which is written before it, to its end.
  class Beat {
   public:
    Beat(Heart* heart, std::int64_t trial_id);  // null: no heart, nothing is written
    ~Beat();
    Beat(const Beat&) = delete;
    Beat& operator=(const Beat&) = delete;

   private:
    Heart* heart_;
    std::int64_t trial_id_;
  };

 private:
  void run(const std::stop_token& stop);
  Backend& backend_;
  std::chrono::seconds interval_;
  std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::set<std::int64_t> trial_ids_;
  std::jthread thread_;  // last: it stops before the rest goes
};

}  // namespace ivory::tuning
