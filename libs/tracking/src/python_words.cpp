#include "python_words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include <ivory/base/utf8.h>

namespace ivory::tracking {
namespace {

std::string hex(std::uint32_t number, int digits) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(static_cast<std::size_t>(digits), '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, number >>= 4U)
    *digit = kDigits[number & 15U];
  return text;
}

// What both forms escape by a letter, or nothing.
std::string_view escape_of(char32_t character) {
  switch (character) {
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return {};
  }
}

std::string in_repr(std::string_view bytes, const CodePoint& character, char quote) {
  if (const auto escape = escape_of(character.value); !escape.empty()) return std::string(escape);
  if (character.value == static_cast<char32_t>(quote)) return std::string("\\") + quote;
  if (!character.valid || character.value < 0x20 || character.value == 0x7F) {
    return "\\x" + hex(static_cast<unsigned char>(bytes.front()), 2);
  }
  return std::string(bytes.substr(0, character.bytes));
}

std::string in_json(const CodePoint& character) {
  if (const auto escape = escape_of(character.value); !escape.empty()) return std::string(escape);
  if (character.value == '"') return "\\\"";
  if (character.value == '\b') return "\\b";
  if (character.value == '\f') return "\\f";
  if (!character.valid) return "\\ufffd";
  const auto code = static_cast<std::uint32_t>(character.value);
  if (code >= 0x20 && code < 0x7F) return std::string(1, static_cast<char>(code));
  if (code < 0x10000) return "\\u" + hex(code, 4);
  return "\\u" + hex(0xD800 + ((code - 0x10000) >> 10U), 4) + "\\u" + hex(0xDC00 + (code & 0x3FFU), 4);
}

}  // namespace

std::string python_repr(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string repr(1, quote);
  while (!text.empty()) {
    const CodePoint character = decode_utf8(text);
    repr += in_repr(text, character, quote);
    text.remove_prefix(character.bytes);
  }
  return repr + quote;
}

std::string python_json(std::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    const CodePoint character = decode_utf8(text);
    json += in_json(character);
    text.remove_prefix(character.bytes);
  }
  return json + '"';
}

// Python writes an exponent where it is below -4 or above 15, and never a number without point or exponent.
std::string python_repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  constexpr double kFewest = 1e-4;
  constexpr double kMost = 1e16;
  const double size = std::abs(number);
  const bool plain = number == 0 || (size >= kFewest && size < kMost);
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer.data(), end.ptr);
  if (plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string normal_path(std::string_view path) {
  if (path.empty()) return ".";
  const bool absolute = path.front() == '/';
  // POSIX keeps exactly two slashes.
  const bool two = absolute && path.substr(0, 2) == "//" && path.substr(0, 3) != "///";
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    const bool climbs = part == "..";
    if (!climbs || (!absolute && parts.empty()) || (!parts.empty() && parts.back() == "..")) {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string normal(two ? "//" : absolute ? "/" : "");
  for (std::size_t i = 0; i < parts.size(); ++i) normal.append(i == 0 ? "" : "/").append(parts[i]);
  return normal.empty() ? "." : normal;
}

}  // namespace ivory::tracking
