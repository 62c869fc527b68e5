// Names of processes, so that others see whether one is still alive.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace ivory::tuning {

// "<machine's start>:<process namespace>:<process>:<its start>"; no two processes ever have the same.
[[nodiscard]] std::string own_process_token();
// Whether the process of this token lives; none: it belongs to another machine, or the text is no token.
[[nodiscard]] std::optional<bool> is_alive(std::string_view token);

}  // namespace ivory::tuning
