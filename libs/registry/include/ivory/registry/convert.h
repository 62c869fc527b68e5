// Values to C++ arguments and back.
#pragma once
#include <array>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/params.h>
#include <ivory/registry/type_info.h>
#include <ivory/registry/value.h>

namespace ivory {

// How an argument of type T (without const and reference) is taken from a Value:
//   type()         what YAML may write for it
//   from(value)    kept while the call lasts. Errors: kInvalidArgument
//   pass(stored)   what the function gets
// The general case is an object of class T, or one whose interface is T, passed by reference.
template <class T>
struct Convert {
  using Stored = std::shared_ptr<T>;
  static ArgType type() { return {ArgType::Kind::kObject, false, cpp_type_name(typeid(T)), {}}; }
  static Stored from(const Value& value) { return value.share<T>(); }
  static T& pass(Stored& stored) { return *stored; }
};

namespace detail {
template <class T>
struct ConvertData {
  using Stored = T;
  static T&& pass(T& stored) { return std::move(stored); }
};
[[nodiscard]] std::int64_t to_int(const Params& data, std::int64_t low, std::int64_t high);
[[nodiscard]] std::uint64_t to_unsigned(const Params& data, std::uint64_t high);
// The alternatives side by side: a null that one of them takes, and the alternatives of a union among them,
// are the whole's.
[[nodiscard]] ArgType make_union(std::vector<ArgType> alternatives);
[[noreturn]] void fail_alternatives(const ArgType& type, const Value& value);
}  // namespace detail

template <>
struct Convert<bool> : detail::ConvertData<bool> {
  static ArgType type() { return {ArgType::Kind::kBool, false, {}, {}}; }
  static bool from(const Value& value) { return value.data().as_bool(); }
};
template <std::signed_integral T>
struct Convert<T> : detail::ConvertData<T> {
  static ArgType type() { return {ArgType::Kind::kInt, false, {}, {}}; }
  static T from(const Value& value) {
    return static_cast<T>(
        detail::to_int(value.data(), std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
  }
};
template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>)
struct Convert<T> : detail::ConvertData<T> {
  static ArgType type() { return {ArgType::Kind::kInt, false, {}, {}}; }
  static T from(const Value& value) {
    return static_cast<T>(detail::to_unsigned(value.data(), std::numeric_limits<T>::max()));
  }
};
template <std::floating_point T>
struct Convert<T> : detail::ConvertData<T> {
  static ArgType type() { return {ArgType::Kind::kReal, false, {}, {}}; }
  static T from(const Value& value) { return static_cast<T>(value.data().as_real()); }
};
template <>
struct Convert<std::string> : detail::ConvertData<std::string> {
  static ArgType type() { return {ArgType::Kind::kString, false, {}, {}}; }
  static std::string from(const Value& value) { return value.data().as_string(); }
};
// A relative path starts from the client's folder; the process may stand elsewhere.
template <>
struct Convert<std::filesystem::path> : detail::ConvertData<std::filesystem::path> {
  static ArgType type() { return {ArgType::Kind::kPath, false, {}, {}}; }
  static std::filesystem::path from(const Value& value) { return value.data().as_string(); }
};
// Params: the data as YAML wrote it, a `class:` inside it left alone.
template <>
struct Convert<Params> : detail::ConvertData<Params> {
  static ArgType type() { return {ArgType::Kind::kData, true, {}, {}}; }
  static Params from(const Value& value) { return value.data(); }
};
// Value: whatever YAML means, objects made.
template <>
struct Convert<Value> : detail::ConvertData<Value> {
  static ArgType type() { return {ArgType::Kind::kAny, true, {}, {}}; }
  static Value from(const Value& value) { return value; }
};

template <class T>
struct Convert<std::shared_ptr<T>> : detail::ConvertData<std::shared_ptr<T>> {
  static ArgType type() { return {ArgType::Kind::kObject, false, cpp_type_name(typeid(T)), {}}; }
  static std::shared_ptr<T> from(const Value& value) {
    return value.is_null() ? nullptr : value.share<std::remove_const_t<T>>();
  }
};

template <class T>
struct Convert<std::optional<T>> : detail::ConvertData<std::optional<T>> {
  static ArgType type() {
    ArgType type = Convert<T>::type();
    type.nullable = true;
    return type;
  }
  static std::optional<T> from(const Value& value) {
    if (value.is_null()) return std::nullopt;
    auto stored = Convert<T>::from(value);
    return std::optional<T>(Convert<T>::pass(stored));
  }
};

template <class T>
struct Convert<std::vector<T>> : detail::ConvertData<std::vector<T>> {
  static ArgType type() { return {ArgType::Kind::kList, false, {}, {Convert<T>::type()}}; }
  static std::vector<T> from(const Value& value) {
    if (value.is_object()) return *value.share<std::vector<T>>();  // what a method returned
    std::vector<T> result;
    for (const Value& element : value.elements()) {
      auto stored = Convert<T>::from(element);
      result.push_back(Convert<T>::pass(stored));
    }
    return result;
  }
};

template <class T>
struct Convert<std::vector<std::pair<std::string, T>>>
    : detail::ConvertData<std::vector<std::pair<std::string, T>>> {
  static ArgType type() { return {ArgType::Kind::kMap, false, {}, {Convert<T>::type()}}; }
  static std::vector<std::pair<std::string, T>> from(const Value& value) {
    std::vector<std::pair<std::string, T>> result;
    for (const auto& [key, element] : value.items()) {
      auto stored = Convert<T>::from(element);
      result.emplace_back(key, Convert<T>::pass(stored));
    }
    return result;
  }
};

// The first alternative that takes the value.
template <class... Ts>
struct Convert<std::variant<Ts...>> : detail::ConvertData<std::variant<Ts...>> {
  static ArgType type() { return detail::make_union({Convert<Ts>::type()...}); }
  static std::variant<Ts...> from(const Value& value) {
    std::optional<std::variant<Ts...>> result;
    (try_one<Ts>(value, result), ...);
    if (!result) detail::fail_alternatives(type(), value);
    return *std::move(result);
  }

