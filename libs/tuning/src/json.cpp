#include "json.h"

#include <array>
#include <charconv>
#include <cmath>

#include <ivory/base/error.h>
#include <ivory/base/utf8.h>

namespace ivory::tuning::json {
namespace {
constexpr int kMaxDepth = 200;

void append_escape(std::string& out, unsigned unit) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[(unit >> shift) & 15U];
}

void append_code_point(std::string& out, char32_t point) {
  if (point >= 0x10000) {
    append_escape(out, 0xD800U + ((static_cast<unsigned>(point) - 0x10000U) >> 10U));
    append_escape(out, 0xDC00U + ((static_cast<unsigned>(point) - 0x10000U) & 0x3FFU));
  } else {
    append_escape(out, static_cast<unsigned>(point));
  }
}

void append_utf8(std::string& out, unsigned point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0U | (point >> 6U));
    out += static_cast<char>(0x80U | (point & 63U));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0U | (point >> 12U));
    out += static_cast<char>(0x80U | ((point >> 6U) & 63U));
    out += static_cast<char>(0x80U | (point & 63U));
  } else {
    out += static_cast<char>(0xF0U | (point >> 18U));
    out += static_cast<char>(0x80U | ((point >> 12U) & 63U));
    out += static_cast<char>(0x80U | ((point >> 6U) & 63U));
    out += static_cast<char>(0x80U | (point & 63U));
  }
}

char short_escape(char c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    default:
      return 0;
  }
}
}  // namespace

void append_real(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-Infinity" : "Infinity";
    return;
  }
  std::array<char, 40> buffer{};
  // Python's repr: plain digits for exponents -4 to 15.
  const double magnitude = std::abs(value);
  const bool plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                    plain ? std::chars_format::fixed : std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(result.ptr - buffer.data()));
  out += text;
  if (plain && text.find('.') == std::string_view::npos) out += ".0";
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    std::size_t bytes = 1;
    if (const char escape = short_escape(c); escape != 0) {
      out += '\\';
      out += escape;
    } else if (static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7F) {
      out += c;
    } else {
      const CodePoint point = decode_utf8(text);
      if (!point.valid) throw Error(ErrorCode::kInvalidArgument, "a text that is not UTF-8 cannot be stored");
      append_code_point(out, point.value);
      bytes = point.bytes;
    }
    text.remove_prefix(bytes);
  }
  out += '"';
}

void append(std::string& out, const Params& value, Style style) {
  const std::string_view comma = style == Style::kPython ? ", " : ",";
  switch (value.kind()) {
    case Params::Kind::kNull:
      out += "null";
      break;
    case Params::Kind::kBool:
      out += value.as_bool() ? "true" : "false";
      break;
    case Params::Kind::kInt:
      out += std::to_string(value.as_int());
      break;
    case Params::Kind::kReal:
      append_real(out, value.as_real());
      break;
    case Params::Kind::kString:
      append_string(out, value.as_string());
      break;
    case Params::Kind::kList: {
      out += '[';
      std::string_view separator;
      for (const auto& element : value.elements()) {
        out += separator;
        append(out, element, style);
        separator = comma;
      }
      out += ']';
      break;
    }
    case Params::Kind::kMap: {
      out += '{';
      std::string_view separator;
      for (const auto& [key, item] : value.items()) {
        out += separator;
        append_string(out, key);
        out += style == Style::kPython ? ": " : ":";
        append(out, item, style);
        separator = comma;
      }
      out += '}';
      break;
    }
  }
}

std::string write(const Params& value, Style style) {
  std::string out;
  append(out, value, style);
  return out;
}

void Reader::fail(std::string_view expected) const {
  const std::string found = at_ < text_.size() ? std::string(1, text_[at_]) : "the end";
  throw Error(ErrorCode::kInvalidArgument, "broken JSON at byte " + std::to_string(at_) + ": expected " +
                                               std::string(expected) + ", found " + found);
}

void Reader::blanks() noexcept {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
}

char Reader::peek() {
  blanks();
  return at_ < text_.size() ? text_[at_] : '\0';
}

void Reader::expect(char character) {
  if (peek() != character || at_ >= text_.size()) fail("'" + std::string(1, character) + "'");
  ++at_;
}

bool Reader::open(char opening, char closing) {
  expect(opening);
  if (++depth_ > kMaxDepth) fail("nesting of at most 200 levels");
  if (peek() != closing) return false;
  ++at_;
  --depth_;
  return true;
}

bool Reader::another(char closing) {
  const char next = peek();
  if (next != ',' && next != closing) fail("',' or '" + std::string(1, closing) + "'");
  ++at_;
  return next == ',';
}

