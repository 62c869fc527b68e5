// Params as one line of text: bare scalars, YAML's flow form.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include <ivory/base/error.h>
#include <ivory/base/params.h>
#include <ivory/base/range.h>
#include <ivory/base/utf8.h>

namespace ivory {
namespace {

// YAML's c-printable without what breaks lines or marks byte order.
bool is_printable(char32_t c) {
  if (c < 0x20 || c == 0x7F) return false;
  if (c >= 0x80 && c < 0xA0) return false;
  return c != 0x2028 && c != 0x2029 && c != 0xFEFF && c != 0xFFFE && c != 0xFFFF;
}

bool all_printable(std::string_view text) {
  while (!text.empty()) {
    const auto c = decode_utf8(text);
    if (c.valid && !is_printable(c.value)) return false;
    text.remove_prefix(c.bytes);
  }
  return true;
}

// Words that YAML 1.1 takes for booleans: quoted, so that readers of both versions agree.
bool is_old_boolean(std::string_view text) {
  constexpr std::array<std::string_view, 6> kWords = {"yes", "no", "on", "off", "y", "n"};
  std::string lower(text);
  for (auto& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Numbers of YAML 1.1 (1_000, 1:30), dates and the like.
bool looks_like_number(std::string_view text) {
  if (is_digit(text[0])) return true;
  return text.size() > 1 && (text[0] == '+' || text[0] == '.') && (is_digit(text[1]) || text[1] == '.');
}

bool is_plain(std::string_view text) {
  constexpr std::string_view kIndicators = "-?:,[]{}#&*!|>'\"%@`";
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  if (kIndicators.find(text.front()) != std::string_view::npos) return false;
  // '?' is allowed, but yaml-cpp ends a plain text of the flow form there.
  if (text.find_first_of(",[]{}?") != std::string_view::npos || text.back() == ':') return false;
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) return false;
  if (text == "<<" || text == "=" || is_old_boolean(text) || looks_like_number(text)) return false;
  return all_printable(text) && parse_scalar(text).is_string();
}

std::string in_single_quotes(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + "'";
}

std::string escape(char32_t c) {
  switch (c) {
    case '\0':
      return "\\0";
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    default:
      break;
  }
  std::array<char, 12> buffer{};
  std::snprintf(buffer.data(), buffer.size(), c < 0x100 ? "\\x%02X" : "\\u%04X", static_cast<unsigned>(c));
  return buffer.data();
}

std::string in_double_quotes(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const auto c = decode_utf8(text);
    if (c.valid && !is_printable(c.value)) {
      quoted += escape(c.value);
    } else {
      if (c.value == '"' || c.value == '\\') quoted += '\\';
      quoted += text.substr(0, c.bytes);
    }
    text.remove_prefix(c.bytes);
  }
  return quoted + "\"";
}

std::string string_to_yaml(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  return all_printable(text) ? in_single_quotes(text) : in_double_quotes(text);
}

std::string real_to_yaml(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  return real_to_text(value);
}

std::string scalar_to_text(const Params& scalar) {
  switch (scalar.kind()) {
    case Params::Kind::kBool:
      return scalar.as_bool() ? "true" : "false";
    case Params::Kind::kInt:
      return std::to_string(scalar.as_int());
    case Params::Kind::kReal:
      return real_to_text(scalar.as_real());
    case Params::Kind::kString:
      return scalar.as_string();
    default:
      return "null";
  }
}

// YAML finds a key by its ':' within 1024 characters; a longer one needs a '?'.
std::string flow_key(std::string_view key) {
  constexpr std::size_t kLongest = 1000;
  auto text = string_to_yaml(key);
  return text.size() <= kLongest ? text + ": " : "? " + text + " : ";
}

void append_flow(std::string& text, const Params& value) {
  if (value.is_scalar()) {
    text += scalar_to_yaml(value);
    return;
  }
  const char* separator = "";
  text += value.is_list() ? '[' : '{';
  if (value.is_list()) {
    for (const auto& element : value.elements()) {
      text += separator;
      append_flow(text, element);
      separator = ", ";
    }
  } else {
    for (const auto& [key, item] : value.items()) {
      text += separator + flow_key(key);
      append_flow(text, item);
      separator = ", ";
    }
  }
  text += value.is_list() ? ']' : '}';
}

}  // namespace

std::string scalar_to_yaml(const Params& scalar) {
  if (!scalar.is_scalar()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        at_place(scalar, "expected a scalar, found " + std::string(Params::kind_name(scalar.kind()))));
  }
  if (scalar.is_string()) return string_to_yaml(scalar.as_string());
  return scalar.is_real() ? real_to_yaml(scalar.as_real()) : scalar_to_text(scalar);
}

std::string Params::to_text() const {
  if (is_scalar()) return scalar_to_text(*this);
  std::string text;
  append_flow(text, *this);
  return text;
}

}  // namespace ivory
