// Models and the layers they are built of.
#include <ATen/core/ivalue.h>

#include <torch/csrc/jit/serialization/import.h>

#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <tuple>
#include <utility>
#include <variant>

#include <ivory/base/error.h>
#include <ivory/torch/model.h>

#include "declare.h"

namespace ivory::nn {
namespace {

namespace tn = torch::nn;

// `kernel_size: 3` or `kernel_size: [3, 5]`.
using Size = std::variant<std::int64_t, std::vector<std::int64_t>>;
using OptionalSize = std::optional<Size>;

template <std::size_t D>
torch::ExpandingArray<D> expand(const Size& size, const char* argument) {
  if (const auto* all = std::get_if<std::int64_t>(&size)) return torch::ExpandingArray<D>(*all);
  const auto& each = std::get<std::vector<std::int64_t>>(size);
  if (each.size() == D) return torch::ExpandingArray<D>(each);
  throw Error(ErrorCode::kInvalidArgument, argument,
              std::string(argument) + " has " + std::to_string(each.size()) +
                  " values; expected one integer, or " + std::to_string(D));
}

// libtorch's complaint about an argument, without its stack.
template <class F>
auto checked(F make) {
  try {
    return make();
  } catch (const c10::Error& error) {
    throw Error(ErrorCode::kInvalidArgument, error.what_without_backtrace());
  }
}

template <class Impl, class... Options>
std::shared_ptr<Model> layer(const Options&... options) {
  return checked([&] { return std::make_shared<ModelOf<Impl>>(std::make_shared<Impl>(options...)); });
}

template <class F, class... Args>
void declare(Module& m, const char* name, const char* help, F factory, Args&&... args) {
  m.type<Model>(name, help)
      .factory(factory, std::forward<Args>(args)...)
      .method("parameters", &Model::parameters);
}

// Convolutions, by their number of dimensions.

using Padding = std::variant<std::int64_t, std::vector<std::int64_t>, std::string>;

template <std::size_t D>
typename tn::ConvOptions<D>::padding_t padding_of(const Padding& padding) {
  const auto* word = std::get_if<std::string>(&padding);
  if (word == nullptr) {
    const auto* all = std::get_if<std::int64_t>(&padding);
    return expand<D>(all != nullptr ? Size(*all) : Size(std::get<std::vector<std::int64_t>>(padding)),
                     "padding");
  }
  if (*word == "same") return torch::kSame;
  if (*word == "valid") return torch::kValid;
  throw Error(ErrorCode::kInvalidArgument, "padding",
              "padding is '" + *word + "'; expected same, valid or sizes");
}

template <class Mode>
Mode padding_mode(const std::string& name) {
  if (name == "zeros") return torch::kZeros;
  if (name == "reflect") return torch::kReflect;
  if (name == "replicate") return torch::kReplicate;
  return torch::kCircular;  // the last of the declared choices
}

template <class Impl, std::size_t D>
std::shared_ptr<Model> make_conv(std::int64_t in_channels, std::int64_t out_channels, const Size& kernel_size,
                                 const Size& stride, const Padding& padding, const Size& dilation,
                                 std::int64_t groups, bool bias, const std::string& mode) {
  return layer<Impl>(tn::ConvOptions<D>(in_channels, out_channels, expand<D>(kernel_size, "kernel_size"))
                         .stride(expand<D>(stride, "stride"))
                         .padding(padding_of<D>(padding))
                         .dilation(expand<D>(dilation, "dilation"))
                         .groups(groups)
                         .bias(bias)
                         .padding_mode(padding_mode<typename tn::ConvOptions<D>::padding_mode_t>(mode)));
}

template <class Impl, std::size_t D>
void declare_conv(Module& m, const char* name) {
  declare(m, name, "Convolution over [N, in_channels, …].", &make_conv<Impl, D>, arg("in_channels"),
          arg("out_channels"), arg("kernel_size"), arg("stride") = 1,
          arg("padding", "sizes, 'same' or 'valid'") = 0, arg("dilation") = 1, arg("groups") = 1,
          arg("bias") = true,
          (arg("padding_mode") = "zeros").choices({"zeros", "reflect", "replicate", "circular"}));
}

template <class Impl, std::size_t D>
std::shared_ptr<Model> make_conv_transpose(std::int64_t in_channels, std::int64_t out_channels,
                                           const Size& kernel_size, const Size& stride, const Size& padding,
                                           const Size& output_padding, std::int64_t groups, bool bias,
                                           const Size& dilation) {
  return layer<Impl>(
      tn::ConvTransposeOptions<D>(in_channels, out_channels, expand<D>(kernel_size, "kernel_size"))
          .stride(expand<D>(stride, "stride"))
          .padding(expand<D>(padding, "padding"))
          .output_padding(expand<D>(output_padding, "output_padding"))
          .groups(groups)
          .bias(bias)
          .dilation(expand<D>(dilation, "dilation")));
}

template <class Impl, std::size_t D>
void declare_conv_transpose(Module& m, const char* name) {
  declare(m, name, "Transposed convolution over [N, in_channels, …].", &make_conv_transpose<Impl, D>,
          arg("in_channels"), arg("out_channels"), arg("kernel_size"), arg("stride") = 1, arg("padding") = 0,
          arg("output_padding") = 0, arg("groups") = 1, arg("bias") = true, arg("dilation") = 1);
}

// Pooling.

template <class Impl, std::size_t D>
std::shared_ptr<Model> make_max_pool(const Size& kernel_size, const OptionalSize& stride, const Size& padding,
                                     const Size& dilation, bool ceil_mode) {
  return layer<Impl>(tn::MaxPoolOptions<D>(expand<D>(kernel_size, "kernel_size"))
                         .stride(expand<D>(stride.value_or(kernel_size), "stride"))
                         .padding(expand<D>(padding, "padding"))
                         .dilation(expand<D>(dilation, "dilation"))
                         .ceil_mode(ceil_mode));
}

template <class Impl, std::size_t D>
std::shared_ptr<Model> make_avg_pool(const Size& kernel_size, const OptionalSize& stride, const Size& padding,
                                     bool ceil_mode, bool count_include_pad) {
  return layer<Impl>(tn::AvgPoolOptions<D>(expand<D>(kernel_size, "kernel_size"))
                         .stride(expand<D>(stride.value_or(kernel_size), "stride"))
                         .padding(expand<D>(padding, "padding"))
                         .ceil_mode(ceil_mode)
                         .count_include_pad(count_include_pad));
}

template <class Impl, std::size_t D>
void declare_max_pool(Module& m, const char* name) {
  declare(m, name, "The largest value of each window.", &make_max_pool<Impl, D>, arg("kernel_size"),
          arg("stride", "default: kernel_size") = nullptr, arg("padding") = 0, arg("dilation") = 1,
          arg("ceil_mode") = false);
}

template <class Impl, std::size_t D>
void declare_avg_pool(Module& m, const char* name) {
  declare(m, name, "The mean of each window.", &make_avg_pool<Impl, D>, arg("kernel_size"),
          arg("stride", "default: kernel_size") = nullptr, arg("padding") = 0, arg("ceil_mode") = false,
          arg("count_include_pad") = true);
}

// `Array` is how libtorch takes the output size.
template <class Impl, std::size_t D, class Array>
std::shared_ptr<Model> make_adaptive_pool(const Size& output_size) {
  const auto sizes = expand<D>(output_size, "output_size");
  return layer<Impl>(Array(std::vector<std::int64_t>(sizes->begin(), sizes->end())));
}

template <class Impl, std::size_t D, class Array>
void declare_adaptive_pool(Module& m, const char* name, const char* help) {
  declare(m, name, help, &make_adaptive_pool<Impl, D, Array>, arg("output_size"));
}

void declare_pools(Module& m) {
  declare_max_pool<tn::MaxPool1dImpl, 1>(m, "torch.nn.MaxPool1d");
  declare_max_pool<tn::MaxPool2dImpl, 2>(m, "torch.nn.MaxPool2d");
  declare_avg_pool<tn::AvgPool1dImpl, 1>(m, "torch.nn.AvgPool1d");
  declare_avg_pool<tn::AvgPool2dImpl, 2>(m, "torch.nn.AvgPool2d");
  const char* mean = "Means over windows that give this many outputs.";
  const char* max = "Largest values of windows that give this many outputs.";
  using Pair = torch::ExpandingArrayWithOptionalElem<2>;
  declare_adaptive_pool<tn::AdaptiveAvgPool1dImpl, 1, torch::ExpandingArray<1>>(
      m, "torch.nn.AdaptiveAvgPool1d", mean);
  declare_adaptive_pool<tn::AdaptiveAvgPool2dImpl, 2, Pair>(m, "torch.nn.AdaptiveAvgPool2d", mean);
  declare_adaptive_pool<tn::AdaptiveMaxPool1dImpl, 1, torch::ExpandingArray<1>>(
      m, "torch.nn.AdaptiveMaxPool1d", max);
  declare_adaptive_pool<tn::AdaptiveMaxPool2dImpl, 2, Pair>(m, "torch.nn.AdaptiveMaxPool2d", max);
}

// Normalization.

template <class Impl>
std::shared_ptr<Model> make_batch_norm(std::int64_t num_features, double eps, std::optional<double> momentum,
                                       bool affine, bool track_running_stats) {
  return layer<Impl>(tn::BatchNormOptions(num_features)
                         .eps(eps)
                         .momentum(momentum ? c10::optional<double>(*momentum) : c10::nullopt)
                         .affine(affine)
                         .track_running_stats(track_running_stats));
}

template <class Impl>
void declare_batch_norm(Module& m, const char* name) {
  declare(m, name, "Normalizes each feature over the batch.", &make_batch_norm<Impl>, arg("num_features"),
          arg("eps") = 1e-5, arg("momentum", "null: the plain mean of all batches") = 0.1,
          arg("affine") = true, arg("track_running_stats") = true);
}

template <class Impl>
std::shared_ptr<Model> make_instance_norm(std::int64_t num_features, double eps, double momentum, bool affine,
                                          bool track_running_stats) {
  return layer<Impl>(tn::InstanceNormOptions(num_features)
                         .eps(eps)
                         .momentum(momentum)
                         .affine(affine)
                         .track_running_stats(track_running_stats));
}

template <class Impl>
void declare_instance_norm(Module& m, const char* name) {
  declare(m, name, "Normalizes each feature of each sample.", &make_instance_norm<Impl>, arg("num_features"),
          arg("eps") = 1e-5, arg("momentum") = 0.1, arg("affine") = false,
          arg("track_running_stats") = false);
}

std::shared_ptr<Model> make_layer_norm(const Size& normalized_shape, double eps, bool elementwise_affine) {
  const auto* one = std::get_if<std::int64_t>(&normalized_shape);
  auto shape = one != nullptr ? std::vector<std::int64_t>{*one}
                              : std::get<std::vector<std::int64_t>>(normalized_shape);
  return layer<tn::LayerNormImpl>(
      tn::LayerNormOptions(std::move(shape)).eps(eps).elementwise_affine(elementwise_affine));
}

void declare_norms(Module& m) {
  declare_batch_norm<tn::BatchNorm1dImpl>(m, "torch.nn.BatchNorm1d");
  declare_batch_norm<tn::BatchNorm2dImpl>(m, "torch.nn.BatchNorm2d");
  declare_instance_norm<tn::InstanceNorm1dImpl>(m, "torch.nn.InstanceNorm1d");
  declare_instance_norm<tn::InstanceNorm2dImpl>(m, "torch.nn.InstanceNorm2d");
  declare(m, "torch.nn.LayerNorm", "Normalizes over the last dimensions, of this shape.", &make_layer_norm,
          arg("normalized_shape"), arg("eps") = 1e-5, arg("elementwise_affine") = true);
  declare(
      m, "torch.nn.GroupNorm", "Normalizes over groups of channels.",
      [](std::int64_t groups, std::int64_t channels, double eps, bool affine) {
        return layer<tn::GroupNormImpl>(tn::GroupNormOptions(groups, channels).eps(eps).affine(affine));
      },
      arg("num_groups"), arg("num_channels"), arg("eps") = 1e-5, arg("affine") = true);
}

// Activations.

template <class Impl>
void declare_plain(Module& m, const char* name) {
  declare(m, name, "Element-wise.", [] { return layer<Impl>(); });
}

template <class Impl, class Options>
void declare_in_place(Module& m, const char* name) {
  declare(
      m, name, "Element-wise.", [](bool in_place) { return layer<Impl>(Options(in_place)); },
      arg("inplace") = false);
}

// PyTorch guesses a dimension from the input's when none is given, and warns; ours is the class dimension.
template <class Impl, class Options>
void declare_softmax(Module& m, const char* name, const char* help) {
  declare(m, name, help, [](std::int64_t dim) { return layer<Impl>(Options(dim)); }, arg("dim") = 1);
}

template <class Impl, class Options>
void declare_elu(Module& m, const char* name) {
  declare(
      m, name, "Element-wise.",
      [](double alpha, bool in_place) { return layer<Impl>(Options().alpha(alpha).inplace(in_place)); },
      arg("alpha") = 1.0, arg("inplace") = false);
}

template <class Impl, class Options>
void declare_shrink(Module& m, const char* name) {
  declare(
      m, name, "Element-wise.", [](double lambda) { return layer<Impl>(Options(lambda)); },
      arg("lambd") = 0.5);
}

void declare_simple_activations(Module& m) {
  declare_plain<tn::SigmoidImpl>(m, "torch.nn.Sigmoid");
  declare_plain<tn::TanhImpl>(m, "torch.nn.Tanh");
  declare_plain<tn::TanhshrinkImpl>(m, "torch.nn.Tanhshrink");
  declare_plain<tn::LogSigmoidImpl>(m, "torch.nn.LogSigmoid");
  declare_plain<tn::SoftsignImpl>(m, "torch.nn.Softsign");
  declare(
      m, "torch.nn.SiLU", "Element-wise.", [](bool) { return layer<tn::SiLUImpl>(); },
      arg("inplace", "makes no difference") = false);
  declare(
      m, "torch.nn.Mish", "Element-wise.", [](bool) { return layer<tn::MishImpl>(); },
      arg("inplace", "makes no difference") = false);
  declare_in_place<tn::ReLUImpl, tn::ReLUOptions>(m, "torch.nn.ReLU");
  declare_in_place<tn::ReLU6Impl, tn::ReLU6Options>(m, "torch.nn.ReLU6");
  declare_in_place<tn::SELUImpl, tn::SELUOptions>(m, "torch.nn.SELU");
  declare_elu<tn::ELUImpl, tn::ELUOptions>(m, "torch.nn.ELU");
  declare_elu<tn::CELUImpl, tn::CELUOptions>(m, "torch.nn.CELU");
  declare_shrink<tn::HardshrinkImpl, tn::HardshrinkOptions>(m, "torch.nn.Hardshrink");
  declare_shrink<tn::SoftshrinkImpl, tn::SoftshrinkOptions>(m, "torch.nn.Softshrink");
  declare_softmax<tn::SoftmaxImpl, tn::SoftmaxOptions>(m, "torch.nn.Softmax",
                                                       "Probabilities along a dimension.");
  declare_softmax<tn::SoftminImpl, tn::SoftminOptions>(m, "torch.nn.Softmin", "Softmax of the negative.");
  declare_softmax<tn::LogSoftmaxImpl, tn::LogSoftmaxOptions>(m, "torch.nn.LogSoftmax",
                                                             "Logarithm of softmax.");
}

void declare_activations(Module& m) {
  declare_simple_activations(m);
  declare(
      m, "torch.nn.LeakyReLU", "Element-wise.",
      [](double slope, bool in_place) {
        return layer<tn::LeakyReLUImpl>(tn::LeakyReLUOptions().negative_slope(slope).inplace(in_place));
      },
      arg("negative_slope") = 0.01, arg("inplace") = false);
  declare(
      m, "torch.nn.RReLU", "Leaky, with a random slope while training.",
      [](double lower, double upper, bool in_place) {
        return layer<tn::RReLUImpl>(tn::RReLUOptions().lower(lower).upper(upper).inplace(in_place));
      },
      arg("lower") = 1.0 / 8, arg("upper") = 1.0 / 3, arg("inplace") = false);
  declare(
      m, "torch.nn.PReLU", "Leaky, with a slope that is learned.",
      [](std::int64_t count, double init) {
        return layer<tn::PReLUImpl>(tn::PReLUOptions().num_parameters(count).init(init));
      },
      arg("num_parameters") = 1, arg("init") = 0.25);
  declare(
      m, "torch.nn.GELU", "Element-wise.",
      [](const std::string& approximate) {
        return layer<tn::GELUImpl>(tn::GELUOptions().approximate(approximate));
      },
      (arg("approximate") = "none").choices({"none", "tanh"}));
  declare(
      m, "torch.nn.Softplus", "Element-wise.",
      [](double beta, double threshold) {
        return layer<tn::SoftplusImpl>(tn::SoftplusOptions().beta(beta).threshold(threshold));
      },
      arg("beta") = 1.0, arg("threshold") = 20.0);
  declare(
      m, "torch.nn.Hardtanh", "Element-wise.",
      [](double low, double high, bool in_place) {
        return layer<tn::HardtanhImpl>(tn::HardtanhOptions().min_val(low).max_val(high).inplace(in_place));
      },
      arg("min_val") = -1.0, arg("max_val") = 1.0, arg("inplace") = false);
  declare(
      m, "torch.nn.Threshold", "Element-wise: `value` up to the threshold.",
      [](double threshold, double value, bool in_place) {
        return layer<tn::ThresholdImpl>(tn::ThresholdOptions(threshold, value).inplace(in_place));
      },
      arg("threshold"), arg("value"), arg("inplace") = false);
  declare(
      m, "torch.nn.GLU", "Halves a dimension: one half gates the other.",
      [](std::int64_t dim) { return layer<tn::GLUImpl>(tn::GLUOptions(dim)); }, arg("dim") = -1);
}

// Dropout, shapes, linear maps.

template <class Impl>
void declare_dropout(Module& m, const char* name, const char* help) {
  declare(
      m, name, help,
      [](double p, bool in_place) { return layer<Impl>(tn::DropoutOptions(p).inplace(in_place)); },
      arg("p") = 0.5, arg("inplace") = false);
}

// Takes numbers of any type as indices.
class EmbeddingModule : public tn::EmbeddingImpl {
 public:
  using EmbeddingImpl::EmbeddingImpl;
  torch::Tensor forward(const torch::Tensor& input) {
    return EmbeddingImpl::forward(input.to(torch::kInt64));
  }
};

std::shared_ptr<Model> make_embedding(std::int64_t num_embeddings, std::int64_t embedding_dim,
                                      std::optional<std::int64_t> padding_idx, std::optional<double> max_norm,
                                      double norm_type, bool scale_grad_by_freq) {
  auto options = tn::EmbeddingOptions(num_embeddings, embedding_dim)
                     .norm_type(norm_type)
                     .scale_grad_by_freq(scale_grad_by_freq);
  if (padding_idx) options.padding_idx(*padding_idx);
  if (max_norm) options.max_norm(*max_norm);
  return layer<EmbeddingModule>(options);
}

void declare_shapes(Module& m) {
  declare(
      m, "torch.nn.Linear", "x W^T + b over the last dimension.",
      [](std::int64_t in, std::int64_t out, bool bias) {
        return layer<tn::LinearImpl>(tn::LinearOptions(in, out).bias(bias));
      },
      arg("in_features"), arg("out_features"), arg("bias") = true);
  declare(m, "torch.nn.Identity", "Its input.", [] { return layer<tn::IdentityImpl>(); });
  declare(
      m, "torch.nn.Flatten", "Makes one dimension of several.",
      [](std::int64_t start, std::int64_t end) {
        return layer<tn::FlattenImpl>(tn::FlattenOptions().start_dim(start).end_dim(end));
      },
      arg("start_dim") = 1, arg("end_dim") = -1);
  declare(
      m, "torch.nn.Unflatten", "Makes several dimensions of one.",
      [](std::int64_t dim, const std::vector<std::int64_t>& sizes) {
        return layer<tn::UnflattenImpl>(tn::UnflattenOptions(dim, sizes));
      },
      arg("dim"), arg("unflattened_size"));
  declare(m, "torch.nn.Embedding", "Rows of a table that is learned, by number.", &make_embedding,
          arg("num_embeddings"), arg("embedding_dim"), arg("padding_idx") = nullptr,
          arg("max_norm") = nullptr, arg("norm_type") = 2.0, arg("scale_grad_by_freq") = false);
  declare_dropout<tn::DropoutImpl>(m, "torch.nn.Dropout", "Zeroes values at random while training.");
  declare_dropout<tn::Dropout2dImpl>(m, "torch.nn.Dropout2d", "Zeroes channels at random while training.");
  declare_dropout<tn::AlphaDropoutImpl>(m, "torch.nn.AlphaDropout", "Dropout that keeps mean and variance.");
}

// Recurrent networks. A model has one output, so the states are not passed on.

template <class Impl>
class Recurrent final : public Model {
 public:
  template <class Options>
  Recurrent(const Options& options, bool take_last)
      : net_(std::make_shared<Impl>(options)), take_last_(take_last) {}
  torch::Tensor forward(const torch::Tensor& input) override {
    const auto result = net_->forward(input);
    return take_last_ ? last_state(hidden(std::get<1>(result))) : std::get<0>(result);
  }
  torch::nn::Module& module() override { return *net_; }

