// Params: the ordered value tree that everything in Ivory is configured with.
#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ivory {

struct ParamsItem;

// A null, bool, integer, real, string, list, or ordered map of such. A value type: copies are deep.
//
//   Params p{{"fold", 1}, {"model", {{"hidden_sizes", {40, 50}}}}};
//   p["lr"] = 1e-3;
//
// Braces make a map when every element is a pair whose first is a string, else a list; so a list of string
// pairs needs Params::list, and a copy is `Params(p)`, never `Params{p}`.
// Every node remembers where it was written (file and line) for messages; equality ignores that. Kinds are
// never mixed by equality (1 is not 1.0), the order of keys counts, and one NaN equals another.
//
// Threads: as a standard container. Errors: kInvalidArgument naming the place, what was found and what was
// expected.
class Params {
 public:
  enum class Kind : std::uint8_t { kNull, kBool, kInt, kReal, kString, kList, kMap };
  using List = std::vector<Params>;
  using Map = std::vector<ParamsItem>;

  Params() noexcept;
  Params(std::nullptr_t) noexcept : Params() {}  // NOLINT(google-explicit-constructor): literals
  template <std::same_as<bool> T>
  Params(T value) : Params(make_bool(value)) {}  // NOLINT(google-explicit-constructor)
  template <std::signed_integral T>
  Params(T value) : Params(make_int(value)) {}  // NOLINT(google-explicit-constructor)
  // Errors: kInvalidArgument beyond the largest signed 64-bit integer.
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  Params(T value) : Params(make_unsigned(value)) {}  // NOLINT(google-explicit-constructor)
  template <std::floating_point T>
  Params(T value) : Params(make_real(static_cast<double>(value))) {}  // NOLINT(google-explicit-constructor)
  Params(const char* text);                                           // NOLINT(google-explicit-constructor)
  Params(std::string_view text);                                      // NOLINT(google-explicit-constructor)
  Params(std::string text);                                           // NOLINT(google-explicit-constructor)
  Params(std::initializer_list<Params> values);
  template <class T>
    requires(std::constructible_from<Params, const T&> && !std::same_as<T, Params>)
  Params(const std::vector<T>& values) : Params(list()) {  // NOLINT(google-explicit-constructor)
    for (const auto& value : values) push_back(Params(value));
  }

  Params(const Params& other);
  Params(Params&& other) noexcept;
  Params& operator=(const Params& other);
  Params& operator=(Params&& other) noexcept;
  ~Params();

  [[nodiscard]] static Params list(List values = {});
  [[nodiscard]] static Params map();

  [[nodiscard]] Kind kind() const noexcept;
  [[nodiscard]] bool is_null() const noexcept { return kind() == Kind::kNull; }
  [[nodiscard]] bool is_bool() const noexcept { return kind() == Kind::kBool; }
  [[nodiscard]] bool is_int() const noexcept { return kind() == Kind::kInt; }
  [[nodiscard]] bool is_real() const noexcept { return kind() == Kind::kReal; }
  [[nodiscard]] bool is_number() const noexcept { return is_int() || is_real(); }
  [[nodiscard]] bool is_string() const noexcept { return kind() == Kind::kString; }
  [[nodiscard]] bool is_list() const noexcept { return kind() == Kind::kList; }
  [[nodiscard]] bool is_map() const noexcept { return kind() == Kind::kMap; }
  [[nodiscard]] bool is_scalar() const noexcept { return !is_list() && !is_map(); }

  [[nodiscard]] bool as_bool() const;
  [[nodiscard]] std::int64_t as_int() const;
  [[nodiscard]] double as_real() const;  // an integer will do
  [[nodiscard]] const std::string& as_string() const;

  // Elements of a list, items of a map, 0 for a null. Errors: a scalar has no size.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool empty() const { return size() == 0; }

  // List access. A null has no elements; asked for elements to change, it becomes a list.
  [[nodiscard]] const List& elements() const;
  [[nodiscard]] List& elements();
  void push_back(Params value);  // a null becomes a list
  [[nodiscard]] const Params& at(std::size_t index) const;
  [[nodiscard]] Params& at(std::size_t index);

  // Map access, in order of insertion. Looking into a null finds nothing; asked for items to change, it
  // becomes a map. Keys are unique: whoever adds to items() sees to that.
  [[nodiscard]] const Map& items() const;
  [[nodiscard]] Map& items();
  [[nodiscard]] const Params* find(std::string_view key) const;  // null if absent or not a map
  [[nodiscard]] Params* find(std::string_view key);
  [[nodiscard]] bool contains(std::string_view key) const { return find(key) != nullptr; }
  [[nodiscard]] const Params& at(std::string_view key) const;  // kNotFound with the nearest key
  [[nodiscard]] Params& at(std::string_view key);
  Params& operator[](std::string_view key);  // makes it at the end if absent; a null becomes a map
  Params& operator[](int) = delete;          // at(): a literal 0 would pass for a text
  Params& set(std::string_view key, Params value) { return (*this)[key] = std::move(value); }
  bool erase(std::string_view key);
  [[nodiscard]] std::vector<std::string> keys() const;

  // Where the value was written. `file` is shared by all nodes of a file; line 0 is "not in a file", and
  // then `file` alone says it ("command line").
  void set_source(std::shared_ptr<const std::string> file, int line);
  [[nodiscard]] int line() const noexcept;
  [[nodiscard]] const std::string& file() const noexcept;
  // "digits.yml:12", "command line", or empty.
  [[nodiscard]] std::string where() const;

  // One line of text: scalars bare (a text with line breaks keeps them), lists and maps in YAML's flow form.
  // What the tracker logs.
  [[nodiscard]] std::string to_text() const;
  // JSON. NaN and infinities become the strings "NaN", "Infinity", "-Infinity". `indent` < 0: one line.
  // Errors: kInvalidArgument for a text that is not UTF-8.
  [[nodiscard]] std::string to_json(int indent = -1) const;
  // An integer beyond 64 bits becomes a real.
  // Errors: kInvalidArgument (with the position) for broken syntax, a key given twice, nesting deeper than
  // 200.
  [[nodiscard]] static Params from_json(std::string_view text);

  // "an integer", "a list", …
  [[nodiscard]] static std::string_view kind_name(Kind kind) noexcept;

  friend bool operator==(const Params& a, const Params& b);

 private:
  struct Node;
  static Params make_bool(bool value);
  static Params make_int(std::int64_t value);
  static Params make_unsigned(std::uint64_t value);
  static Params make_real(double value);
  Node& node();
  [[noreturn]] void fail_kind(std::string_view expected) const;

  std::unique_ptr<Node> node_;  // none: a null without a source
};

struct ParamsItem {
  std::string key;
  Params value;
  friend bool operator==(const ParamsItem&, const ParamsItem&) = default;
};

// Shortest text that reads back as the same real: always with a '.', an 'e', or as nan, inf, -inf.
[[nodiscard]] std::string real_to_text(double value);

// A scalar as YAML writes it on one line, in flow style too: a text that would read as something else is
// quoted, what cannot be printed is escaped. Errors: kInvalidArgument for a list or a map.
[[nodiscard]] std::string scalar_to_yaml(const Params& scalar);

// "where: message", or the message alone when the place is unknown.
[[nodiscard]] std::string at_place(const Params& node, std::string_view message);

}  // namespace ivory
