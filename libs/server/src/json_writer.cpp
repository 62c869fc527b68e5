#include "json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include <ivory/base/utf8.h>

namespace ivory::server {

void JsonWriter::new_line() {
  text_.push_back('\n');
  text_.append(2 * has_members_.size(), ' ');
}

void JsonWriter::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (has_members_.empty()) return;
  if (has_members_.back()) text_.push_back(',');
  has_members_.back() = true;
  if (pretty_) new_line();
}

void JsonWriter::open(char bracket) {
  before_value();
  text_.push_back(bracket);
  has_members_.push_back(false);
}

void JsonWriter::close(char bracket) {
  const bool had_members = has_members_.back();
  has_members_.pop_back();
  if (had_members && pretty_) new_line();
  text_.push_back(bracket);
}

void JsonWriter::key(std::string_view name) {
  before_value();
  quote(name);
  text_.append(pretty_ ? ": " : ":");
  after_key_ = true;
}

void JsonWriter::value(std::string_view text) {
  before_value();
  quote(text);
}

void JsonWriter::value(std::int64_t number) {
  constexpr std::size_t kRoom = 24;
  std::array<char, kRoom> digits{};
  raw({digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr});
}

void JsonWriter::value(double number) {
  if (std::isnan(number)) return value("NaN");
  if (std::isinf(number)) return value(number > 0 ? "Infinity" : "-Infinity");
  constexpr std::size_t kRoom = 32;
  std::array<char, kRoom> digits{};
  const std::string_view text(digits.data(),
                              std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
  raw(text);
  if (text.find_first_of(".e") == std::string_view::npos) text_.append(".0");
}

void JsonWriter::raw(std::string_view text) {
  before_value();
  text_.append(text);
}

void JsonWriter::quote(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr unsigned char kFirstPlain = 0x20, kLastAscii = 0x7F;
  text_.push_back('"');
  std::size_t plain = 0;  // where what needs no escape begins
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte > kLastAscii) {
      const CodePoint character = decode_utf8(text.substr(at));
      if (character.valid) {
        at += character.bytes - 1;
        continue;
      }
    } else if (byte >= kFirstPlain && byte != '"' && byte != '\\') {
      continue;
    }
    text_.append(text, plain, at - plain);
    plain = at + 1;
    if (byte > kLastAscii) {
      text_.append("\uFFFD");  // a message may name what a request held, but stays JSON
    } else if (byte == '"' || byte == '\\') {
      text_.append({'\\', text[at]});
    } else if (byte == '\n') {
      text_.append("\\n");
    } else if (byte == '\t') {
      text_.append("\\t");
    } else if (byte == '\r') {
      text_.append("\\r");
    } else {
      text_.append("\\u00").append({kHex[byte / kHex.size()], kHex[byte % kHex.size()]});
    }
  }
  text_.append(text, plain, text.size() - plain);
  text_.push_back('"');
}

}  // namespace ivory::server