 private:
  static const torch::Tensor& hidden(const torch::Tensor& state) { return state; }
  static const torch::Tensor& hidden(const std::tuple<torch::Tensor, torch::Tensor>& state) {
    return std::get<0>(state);
  }
  // [layers * directions, N, H] -> [N, directions * H]: where each direction of the last layer ended.
  torch::Tensor last_state(const torch::Tensor& state) const {
    if (!net_->options.bidirectional()) return state[-1];
    return torch::cat({state[-2], state[-1]}, -1);
  }
  std::shared_ptr<Impl> net_;
  bool take_last_;
};

template <class Impl, class Options>
std::shared_ptr<Model> make_recurrent(Options options, bool bias, bool batch_first, double dropout,
                                      bool bidirectional, std::int64_t num_layers, bool take_last) {
  options.num_layers(num_layers)
      .bias(bias)
      .batch_first(batch_first)
      .dropout(dropout)
      .bidirectional(bidirectional);
  return checked([&] { return std::make_shared<Recurrent<Impl>>(options, take_last); });
}

constexpr const char* kTakeLast = "give the last state, [N, hidden_size], not the sequence";
constexpr const char* kBatchFirst = "input is [N, time, features], not [time, N, features]";

void declare_recurrent(Module& m) {
  const char* help = "Recurrent network over sequences; its output is the sequence of states.";
  declare(
      m, "torch.nn.LSTM", help,
      [](std::int64_t input, std::int64_t hidden, std::int64_t layers, bool bias, bool batch_first,
         double dropout, bool bidirectional, std::int64_t proj_size, bool take_last) {
        return make_recurrent<tn::LSTMImpl>(tn::LSTMOptions(input, hidden).proj_size(proj_size), bias,
                                            batch_first, dropout, bidirectional, layers, take_last);
      },
      arg("input_size"), arg("hidden_size"), arg("num_layers") = 1, arg("bias") = true,
      arg("batch_first", kBatchFirst) = false, arg("dropout") = 0.0, arg("bidirectional") = false,
      arg("proj_size") = 0, arg("take_last", kTakeLast) = false);
  declare(
      m, "torch.nn.GRU", help,
      [](std::int64_t input, std::int64_t hidden, std::int64_t layers, bool bias, bool batch_first,
         double dropout, bool bidirectional, bool take_last) {
        return make_recurrent<tn::GRUImpl>(tn::GRUOptions(input, hidden), bias, batch_first, dropout,
                                           bidirectional, layers, take_last);
      },
      arg("input_size"), arg("hidden_size"), arg("num_layers") = 1, arg("bias") = true,
      arg("batch_first", kBatchFirst) = false, arg("dropout") = 0.0, arg("bidirectional") = false,
      arg("take_last", kTakeLast) = false);
  declare(
      m, "torch.nn.RNN", help,
      [](std::int64_t input, std::int64_t hidden, std::int64_t layers, const std::string& nonlinearity,
         bool bias, bool batch_first, double dropout, bool bidirectional, bool take_last) {
        auto options = tn::RNNOptions(input, hidden);
        if (nonlinearity == "relu") options.nonlinearity(torch::kReLU);
        return make_recurrent<tn::RNNImpl>(options, bias, batch_first, dropout, bidirectional, layers,
                                           take_last);
      },
      arg("input_size"), arg("hidden_size"), arg("num_layers") = 1,
      (arg("nonlinearity") = "tanh").choices({"tanh", "relu"}), arg("bias") = true,
      arg("batch_first", kBatchFirst) = false, arg("dropout") = 0.0, arg("bidirectional") = false,
      arg("take_last", kTakeLast) = false);
}

// The modules of a TorchScript file as torch::nn::Modules that share its tensors, so that optimizers,
// devices and weights files treat them as any other.
class ScriptModule : public torch::nn::Module {
 public:
  explicit ScriptModule(torch::jit::Module script) : script_(std::move(script)) {
    for (const auto& parameter : script_.named_parameters(/*recurse=*/false)) {
      register_parameter(parameter.name, parameter.value, parameter.value.requires_grad());
    }
    for (const auto& buffer : script_.named_buffers(/*recurse=*/false))
      register_buffer(buffer.name, buffer.value);
    for (const auto& child : script_.named_children()) {
      register_module(child.name, std::make_shared<ScriptModule>(child.value));
    }
  }
  torch::Tensor forward(const torch::Tensor& input) { return script_.forward({input}).toTensor(); }
  void train(bool on) override {
    torch::nn::Module::train(on);
    script_.train(on);
  }

