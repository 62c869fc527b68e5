// A process that runs are given to, one after another.
#pragma once
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "channel.h"

namespace ivory {

// Started by the constructor, in a process group of its own, so that the terminal's Ctrl-C does not reach it;
// without input, its output goes where this process's errors go, and the other end of the channel is its
// descriptor kWorkerDescriptor. Killed and waited for by the destructor. One thread, which must live as long
// as the worker shall: the worker dies with it.
class WorkerProcess {
 public:
  // Errors: kNotFound if there is no such program, kIo.
  explicit WorkerProcess(const std::vector<std::string>& command);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  [[nodiscard]] Channel& channel() noexcept { return channel_; }
  void send_signal(int number) const;
  // Waits for its end; what it ended by, for people: "signal 11 (Segmentation fault)", "exit status 1".
  // Once.
  [[nodiscard]] std::string wait();

 private:
  WorkerProcess(const std::vector<std::string>& command, std::pair<int, int> sockets);
  Channel channel_;
  pid_t pid_ = -1;
};

inline constexpr int kWorkerDescriptor = 3;

}  // namespace ivory
