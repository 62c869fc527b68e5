#include <ivory/base/progress.h>

#include <fmt/format.h>

#include <ivory/base/log.h>

#include "progress_text.h"

namespace ivory {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

Progress::Progress(std::string title, std::int64_t total)
    : title_(std::move(title)), total_(total), terminal_(stderr_is_terminal()), begun_(Clock::now()) {}

// What fails to be shown at the end must not end the program.
Progress::~Progress() {
  try {
    finish();
  } catch (...) {  // NOLINT(bugprone-empty-catch): a destructor has nowhere to report it
  }
}

void Progress::update(std::int64_t done, std::string_view note) {
  if (finished_) return;
  done_ = done;
  note_ = note;
  const auto now = Clock::now();
  const auto pause = terminal_ ? Clock::duration(kRedraw) : Clock::duration(kNextLine);
  stale_ = drawn_ && now - last_ < pause;
  if (stale_) return;
  last_ = now;
  draw();
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (stale_) draw();
  if (drawn_ && terminal_ && log_level() <= LogLevel::kInfo) put_stderr("\n");
}

void Progress::draw() {
  if (log_level() > LogLevel::kInfo) return;
  drawn_ = true;
  const auto note = note_.empty() ? std::string() : "  " + note_;
  if (!terminal_) {
    put_stderr(fmt::format("{} {}{}\n", title_, to_text(Steps{done_, total_}), note));
    return;
  }
  const std::string line = progress_line(title_, {done_, total_}, Clock::now() - begun_) + note;
  put_stderr(fmt::format("\r{}\x1B[K", cut(line, terminal_size().columns - 1)));
}

}  // namespace ivory