bool Reader::word(std::string_view text) {
  blanks();
  if (!text_.substr(at_).starts_with(text)) return false;
  at_ += text.size();
  return true;
}

bool Reader::try_null() { return word("null"); }

void Reader::end() {
  if (peek() != '\0' || at_ < text_.size()) fail("the end");
}

unsigned Reader::hex4() {
  unsigned unit = 0;
  const char* begin = text_.data() + at_;
  if (text_.size() - at_ < 4) fail("four hex digits");
  const auto result = std::from_chars(begin, begin + 4, unit, 16);
  if (result.ec != std::errc() || result.ptr != begin + 4) fail("four hex digits");
  at_ += 4;
  return unit;
}

std::string Reader::string() {
  expect('"');
  std::string out;
  while (true) {
    const std::size_t special = text_.find_first_of("\"\\", at_);
    if (special == std::string_view::npos) {
      at_ = text_.size();
      fail("'\"'");
    }
    const std::string_view run = text_.substr(at_, special - at_);
    for (std::size_t i = 0; i < run.size(); ++i) {
      if (static_cast<unsigned char>(run[i]) >= 0x20) continue;
      at_ += i;
      fail("no control character in a string");
    }
    out += run;
    at_ = special + 1;
    if (text_[special] == '"') return out;
    escape(out);
  }
}

void Reader::escape(std::string& out) {
  const char kind = at_ < text_.size() ? text_[at_] : '\0';
  ++at_;
  switch (kind) {
    case 'n':
      out += '\n';
      break;
    case 'r':
      out += '\r';
      break;
    case 't':
      out += '\t';
      break;
    case 'b':
      out += '\b';
      break;
    case 'f':
      out += '\f';
      break;
    case '"':
    case '\\':
    case '/':
      out += kind;
      break;
    case 'u':
      append_utf8(out, code_point());
      break;
    default:
      --at_;
      fail("an escape");
  }
}

unsigned Reader::code_point() {
  const unsigned unit = hex4();
  const bool high = unit >= 0xD800 && unit < 0xDC00;
  if (high && text_.substr(at_).starts_with("\\u")) {
    at_ += 2;
    const unsigned low = hex4();
    if (low < 0xDC00 || low > 0xDFFF) fail("the second half of a surrogate pair");
    return 0x10000U + ((unit - 0xD800U) << 10U) + (low - 0xDC00U);
  }
  if (unit >= 0xD800 && unit <= 0xDFFF) fail("a surrogate pair");
  return unit;
}

Params Reader::number() {
  if (word("NaN")) return std::nan("");
  if (word("Infinity")) return HUGE_VAL;
  if (word("-Infinity")) return -HUGE_VAL;
  const std::size_t stop = text_.find_first_not_of("+-.0123456789eE", at_);
  const char* begin = text_.data() + at_;
  const char* last = stop == std::string_view::npos ? text_.data() + text_.size() : text_.data() + stop;
  const std::string_view digits(begin, static_cast<std::size_t>(last - begin));
  if (digits.find_first_of(".eE") == std::string_view::npos) {
    std::int64_t whole = 0;
    const auto result = std::from_chars(begin, last, whole);
    if (result.ec == std::errc() && result.ptr == last) {
      at_ += digits.size();
      return whole;
    }
  }
  double real = 0;
  const auto result = std::from_chars(begin, last, real);
  if (result.ptr != last || (result.ec != std::errc() && result.ec != std::errc::result_out_of_range) ||
      digits.empty())
    fail("a value");
  if (result.ec == std::errc::result_out_of_range) real = std::strtod(std::string(digits).c_str(), nullptr);
  at_ += digits.size();
  return real;
}

double Reader::real() {
  blanks();
  return number().as_real();
}

std::int64_t Reader::integer() {
  blanks();
  const Params found = number();
  if (found.is_int()) return found.as_int();
  const double real = found.as_real();
  if (!(std::abs(real) < 9e15) || real != std::floor(real)) fail("an integer");
  return static_cast<std::int64_t>(real);
}

Params Reader::value() {
  switch (peek()) {
    case '{': {
      Params map = Params::map();
      object([&](const std::string& key) { map[key] = value(); });
      return map;
    }
    case '[': {
      Params elements = Params::list();
      list([&] { elements.push_back(value()); });
      return elements;
    }
    case '"':
      return string();
    default:
      break;
  }
  if (word("null")) return nullptr;
  if (word("true")) return true;
  if (word("false")) return false;
  return number();
}

Params read(std::string_view text) {
  Reader reader(text);
  Params value = reader.value();
  reader.end();
  return value;
}

}  // namespace ivory::tuning::json
