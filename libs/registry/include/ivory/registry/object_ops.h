// What an object can do for a run, found by concepts from its class: hooks, start, state, interfaces, call.
#pragma once
#include <array>
#include <concepts>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string_view>
#include <type_traits>
#include <typeindex>
#include <vector>

#include <ivory/base/params.h>

namespace ivory {

class Run;

// The hooks of a run in their order, then the batch hooks. A class has a hook by having a method of that name
// that takes the run: `void on_epoch_end(Run& run)`.
enum class Hook : std::uint8_t {
  kInitBegin,
  kInitEnd,
  kFitBegin,
  kEpochBegin,
  kTrainBegin,
  kTrainEnd,
  kValBegin,
  kValEnd,
  kEpochEnd,
  kFitEnd,
  kTestBegin,
  kTestEnd,
  kTrainBatchBegin,
  kTrainBatchEnd,
  kValBatchEnd,
  kTestBatchEnd
};
inline constexpr std::size_t kHookCount = 16;
[[nodiscard]] std::string_view hook_name(Hook hook) noexcept;  // "on_init_begin"

// Function pointers for one class; null where the class has no such ability.
struct ObjectOps {
  using Pointer = std::shared_ptr<void>;
  std::type_index type = typeid(void);
  std::array<void (*)(void*, Run&), kHookCount> hooks{};
  void (*start)(void*, Run&) = nullptr;
  void (*on_created)(void*) = nullptr;  // called once after the object was made from YAML
  // The one interface it can be seen as.
  std::type_index interface = typeid(void);
  Pointer (*to_interface)(const Pointer&) = nullptr;
  // State as small data (kept as JSON) or as bytes in a format of its own; the file's extension, or null.
  const char* state_extension = nullptr;
  Params (*state_dict)(const void*) = nullptr;
  void (*load_state_dict)(void*, const Params&) = nullptr;
  void (*save)(const void*, std::ostream&) = nullptr;
  void (*load)(void*, std::istream&) = nullptr;

  [[nodiscard]] bool has_state() const noexcept { return state_extension != nullptr; }
  [[nodiscard]] bool has_any_hook() const noexcept {
    for (auto* hook : hooks)
      if (hook != nullptr) return true;
    return false;
  }
};

// To be specialised for classes that cannot say it themselves (those of another library). Members, all
// optional:
//   using Interface = I;  static std::shared_ptr<I> to_interface(const std::shared_ptr<T>&);
//   static constexpr const char* state_extension = "pt";
//   static void save(const T&, std::ostream&);  static void load(T&, std::istream&);
//   template <class D> static void declare(D& declaration);   // methods that every such class has
template <class T>
struct TypeTraits {};

namespace detail {

template <class T>
void fill_hooks(ObjectOps& ops) {
#define IVORY_HOOK(index, method)                                                 \
  if constexpr (requires(T& object, Run& run) { object.method(run); })            \
  ops.hooks[static_cast<std::size_t>(Hook::index)] = [](void* object, Run& run) { \
    static_cast<T*>(object)->method(run);                                         \
  }
  IVORY_HOOK(kInitBegin, on_init_begin);
  IVORY_HOOK(kInitEnd, on_init_end);
  IVORY_HOOK(kFitBegin, on_fit_begin);
  IVORY_HOOK(kEpochBegin, on_epoch_begin);
  IVORY_HOOK(kTrainBegin, on_train_begin);
  IVORY_HOOK(kTrainEnd, on_train_end);
  IVORY_HOOK(kValBegin, on_val_begin);
  IVORY_HOOK(kValEnd, on_val_end);
  IVORY_HOOK(kEpochEnd, on_epoch_end);
  IVORY_HOOK(kFitEnd, on_fit_end);
  IVORY_HOOK(kTestBegin, on_test_begin);
  IVORY_HOOK(kTestEnd, on_test_end);
  IVORY_HOOK(kTrainBatchBegin, on_train_batch_begin);
  IVORY_HOOK(kTrainBatchEnd, on_train_batch_end);
  IVORY_HOOK(kValBatchEnd, on_val_batch_end);
  IVORY_HOOK(kTestBatchEnd, on_test_batch_end);
#undef IVORY_HOOK
}

template <class T>
void fill_interface(ObjectOps& ops) {
  if constexpr (requires { typename TypeTraits<T>::Interface; }) {
    using Interface = typename TypeTraits<T>::Interface;
    ops.interface = typeid(Interface);
    ops.to_interface = [](const ObjectOps::Pointer& object) -> ObjectOps::Pointer {
      return TypeTraits<T>::to_interface(std::static_pointer_cast<T>(object));
    };
  } else if constexpr (requires { typename T::ivory_interface; }) {
    using Interface = typename T::ivory_interface;
    if constexpr (!std::same_as<Interface, T>) {
      ops.interface = typeid(Interface);
      ops.to_interface = [](const ObjectOps::Pointer& object) -> ObjectOps::Pointer {
        return std::static_pointer_cast<Interface>(std::static_pointer_cast<T>(object));
      };
    }
  }
}

template <class T>
void fill_state(ObjectOps& ops) {
  if constexpr (requires { TypeTraits<T>::state_extension; }) {
    ops.state_extension = TypeTraits<T>::state_extension;
    ops.save = [](const void* object, std::ostream& out) {
      TypeTraits<T>::save(*static_cast<const T*>(object), out);
    };
    ops.load = [](void* object, std::istream& in) { TypeTraits<T>::load(*static_cast<T*>(object), in); };
  } else if constexpr (requires(T& object, const T& constant, std::ostream& out, std::istream& in) {
                         constant.save(out);
                         object.load(in);
                       }) {
    ops.state_extension = "bin";
    if constexpr (requires { T::state_extension; }) ops.state_extension = T::state_extension;
    ops.save = [](const void* object, std::ostream& out) { static_cast<const T*>(object)->save(out); };
    ops.load = [](void* object, std::istream& in) { static_cast<T*>(object)->load(in); };
  } else if constexpr (requires(T& object, const T& constant, const Params& state) {
                         { constant.state_dict() } -> std::convertible_to<Params>;
                         object.load_state_dict(state);
                       }) {
    ops.state_extension = "json";
    ops.state_dict = [](const void* object) -> Params { return static_cast<const T*>(object)->state_dict(); };
    ops.load_state_dict = [](void* object, const Params& state) {
      static_cast<T*>(object)->load_state_dict(state);
    };
  }
}

template <class T>
ObjectOps make_ops() {
  ObjectOps ops;
  ops.type = typeid(T);
  if constexpr (std::is_class_v<T>) {
    fill_hooks<T>(ops);
    fill_interface<T>(ops);
    fill_state<T>(ops);
    if constexpr (requires(T& object, Run& run) { object.start(run); })
      ops.start = [](void* object, Run& run) { static_cast<T*>(object)->start(run); };
    if constexpr (requires(T& object) { object.on_created(); })
      ops.on_created = [](void* object) { static_cast<T*>(object)->on_created(); };
  }
  return ops;
}

}  // namespace detail

// The abilities of T; lives as long as the library that asks.
template <class T>
[[nodiscard]] const ObjectOps& ops_of() {
  static_assert(requires { sizeof(T); }, "the class must be complete here");
  static const ObjectOps kOps = detail::make_ops<T>();
  return kOps;
}

}  // namespace ivory
