// Models: what a Trainer trains. Any torch::nn::Module with `forward(torch::Tensor)` is one as soon as it is
// declared:
//
//   struct Net : torch::nn::Module { torch::Tensor forward(torch::Tensor x); … };
//   IVORY_MODULE(rectangle, m) { m.type<Net>("rectangle.Model").init<std::vector<int>>(arg("hidden_sizes"));
//   }
#pragma once
#include <concepts>
#include <filesystem>
#include <iosfwd>
#include <memory>
#include <utility>
#include <vector>

#include <ivory/registry/object_ops.h>
#include <ivory/torch/torch.h>

namespace ivory::nn {

// A network with one input and one output. Layers are models, too.
//
// Threads: one. Ownership: holds its module; parameters() share its tensors.
class Model {
 public:
  static constexpr const char* state_extension = "pt";
  virtual ~Model() = default;
  // `input` is a batch: its first dimension counts samples.
  virtual torch::Tensor forward(const torch::Tensor& input) = 0;
  // Training mode, device and weights live here.
  [[nodiscard]] virtual torch::nn::Module& module() = 0;
  [[nodiscard]] Parameters parameters();

  // The weights as a torch archive, which torch::load and Python's torch.jit.load read.
  void save(std::ostream& out) const;
  // Keeps the device. Errors: kInvalidArgument for weights of other names or shapes.
  void load(std::istream& in);
};

void save_weights(const torch::nn::Module& module, std::ostream& out);
void load_weights(torch::nn::Module& module, std::istream& in);

// A module that can be a Model.
template <class T>
concept ForwardModule = std::derived_from<T, torch::nn::Module> && requires(T& module, torch::Tensor input) {
  { module.forward(input) } -> std::convertible_to<torch::Tensor>;
};

template <ForwardModule T>
class ModelOf final : public Model {
 public:
  explicit ModelOf(std::shared_ptr<T> module) : module_(std::move(module)) {}
  torch::Tensor forward(const torch::Tensor& input) override { return module_->forward(input); }
  torch::nn::Module& module() override { return *module_; }

 private:
  std::shared_ptr<T> module_;
};

// Layers one after the other, named 0, 1, … as PyTorch names them.
class SequentialModule : public torch::nn::Module {
 public:
  explicit SequentialModule(std::vector<std::shared_ptr<Model>> layers);
  torch::Tensor forward(torch::Tensor input);

 private:
  std::vector<std::shared_ptr<Model>> layers_;
};
[[nodiscard]] std::shared_ptr<Model> make_sequential(std::vector<std::shared_ptr<Model>> layers);

// A TorchScript file, trainable as any model. Errors: kNotFound, kInvalidArgument naming the file.
[[nodiscard]] std::shared_ptr<Model> load_script(const std::filesystem::path& path);

}  // namespace ivory::nn

// Every declared module is seen as a Model, keeps its weights as its state, and answers
// `$.model.parameters()`.
template <ivory::nn::ForwardModule T>
struct ivory::TypeTraits<T> {
  using Interface = nn::Model;
  static std::shared_ptr<nn::Model> to_interface(const std::shared_ptr<T>& module) {
    return std::make_shared<nn::ModelOf<T>>(module);
  }
  static constexpr const char* state_extension = "pt";
  static void save(const T& module, std::ostream& out) { nn::save_weights(module, out); }
  static void load(T& module, std::istream& in) { nn::load_weights(module, in); }
  template <class Declaration>
  static void declare(Declaration& declaration) {
    declaration.method("parameters", [](T& module) -> nn::Parameters { return module.parameters(); });
  }
};
