// Progress of long work: a bar that redraws itself on a terminal, plain lines in a file.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace ivory {

// Writes to stderr. On a terminal: one line, redrawn at most 20 times a second, ended by finish() or the
// destructor. Elsewhere: a line at the first update, then one at most every 10 seconds, and the last.
// One thread. Nothing is written while log_level() is above kInfo.
class Progress {
 public:
  Progress(std::string title, std::int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of total steps; `note` is what to show beside them ("val_loss 0.0123").
  void update(std::int64_t done, std::string_view note);
  void finish();

 private:
  void draw();
  std::string title_, note_;
  std::int64_t total_, done_ = 0;
  bool terminal_, drawn_ = false, stale_ = false, finished_ = false;
  std::chrono::steady_clock::time_point begun_, last_;
};

}  // namespace ivory
