// What a learning-rate scheduler may see and change of an optimizer.
#pragma once
#include <cstddef>
#include <optional>

namespace ivory::nn {

// The rates of an optimizer's parameter groups. One thread.
class LearningRates {
 public:
  virtual ~LearningRates() = default;
  [[nodiscard]] virtual std::size_t group_count() const = 0;
  [[nodiscard]] virtual double lr(std::size_t group) const = 0;
  virtual void set_lr(std::size_t group, double value) = 0;

  // The momentum, or Adam's first beta; empty for an optimizer without either.
  [[nodiscard]] virtual std::optional<double> find_momentum(std::size_t group) const = 0;
  // Errors: kUnsupported where find_momentum() is empty.
  virtual void set_momentum(std::size_t group, double value) = 0;

  // The rate before any scheduler changed it: what the first scheduler found. Later ones start from it too,
  // as PyTorch's `initial_lr` makes them.
  [[nodiscard]] virtual double initial_lr(std::size_t group) = 0;
  virtual void set_initial_lr(std::size_t group, double value) = 0;
};

}  // namespace ivory::nn
