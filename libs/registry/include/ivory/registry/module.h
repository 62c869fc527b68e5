// Declares the classes and functions that YAML can name, in the manner of pybind11:
//
//   IVORY_MODULE(rectangle, m) {
//     m.type<Data>("rectangle.Data", "Rectangles and their areas.")
//         .init<int, int, std::uint64_t>(arg("n_splits") = 4, arg("num_samples") = 1000, arg("seed") = 0);
//     m.type<Model>("rectangle.Model").init<std::vector<int>>(arg("hidden_sizes"));
//     m.function("rectangle.suggest_lr", &suggest_lr, arg("min") = 1e-5, arg("max") = 1e-3);
//   }
//
// A class needs no base: its hooks (`on_epoch_end(Run&)` …), its state (`state_dict`/`load_state_dict`, or
// `save(std::ostream&)`/`load(std::istream&)` with a `state_extension`) and its `start(Run&)` are found here.
// Of a function, the arguments name the last parameters; those before them are supplied by its caller.
#pragma once
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <ivory/registry/convert.h>
#include <ivory/registry/type_info.h>

namespace ivory {

// An argument: `arg("lr", "learning rate") = 1e-3`. Without a default it must be given.
class arg {  // NOLINT(readability-identifier-naming): reads as a word of the declaration
 public:
  explicit arg(std::string_view name, std::string_view help = {}) {
    info_.name = name;
    info_.help = help;
  }
  // A default by assignment reads as the parameter of a function does.
  template <class T>
  // NOLINTNEXTLINE(misc-unconventional-assign-operator,cppcoreguidelines-c-copy-assignment-signature)
  arg&& operator=(T&& default_value) && {
    info_.default_value = Params(std::forward<T>(default_value));
    info_.required = false;
    return std::move(*this);
  }
  // Only these values are allowed.
  arg&& choices(std::initializer_list<Params> values) && {
    info_.choices.assign(values.begin(), values.end());
    return std::move(*this);
  }
  // Takes every key that no other argument names (type NamedValues, or another vector of pairs). With a
  // family, a key `x` that holds nothing, or arguments alone, means the function FAMILY.x with them bound.
  arg&& rest(std::string_view family = {}) && {
    info_.rest = true;
    info_.required = false;
    info_.family = family;
    return std::move(*this);
  }
  [[nodiscard]] ArgInfo take(const ArgType& type) &&;

 private:
  ArgInfo info_;
};

// What a process-wide library needs to be told before a run's members are made.
struct ProcessSettings {
  std::uint64_t seed = 0;  // derived from the run's seed and repeat
  int threads = 1;
};

namespace detail {

template <class A>
typename Convert<A>::Stored convert_arg(const std::string& name, const Value& value) {
  try {
    return Convert<A>::from(value);
  } catch (const Error& error) {
    if (!error.argument().empty()) throw;
    throw Error(error.code(), name, error.what());
  }
}
template <class T>
void add_provides(TypeInfo& info) {
  const ObjectOps& ops = ops_of<T>();
  info.provides = {cpp_type_name(typeid(T))};
  if (ops.to_interface != nullptr) info.provides.push_back(cpp_type_name(ops.interface));
  for (std::size_t hook = 0; hook < kHookCount; ++hook)
    if (ops.hooks[hook] != nullptr) info.hooks.emplace_back(hook_name(static_cast<Hook>(hook)));
  info.starts = ops.start != nullptr;
}

}  // namespace detail

template <class T>
class TypeDeclaration {
 public:
  explicit TypeDeclaration(TypeCode& code) : code_(code) {
    detail::add_provides<T>(code_.info);
    if constexpr (requires(TypeDeclaration& d) { TypeTraits<T>::declare(d); }) TypeTraits<T>::declare(*this);
  }

