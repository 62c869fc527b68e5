// Optimizers under PyTorch's names: libtorch's own, with state that can be saved whole.
#pragma once
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/torch/learning_rates.h>
#include <ivory/torch/torch.h>

namespace ivory::nn {

// Parameters that share their options. `options` are those that differ from the optimizer's arguments, by
// PyTorch's names: {{"lr", 1e-4}}.
struct ParameterGroup {
  Parameters params = {};
  Params options = {};
};

// Changes parameters by their gradients.
//
// Threads: one. Ownership: shares the parameters with their model.
// Errors: kInvalidArgument for arguments that PyTorch refuses and for a state of another optimizer.
class Optimizer : public LearningRates {
 public:
  using ivory_interface = LearningRates;
  static constexpr const char* state_extension = "pt";
  // Computes the loss anew and its gradients. Whoever calls step() with it has gradients enabled.
  using Closure = std::function<torch::Tensor()>;

  // One step. With a closure, it is called first (LBFGS: as often as it needs, and cannot do without), and
  // its loss is returned; else the result is undefined.
  virtual torch::Tensor step(const Closure& closure = nullptr) = 0;
  // True if step() calls its closure more than once (LBFGS).
  [[nodiscard]] virtual bool needs_closure() const { return false; }
  // Drops the gradients: the next backward pass makes them anew, which is cheaper than to clear and add.
  void zero_grad();
  // Of all groups, in order.
  [[nodiscard]] const Parameters& parameters() const noexcept { return parameters_; }

  // The state of every parameter and the options of every group, as a torch archive.
  virtual void save(std::ostream& out) const = 0;
  virtual void load(std::istream& in) = 0;

 protected:
  void add_parameters(const Parameters& parameters);

 private:
  Parameters parameters_;
};

using ParameterGroups = std::vector<ParameterGroup>;

// torch.optim.*. `maximize` follows the gradient upwards.
struct SgdOptions {
  double lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false, maximize = false;
};
std::unique_ptr<Optimizer> make_sgd(ParameterGroups groups, const SgdOptions& options);

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool amsgrad = false, maximize = false;
};
std::unique_ptr<Optimizer> make_adam(ParameterGroups groups, const AdamOptions& options);
// Decoupled weight decay; PyTorch's default for it is 0.01.
std::unique_ptr<Optimizer> make_adamw(ParameterGroups groups, const AdamOptions& options);

struct RmspropOptions {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
  bool centered = false, maximize = false;
};
std::unique_ptr<Optimizer> make_rmsprop(ParameterGroups groups, const RmspropOptions& options);

struct AdagradOptions {
  double lr = 1e-2, lr_decay = 0, weight_decay = 0, initial_accumulator_value = 0, eps = 1e-10;
  bool maximize = false;
};
std::unique_ptr<Optimizer> make_adagrad(ParameterGroups groups, const AdagradOptions& options);

struct LbfgsOptions {
  double lr = 1;
  std::int64_t max_iter = 20;
  std::optional<std::int64_t> max_eval = {};  // else 1.25 * max_iter
  double tolerance_grad = 1e-7, tolerance_change = 1e-9;
  std::int64_t history_size = 100;
  std::optional<std::string> line_search_fn = {};  // "strong_wolfe"
};
std::unique_ptr<Optimizer> make_lbfgs(ParameterGroups groups, const LbfgsOptions& options);

}  // namespace ivory::nn
