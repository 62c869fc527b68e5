// How a plain scalar is read: YAML 1.2's core schema.
#include "scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <system_error>

#include <ivory/base/range.h>

namespace ivory {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t count_digits(std::string_view text, std::size_t from) {
  std::size_t i = from;
  while (i < text.size() && is_digit(text[i])) ++i;
  return i - from;
}

bool is_sign(std::string_view text, std::size_t at) {
  return at < text.size() && (text[at] == '+' || text[at] == '-');
}

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::string_view without_plus(std::string_view text) { return text.starts_with('+') ? text.substr(1) : text; }

// Reads a text of the form that number_length accepts.
double to_real(std::string_view text) {
  text = without_plus(text);
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc::result_out_of_range) return value;
  const bool negative = text.starts_with('-');
  const auto exponent = text.find_first_of("eE");
  const auto digit = text.find_first_of("123456789.");
  const bool tiny = exponent == std::string_view::npos ? text[digit] == '.' : text[exponent + 1] == '-';
  const double magnitude = tiny ? 0 : std::numeric_limits<double>::infinity();
  return negative ? -magnitude : magnitude;
}

// `digits` in `base`; what does not fit 64 bits becomes a real.
std::optional<Params> find_based(std::string_view digits, int base) {
  std::int64_t value = 0;
  const auto* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, value, base);
  if (digits.empty() || digits[0] == '-' || result.ptr != end) return std::nullopt;
  if (result.ec == std::errc()) return Params(value);
  double real = 0;
  for (const char c : digits) {
    const int digit = is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
    real = real * base + digit;
  }
  return Params(real);
}

std::optional<Params> find_special_real(std::string_view text) {
  constexpr std::array<std::string_view, 3> kNaN = {".nan", ".NaN", ".NAN"};
  constexpr std::array<std::string_view, 3> kInfinity = {".inf", ".Inf", ".INF"};
  if (is_one_of(text, kNaN)) return Params(std::numeric_limits<double>::quiet_NaN());
  const auto unsigned_text = is_sign(text, 0) ? text.substr(1) : text;
  if (!is_one_of(unsigned_text, kInfinity)) return std::nullopt;
  const double infinity = std::numeric_limits<double>::infinity();
  return Params(text.starts_with('-') ? -infinity : infinity);
}

std::optional<Params> find_special(std::string_view text) {
  constexpr std::array<std::string_view, 5> kNull = {"", "~", "null", "Null", "NULL"};
  constexpr std::array<std::string_view, 3> kTrue = {"true", "True", "TRUE"};
  constexpr std::array<std::string_view, 3> kFalse = {"false", "False", "FALSE"};
  if (is_one_of(text, kNull)) return Params();
  if (is_one_of(text, kTrue)) return Params(true);
  if (is_one_of(text, kFalse)) return Params(false);
  if (text.starts_with("0x")) return find_based(text.substr(2), 16);
  if (text.starts_with("0o")) return find_based(text.substr(2), 8);
  return find_special_real(text);
}

void append_utf8(std::string& text, std::uint32_t c) {
  const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) return add(c);
  if (c < 0x800) {
    add(0xC0U | (c >> 6U));
  } else if (c < 0x10000) {
    add(0xE0U | (c >> 12U));
    add(0x80U | ((c >> 6U) & 0x3FU));
  } else {
    add(0xF0U | (c >> 18U));
    add(0x80U | ((c >> 12U) & 0x3FU));
    add(0x80U | ((c >> 6U) & 0x3FU));
  }
  add(0x80U | (c & 0x3FU));
}

// The escapes of YAML's double quotes that stand for one byte.
std::optional<char> find_short_escape(char c) {
  constexpr std::string_view kNames = "0abtnvfre \"/\\";
  constexpr std::string_view kValues("\0\a\b\t\n\v\f\r\x1B \"/\\", kNames.size());
  const auto at = kNames.find(c);
  return at == std::string_view::npos ? std::nullopt : std::optional(kValues[at]);
}

// A \x, \u or \U escape, of which `text` is what follows the backslash. Gives the number of its characters,
// or 0.
std::size_t append_long_escape(std::string& unquoted, std::string_view text) {
  const std::size_t digits = text[0] == 'x' ? 2 : text[0] == 'u' ? 4 : text[0] == 'U' ? 8 : 0;
  if (digits == 0 || text.size() < digits + 1) return 0;
  std::uint32_t value = 0;
  const auto* end = text.data() + 1 + digits;
  const auto result = std::from_chars(text.data() + 1, end, value, 16);
  if (result.ec != std::errc() || result.ptr != end || value > 0x10FFFF) return 0;
  append_utf8(unquoted, value);
  return digits + 1;
}

// `inner` is what stands between the quotes. Nothing if a quote or an escape in it is broken.
std::optional<std::string> find_in_double_quotes(std::string_view inner) {
  std::string unquoted;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] == '"') return std::nullopt;
    if (inner[i] != '\\') {
      unquoted += inner[i];
      continue;
    }
    if (i + 1 == inner.size()) return std::nullopt;
    if (const auto c = find_short_escape(inner[i + 1])) {
      unquoted += *c;
      ++i;
      continue;
    }
    const auto used = append_long_escape(unquoted, inner.substr(i + 1));
    if (used == 0) return std::nullopt;
    i += used;
  }
  return unquoted;
}

std::optional<std::string> find_in_single_quotes(std::string_view inner) {
  std::string unquoted;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] == '\'') {
      if (i + 1 == inner.size() || inner[i + 1] != '\'') return std::nullopt;
      ++i;
    }
    unquoted += inner[i];
  }
  return unquoted;
}

}  // namespace

std::size_t number_length(std::string_view text) {
  std::size_t i = is_sign(text, 0) ? 1 : 0;
  const auto whole = count_digits(text, i);
  i += whole;
  if (i < text.size() && text[i] == '.') {
    const auto fraction = count_digits(text, i + 1);
    if (whole + fraction == 0) return 0;
    i += 1 + fraction;
  } else if (whole == 0) {
    return 0;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    const auto begin = i + 1 + (is_sign(text, i + 1) ? 1 : 0);
    const auto exponent = count_digits(text, begin);
    if (exponent > 0) i = begin + exponent;
  }
  return i;
}

Params parse_number(std::string_view text) {
  const bool integral = text.find_first_of(".eE") == std::string_view::npos;
  if (!integral) return to_real(text);
  std::int64_t value = 0;
  const auto digits = without_plus(text);
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return result.ec == std::errc() ? Params(value) : Params(to_real(text));
}

std::optional<std::string> find_quoted(std::string_view text) {
  if (text.size() < 2 || text.front() != text.back()) return std::nullopt;
  const auto inner = text.substr(1, text.size() - 2);
  if (text.front() == '"') return find_in_double_quotes(inner);
  return text.front() == '\'' ? find_in_single_quotes(inner) : std::nullopt;
}

Params parse_scalar(std::string_view text) {
  if (const auto special = find_special(text)) return *special;
  if (const auto length = number_length(text); length > 0 && length == text.size()) return parse_number(text);
  if (auto quoted = find_quoted(text)) return std::move(*quoted);
  return text;
}

}  // namespace ivory