 private:
  template <class T>
  static void try_one(const Value& value, std::optional<std::variant<Ts...>>& result) {
    if (result || (!accepts(Convert<T>::type(), value) && value.find<T>() == nullptr)) return;
    auto stored = Convert<T>::from(value);
    result.emplace(std::in_place_type<T>, Convert<T>::pass(stored));
  }
};

// What a function returned, or what it is called with, as a Value. Data stays data; everything else is an
// object: shared if it is a shared_ptr, referred to if it is an lvalue in `to_value_ref`, else moved in.
template <class T>
[[nodiscard]] Value to_value(T&& result) {
  using Bare = std::remove_cvref_t<T>;
  if constexpr (std::same_as<Bare, Value>) {
    return std::forward<T>(result);
  } else if constexpr (std::constructible_from<Params, Bare> && !std::is_pointer_v<Bare>) {
    return Value(Params(std::forward<T>(result)));
  } else if constexpr (requires {
                         typename Bare::element_type;
                         result.use_count();
                       }) {
    return result == nullptr ? Value() : Value::object(std::forward<T>(result));
  } else {
    return Value::object(std::make_shared<Bare>(std::forward<T>(result)));
  }
}
template <class T>
[[nodiscard]] Value to_argument(std::remove_reference_t<T>& argument) {
  using Bare = std::remove_cvref_t<T>;
  if constexpr (std::same_as<Bare, Value> ||
                (std::constructible_from<Params, Bare> && !std::is_pointer_v<Bare>) || requires {
                  typename Bare::element_type;
                  argument.use_count();
                }) {
    return to_value(argument);
  } else {
    return Value::reference(argument);
  }
}

namespace detail {
// The callable behind a value (a callable, or an object that can be called), checked to take `parameters`.
[[nodiscard]] Callable checked_callable(const Value& value, const std::vector<std::string>& parameters);
}  // namespace detail

// A null is an empty function.
template <class R, class... A>
struct Convert<std::function<R(A...)>> : detail::ConvertData<std::function<R(A...)>> {
  static ArgType type() { return {ArgType::Kind::kCallable, false, {}, {}}; }
  static std::function<R(A...)> from(const Value& value) {
    if (value.is_null()) return nullptr;
    if (const auto made = value.find<std::function<R(A...)>>()) return *made;  // what a function returned
    Callable callable = detail::checked_callable(value, {cpp_type_name(typeid(std::remove_cvref_t<A>))...});
    return [callable = std::move(callable)](A... arguments) -> R {
      std::array<Value, sizeof...(A)> values{to_argument<A>(arguments)...};
      const Value result = callable.call(values);
      if constexpr (!std::is_void_v<R>) {
        auto stored = Convert<std::remove_cvref_t<R>>::from(result);
        return Convert<std::remove_cvref_t<R>>::pass(stored);
      }
    };
  }
};

}  // namespace ivory
