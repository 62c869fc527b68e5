// Runs the built command in a folder of its own.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/files.h>
#include <ivory/base/params.h>

namespace ivory {

struct CommandResult {
  int status = -1;  // the exit status; 128 and the number of a signal
  std::string out, err;
};

// A command that goes on while the test does something else. Killed by the destructor if it still runs.
class RunningCommand {
 public:
  // `prepare` runs in the new process before the command: limits.
  RunningCommand(const std::filesystem::path& directory, const std::vector<std::string>& arguments,
                 const std::function<void()>& prepare = {});
  ~RunningCommand();
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;
  void send(int signal) const;
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  // What it has printed so far.
  [[nodiscard]] std::string out() const;
  [[nodiscard]] CommandResult wait();

 private:
  TemporaryFolder output_;
  pid_t pid_ = -1;
};

// A folder with an experiment `toy` that trains in milliseconds: 3 folds of 8 samples, 8 test samples.
class Cli : public testing::Test {
 protected:
  Cli();
  CommandResult ivory(const std::vector<std::string>& arguments) const {
    return RunningCommand(path(), arguments).wait();
  }
  // The document that a command prints with --json. Fails the test if its status is another.
  [[nodiscard]] Params ivory_json(std::vector<std::string> arguments, int status = 0) const;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void set_path(std::filesystem::path path) { path_ = std::move(path); }
  void write_project() const;
  void write(std::string_view file, std::string_view text) const { write_file(path() / file, text); }
  [[nodiscard]] std::string read(std::string_view file) const { return read_file(path() / file); }
  // Replaces a part of a file, which must be there.
  void edit(std::string_view file, std::string_view part, std::string_view by) const;
  // Nothing was tracked: neither a database nor artifacts.
  void expect_nothing_written() const;
  // Waits until the run has logged an epoch.
  void wait_for_metrics() const;

 private:
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path();
};

}  // namespace ivory
