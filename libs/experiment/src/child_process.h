// A program that runs beside this one: a compiler, ivory-manifest.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace ivory {

// Started by the constructor, with no input and with all its output going to a file. Ended and waited for by
// the destructor, if wait() was not called. One thread.
class ChildProcess {
 public:
  // `command` is a program and its arguments; a program without a slash is looked for in PATH.
  // Errors: kNotFound if there is no such program, kIo.
  ChildProcess(const std::vector<std::string>& command, const std::filesystem::path& output);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The exit status; 128 and the signal's number if a signal ended it. Once.
  int wait();

 private:
  pid_t pid_;
};

}  // namespace ivory
