// Messages to the person at the terminal, on stderr. Results go to stdout, never here.
#pragma once
#include <string_view>

namespace ivory {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

// For the whole process; default kInfo. Any thread may log; lines are never mixed.
void set_log_level(LogLevel level);
[[nodiscard]] LogLevel log_level();
void log_debug(std::string_view message);
void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

}  // namespace ivory
