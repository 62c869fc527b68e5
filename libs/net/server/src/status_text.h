// The words of HTTP's numbers.
#pragma once
#include <string_view>

namespace ivory::net {

inline constexpr int kBadRequest = 400;
inline constexpr int kContentTooLarge = 413;
inline constexpr int kHeadersTooLarge = 431;
inline constexpr int kServiceUnavailable = 503;

// "Not Found"; "Status" for a number that has none.
[[nodiscard]] std::string_view status_text(int status) noexcept;

}  // namespace ivory::net
