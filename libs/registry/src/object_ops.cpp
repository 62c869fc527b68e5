#include <ivory/registry/object_ops.h>

namespace ivory {

std::string_view hook_name(Hook hook) noexcept {
  static constexpr std::array<std::string_view, kHookCount> kNames{
      "on_init_begin",        "on_init_end",        "on_fit_begin",     "on_epoch_begin",
      "on_train_begin",       "on_train_end",       "on_val_begin",     "on_val_end",
      "on_epoch_end",         "on_fit_end",         "on_test_begin",    "on_test_end",
      "on_train_batch_begin", "on_train_batch_end", "on_val_batch_end", "on_test_batch_end"};
  return kNames[static_cast<std::size_t>(hook)];
}

}  // namespace ivory
