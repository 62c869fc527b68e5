// Optimizers against PyTorch's traces, layers, losses and models, made as YAML makes them.
#include <cmath>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/registry/blueprint.h>
#include <ivory/registry/module.h>
#include <ivory/registry/registry.h>
#include <ivory/torch/loss.h>
#include <ivory/torch/model.h>
#include <ivory/torch/optimizer.h>
#include <ivory/torch/tensor.h>
#include <ivory/yaml/yaml.h>

namespace ivory::nn {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A user's network, as the tutorial writes it.
struct UserNet : torch::nn::Module {
  explicit UserNet(const std::vector<int>& hidden_sizes) {
    first = register_module("first", torch::nn::Linear(2, hidden_sizes.at(0)));
    last = register_module("last", torch::nn::Linear(hidden_sizes.at(0), 1));
  }
  torch::Tensor forward(torch::Tensor x) { return last(torch::relu(first(x))); }
  torch::nn::Linear first{nullptr}, last{nullptr};
};

torch::Tensor scaled_error(const torch::Tensor& output, const torch::Tensor& target, double scale) {
  return scale * (output - target).abs().mean();
}

}  // namespace
}  // namespace ivory::nn

IVORY_MODULE(parts, m) {
  using namespace ivory;
  m.type<nn::UserNet>("parts.UserNet").init<std::vector<int>>(arg("hidden_sizes"));
  m.function("parts.scaled_error", &nn::scaled_error, arg("scale") = 2.0);
}

namespace ivory::nn {
namespace {

const Registry& registry() {
  static const Registry known;
  return known;
}

// The members of a section, made in order.
class Made {
 public:
  explicit Made(const std::string& yaml) : blueprint_(registry(), parse_yaml(yaml), "torch") {
    for (const auto& name : blueprint_.names()) {
      auto value = blueprint_.make(name, [this](std::string_view member) { return find(member); });
      values_.emplace_back(name, std::move(value));
    }
  }
  [[nodiscard]] Value find(std::string_view name) const {
    for (const auto& [key, value] : values_)
      if (key == name) return value;
    return {};
  }
  template <class T>
  [[nodiscard]] std::shared_ptr<T> get(std::string_view name) const {
    return find(name).share<T>();
  }

 private:
  Blueprint blueprint_;
  NamedValues values_;
};

// A member of its own needs its form; inside a list a bare class path will do.
std::string member(const std::string& name, const std::string& form, const std::string& yaml) {
  return name + ": " + (yaml.starts_with("torch.") ? "{" + form + ": " + yaml + "}" : yaml);
}

std::shared_ptr<Model> layer(const std::string& yaml) {
  return Made(member("model", "class", yaml)).get<Model>("model");
}

template <class F>
std::string message_of(F call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

template <class T>
std::string saved(const T& object) {
  std::ostringstream out;
  object.save(out);
  return out.str();
}
template <class T>
void restore(T& object, const std::string& bytes) {
  std::istringstream in(bytes);
  object.load(in);
}

// ---- optimizers

const Params& traces() {
  static const Params content =
      Params::from_json(read_file(IVORY_SOURCE_DIR "/tests/torch/optimizer_traces.json"));
  return content;
}

torch::Tensor reals(const Params& list) {
  std::vector<double> values;
  for (const auto& value : list.elements()) values.push_back(value.as_real());
  return torch::tensor(values, torch::kFloat64);
}

// The problem of make_traces.py.
struct Problem {
  torch::Tensor x = reals(traces().at("x")).reshape({8, 3}), y = reals(traces().at("y")).reshape({8, 1});
  Parameters w;
  Problem() {
    const std::vector<std::vector<std::int64_t>> shapes{{4, 3}, {4}, {1, 4}, {1}};
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      w.push_back(reals(traces().at("weights").at(i)).reshape(shapes[i]).set_requires_grad(true));
    }
  }
  [[nodiscard]] torch::Tensor loss() const {
    return torch::mse_loss(torch::linear(torch::tanh(torch::linear(x, w[0], w[1])), w[2], w[3]), y);
  }
  [[nodiscard]] torch::Tensor weights() const {
    std::vector<torch::Tensor> flat;
    for (const auto& tensor : w) flat.push_back(tensor.detach().flatten());
    return torch::cat(flat);
  }
};

struct Training {
  Problem problem;
  std::shared_ptr<Optimizer> optimizer;

  explicit Training(const Params& trace) : optimizer(make(trace)) {}
  double step() {
    return optimizer
        ->step([&] {
          optimizer->zero_grad();
          auto loss = problem.loss();
          loss.backward();
          return loss;
        })
        .item<double>();
  }

