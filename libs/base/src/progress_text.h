// What progress looks like, for one bar and for several.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ivory {

inline constexpr auto kRedraw = std::chrono::milliseconds(50);  // of a terminal
inline constexpr auto kNextLine = std::chrono::seconds(10);     // elsewhere

struct TerminalSize {
  std::size_t columns = 80, rows = 24;
};
[[nodiscard]] bool stderr_is_terminal();
// Of the terminal at stderr.
[[nodiscard]] TerminalSize terminal_size();
// One write, so that lines of other threads do not come between.
void put_stderr(const std::string& text);

// The first `width` characters of UTF-8.
[[nodiscard]] std::string_view cut(std::string_view text, std::size_t width);

struct Steps {
  std::int64_t done = 0;
  std::int64_t total = 0;  // 0: unknown
};
// "3/10", "3".
[[nodiscard]] std::string to_text(const Steps& steps);
// "0:59", "1:02:03".
[[nodiscard]] std::string to_text(std::chrono::seconds time);
// How long it will take still, when that much took so long. Zero at the beginning and at the end.
[[nodiscard]] std::chrono::seconds time_left(double share, std::chrono::duration<double> elapsed);
// "title [####----] 40% 4/10 0:12 left".
[[nodiscard]] std::string progress_line(std::string_view title, const Steps& steps,
                                        std::chrono::duration<double> elapsed);

}  // namespace ivory
