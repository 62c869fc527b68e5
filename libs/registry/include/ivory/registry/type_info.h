// What a declared class or function is: the part that a manifest holds (TypeInfo) and the part that needs
// its code (TypeCode).
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/registry/value.h>

namespace ivory {

// The type of an argument, in words that YAML and its checks can use. As text: "int", "real?" (may be null),
// "path" (relative ones start from the client's folder), "list[int]", "map[any]", "int|list[int]",
// "callable", "object<ivory::Data>".
struct ArgType {
  enum class Kind : std::uint8_t {
    kAny,
    kData,
    kBool,
    kInt,
    kReal,
    kString,
    kPath,
    kList,
    kMap,
    kCallable,
    kObject,
    kUnion
  };
  Kind kind = Kind::kAny;
  bool nullable = false;
  std::string object;          // kObject: the C++ type's name
  std::vector<ArgType> inner;  // kList, kMap: one, the elements' type; kUnion: the alternatives

  [[nodiscard]] std::string to_text() const;
  // The inverse of to_text(). Errors: kInvalidArgument.
  [[nodiscard]] static ArgType parse(std::string_view text);
  // True if an object (or an alternative) of this type is wanted, so that a class path in YAML makes one.
  [[nodiscard]] bool wants_object() const;
  [[nodiscard]] bool wants_callable() const;
  friend bool operator==(const ArgType&, const ArgType&) = default;
};

// True for data that an argument of this type takes as it stands: an integer for a real, element by element
// for a list. `any` and `data` take all data; objects and callables none.
[[nodiscard]] bool accepts(const ArgType& type, const Params& data);
// The same for any value.
[[nodiscard]] bool accepts(const ArgType& type, const Value& value);

struct ArgInfo {
  std::string name;
  ArgType type;
  bool required = true;
  Params default_value;  // when not required
  std::string help;
  Params::List choices;  // allowed values; empty: all
  bool rest = false;     // takes every key that no other argument names, as a map
  std::string family;    // of a rest: a key `x` with nothing or arguments alone means `def: FAMILY.x`
};

struct MethodInfo {
  std::string name;
  std::string result;  // C++ type's name
};

// A class or function that YAML can name, as its manifest says it.
struct TypeInfo {
  enum class Kind : std::uint8_t { kClass, kFunction };
  std::string name;  // "torch.optim.SGD"
  Kind kind = Kind::kClass;
  std::string help;
  std::vector<ArgInfo> args;
  std::vector<MethodInfo> methods;
  std::vector<std::string> provides;  // C++ names of the object's class and interface, or of the result
  std::vector<std::string> hooks;     // names of the hooks that it has
  bool starts = false;                // has start(Run&)
  bool callable = false;              // a function, or a class whose objects can be called
  bool abstract = false;              // a base for the user's classes; cannot be made
  std::string module;

  [[nodiscard]] const ArgInfo* find_arg(std::string_view arg) const;
  [[nodiscard]] const ArgInfo* rest_arg() const;
  [[nodiscard]] const MethodInfo* find_method(std::string_view method) const;
  [[nodiscard]] std::vector<std::string> arg_names() const;
  [[nodiscard]] bool has_provided(std::string_view cpp_name) const;
  // "torch.optim.SGD(params, lr=0.01)"
  [[nodiscard]] std::string signature() const;

  [[nodiscard]] Params to_params() const;
  [[nodiscard]] static TypeInfo from_params(const Params& params);
};

// The code behind a TypeInfo.
struct TypeCode {
  struct Method {
    std::string name;
    std::function<Value(const Value& self)> call;
  };
  TypeInfo info;
  // Makes an object, or calls the function: `leading` are the values that only a caller can supply, `args`
  // one for each of info.args, in order. Errors about one argument carry its name (Error::argument()).
  std::function<Value(const TypeCode& self, std::span<Value> leading, std::span<Value> args)> make;
  std::vector<std::string> leading;  // C++ types of a function's parameters that are not named
  std::vector<Method> methods;
  std::function<Value(const Value& self, std::span<Value>)> call;  // of an object that can be called
  std::vector<std::string> call_parameters;

  [[nodiscard]] const Method* find_method(std::string_view method) const;
};

}  // namespace ivory