 private:
  // By the declaration itself, for the parameters here come from no model.
  std::shared_ptr<Optimizer> make(const Params& trace) {
    const auto& code = registry().code(registry().get("torch.optim." + trace.at("name").as_string()));
    std::vector<Value> values;
    for (const auto& argument : code.info.args) {
      const Params* given = trace.at("options").find(argument.name);
      values.push_back(given == nullptr ? argument.default_value : *given);
      if (argument.name == "params") values.back() = Value::object(std::make_shared<Parameters>(problem.w));
    }
    return code.make(code, {}, values).share<Optimizer>();
  }
};

std::vector<std::size_t> case_numbers() {
  std::vector<std::size_t> numbers(traces().at("cases").size());
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
  return numbers;
}

class OptimizerTrace : public testing::TestWithParam<std::size_t> {
 protected:
  const Params& case_ = traces().at("cases").at(GetParam());
};

// Processors round differently, and LBFGS without a line search makes much of it: what a change of the last
// digits at the start comes to is allowed ten times.
TEST_P(OptimizerTrace, FollowsPyTorchForFiftySteps) {
  constexpr double kClose = 1e-6, kAllowed = 10;
  Training training(case_), changed(case_);
  {
    const torch::NoGradGuard guard;
    changed.problem.w[0].mul_(1 + 1e-14);
  }
  for (std::size_t i = 0; i < 50; ++i) {
    const double loss = training.step();
    const double spread = std::abs(changed.step() - loss);
    ASSERT_NEAR(case_.at("losses").at(i).as_real(), loss, kClose + kAllowed * spread) << "at step " << i;
  }
  const torch::Tensor weights = training.problem.weights();
  const double spread = (changed.problem.weights() - weights).abs().max().item<double>();
  EXPECT_TRUE(torch::allclose(weights, reals(case_.at("weights")), 0, kClose + kAllowed * spread));
}

TEST_P(OptimizerTrace, ResumesBitwiseInTheMiddle) {
  Training whole(case_), begun(case_);
  for (int i = 0; i < 50; ++i) whole.step();
  for (int i = 0; i < 25; ++i) begun.step();
  Training resumed(case_);
  resumed.optimizer->set_lr(0, 123);  // the state brings the options along
  restore(*resumed.optimizer, saved(*begun.optimizer));
  {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < resumed.problem.w.size(); ++i) resumed.problem.w[i].copy_(begun.problem.w[i]);
  }
  for (int i = 25; i < 50; ++i) resumed.step();
  EXPECT_TRUE(torch::equal(whole.problem.weights(), resumed.problem.weights()));
  EXPECT_EQ(saved(*whole.optimizer).size(), saved(*resumed.optimizer).size());
}

INSTANTIATE_TEST_SUITE_P(AllOfPyTorchs, OptimizerTrace, testing::ValuesIn(case_numbers()),
                         [](const auto& info) {
                           return traces().at("cases").at(info.param).at("name").as_string() +
                                  std::to_string(info.param);
                         });

TEST(Optimizer, TakesParameterGroupsWithOptionsOfTheirOwn) {
  const Made made(
      "model: {class: torch.nn.Linear, in_features: 2, out_features: 1}\n"
      "head: {class: torch.nn.Linear, in_features: 2, out_features: 1}\n"
      "optimizer:\n"
      "  class: torch.optim.SGD\n"
      "  params:\n"
      "    - {params: $.model.parameters()}\n"
      "    - {params: $.head.parameters(), lr: 0.5, weight_decay: 0.1}\n"
      "  lr: 0.25\n");
  const auto optimizer = made.get<Optimizer>("optimizer");
  ASSERT_EQ(2U, optimizer->group_count());
  EXPECT_EQ(0.25, optimizer->lr(0));
  EXPECT_EQ(0.5, optimizer->lr(1));
  EXPECT_EQ(4U, optimizer->parameters().size());
}

std::string optimizer_error(const std::string& arguments) {
  return message_of([&] {
    const Made made("model: {class: torch.nn.Linear, in_features: 2, out_features: 1}\noptimizer: {" +
                    arguments + "}\n");
  });
}

TEST(Optimizer, SaysWhichArgumentIsWrong) {
  EXPECT_THAT(optimizer_error("class: torch.optim.SGD, params: $.model.parameters(), lr: -1"),
              HasSubstr("lr must not be negative"));
  EXPECT_THAT(optimizer_error("class: torch.optim.Adam, params: $.model.parameters(), betas: [0.9, 1.5]"),
              HasSubstr("[0, 1)"));
  EXPECT_THAT(optimizer_error("class: torch.optim.SGD, params: $.model.parameters(), nesterov: true"),
              HasSubstr("Nesterov"));
  EXPECT_THAT(optimizer_error("class: torch.optim.SGD, params: $.model"), HasSubstr("$.model.parameters()"));
  EXPECT_THAT(
      optimizer_error("class: torch.optim.SGD, params: [{params: $.model.parameters(), momentun: 0.9}]"),
      HasSubstr("did you mean 'momentum'"));
}

TEST(Optimizer, RefusesAStateOfAnother) {
  const auto sgd = Training(traces().at("cases").at(std::size_t{0})),
             adam = Training(traces().at("cases").at(4));
  EXPECT_THAT(message_of([&] { restore(*adam.optimizer, saved(*sgd.optimizer)); }),
              HasSubstr("not the state of a torch.optim.Adam"));
}

TEST(Optimizer, DropsGradients) {
  Training training(traces().at("cases").at(std::size_t{0}));
  training.problem.loss().backward();
  training.optimizer->zero_grad();
  EXPECT_FALSE(training.problem.w[0].grad().defined());
}

// ---- layers

TEST(Layers, ASequentialTakesNestedLayersAndBarePaths) {
  const auto model = layer(
      "\n  class: torch.nn.Sequential\n  layers:\n"
      "    - {class: torch.nn.Linear, in_features: 64, out_features: 16}\n"
      "    - torch.nn.ReLU\n"
      "    - {class: torch.nn.Sequential, layers: [{class: torch.nn.Linear, in_features: 16, out_features: "
      "3, bias: false}]}\n");
  EXPECT_EQ(torch::IntArrayRef({5, 3}), model->forward(torch::zeros({5, 64})).sizes());
  std::vector<std::string> names;
  for (const auto& parameter : model->module().named_parameters()) names.push_back(parameter.key());
  EXPECT_THAT(names, testing::ElementsAre("0.weight", "0.bias", "2.0.weight"));
}

TEST(Layers, AUsersModuleIsALayer) {
  const auto model = layer(
      "{class: torch.nn.Sequential, layers: [{class: parts.UserNet, hidden_sizes: [4]}, torch.nn.Tanh]}");
  EXPECT_EQ(torch::IntArrayRef({5, 1}), model->forward(torch::zeros({5, 2})).sizes());
  EXPECT_EQ(4U, model->parameters().size());
}

struct LayerCase {
  const char* yaml;
  std::vector<std::int64_t> input, output;
};

class LayerShape : public testing::TestWithParam<LayerCase> {};

TEST_P(LayerShape, IsPyTorchs) {
  torch::manual_seed(1);
  const auto input = torch::rand(GetParam().input);
  EXPECT_EQ(torch::IntArrayRef(GetParam().output), layer(GetParam().yaml)->forward(input).sizes())
      << GetParam().yaml;
}

INSTANTIATE_TEST_SUITE_P(
    Layers, LayerShape,
    testing::Values(
        LayerCase{"{class: torch.nn.Conv1d, in_channels: 2, out_channels: 3, kernel_size: 3}",
                  {4, 2, 9},
                  {4, 3, 7}},
        LayerCase{"{class: torch.nn.Conv2d, in_channels: 1, out_channels: 6, kernel_size: 3, padding: 1}",
                  {4, 1, 8, 8},
                  {4, 6, 8, 8}},
        LayerCase{"{class: torch.nn.Conv2d, in_channels: 1, out_channels: 6, kernel_size: [3, 5], stride: "
                  "[1, 2], padding: [0, 2]}",
                  {4, 1, 8, 8},
                  {4, 6, 6, 4}},
        LayerCase{"{class: torch.nn.Conv2d, in_channels: 4, out_channels: 4, kernel_size: 3, padding: same, "
                  "groups: 2, padding_mode: circular}",
                  {1, 4, 8, 8},
                  {1, 4, 8, 8}},
        LayerCase{"{class: torch.nn.ConvTranspose1d, in_channels: 2, out_channels: 3, kernel_size: 4, "
                  "stride: 2, padding: 1}",
                  {1, 2, 5},
                  {1, 3, 10}},
        LayerCase{
            "{class: torch.nn.ConvTranspose2d, in_channels: 2, out_channels: 3, kernel_size: 2, stride: 2}",
            {1, 2, 4, 4},
            {1, 3, 8, 8}},
        LayerCase{"{class: torch.nn.MaxPool1d, kernel_size: 2}", {4, 3, 8}, {4, 3, 4}},
        LayerCase{
            "{class: torch.nn.MaxPool2d, kernel_size: 3, stride: 2, padding: 1}", {4, 3, 8, 8}, {4, 3, 4, 4}},
        LayerCase{"{class: torch.nn.AvgPool1d, kernel_size: 4}", {4, 3, 8}, {4, 3, 2}},
        LayerCase{"{class: torch.nn.AvgPool2d, kernel_size: [2, 4]}", {4, 3, 8, 8}, {4, 3, 4, 2}},
        LayerCase{"{class: torch.nn.AdaptiveAvgPool1d, output_size: 2}", {4, 3, 7}, {4, 3, 2}},
        LayerCase{"{class: torch.nn.AdaptiveAvgPool2d, output_size: 1}", {4, 3, 7, 5}, {4, 3, 1, 1}},
        LayerCase{"{class: torch.nn.AdaptiveMaxPool1d, output_size: [3]}", {4, 3, 7}, {4, 3, 3}},
        LayerCase{"{class: torch.nn.AdaptiveMaxPool2d, output_size: [2, 3]}", {4, 3, 7, 5}, {4, 3, 2, 3}},
        LayerCase{"{class: torch.nn.BatchNorm1d, num_features: 3}", {4, 3}, {4, 3}},
        LayerCase{
            "{class: torch.nn.BatchNorm2d, num_features: 3, momentum: null}", {4, 3, 5, 5}, {4, 3, 5, 5}},
        LayerCase{"{class: torch.nn.InstanceNorm1d, num_features: 3}", {4, 3, 5}, {4, 3, 5}},
        LayerCase{
            "{class: torch.nn.InstanceNorm2d, num_features: 3, affine: true}", {4, 3, 5, 5}, {4, 3, 5, 5}},
        LayerCase{"{class: torch.nn.LayerNorm, normalized_shape: 3}", {4, 3}, {4, 3}},
        LayerCase{"{class: torch.nn.LayerNorm, normalized_shape: [5, 3]}", {4, 5, 3}, {4, 5, 3}},
        LayerCase{"{class: torch.nn.GroupNorm, num_groups: 2, num_channels: 4}", {4, 4, 3}, {4, 4, 3}},
        LayerCase{"{class: torch.nn.Flatten}", {4, 3, 2, 2}, {4, 12}},
        LayerCase{"{class: torch.nn.Unflatten, dim: 1, unflattened_size: [1, 8, 8]}", {4, 64}, {4, 1, 8, 8}},
        LayerCase{"torch.nn.Identity", {4, 3}, {4, 3}},
        LayerCase{"{class: torch.nn.Embedding, num_embeddings: 10, embedding_dim: 6, padding_idx: 0}",
                  {4, 3},
                  {4, 3, 6}},
        LayerCase{
            "{class: torch.nn.LSTM, input_size: 3, hidden_size: 5, batch_first: true}", {4, 7, 3}, {4, 7, 5}},
        LayerCase{"{class: torch.nn.LSTM, input_size: 3, hidden_size: 5, batch_first: true, take_last: true}",
                  {4, 7, 3},
                  {4, 5}},
        LayerCase{"{class: torch.nn.LSTM, input_size: 3, hidden_size: 5, num_layers: 2, bidirectional: true, "
                  "take_last: true}",
                  {7, 4, 3},
                  {4, 10}},
        LayerCase{"{class: torch.nn.GRU, input_size: 3, hidden_size: 5, batch_first: true, take_last: true}",
                  {4, 7, 3},
                  {4, 5}},
        LayerCase{
            "{class: torch.nn.RNN, input_size: 3, hidden_size: 5, nonlinearity: relu}", {7, 4, 3}, {7, 4, 5}},
        LayerCase{"{class: torch.nn.GLU}", {4, 6}, {4, 3}}));

struct ActivationCase {
  const char* yaml;
  double at_two, at_minus_two;
};

class Activation : public testing::TestWithParam<ActivationCase> {};

// Values by the formulas of PyTorch's documentation.
TEST_P(Activation, IsPyTorchs) {
  const auto output = layer(GetParam().yaml)->forward(torch::tensor({{2.0, -2.0}}, torch::kFloat64));
  EXPECT_NEAR(GetParam().at_two, output[0][0].item<double>(), 1e-6) << GetParam().yaml;
  EXPECT_NEAR(GetParam().at_minus_two, output[0][1].item<double>(), 1e-6) << GetParam().yaml;
}

INSTANTIATE_TEST_SUITE_P(
    Layers, Activation,
    testing::Values(
        ActivationCase{"torch.nn.ReLU", 2, 0}, ActivationCase{"torch.nn.ReLU6", 2, 0},
        ActivationCase{"{class: torch.nn.LeakyReLU, negative_slope: 0.1}", 2, -0.2},
        ActivationCase{"torch.nn.ELU", 2, std::expm1(-2.0)},
        ActivationCase{"{class: torch.nn.CELU, alpha: 2}", 2, 2 * std::expm1(-1.0)},
        ActivationCase{"torch.nn.SELU", 2 * 1.0507009873554805,
                       1.0507009873554805 * 1.6732632423543772 * std::expm1(-2.0)},
        ActivationCase{"torch.nn.GELU", 2 * 0.9772498680518208, -2 * 0.02275013194817921},
        ActivationCase{"torch.nn.SiLU", 2 / (1 + std::exp(-2.0)), -2 / (1 + std::exp(2.0))},
        ActivationCase{"torch.nn.Mish", 2 * std::tanh(std::log1p(std::exp(2.0))),
                       -2 * std::tanh(std::log1p(std::exp(-2.0)))},
        ActivationCase{"torch.nn.Sigmoid", 1 / (1 + std::exp(-2.0)), 1 / (1 + std::exp(2.0))},
        ActivationCase{"torch.nn.LogSigmoid", -std::log1p(std::exp(-2.0)), -std::log1p(std::exp(2.0))},
        ActivationCase{"torch.nn.Tanh", std::tanh(2.0), -std::tanh(2.0)},
        ActivationCase{"torch.nn.Tanhshrink", 2 - std::tanh(2.0), std::tanh(2.0) - 2},
        ActivationCase{"torch.nn.Softsign", 2.0 / 3, -2.0 / 3},
        ActivationCase{"{class: torch.nn.Softplus, beta: 2}", std::log1p(std::exp(4.0)) / 2,
                       std::log1p(std::exp(-4.0)) / 2},
        ActivationCase{"{class: torch.nn.Hardtanh, min_val: -0.5}", 1, -0.5},
        ActivationCase{"torch.nn.Hardshrink", 2, -2},
        ActivationCase{"{class: torch.nn.Softshrink, lambd: 0.5}", 1.5, -1.5},
        ActivationCase{"{class: torch.nn.Threshold, threshold: 0, value: 7}", 2, 7},
        ActivationCase{"torch.nn.Softmax", 1 / (1 + std::exp(-4.0)), 1 / (1 + std::exp(4.0))},
        ActivationCase{"torch.nn.Softmin", 1 / (1 + std::exp(4.0)), 1 / (1 + std::exp(-4.0))},
        ActivationCase{"torch.nn.LogSoftmax", -std::log1p(std::exp(-4.0)), -std::log1p(std::exp(4.0))}));

TEST(Layers, PReLULearnsItsSlope) {
  const auto model = layer("{class: torch.nn.PReLU, num_parameters: 2, init: 0.5}");
  EXPECT_EQ(-1, model->forward(torch::full({1, 2}, -2.0))[0][1].item<double>());
  EXPECT_EQ(2, model->parameters().at(0).numel());
}

TEST(Layers, DropoutWorksWhileTrainingOnly) {
  for (const char* name : {"Dropout", "AlphaDropout", "RReLU"}) {
    torch::manual_seed(3);
    const auto model = layer(std::string("torch.nn.") + name);
    const auto input = torch::full({1, 100}, -1.0);
    EXPECT_FALSE(torch::equal(model->forward(input), model->forward(input))) << name;
    model->module().eval();
    EXPECT_TRUE(torch::equal(model->forward(input), model->forward(input))) << name;
  }
}

TEST(Layers, Dropout2dDropsWholeChannels) {
  torch::manual_seed(3);
  const auto sums = layer("torch.nn.Dropout2d")->forward(torch::ones({1, 64, 2, 2})).sum({2, 3}).flatten();
  EXPECT_TRUE(((sums == 0) | (sums == 8)).all().item<bool>());
  EXPECT_TRUE((sums == 0).any().item<bool>());
}

TEST(Layers, TakeLastIsTheLastStepOfTheSequence) {
  torch::manual_seed(5);
  const auto all = layer("{class: torch.nn.GRU, input_size: 3, hidden_size: 5, batch_first: true}");
  const auto last =
      layer("{class: torch.nn.GRU, input_size: 3, hidden_size: 5, batch_first: true, take_last: true}");
  restore(*last, saved(*all));
  const auto input = torch::rand({4, 7, 3});
  EXPECT_TRUE(torch::equal(all->forward(input).select(1, 6), last->forward(input)));
}

TEST(Layers, SayWhichArgumentIsWrong) {
  const auto error = [](const char* yaml) { return message_of([&] { (void)layer(yaml); }); };
  EXPECT_THAT(error("{class: torch.nn.Conv2d, in_channels: 1, out_channels: 1, kernel_size: [3, 3, 3]}"),
              HasSubstr("kernel_size has 3 values"));
  EXPECT_THAT(
      error("{class: torch.nn.Conv2d, in_channels: 1, out_channels: 1, kernel_size: 3, padding: sane}"),
      HasSubstr("same, valid or sizes"));
  EXPECT_THAT(
      error(
          "{class: torch.nn.Conv2d, in_channels: 1, out_channels: 1, kernel_size: 3, padding_mode: mirror}"),
      HasSubstr("padding_mode"));
  EXPECT_THAT(error("{class: torch.nn.Conv2d, in_channels: 3, out_channels: 4, kernel_size: 3, groups: 2}"),
              HasSubstr("divisible by groups"));
  EXPECT_THAT(error("{class: torch.nn.Sequential, layers: []}"), HasSubstr("at least one layer"));
  EXPECT_THAT(error("{class: torch.nn.Sequential, layers: [torch.nn.ReLu]}"), HasSubstr("torch.nn.ReLU"));
  EXPECT_THAT(error("{class: torch.nn.Dropout, p: 1.5}"), HasSubstr("between 0 and 1"));
}

// ---- models

TEST(Model, AUsersModuleIsOne) {
  const Made made(
      "model: {class: parts.UserNet, hidden_sizes: [8]}\noptimizer: {class: torch.optim.Adam, params: "
      "$.model.parameters()}\n");
  EXPECT_EQ(4U, made.get<Optimizer>("optimizer")->parameters().size());
  EXPECT_EQ(torch::IntArrayRef({3, 1}), made.get<Model>("model")->forward(torch::ones({3, 2})).sizes());
  EXPECT_STREQ("pt", made.find("model").ops()->state_extension);
}

TEST(Model, WeightsComeBackBitwise) {
  for (const char* yaml :
       {"{class: torch.nn.Linear, in_features: 3, out_features: 2}",
        "{class: torch.nn.BatchNorm1d, num_features: 3}",
        "{class: torch.nn.Sequential, layers: [{class: torch.nn.LSTM, input_size: 3, hidden_size: 3}]}"}) {
    const auto one = layer(yaml), other = layer(yaml);
    const auto input = torch::rand({4, 5, 3}).reshape({4, 5, 3}).transpose(0, 1).contiguous();
    const auto fitting =
        std::string(yaml).find("BatchNorm") == std::string::npos ? input : input.select(0, 0);
    (void)one->forward(fitting);  // BatchNorm's running statistics are state, too
    restore(*other, saved(*one));
    one->module().eval();
    other->module().eval();
    EXPECT_TRUE(torch::equal(one->forward(fitting), other->forward(fitting))) << yaml;
  }
}

TEST(Model, ParametersStayTheOptimizersWhenWeightsAreLoaded) {
  const auto model = layer("{class: torch.nn.Linear, in_features: 3, out_features: 2}");
  const auto before = model->parameters();
  restore(*model, saved(*layer("{class: torch.nn.Linear, in_features: 3, out_features: 2}")));
  EXPECT_TRUE(before.at(0).is_same(model->parameters().at(0)));
  EXPECT_TRUE(before.at(0).requires_grad());
}

TEST(Model, RefusesWeightsOfOtherNamesAndShapes) {
  const auto model = layer("{class: torch.nn.Linear, in_features: 3, out_features: 2}");
  EXPECT_THAT(message_of([&] {
                restore(*model, saved(*layer("{class: torch.nn.Linear, in_features: 3, out_features: 4}")));
              }),
              HasSubstr("have shape"));
  EXPECT_THAT(message_of([&] { restore(*model, saved(*layer("torch.nn.ReLU"))); }),
              HasSubstr("not the model's"));
  EXPECT_THAT(message_of([&] { restore(*model, "no archive"); }), HasSubstr("not the model's"));
}

TEST(Model, ATorchScriptFileIsTrainable) {
  const TemporaryFolder folder;
  const auto path = (folder.path() / "net.pt").string();
  torch::jit::Module script("net");
  script.register_parameter("w", torch::ones({1, 2}, torch::requires_grad()), false);
  script.define("def forward(self, x):\n    return torch.tanh(x @ self.w.t())\n");
  script.save(path);
  const Made made("model: {class: torch.jit.load, f: '" + path +
                  "'}\noptimizer: {class: torch.optim.SGD, params: $.model.parameters(), lr: 0.1}\n");
  const auto model = made.get<Model>("model");
  const auto input = torch::ones({3, 2});
  const auto before = model->forward(input).mean();
  before.backward();
  made.get<Optimizer>("optimizer")->step();
  EXPECT_LT(model->forward(input).mean().item<double>(), before.item<double>());
  EXPECT_THAT(message_of([] { (void)layer("{class: torch.jit.load, f: missing.pt}"); }),
              HasSubstr("missing.pt"));
}

// ---- losses

Loss loss(const std::string& yaml) {
  return Convert<Loss>::from(Made(member("loss", "def", yaml)).find("loss"));
}

struct LossCase {
  const char* yaml;
  double value;
};

class RegressionLoss : public testing::TestWithParam<LossCase> {};

// output 1, 3 against target 2, -1: differences -1 and 4.
TEST_P(RegressionLoss, IsPyTorchs) {
  const auto output = torch::tensor({1.0, 3.0}).reshape({2, 1}), target = torch::tensor({2.0, -1.0});
  EXPECT_NEAR(GetParam().value, loss(GetParam().yaml)(output, target).item<double>(), 1e-6)
      << GetParam().yaml;
}

INSTANTIATE_TEST_SUITE_P(
    Losses, RegressionLoss,
    testing::Values(
        LossCase{"{def: torch.nn.functional.mse_loss}", 8.5},
        LossCase{"{def: torch.nn.functional.mse_loss, reduction: sum}", 17},
        LossCase{"{class: torch.nn.MSELoss}", 8.5}, LossCase{"{class: torch.nn.L1Loss, reduction: sum}", 5},
        LossCase{"{class: torch.nn.SmoothL1Loss, beta: 2}", (0.25 + 3) / 2},
        LossCase{"{class: torch.nn.HuberLoss, delta: 2}", (0.5 + 6) / 2},
        LossCase{"{class: torch.nn.PoissonNLLLoss}", (std::exp(1.0) - 2 + std::exp(3.0) + 3) / 2},
        LossCase{"{def: parts.scaled_error, scale: 3}",
                 3 * (std::abs(1.0 - 2) + std::abs(1.0 + 1) + std::abs(3.0 - 2) + std::abs(3.0 + 1)) / 4}));

TEST(Losses, ClassNumbersMayBeRealsAndColumns) {
  const auto output = torch::tensor({{2.0, 0.0, 1.0}, {0.0, 0.0, 3.0}});
  const auto expected = torch::cross_entropy_loss(output, torch::tensor({0, 2}, torch::kInt64));
  const auto cross_entropy_loss = loss("{class: torch.nn.CrossEntropyLoss}");
  for (const auto& target : {torch::tensor({0, 2}, torch::kInt64), torch::tensor({0, 2}, torch::kInt32),
                             torch::tensor({0.0F, 2.0F}), torch::tensor({0.0F, 2.0F}).reshape({2, 1}),
                             torch::tensor({0.0, 2.0}, torch::kFloat64)}) {
    EXPECT_TRUE(torch::allclose(expected, cross_entropy_loss(output, target)));
  }
  const auto probabilities = torch::tensor({{1.0, 0.0, 0.0}, {0.0, 0.0, 1.0}});
  EXPECT_TRUE(torch::allclose(expected, cross_entropy_loss(output, probabilities)));
  const auto logs = torch::log_softmax(output, 1);
  EXPECT_TRUE(
      torch::allclose(expected, loss("torch.nn.functional.nll_loss")(logs, torch::tensor({0.0F, 2.0F}))));
}

TEST(Losses, TakeClassWeightsAndSmoothing) {
  const auto output = torch::tensor({{2.0, 0.0}, {0.0, 1.0}});
  const auto target = torch::tensor({0, 1}, torch::kInt64);
  const auto smooth =
      loss("{class: torch.nn.CrossEntropyLoss, label_smoothing: 0.1, weight: [1, 3]}")(output, target);
  EXPECT_TRUE(torch::allclose(smooth, torch::cross_entropy_loss(output, target, torch::tensor({1.0, 3.0}),
                                                                at::Reduction::Mean, -100, 0.1)));
}

TEST(Losses, BinaryOnesTakeIntegerTargets) {
  const auto output = torch::tensor({{0.0}, {2.0}});
  const auto expected = (std::log(2.0) + std::log1p(std::exp(-2.0))) / 2;
  const auto target = torch::tensor({0, 1}, torch::kInt64);
  EXPECT_NEAR(expected, loss("{class: torch.nn.BCEWithLogitsLoss}")(output, target).item<double>(), 1e-6);
  EXPECT_NEAR(expected, loss("{class: torch.nn.BCELoss}")(torch::sigmoid(output), target).item<double>(),
              1e-6);
  EXPECT_NEAR((std::log(2.0) + 2 * std::log1p(std::exp(-2.0))) / 2,
              loss("{class: torch.nn.BCEWithLogitsLoss, pos_weight: [2]}")(output, target).item<double>(),
              1e-6);
}

TEST(Losses, OfSeveralLabelsAndMargins) {
  const auto output = torch::tensor({{1.0, -2.0}, {0.5, 3.0}});
  const auto labels = torch::tensor({{1.0, 0.0}, {0.0, 1.0}});
  const auto soft = loss("torch.nn.functional.multilabel_soft_margin_loss")(output, labels);
  EXPECT_TRUE(torch::allclose(soft, torch::binary_cross_entropy_with_logits(output, labels)));
  EXPECT_NEAR(
      (0.0 + 0.0) / 2,
      loss("{class: torch.nn.MultiMarginLoss}")(output, torch::tensor({0, 1}, torch::kInt64)).item<double>(),
      1e-6);
  const auto signs = 2 * labels - 1;
  EXPECT_TRUE(torch::allclose(loss("{class: torch.nn.SoftMarginLoss}")(output, signs),
                              torch::log1p(torch::exp(-signs * output)).mean()));
  EXPECT_TRUE(torch::allclose(loss("{class: torch.nn.HingeEmbeddingLoss}")(output, torch::ones({2, 2})),
                              output.mean()));
}

TEST(Losses, KlDivDividesByWhatItsReductionSays) {
  const auto output = torch::log_softmax(torch::tensor({{1.0, 2.0}, {0.0, 0.0}}), 1);
  const auto target = torch::tensor({{0.5, 0.5}, {0.9, 0.1}});
  const auto sum = (target * (target.log() - output)).sum();
  EXPECT_TRUE(torch::allclose(sum, loss("{class: torch.nn.KLDivLoss, reduction: sum}")(output, target)));
  EXPECT_TRUE(
      torch::allclose(sum / 2, loss("{class: torch.nn.KLDivLoss, reduction: batchmean}")(output, target)));
  EXPECT_TRUE(torch::allclose(sum / 4, loss("{class: torch.nn.KLDivLoss}")(output, target)));
}

TEST(Losses, NeverBroadcast) {
  const auto mse = loss("torch.nn.functional.mse_loss");
  EXPECT_THAT(message_of([&] { mse(torch::zeros({4, 1}), torch::zeros({4, 4})); }),
              HasSubstr("[4, 1], the target [4, 4]"));
  EXPECT_THAT(message_of([&] { mse(torch::zeros({4, 2}), torch::zeros({2, 4})); }),
              HasSubstr("element by element"));
  EXPECT_THAT(message_of([&] { mse(torch::zeros({4, 1}), torch::zeros({1})); }),
              HasSubstr("[4, 1], the target [1]"));
  const auto cross = loss("torch.nn.functional.cross_entropy");
  EXPECT_THAT(message_of([&] { cross(torch::zeros({4, 3}), torch::zeros({4, 2})); }),
              HasSubstr("class number"));
  EXPECT_THAT(message_of([&] { cross(torch::zeros({4, 3}), torch::full({4}, 0.5)); }), HasSubstr("0.5"));
}

// ---- arrays

TEST(Tensors, ShareMemoryWithArrays) {
  const auto array = Array::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  const auto tensor = to_tensor(array);
  EXPECT_EQ(static_cast<const void*>(array.data()), tensor.data_ptr());
  EXPECT_EQ(torch::IntArrayRef({3, 2}), tensor.sizes());
  const auto back = to_array(tensor);
  EXPECT_EQ(array.data(), back.data());
  EXPECT_EQ(array, back);
}

TEST(Tensors, KeepTheArraysMemoryAlive) {
  auto tensor = to_tensor(Array::from(std::vector<double>(1000, 7.0)));
  EXPECT_EQ(7000, tensor.sum().item<double>());
  const auto array = to_array(torch::full({1000}, 7.0));
  EXPECT_EQ(7.0F, array.view<float>()[999]);
}

TEST(Tensors, HaveTheArraysTypes) {
  for (const auto dtype : {Dtype::kFloat32, Dtype::kFloat64, Dtype::kInt8, Dtype::kInt16, Dtype::kInt32,
                           Dtype::kInt64, Dtype::kUint8, Dtype::kBool}) {
    EXPECT_EQ(dtype, to_array(to_tensor(Array(dtype, {2, 2}))).dtype());
  }
}

TEST(Tensors, ThatAreNotDenseAreCopied) {
  const auto turned = torch::arange(6).reshape({2, 3}).t();
  EXPECT_EQ(Array::from(std::vector<std::int64_t>{0, 3, 1, 4, 2, 5}, {3, 2}), to_array(turned));
  EXPECT_EQ(Dtype::kFloat32, to_array(torch::ones({2}, torch::kBFloat16)).dtype());
  EXPECT_THAT(message_of([] { (void)to_array(torch::ones({2}, torch::kComplexFloat)); }),
              HasSubstr("ComplexFloat"));
}

}  // namespace
}  // namespace ivory::nn
