// Value: what an argument, a member or a result is while objects are made: plain data, an object, a
// callable, or a list or map of these.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/registry/object_ops.h>

namespace ivory {

class Value;
struct TypeCode;

using Values = std::vector<Value>;
using NamedValues = std::vector<std::pair<std::string, Value>>;

// The name of a C++ type as people write it ("ivory::Data"), the same in every library.
[[nodiscard]] std::string cpp_type_name(std::type_index type);

// A function whose arguments are Values. `parameters` are the C++ types that its caller supplies, in order,
// when they are known (of a class under `def:` they are not).
struct Callable {
  std::string name;
  std::function<Value(std::span<Value>)> call;
  std::vector<std::string> parameters;
  bool parameters_known = false;
};

// Copies share objects; data is copied. Threads: as a standard container.
class Value {
 public:
  Value() = default;                              // null data
  Value(Params data) : data_(std::move(data)) {}  // NOLINT(google-explicit-constructor): data is a value
  // Shares `object`. `code` is the declaration it was made from, if it was.
  template <class T>
  [[nodiscard]] static Value object(std::shared_ptr<T> object, const TypeCode* code = nullptr) {
    using Bare = std::remove_const_t<T>;
    return make_object(std::const_pointer_cast<Bare>(std::move(object)), ops_of<Bare>(), code);
  }
  // Refers to `target`, which must outlive the value: an argument of a call.
  template <class T>
  [[nodiscard]] static Value reference(T& target) {
    using Bare = std::remove_const_t<T>;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): a callee gets it back as it declares it
    return object(std::shared_ptr<Bare>(std::shared_ptr<void>(), const_cast<Bare*>(&target)));
  }
  [[nodiscard]] static Value callable(Callable callable);
  [[nodiscard]] static Value list(Values values);
  [[nodiscard]] static Value map(NamedValues items);

  [[nodiscard]] bool is_data() const noexcept { return kind_ == Kind::kData; }
  [[nodiscard]] bool is_null() const noexcept { return is_data() && data_.is_null(); }
  [[nodiscard]] bool is_object() const noexcept { return kind_ == Kind::kObject; }
  [[nodiscard]] bool is_callable() const noexcept { return kind_ == Kind::kCallable; }
  [[nodiscard]] bool is_list() const noexcept { return kind_ == Kind::kList; }
  [[nodiscard]] bool is_map() const noexcept { return kind_ == Kind::kMap; }

  // Errors of these: kInvalidArgument when the value is something else.
  [[nodiscard]] const Params& data() const;
  [[nodiscard]] const Callable& as_callable() const;
  [[nodiscard]] Values elements() const;    // of a list, of objects or of data
  [[nodiscard]] NamedValues items() const;  // of a map, of objects or of data

  // The object as a T (its own class or its interface), shared, or null.
  template <class T>
  [[nodiscard]] std::shared_ptr<T> find() const {
    return std::static_pointer_cast<T>(find_object(typeid(T)));
  }
  // The same. Errors: kInvalidArgument naming what it is and what was wanted.
  template <class T>
  [[nodiscard]] std::shared_ptr<T> share() const {
    return std::static_pointer_cast<T>(get_object(typeid(T)));
  }
  // The object as a T&, which lives as long as a Value shares it. An interface that is an adapter does not:
  // share() it.
  template <class T>
  [[nodiscard]] T& as() const {
    return *share<T>();
  }

  // The raw object, what it can do, and its declaration; null unless is_object() (the last: may be null).
  [[nodiscard]] void* pointer() const noexcept { return pointer_.get(); }
  [[nodiscard]] const ObjectOps* ops() const noexcept { return ops_; }
  [[nodiscard]] const TypeCode* code() const noexcept { return code_; }
  // "an integer", "rectangle.Data", "a callable": for messages.
  [[nodiscard]] std::string describe() const;

 private:
  enum class Kind : std::uint8_t { kData, kObject, kCallable, kList, kMap };
  struct Parts;
  static Value make_object(std::shared_ptr<void> pointer, const ObjectOps& ops, const TypeCode* code);
  [[nodiscard]] std::shared_ptr<void> find_object(std::type_index type) const;
  [[nodiscard]] std::shared_ptr<void> get_object(std::type_index type) const;
  [[noreturn]] void fail(std::string_view wanted) const;

  Kind kind_ = Kind::kData;
  Params data_;
  std::shared_ptr<void> pointer_;
  const ObjectOps* ops_ = nullptr;
  const TypeCode* code_ = nullptr;
  std::shared_ptr<const Parts> parts_;  // of a callable, list or map
};

}  // namespace ivory
