#include "progress_text.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace ivory {
namespace {

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

double share_of(const Steps& steps) {
  const double share =
      static_cast<double>(steps.done) / static_cast<double>(std::max<std::int64_t>(steps.total, 1));
  return steps.total > 0 ? std::clamp(share, 0.0, 1.0) : 0.0;
}

std::string bar(double share) {
  constexpr std::size_t kWidth = 20;
  const auto full = static_cast<std::size_t>(share * kWidth);
  return std::string(full, '#') + std::string(kWidth - full, '-');
}

}  // namespace

bool stderr_is_terminal() { return isatty(STDERR_FILENO) != 0; }

TerminalSize terminal_size() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

void put_stderr(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

std::string_view cut(std::string_view text, std::size_t width) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (continues_character(text[i])) continue;
    if (characters++ == width) return text.substr(0, i);
  }
  return text;
}

std::string to_text(const Steps& steps) {
  return steps.total > 0 ? fmt::format("{}/{}", steps.done, steps.total) : fmt::format("{}", steps.done);
}

std::string to_text(std::chrono::seconds time) {
  const auto s = time.count();
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::chrono::seconds time_left(double share, std::chrono::duration<double> elapsed) {
  if (share <= 0 || share >= 1) return std::chrono::seconds(0);
  return std::chrono::duration_cast<std::chrono::seconds>(elapsed * ((1 - share) / share));
}

std::string progress_line(std::string_view title, const Steps& steps, std::chrono::duration<double> elapsed) {
  const double share = share_of(steps);
  std::string line(title);
  if (steps.total > 0) line += fmt::format(" [{}] {:3.0f}%", bar(share), 100 * share);
  line += " " + to_text(steps);
  if (share > 0 && share < 1) line += " " + to_text(time_left(share, elapsed)) + " left";
  return line;
}

}  // namespace ivory
