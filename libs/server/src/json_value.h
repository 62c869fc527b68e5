// A JSON document as it was sent: what requests are read from.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ivory::server {

class JsonValue {
 public:
  using List = std::vector<JsonValue>;
  using Object =
      std::vector<std::pair<std::string, JsonValue>>;  // in order; of two of a name the last counts

  JsonValue() = default;
  template <class T>
  explicit JsonValue(T value) {
    set(std::move(value));
  }
  template <class T>
  void set(T value) {
    value_.template emplace<T>(std::move(value));
  }

  // Errors: StoreError kInvalidParameterValue naming the place, also for a document nested deeper than 64.
  [[nodiscard]] static JsonValue parse(std::string_view text);

  template <class T>
  [[nodiscard]] const T* as() const noexcept {
    return std::get_if<T>(&value_);
  }
  template <class T>
  [[nodiscard]] T* as() noexcept {
    return std::get_if<T>(&value_);
  }
  [[nodiscard]] bool is_null() const noexcept { return value_.index() == 0; }
  // Of an object; null if it is none, has no such member, or the member is null.
  [[nodiscard]] const JsonValue* find(std::string_view name) const noexcept;
  // Python's name of its type, as MLflow's messages have it: "str", "NoneType".
  [[nodiscard]] std::string_view type_name() const noexcept;
  // Without blanks.
  [[nodiscard]] std::string to_text() const;

 private:
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, List, Object> value_;
};

}  // namespace ivory::server