  // Made by the constructor T(A...), one arg for each.
  template <class... A, class... Args>
  TypeDeclaration& init(Args&&... args) {
    static_assert(sizeof...(A) == sizeof...(Args), "one arg() for each parameter");
    code_.info.args = {std::forward<Args>(args).take(Convert<std::remove_cvref_t<A>>::type())...};
    code_.make = [](const TypeCode& self, std::span<Value> /*leading*/, std::span<Value> values) {
      return construct<std::remove_cvref_t<A>...>(self, values, std::index_sequence_for<A...>{});
    };
    return *this;
  }
  // Made by a function that returns a std::shared_ptr<T> (or of a class derived from it).
  template <class F, class... Args>
  TypeDeclaration& factory(F function, Args&&... args) {
    set_factory(std::function{function}, std::forward<Args>(args)...);
    return *this;
  }
  // A method without arguments, for `$.member.name()`.
  template <class F>
  TypeDeclaration& method(std::string name, F method) {
    using Result = std::remove_cvref_t<std::invoke_result_t<F, T&>>;
    code_.info.methods.push_back({name, cpp_type_name(typeid(Result))});
    code_.methods.push_back({std::move(name), [method](const Value& self) -> Value {
                               const auto object = self.share<T>();
                               return to_value(std::invoke(method, *object));
                             }});
    return *this;
  }
  // Its objects are callables: `m.type<Loss>(…).callable(&Loss::forward)`.
  template <class R, class C, class... A>
  TypeDeclaration& callable(R (C::*method)(A...)) {
    return set_callable<A...>(
        [method](T& object, auto&&... a) { return (object.*method)(std::forward<decltype(a)>(a)...); });
  }
  template <class R, class C, class... A>
  TypeDeclaration& callable(R (C::*method)(A...) const) {
    return set_callable<A...>(
        [method](T& object, auto&&... a) { return (object.*method)(std::forward<decltype(a)>(a)...); });
  }
  // A base for classes of the user's; naming it in YAML is an error that says so.
  TypeDeclaration& abstract() {
    code_.info.abstract = true;
    return *this;
  }

 private:
  template <class... A, std::size_t... I>
  static Value construct(const TypeCode& self, [[maybe_unused]] std::span<Value> values,
                         std::index_sequence<I...> /*order*/) {
    // NOLINTNEXTLINE(misc-const-correctness): it changes unless there are no arguments
    std::tuple<typename Convert<A>::Stored...> stored{
        detail::convert_arg<A>(self.info.args[I].name, values[I])...};
    return Value::object(std::make_shared<T>(Convert<A>::pass(std::get<I>(stored))...), &self);
  }
  template <class R, class... A, class... Args>
  void set_factory(std::function<R(A...)> function, Args&&... args) {
    static_assert(sizeof...(A) == sizeof...(Args), "one arg() for each parameter");
    code_.info.args = {std::forward<Args>(args).take(Convert<std::remove_cvref_t<A>>::type())...};
    code_.make = [function = std::move(function)](const TypeCode& self, std::span<Value> /*leading*/,
                                                  std::span<Value> values) {
      return invoke_factory<std::remove_cvref_t<A>...>(function, self, values,
                                                       std::index_sequence_for<A...>{});
    };
  }
  template <class... A, class F, std::size_t... I>
  static Value invoke_factory(const F& function, const TypeCode& self,
                              [[maybe_unused]] std::span<Value> values, std::index_sequence<I...> /*order*/) {
    // NOLINTNEXTLINE(misc-const-correctness): without arguments nothing of it is passed on
    std::tuple<typename Convert<A>::Stored...> stored{
        detail::convert_arg<A>(self.info.args[I].name, values[I])...};
    return Value::object(std::shared_ptr<T>(function(Convert<A>::pass(std::get<I>(stored))...)), &self);
  }
  template <class... A, class F>
  TypeDeclaration& set_callable(F invoke) {
    code_.info.callable = true;
    code_.call_parameters = {cpp_type_name(typeid(std::remove_cvref_t<A>))...};
    code_.call = [invoke](const Value& self, std::span<Value> values) {
      return call_object<std::remove_cvref_t<A>...>(invoke, self, values, std::index_sequence_for<A...>{});
    };
    return *this;
  }
  template <class... A, class F, std::size_t... I>
  static Value call_object(const F& invoke, const Value& self, [[maybe_unused]] std::span<Value> values,
                           std::index_sequence<I...> /*order*/) {
    const auto object = self.share<T>();
    std::tuple<typename Convert<A>::Stored...> stored{Convert<A>::from(values[I])...};
    if constexpr (std::is_void_v<decltype(invoke(*object, Convert<A>::pass(std::get<I>(stored))...))>) {
      invoke(*object, Convert<A>::pass(std::get<I>(stored))...);
      return {};
    } else {
      return to_value(invoke(*object, Convert<A>::pass(std::get<I>(stored))...));
    }
  }

  TypeCode& code_;
};

// Default class of a member name: the core's (no library) or a library's.
struct DefaultClass {
  std::string member;      // "optimizer"
  std::string class_name;  // "torch.optim.SGD"
  std::string library;     // "torch", or empty
  bool def = false;        // the member is a callable: `def:` rather than `class:`
};

// The declarations of one library. Filled once, when the library is first asked; then constant.
class Module {
 public:
  explicit Module(std::string name) : name_(std::move(name)) {}

