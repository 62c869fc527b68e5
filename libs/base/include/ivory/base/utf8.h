// Characters of UTF-8.
#pragma once
#include <cstddef>
#include <string_view>

namespace ivory {

// One character: its code point and its bytes (1 to 4). Not valid: a byte that begins no character, bytes 1.
struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

// The character that `text` begins with; `text` is not empty. Overlong forms and surrogates are not valid.
[[nodiscard]] CodePoint decode_utf8(std::string_view text) noexcept;

// Position of the first byte that is not UTF-8, or npos.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view text) noexcept;

}  // namespace ivory
