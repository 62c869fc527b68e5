#include <ivory/base/progress_table.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <ivory/base/log.h>

#include "progress_text.h"

namespace ivory {

ProgressTable::ProgressTable(std::int64_t count, std::optional<std::chrono::duration<double>> limit)
    : count_(count), limit_(limit), terminal_(stderr_is_terminal()), begun_(Clock::now()) {}

// What fails to be shown at the end must not end the program.
ProgressTable::~ProgressTable() {
  try {
    finish();
  } catch (...) {  // NOLINT(bugprone-empty-catch): a destructor has nowhere to report it
  }
}

void ProgressTable::begin(std::size_t key, std::string title) {
  title_width_ = std::max(title_width_, title.size());
  Work& work = works_[key];
  work.title = std::move(title);
  work.begun = Clock::now();
  if (terminal_ && work.begun - last_ >= kRedraw) redraw({});
}

void ProgressTable::update(std::size_t key, std::int64_t done, std::int64_t total, std::string_view note) {
  const auto found = works_.find(key);
  if (found == works_.end() || finished_) return;
  Work& work = found->second;
  work.done = done;
  work.total = total;
  work.note = note;
  const auto now = Clock::now();
  if (terminal_) {
    if (now - last_ >= kRedraw) redraw({});
  } else if (!work.shown || now - work.last >= kNextLine) {
    print(work);
  }
}

void ProgressTable::end(std::size_t key, std::int64_t done, std::string_view note) {
  auto work = works_.extract(key);
  if (work.empty() || finished_) return;
  ++ended_;
  work.mapped().done = done;
  work.mapped().note = note;
  if (terminal_) {
    redraw(fmt::format("{}\x1B[K\n", cut(line_of(work.mapped()), terminal_size().columns - 1)));
  } else {
    print(work.mapped());
  }
}

void ProgressTable::finish() {
  if (std::exchange(finished_, true) || !terminal_) return;
  works_.clear();
  if (drawn_lines_ > 0) put_stderr("\x1B[J");
}

std::string ProgressTable::line_of(const Work& work) const {
  const auto note = work.note.empty() ? std::string() : "  " + work.note;
  return progress_line(fmt::format("{:{}}", work.title, title_width_), {work.done, work.total},
                       Clock::now() - work.begun) +
         note;
}

std::string ProgressTable::summary() const {
  const auto time = left();
  return fmt::format("{} done, {} under way{}{}", to_text(Steps{ended_, count_}), works_.size(),
                     time.count() > 0 ? ", " + to_text(time) + " left" : "",
                     note_.empty() ? "" : ", " + note_);
}

// By what is done, or by the limit if that comes first.
std::chrono::seconds ProgressTable::left() const {
  auto share = static_cast<double>(ended_);
  for (const auto& [key, work] : works_)
    if (work.total > 0) share += static_cast<double>(work.done) / static_cast<double>(work.total);
  const auto elapsed = Clock::now() - begun_;
  const auto by_count =
      count_ > 0 ? time_left(share / static_cast<double>(count_), elapsed) : std::chrono::seconds(0);
  if (!limit_) return by_count;
  const auto by_limit =
      std::max(std::chrono::seconds(0), std::chrono::duration_cast<std::chrono::seconds>(*limit_ - elapsed));
  return by_count.count() > 0 ? std::min(by_count, by_limit) : by_limit;
}

void ProgressTable::print(Work& work) {
  work.shown = true;
  work.last = Clock::now();
  if (log_level() > LogLevel::kInfo) return;
  const auto note = work.note.empty() ? std::string() : "  " + work.note;
  put_stderr(fmt::format("{} {}{}\n", work.title, to_text(Steps{work.done, work.total}), note));
}

// The cursor stays at the beginning of what will be drawn over, so that lines of others come above it.
void ProgressTable::redraw(const std::string& above) {
  last_ = Clock::now();
  if (log_level() > LogLevel::kInfo) return;
  const auto [columns, rows] = terminal_size();
  std::string text = "\r" + above;
  drawn_lines_ = 0;
  for (const auto& [key, work] : works_) {
    if (drawn_lines_ + 2 >= rows) break;
    text += fmt::format("{}\x1B[K\n", cut(line_of(work), columns - 1));
    ++drawn_lines_;
  }
  text += fmt::format("{}\x1B[J", cut(summary(), columns - 1));
  if (drawn_lines_ > 0) text += fmt::format("\x1B[{}A", drawn_lines_);
  put_stderr(text + "\r");
  ++drawn_lines_;
}

}  // namespace ivory