  template <class T>
  TypeDeclaration<T> type(std::string name, std::string help = {}) {
    return TypeDeclaration<T>(add(std::move(name), TypeInfo::Kind::kClass, std::move(help)));
  }
  // A function pointer or lambda; `args` name its last parameters.
  template <class F, class... Args>
  Module& function(std::string name, F function, Args&&... args) {
    return function_help(std::move(name), {}, function, std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  Module& function_help(std::string name, std::string help, F function, Args&&... args) {
    set_function(add(std::move(name), TypeInfo::Kind::kFunction, std::move(help)), std::function{function},
                 std::index_sequence_for<Args...>{}, std::forward<Args>(args)...);
    return *this;
  }
  // A further name for a declared one, the original's class paths for example.
  Module& alias(std::string other, std::string name);
  Module& default_class(DefaultClass entry);
  // Runs of this module may not share a process, because `reason` ("libtorch's random generator belongs to
  // the process").
  Module& process_owned(std::string reason);
  // Called before a run's members are made.
  Module& on_process(std::function<void(const ProcessSettings&)> prepare);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::vector<std::unique_ptr<TypeCode>>& types() const noexcept { return types_; }
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& aliases() const noexcept {
    return aliases_;
  }
  [[nodiscard]] const std::vector<DefaultClass>& default_classes() const noexcept { return default_classes_; }
  [[nodiscard]] const std::string& process_owned_reason() const noexcept { return process_owned_; }
  void prepare_process(const ProcessSettings& settings) const;

 private:
  TypeCode& add(std::string name, TypeInfo::Kind kind, std::string help);

  template <class R, class... P, std::size_t... I, class... Args>
  void set_function(TypeCode& code, std::function<R(P...)> function, std::index_sequence<I...> /*named*/,
                    Args&&... args) {
    static_assert(sizeof...(P) >= sizeof...(Args), "more args than parameters");
    constexpr std::size_t kLeading = sizeof...(P) - sizeof...(Args);
    using Parameters = std::tuple<std::remove_cvref_t<P>...>;
    code.info.args = {
        std::forward<Args>(args).take(Convert<std::tuple_element_t<kLeading + I, Parameters>>::type())...};
    code.info.callable = true;
    if constexpr (!std::is_void_v<R>) add_result<std::remove_cvref_t<R>>(code.info);
    std::vector<std::string> names{cpp_type_name(typeid(std::remove_cvref_t<P>))...};
    names.resize(kLeading);
    code.leading = std::move(names);
    code.make = [function = std::move(function)](const TypeCode& self, std::span<Value> leading,
                                                 std::span<Value> values) {
      return call_function<R, std::remove_cvref_t<P>...>(function, self, leading, values,
                                                         std::index_sequence_for<P...>{});
    };
  }
  template <class R>
  static void add_result(TypeInfo& info) {
    if constexpr (requires {
                    typename R::element_type;
                    typename R::weak_type;
                  }) {
      detail::add_provides<std::remove_const_t<typename R::element_type>>(info);
    } else if constexpr (std::is_class_v<R> && !std::constructible_from<Params, R>) {
      info.provides = {cpp_type_name(typeid(R))};
    }
  }
  template <class A>
  static typename Convert<A>::Stored take_argument(const TypeCode& self, std::span<Value> leading,
                                                   std::span<Value> values, std::size_t index) {
    if (index < leading.size()) return Convert<A>::from(leading[index]);
    const std::size_t named = index - self.leading.size();
    return detail::convert_arg<A>(self.info.args[named].name, values[named]);
  }
  template <class R, class... P, class F, std::size_t... I>
  static Value call_function(const F& function, const TypeCode& self,
                             [[maybe_unused]] std::span<Value> leading,
                             [[maybe_unused]] std::span<Value> values, std::index_sequence<I...> /*order*/) {
    std::tuple<typename Convert<P>::Stored...> stored{take_argument<P>(self, leading, values, I)...};
    if constexpr (std::is_void_v<R>) {
      function(Convert<P>::pass(std::get<I>(stored))...);
      return {};
    } else {
      return to_value(function(Convert<P>::pass(std::get<I>(stored))...));
    }
  }

  std::string name_;
  std::vector<std::unique_ptr<TypeCode>> types_;
  std::vector<std::pair<std::string, std::string>> aliases_;
  std::vector<DefaultClass> default_classes_;
  std::string process_owned_;
  std::function<void(const ProcessSettings&)> prepare_;
};

// Tells the process of a module's declarations when its library is loaded; see IVORY_MODULE.
class ModuleAnnouncement {
 public:
  ModuleAnnouncement(const char* name, void (*declare)(Module&));
};

}  // namespace ivory

// At namespace scope, once a module, in a .cpp file. The name is what `library:` and class prefixes use.
// NOLINTBEGIN(bugprone-macro-parentheses): `m` is a name being declared
#define IVORY_MODULE(name, m)                                                                   \
  static void ivory_declare_##name(::ivory::Module& m);                                         \
  static const ::ivory::ModuleAnnouncement ivory_announce_##name(#name, &ivory_declare_##name); \
  static void ivory_declare_##name(::ivory::Module& m)
// NOLINTEND(bugprone-macro-parentheses)
