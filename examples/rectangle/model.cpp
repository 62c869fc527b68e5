// A multilayer perceptron of any depth.
#include <ivory/registry/module.h>
#include <ivory/torch/model.h>

namespace rectangle {

class Model : public torch::nn::Module {
 public:
  explicit Model(const std::vector<int>& hidden_sizes) {
    int inputs = 2;
    for (const int size : hidden_sizes) {
      hidden_->push_back(torch::nn::Linear(inputs, size));
      inputs = size;
    }
    register_module("hidden", hidden_);
    output_ = register_module("output", torch::nn::Linear(inputs, 1));
  }

  torch::Tensor forward(torch::Tensor x) {
    for (const auto& layer : *hidden_) x = torch::relu(layer->as<torch::nn::Linear>()->forward(x));
    return output_->forward(x);
  }

 private:
  torch::nn::ModuleList hidden_;
  torch::nn::Linear output_{nullptr};
};

}  // namespace rectangle

IVORY_MODULE(rectangle_model, m) {
  m.type<rectangle::Model>("rectangle.Model", "A multilayer perceptron: two inputs, one output.")
      .init<std::vector<int>>(ivory::arg("hidden_sizes", "units of each hidden layer"));
}