 private:
  torch::jit::Module script_;
};

std::map<std::string, std::vector<std::int64_t>> shapes_of(const torch::nn::Module& module) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& tensor : module.named_parameters()) shapes[tensor.key()] = tensor.value().sizes().vec();
  for (const auto& tensor : module.named_buffers()) shapes[tensor.key()] = tensor.value().sizes().vec();
  return shapes;
}

torch::Device device_of(const torch::nn::Module& module) {
  const auto parameters = module.parameters();
  return parameters.empty() ? torch::Device(torch::kCPU) : parameters.front().device();
}

}  // namespace

Parameters Model::parameters() { return module().parameters(); }

void Model::save(std::ostream& out) const {
  // module() is for whoever trains; reading the weights changes nothing.
  save_weights(const_cast<Model*>(this)->module(), out);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

void Model::load(std::istream& in) { load_weights(module(), in); }

void save_weights(const torch::nn::Module& module, std::ostream& out) {
  torch::serialize::OutputArchive archive;
  module.save(archive);
  archive.save_to(out);
}

void load_weights(torch::nn::Module& module, std::istream& in) {
  const auto shapes = shapes_of(module);
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(in, device_of(module));
    module.load(archive);
  } catch (const c10::Error& error) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string("these weights are not the model's: ") + error.what_without_backtrace());
  }
  for (const auto& [name, shape] : shapes_of(module)) {
    const auto& expected = shapes.at(name);
    if (shape == expected) continue;
    std::ostringstream text;
    text << "the weights of " << name << " have shape " << c10::IntArrayRef(shape) << "; the model's are "
         << c10::IntArrayRef(expected);
    throw Error(ErrorCode::kInvalidArgument, text.str());
  }
}

