// Checkpoint: how often a run saves its state while an epoch lasts.
#pragma once
#include <cstdint>
#include <optional>

namespace ivory {

// A tracked run saves its state `current` at the end of each epoch, and with a member of this class also in
// the middle of epochs: after each `every_n_steps` optimizer steps, counted over all epochs. The trainer asks
// it, and saves only between two steps, never while gradients add up for the next.
//
// Threads: those of its run. A value type.
class Checkpoint {
 public:
  using ivory_interface = Checkpoint;
  // None: at the end of each epoch alone. Errors: kInvalidArgument about "every_n_steps" below 1.
  explicit Checkpoint(std::optional<std::int64_t> every_n_steps = {});
  virtual ~Checkpoint() = default;
  Checkpoint(const Checkpoint&) = default;
  Checkpoint& operator=(const Checkpoint&) = default;
  Checkpoint(Checkpoint&&) = default;
  Checkpoint& operator=(Checkpoint&&) = default;

  [[nodiscard]] const std::optional<std::int64_t>& every_n_steps() const noexcept { return every_n_steps_; }
  // True after that many optimizer steps.
  [[nodiscard]] bool is_due(std::int64_t steps) const noexcept;

 private:
  std::optional<std::int64_t> every_n_steps_;
};

}  // namespace ivory
