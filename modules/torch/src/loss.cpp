#include <ivory/torch/loss.h>

#include <memory>
#include <sstream>
#include <type_traits>

#include <ivory/base/error.h>

#include "declare.h"

namespace ivory::nn {
namespace {

std::string shape_text(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

std::int64_t reduction_of(const std::string& name) {
  if (name == "mean") return at::Reduction::Mean;
  if (name == "sum") return at::Reduction::Sum;
  throw Error(ErrorCode::kInvalidArgument, "reduction", "reduction is '" + name + "'; expected mean or sum");
}

// Undefined without weights.
torch::Tensor weight_tensor(const Weights& weights, const torch::Tensor& output) {
  if (!weights) return {};
  return torch::tensor(*weights, torch::kFloat64).to(output.options().requires_grad(false));
}

c10::optional<torch::Tensor> optional_weights(const Weights& weights, const torch::Tensor& output) {
  if (!weights) return c10::nullopt;
  return weight_tensor(weights, output);
}

template <class T>
torch::Tensor to_whole(const torch::Tensor& target) {
  const auto reals = target.contiguous();
  auto classes = torch::empty(reals.sizes(), torch::kInt64);
  const T* from = reals.template data_ptr<T>();
  auto* to = classes.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < reals.numel(); ++i) {
    to[i] = static_cast<std::int64_t>(from[i]);
    if (static_cast<T>(to[i]) == from[i]) continue;
    throw Error(ErrorCode::kInvalidArgument, "this loss takes class numbers as target, found " +
                                                 std::to_string(from[i]) + "; for real targets use a " +
                                                 "regression loss, torch.nn.functional.mse_loss for example");
  }
  return classes;
}

// Small batches on the CPU are checked in one loop of ours: four tensor operations would cost more than many
// a network's layer.
torch::Tensor whole_numbers(const torch::Tensor& target) {
  if (!target.is_floating_point()) return target.to(torch::kInt64);
  const auto cpu = target.device().is_cpu() ? target : target.cpu();
  const auto classes =
      cpu.scalar_type() == torch::kFloat64 ? to_whole<double>(cpu) : to_whole<float>(cpu.to(torch::kFloat32));
  return classes.to(target.device());
}

}  // namespace

torch::Tensor regression_target(const torch::Tensor& output, const torch::Tensor& target) {
  if (output.sizes() == target.sizes()) {
    return output.scalar_type() == target.scalar_type() ? target : target.to(output.scalar_type());
  }
  const bool same_samples = output.dim() == 0 || target.dim() == 0 || output.size(0) == target.size(0);
  if (!same_samples || output.numel() != target.numel()) {
    throw Error(ErrorCode::kInvalidArgument, "the model's output has shape " + shape_text(output) +
                                                 ", the target " + shape_text(target) +
                                                 "; this loss compares them element by element");
  }
  return target.reshape(output.sizes()).to(output.scalar_type());
}

torch::Tensor class_target(const torch::Tensor& output, const torch::Tensor& target) {
  if (target.is_floating_point() && output.sizes() == target.sizes() && output.dim() > 1 &&
      output.size(1) > 1) {
    return target;  // probabilities
  }
  const auto wrong = [&] {
    return Error(ErrorCode::kInvalidArgument, "the model's output has shape " + shape_text(output) +
                                                  " (one score a class in dimension 1), the target " +
                                                  shape_text(target) +
                                                  "; expected one class number for each score vector");
  };
  if (output.dim() < 2) throw wrong();
  std::vector<std::int64_t> shape{output.size(0)};
  std::int64_t count = output.size(0);
  for (std::int64_t i = 2; i < output.dim(); ++i) {
    shape.push_back(output.size(i));
    count *= output.size(i);
  }
  if (target.dim() == 0 || target.size(0) != output.size(0) || target.numel() != count) throw wrong();
  auto classes = target.scalar_type() == torch::kInt64 ? target : whole_numbers(target);
  return classes.sizes() == c10::IntArrayRef(shape) ? classes : classes.reshape(shape);
}

torch::Tensor mse_loss(const torch::Tensor& output, const torch::Tensor& target,
                       const std::string& reduction) {
  return torch::mse_loss(output, regression_target(output, target), reduction_of(reduction));
}

torch::Tensor l1_loss(const torch::Tensor& output, const torch::Tensor& target,
                      const std::string& reduction) {
  return torch::l1_loss(output, regression_target(output, target), reduction_of(reduction));
}

torch::Tensor smooth_l1_loss(const torch::Tensor& output, const torch::Tensor& target,
                             const std::string& reduction, double beta) {
  return torch::smooth_l1_loss(output, regression_target(output, target), reduction_of(reduction), beta);
}

torch::Tensor huber_loss(const torch::Tensor& output, const torch::Tensor& target,
                         const std::string& reduction, double delta) {
  return torch::huber_loss(output, regression_target(output, target), reduction_of(reduction), delta);
}

torch::Tensor poisson_nll_loss(const torch::Tensor& output, const torch::Tensor& target, bool log_input,
                               bool full, double eps, const std::string& reduction) {
  return torch::poisson_nll_loss(output, regression_target(output, target), log_input, full, eps,
                                 reduction_of(reduction));
}

torch::Tensor kl_div(const torch::Tensor& output, const torch::Tensor& target, const std::string& reduction,
                     bool log_target) {
  const auto shaped = regression_target(output, target);
  if (reduction != "batchmean") return torch::kl_div(output, shaped, reduction_of(reduction), log_target);
  return torch::kl_div(output, shaped, at::Reduction::Sum, log_target) / output.size(0);
}

torch::Tensor hinge_embedding_loss(const torch::Tensor& output, const torch::Tensor& target, double margin,
                                   const std::string& reduction) {
  return torch::hinge_embedding_loss(output, regression_target(output, target), margin,
                                     reduction_of(reduction));
}

torch::Tensor soft_margin_loss(const torch::Tensor& output, const torch::Tensor& target,
                               const std::string& reduction) {
  return torch::soft_margin_loss(output, regression_target(output, target), reduction_of(reduction));
}

torch::Tensor binary_cross_entropy(const torch::Tensor& output, const torch::Tensor& target,
                                   const std::string& reduction) {
  return torch::binary_cross_entropy(output, regression_target(output, target), {}, reduction_of(reduction));
}

torch::Tensor binary_cross_entropy_with_logits(const torch::Tensor& output, const torch::Tensor& target,
                                               const std::string& reduction, const Weights& pos_weight) {
  return torch::binary_cross_entropy_with_logits(output, regression_target(output, target), {},
                                                 optional_weights(pos_weight, output),
                                                 reduction_of(reduction));
}

torch::Tensor cross_entropy(const torch::Tensor& output, const torch::Tensor& target, const Weights& weight,
                            std::int64_t ignore_index, const std::string& reduction, double label_smoothing) {
  return torch::cross_entropy_loss(output, class_target(output, target), optional_weights(weight, output),
                                   reduction_of(reduction), ignore_index, label_smoothing);
}

torch::Tensor nll_loss(const torch::Tensor& output, const torch::Tensor& target, const Weights& weight,
                       std::int64_t ignore_index, const std::string& reduction) {
  return torch::nll_loss_nd(output, class_target(output, target), optional_weights(weight, output),
                            reduction_of(reduction), ignore_index);
}

torch::Tensor multi_margin_loss(const torch::Tensor& output, const torch::Tensor& target, std::int64_t p,
                                double margin, const Weights& weight, const std::string& reduction) {
  return torch::multi_margin_loss(output, class_target(output, target), p, margin,
                                  optional_weights(weight, output), reduction_of(reduction));
}

torch::Tensor multilabel_soft_margin_loss(const torch::Tensor& output, const torch::Tensor& target,
                                          const Weights& weight, const std::string& reduction) {
  const auto shaped = regression_target(output, target);
  auto loss = -(shaped * torch::log_sigmoid(output) + (1 - shaped) * torch::log_sigmoid(-output));
  if (weight) loss = loss * weight_tensor(weight, output);
  loss = loss.mean(-1);
  return reduction_of(reduction) == at::Reduction::Sum ? loss.sum() : loss.mean();
}

namespace {

arg reduction(std::initializer_list<Params> choices = {"mean", "sum"}) {
  return (arg("reduction") = "mean").choices(choices);
}

// The function as torch.nn.functional.NAME, and with its arguments bound as torch.nn.CLASS.
template <class... A, class... Args>
void declare(Module& m, const std::string& function, const std::string& type, const std::string& help,
             torch::Tensor (*loss)(const torch::Tensor&, const torch::Tensor&, A...), const Args&... args) {
  m.function_help("torch.nn.functional." + function, help, loss, arg(args)...);
  const auto make = [loss](std::decay_t<A>... bound) {
    return std::make_shared<Criterion>(
        [loss, bound...](const torch::Tensor& output, const torch::Tensor& target) {
          return loss(output, target, bound...);
        });
  };
  m.type<Criterion>("torch.nn." + type, help).factory(make, arg(args)...).callable(&Criterion::forward);
}

arg optional(const char* name, const char* help) { return arg(name, help) = nullptr; }

void declare_regression(Module& m) {
  declare(m, "mse_loss", "MSELoss", "Mean squared error.", &mse_loss, reduction());
  declare(m, "l1_loss", "L1Loss", "Mean absolute error.", &l1_loss, reduction());
  declare(m, "smooth_l1_loss", "SmoothL1Loss", "Squared below beta, absolute above.", &smooth_l1_loss,
          reduction(), arg(arg("beta") = 1.0));
  declare(m, "huber_loss", "HuberLoss", "Squared below delta, absolute above.", &huber_loss, reduction(),
          arg(arg("delta") = 1.0));
  declare(m, "poisson_nll_loss", "PoissonNLLLoss", "Counts, from (the logarithm of) their expectation.",
          &poisson_nll_loss, arg(arg("log_input") = true), arg(arg("full") = false), arg(arg("eps") = 1e-8),
          reduction());
  declare(m, "kl_div", "KLDivLoss", "Divergence from log-probabilities to the target's probabilities.",
          &kl_div, reduction({"mean", "sum", "batchmean"}), arg(arg("log_target") = false));
}

void declare_classification(Module& m) {
  const auto weight = optional("weight", "one for each class");
  const arg ignore_index = arg("ignore_index", "a class number that counts for nothing") = -100;
  declare(m, "cross_entropy", "CrossEntropyLoss", "Class numbers, from one score (logit) a class.",
          &cross_entropy, weight, ignore_index, reduction(), arg(arg("label_smoothing") = 0.0));
  declare(m, "nll_loss", "NLLLoss", "Class numbers, from log-probabilities.", &nll_loss, weight, ignore_index,
          reduction());
  declare(m, "multi_margin_loss", "MultiMarginLoss", "Class numbers, by margins.", &multi_margin_loss,
          arg(arg("p") = 1), arg(arg("margin") = 1.0), weight, reduction());
  declare(m, "binary_cross_entropy", "BCELoss", "0 or 1, from probabilities.", &binary_cross_entropy,
          reduction());
  declare(m, "binary_cross_entropy_with_logits", "BCEWithLogitsLoss", "0 or 1, from scores (logits).",
          &binary_cross_entropy_with_logits, reduction(),
          optional("pos_weight", "of the ones, one for each output"));
  declare(m, "multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss",
          "0 or 1 for each label, from scores (logits).", &multilabel_soft_margin_loss, weight, reduction());
  declare(m, "soft_margin_loss", "SoftMarginLoss", "-1 or 1, from scores.", &soft_margin_loss, reduction());
  declare(m, "hinge_embedding_loss", "HingeEmbeddingLoss", "-1 or 1, from distances.", &hinge_embedding_loss,
          arg(arg("margin") = 1.0), reduction());
}

}  // namespace

void declare_losses(Module& m) {
  declare_regression(m);
  declare_classification(m);
}

}  // namespace ivory::nn