SequentialModule::SequentialModule(std::vector<std::shared_ptr<Model>> layers) : layers_(std::move(layers)) {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    register_module(std::to_string(i), layers_[i]->module().shared_from_this());
  }
}

torch::Tensor SequentialModule::forward(torch::Tensor input) {
  for (const auto& layer : layers_) input = layer->forward(input);
  return input;
}

std::shared_ptr<Model> make_sequential(std::vector<std::shared_ptr<Model>> layers) {
  if (layers.empty())
    throw Error(ErrorCode::kInvalidArgument, "layers", "torch.nn.Sequential needs at least one layer");
  return layer<SequentialModule>(std::move(layers));
}

std::shared_ptr<Model> load_script(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path))
    throw Error(ErrorCode::kNotFound, "f", "there is no file " + path.string());
  try {
    return std::make_shared<ModelOf<ScriptModule>>(
        std::make_shared<ScriptModule>(torch::jit::load(path.string())));
  } catch (const c10::Error& error) {
    throw Error(ErrorCode::kInvalidArgument, "f",
                path.string() + " is not a TorchScript model: " + error.what_without_backtrace());
  }
}

void declare_layers(Module& m) {
  declare(m, "torch.nn.Sequential", "Layers one after the other.", &make_sequential,
          arg("layers", "a list of layers: {class: torch.nn.Linear, …}, or torch.nn.ReLU alone"));
  declare(m, "torch.jit.load", "A TorchScript file, as Python's torch.jit.save writes it.", &load_script,
          arg("f"));
  declare_shapes(m);
  declare_conv<tn::Conv1dImpl, 1>(m, "torch.nn.Conv1d");
  declare_conv<tn::Conv2dImpl, 2>(m, "torch.nn.Conv2d");
  declare_conv_transpose<tn::ConvTranspose1dImpl, 1>(m, "torch.nn.ConvTranspose1d");
  declare_conv_transpose<tn::ConvTranspose2dImpl, 2>(m, "torch.nn.ConvTranspose2d");
  declare_pools(m);
  declare_norms(m);
  declare_activations(m);
  declare_recurrent(m);
}

}  // namespace ivory::nn
