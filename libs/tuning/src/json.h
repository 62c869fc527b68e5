// JSON as Python's json module writes and reads it: with NaN and Infinity, and reals by repr().
#pragma once
#include <string>
#include <string_view>

#include <ivory/base/params.h>

namespace ivory::tuning::json {

// Separators of json.dumps by default (", " and ": ") or compact ("," and ":").
enum class Style { kPython, kCompact };

void append_real(std::string& out, double value);
void append_string(std::string& out, std::string_view text);
void append(std::string& out, const Params& value, Style style = Style::kPython);
[[nodiscard]] std::string write(const Params& value, Style style = Style::kPython);

// Reads one value after another from a text, without building a tree where none is needed.
// Errors: kInvalidArgument with the position, for broken syntax and nesting deeper than 200.
class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : text_(text) {}

  [[nodiscard]] Params value();
  [[nodiscard]] std::string string();
  [[nodiscard]] double real();           // null is refused
  [[nodiscard]] std::int64_t integer();  // a whole real will do
  [[nodiscard]] bool try_null();         // consumes a null
  void skip() { static_cast<void>(value()); }
  // Calls `member(key)` at each member of the object that comes next; it reads the value.
  template <class F>
  void object(const F& member) {
    if (open('{', '}')) return;
    do {
      const std::string key = string();
      expect(':');
      member(key);
    } while (another('}'));
    --depth_;
  }
  // Calls `element()` at each element of the list that comes next.
  template <class F>
  void list(const F& element) {
    if (open('[', ']')) return;
    do element();
    while (another(']'));
    --depth_;
  }
  // Nothing but blanks may follow.
  void end();
  [[nodiscard]] char peek();
  [[noreturn]] void fail(std::string_view expected) const;

 private:
  void blanks() noexcept;
  bool open(char opening, char closing);  // true: empty and closed
  bool another(char closing);
  void expect(char character);
  bool word(std::string_view text);
  Params number();
  void escape(std::string& out);  // after the backslash
  unsigned code_point();          // after \u
  unsigned hex4();

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

[[nodiscard]] Params read(std::string_view text);

}  // namespace ivory::tuning::json
