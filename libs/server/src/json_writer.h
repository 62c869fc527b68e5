// JsonWriter: answers, in the form in which MLflow writes them.
#pragma once
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ivory::server {

// Two blanks a level, members in the order in which they are written; numbers that JSON has not as text
// ("NaN", "Infinity"). Text must be UTF-8.
class JsonWriter {
 public:
  enum class Style { kPretty, kCompact };
  explicit JsonWriter(Style style = Style::kPretty) : pretty_(style == Style::kPretty) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_list() { open('['); }
  void end_list() { close(']'); }
  void key(std::string_view name);

  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(double number);
  void value(std::int64_t number);
  void value(std::same_as<bool> auto flag) { raw(flag ? "true" : "false"); }
  void raw(std::string_view text);  // JSON already

  void begin_object(std::string_view name) {
    key(name);
    begin_object();
  }
  void begin_list(std::string_view name) {
    key(name);
    begin_list();
  }
  template <class T>
  void field(std::string_view name, const T& content) {
    key(name);
    value(content);
  }
  // Nothing if it is empty.
  void field_unless_empty(std::string_view name, std::string_view text) {
    if (!text.empty()) field(name, text);
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void open(char bracket);
  void close(char bracket);
  void before_value();
  void new_line();
  void quote(std::string_view text);

  bool pretty_;
  bool after_key_ = false;
  std::vector<bool> has_members_;  // of each open bracket
  std::string text_;
};

}  // namespace ivory::server
