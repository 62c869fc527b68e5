#include <ivory/base/utf8.h>

namespace ivory {
namespace {

constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};  // by number of bytes

bool is_character(char32_t value, std::size_t bytes) {
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  return value >= kSmallest[bytes] && value <= 0x10FFFF && !surrogate;
}

std::size_t count_bytes(unsigned first) {
  if (first >= 0xF0) return 4;
  return first >= 0xE0 ? 3 : 2;
}

}  // namespace

CodePoint decode_utf8(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(text[i])); };
  const auto first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const auto bytes = count_bytes(first);
  if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return {};
  char32_t value = first & (0x7FU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    value = (value << 6U) | (byte(i) & 0x3FU);
  }
  return is_character(value, bytes) ? CodePoint{value, bytes, true} : CodePoint{};
}

std::size_t find_invalid_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = decode_utf8(text.substr(i));
    if (!c.valid) return i;
    i += c.bytes;
  }
  return std::string_view::npos;
}

}  // namespace ivory
