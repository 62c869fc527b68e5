#include <ivory/base/progress.h>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <ivory/base/log.h>

namespace ivory {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kRedraw = std::chrono::milliseconds(50);
constexpr auto kNextLine = std::chrono::seconds(10);

std::size_t terminal_width() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// The first `width` characters of UTF-8.
std::string_view cut(std::string_view text, std::size_t width) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (continues_character(text[i])) continue;
    if (characters++ == width) return text.substr(0, i);
  }
  return text;
}

std::string to_text(std::chrono::seconds time) {
  const auto s = time.count();
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

double share_of(std::int64_t done, std::int64_t total) {
  return total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0) : 0.0;
}

std::string bar(double share) {
  constexpr std::size_t kWidth = 20;
  const auto full = static_cast<std::size_t>(share * kWidth);
  return std::string(full, '#') + std::string(kWidth - full, '-');
}

// One write, so that lines of other threads do not come between.
void put(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

Progress::Progress(std::string title, std::int64_t total)
    : title_(std::move(title)), total_(total), terminal_(isatty(STDERR_FILENO) != 0), begun_(Clock::now()) {}

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
  if (drawn_ && terminal_ && log_level() <= LogLevel::kInfo) put("\n");
}

void Progress::draw() {
  if (log_level() > LogLevel::kInfo) return;
  drawn_ = true;
  const auto counts = total_ > 0 ? fmt::format("{}/{}", done_, total_) : fmt::format("{}", done_);
  const auto note = note_.empty() ? std::string() : "  " + note_;
  if (!terminal_) {
    put(fmt::format("{} {}{}\n", title_, counts, note));
    return;
  }
  const double share = share_of(done_, total_);
  const std::chrono::duration<double> elapsed = Clock::now() - begun_;
  auto line = title_;
  if (total_ > 0) line += fmt::format(" [{}] {:3.0f}%", bar(share), 100 * share);
  line += fmt::format(" {}", counts);
  if (share > 0 && share < 1) {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(elapsed * ((1 - share) / share));
    line += fmt::format(" {} left", to_text(left));
  }
  line += note;
  put(fmt::format("\r{}\x1B[K", cut(line, terminal_width() - 1)));
}

}  // namespace ivory
