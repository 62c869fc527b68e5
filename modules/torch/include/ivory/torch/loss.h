// Losses under PyTorch's names. All take (output, target) of one batch and give a scalar.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ivory/torch/torch.h>

namespace ivory::nn {

using Loss = std::function<torch::Tensor(const torch::Tensor& output, const torch::Tensor& target)>;

// A loss with its arguments: torch.nn.MSELoss and its kind.
class Criterion {
 public:
  explicit Criterion(Loss loss) : loss_(std::move(loss)) {}
  torch::Tensor forward(const torch::Tensor& output, const torch::Tensor& target) const {
    return loss_(output, target);
  }

 private:
  Loss loss_;
};

// The target in the output's shape and type. One number a sample may stand as [N] or [N, 1]: they are
// reshaped, never broadcast. Errors: kInvalidArgument with both shapes if they hold other samples or sizes.
[[nodiscard]] torch::Tensor regression_target(const torch::Tensor& output, const torch::Tensor& target);

// Class numbers as int64 without the class dimension: [N] (from [N, 1], and from reals that hold whole
// numbers), or class probabilities of the output's shape as they are.
// Errors: kInvalidArgument for other shapes and for numbers that are not whole.
[[nodiscard]] torch::Tensor class_target(const torch::Tensor& output, const torch::Tensor& target);

using Weights = std::optional<std::vector<double>>;  // one for each class

// torch.nn.functional.*; `reduction` is "mean" or "sum" (kl_div: "batchmean" too).
torch::Tensor mse_loss(const torch::Tensor& output, const torch::Tensor& target,
                       const std::string& reduction = "mean");
torch::Tensor l1_loss(const torch::Tensor& output, const torch::Tensor& target,
                      const std::string& reduction = "mean");
torch::Tensor smooth_l1_loss(const torch::Tensor& output, const torch::Tensor& target,
                             const std::string& reduction = "mean", double beta = 1.0);
torch::Tensor huber_loss(const torch::Tensor& output, const torch::Tensor& target,
                         const std::string& reduction = "mean", double delta = 1.0);
torch::Tensor poisson_nll_loss(const torch::Tensor& output, const torch::Tensor& target,
                               bool log_input = true, bool full = false, double eps = 1e-8,
                               const std::string& reduction = "mean");
torch::Tensor kl_div(const torch::Tensor& output, const torch::Tensor& target,
                     const std::string& reduction = "mean", bool log_target = false);
torch::Tensor hinge_embedding_loss(const torch::Tensor& output, const torch::Tensor& target,
                                   double margin = 1.0, const std::string& reduction = "mean");
torch::Tensor soft_margin_loss(const torch::Tensor& output, const torch::Tensor& target,
                               const std::string& reduction = "mean");
torch::Tensor binary_cross_entropy(const torch::Tensor& output, const torch::Tensor& target,
                                   const std::string& reduction = "mean");
torch::Tensor binary_cross_entropy_with_logits(const torch::Tensor& output, const torch::Tensor& target,
                                               const std::string& reduction = "mean",
                                               const Weights& pos_weight = {});
torch::Tensor cross_entropy(const torch::Tensor& output, const torch::Tensor& target,
                            const Weights& weight = {}, std::int64_t ignore_index = -100,
                            const std::string& reduction = "mean", double label_smoothing = 0.0);
// `output` holds log-probabilities.
torch::Tensor nll_loss(const torch::Tensor& output, const torch::Tensor& target, const Weights& weight = {},
                       std::int64_t ignore_index = -100, const std::string& reduction = "mean");
torch::Tensor multi_margin_loss(const torch::Tensor& output, const torch::Tensor& target, std::int64_t p = 1,
                                double margin = 1.0, const Weights& weight = {},
                                const std::string& reduction = "mean");
// `target` is 0 or 1 for each label.
torch::Tensor multilabel_soft_margin_loss(const torch::Tensor& output, const torch::Tensor& target,
                                          const Weights& weight = {}, const std::string& reduction = "mean");

}  // namespace ivory::nn
