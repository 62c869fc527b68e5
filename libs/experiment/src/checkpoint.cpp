#include <ivory/experiment/checkpoint.h>

#include <string>

#include <ivory/base/error.h>

namespace ivory {

Checkpoint::Checkpoint(std::optional<std::int64_t> every_n_steps) : every_n_steps_(every_n_steps) {
  const std::int64_t steps = every_n_steps_.value_or(1);
  if (steps < 1)
    throw Error(ErrorCode::kInvalidArgument, "every_n_steps",
                "expected 1 or more optimizer steps, found " + std::to_string(steps));
}

bool Checkpoint::is_due(std::int64_t steps) const noexcept {
  return every_n_steps_ && steps > 0 && steps % *every_n_steps_ == 0;
}

}  // namespace ivory
