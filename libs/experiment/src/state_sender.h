// Sends the states of a run to its server while it goes on, so that it can be resumed elsewhere.
#pragma once
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "run_folder.h"
#include "sent_states.h"

namespace ivory {

// What was saved last is linked aside and sent by a thread of its own; states that are saved meanwhile are
// passed over for the last of them. No more than a fifth of the time is spent on sending, and no more than
// once in `pause` is something sent. What cannot be sent is no error: a warning says so, and the next state
// is tried.
// Threads: those of its run.
class StateSender {
 public:
  // The store lives longer. `run_name` is for warnings.
  StateSender(tracking::ArtifactStore& artifacts, RunFolder folder, std::string run_name,
              std::chrono::milliseconds pause = std::chrono::seconds(1));
  // Waits for the file under way.
  ~StateSender();
  StateSender(const StateSender&) = delete;
  StateSender& operator=(const StateSender&) = delete;

  // Held while the states of the run are changed.
  [[nodiscard]] std::unique_lock<std::mutex> hold() { return std::unique_lock(states_); }
  // There are others than before.
  void offer();

 private:
  using Clock = std::chrono::steady_clock;
  void work();
  [[nodiscard]] bool wait_for_more(Clock::time_point earliest);
  void send();
  void link_aside();
  [[nodiscard]] bool goes_on();

  RunFolder folder_;
  std::string run_name_;
  std::chrono::milliseconds pause_;
  StatesUpload upload_;
  bool failed_ = false;  // since something was sent last

  std::mutex states_;  // of the run
  std::mutex mutex_;
  std::condition_variable changed_;
  bool has_more_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ivory
