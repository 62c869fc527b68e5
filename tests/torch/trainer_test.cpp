// The Trainer in runs made from YAML.
#include <cmath>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/data/data.h>
#include <ivory/data/folds.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/metrics.h>
#include <ivory/experiment/results.h>
#include <ivory/registry/module.h>
#include <ivory/torch/trainer.h>

namespace ivory::nn {
namespace {

using testing::HasSubstr;
using testing::Not;

// y = x0 x1 for 96 samples in 3 folds and 8 test samples whose targets are unknown.
class Products : public Data {
 protected:
  void init() override {
    constexpr std::int64_t kSamples = 104;
    std::vector<float> x, y;
    std::vector<std::int64_t> folds;
    for (std::int64_t i = 0; i < kSamples; ++i) {
      const float a = std::sin(static_cast<float>(i) * 1.7F), b = std::cos(static_cast<float>(i) * 0.9F);
      x.insert(x.end(), {a, b});
      folds.push_back(i < 96 ? i % 3 : -1);
      y.push_back(i < 96 ? a * b : std::nanf(""));
    }
    input = Array::from(x, {kSamples, 2});
    target = Array::from(y, {kSamples});
    fold = Array::from(folds);
  }
};

// Counts the learning rates that the epochs were trained with.
struct RateLog {
  std::vector<double> rates;
  void on_train_batch_end(Run& run) { rates.push_back(*run.find<ivory::Trainer>()->learning_rate(run)); }
};

torch::Tensor row_losses(const torch::Tensor& output, const torch::Tensor& target) {
  return (output.flatten() - target).square();
}

}  // namespace
}  // namespace ivory::nn

IVORY_MODULE(products, m) {
  using namespace ivory;
  m.type<nn::Products>("products.Data").init<>();
  m.type<nn::RateLog>("products.RateLog").init<>();
  m.function("products.row_losses", &nn::row_losses);
}

namespace ivory::nn {
namespace {

constexpr const char* kNet = R"(
  class: torch.nn.Sequential
  layers:
    - {class: torch.nn.Linear, in_features: 2, out_features: 16}
    - torch.nn.Tanh
    - {class: torch.nn.Dropout, p: 0.1}
    - {class: torch.nn.Linear, in_features: 16, out_features: 1}
)";

struct Parts {
  std::string model = kNet;
  std::string optimizer = "{class: torch.optim.Adam, params: $.model.parameters(), lr: 0.02}";
  std::string before_trainer = "";  // whole lines
  std::string trainer = "loss: torch.nn.functional.mse_loss, batch_size: 16, epochs: 4";
  std::string after_trainer = "";
};

// An experiment in a folder of its own.
class Lab {
 public:
  explicit Lab(const Parts& parts = {}) {
    std::ofstream(folder_.path() / "exp.yml")
        << "library: torch\ndatasets:\n  data: {class: products.Data}\n  dataset:\n  fold: 0\nmodel: "
        << parts.model << "\noptimizer: " << parts.optimizer << "\n"
        << parts.before_trainer
        << "results:\nmetrics:\nlog: {class: products.RateLog}\nmonitor: {metric: val_loss}\n"
        << "trainer: {" << parts.trainer << "}\n"
        << parts.after_trainer;
    client_.emplace(folder_.path(), false);
  }
  [[nodiscard]] Run run(const Params& args = {}) const { return client_->create_run("exp", args); }
  [[nodiscard]] std::filesystem::path folder() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
  std::optional<Client> client_;
};

torch::Tensor weights(const Run& run) {
  std::vector<torch::Tensor> flat;
  for (const auto& tensor : run.find<Model>()->parameters()) flat.push_back(tensor.detach().flatten());
  return torch::cat(flat);
}

std::vector<double> values(const Run& run, std::string_view metric) {
  std::vector<double> list;
  for (const auto& point : run.find<Metrics>()->history(metric)) list.push_back(point.value);
  return list;
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

std::string start_error(const Parts& parts) {
  return message_of([&] {
    const Lab lab(parts);
    auto run = lab.run();
    run.start();
  });
}

TEST(TorchTrainer, LearnsAndLogs) {
  const Lab lab;
  auto run = lab.run({{"epochs", 30}});
  run.start();
  EXPECT_LT(values(run, "val_loss").back(), values(run, "val_loss").front() / 4);
  EXPECT_EQ(30U, values(run, "loss").size());
  EXPECT_EQ(0.02, values(run, "lr").back());
  EXPECT_EQ((Shape{32, 1}), run.find<Results>()->val().output.shape());
}

// What a person would write with libtorch alone, over the same batches.
TEST(TorchTrainer, DoesTheArithmeticOfAHandWrittenLoop) {
  const Lab lab;
  auto run = lab.run({{"seed", 3}});
  run.start();

  auto other = lab.run({{"seed", 3}});
  const auto model = other.find<Model>();
  torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(0.02));
  DataLoaders loaders(other.find<Datasets>(), {.batch_size = 16, .shuffle = true});
  loaders.set_seed(3, 0);
  run.start("train");  // no epoch left: seeds torch's generator as the first start did
  auto twin = lab.run({{"seed", 3}, {"epochs", 0}});
  twin.start();
  model->module().train();
  for (int epoch = 0; epoch < 4; ++epoch) {
    while (const Batch* batch = loaders.train().next()) {
      optimizer.zero_grad();
      const auto input =
          torch::from_blob(const_cast<float*>(batch->input.view<float>().data()), {batch->rows(), 2});
      const auto target =
          torch::from_blob(const_cast<float*>(batch->target.view<float>().data()), {batch->rows(), 1});
      torch::mse_loss(model->forward(input), target).backward();
      optimizer.step();
    }
  }
  EXPECT_TRUE(torch::equal(weights(run), weights(other)));
}

TEST(TorchTrainer, GivesTheSameNumbersTwiceAndOthersForAnotherSeed) {
  const Lab lab;
  auto one = lab.run(), same = lab.run(), other = lab.run({{"seed", 1}});
  one.start();
  same.start();
  other.start();
  EXPECT_FALSE(torch::equal(weights(one), weights(other)));
  // The two were made in one process, so the second's first weights follow from its own seed all the same.
  EXPECT_TRUE(torch::equal(weights(one), weights(same)));
  EXPECT_EQ(values(one, "val_loss"), values(same, "val_loss"));
}

TEST(TorchTrainer, ResumesBitwiseWithDropout) {
  const Lab lab({.before_trainer =
                     "scheduler: {class: torch.optim.lr_scheduler.StepLR, optimizer: $, step_size: 2}\n"});
  auto whole = lab.run();
  whole.start();

  auto begun = lab.run({{"epochs", 2}});
  begun.start();
  begun.save(lab.folder() / "state");
  auto resumed = lab.run();
  torch::rand({7});  // whatever the process drew meanwhile
  resumed.load_state_dict(resumed.load(lab.folder() / "state"));
  resumed.start();
  EXPECT_TRUE(torch::equal(weights(whole), weights(resumed)));
  EXPECT_EQ(values(whole, "val_loss"), values(resumed, "val_loss"));
  EXPECT_EQ(values(whole, "lr"), values(resumed, "lr"));
}

TEST(TorchTrainer, AccumulatesGradientsOfSeveralBatches) {
  const std::string plain =
      "{class: torch.nn.Sequential, layers: [{class: torch.nn.Linear, in_features: 2, out_features: 1}]}";
  const std::string sgd = "{class: torch.optim.SGD, params: $.model.parameters(), lr: 0.1}";
  const Lab whole({.model = plain,
                   .optimizer = sgd,
                   .trainer = "loss: torch.nn.functional.mse_loss, batch_size: 32, epochs: 3"});
  const Lab parts(
      {.model = plain,
       .optimizer = sgd,
       .trainer =
           "loss: torch.nn.functional.mse_loss, batch_size: 8, epochs: 3, accumulate_grad_batches: 4"});
  auto one = whole.run(), other = parts.run();
  one.start();
  other.start();
  EXPECT_TRUE(torch::allclose(weights(one), weights(other), 1e-5, 1e-6));
}

TEST(TorchTrainer, StepsWithWhatIsLeftOfAnAccumulation) {
  const Lab lab(
      {.optimizer = "{class: torch.optim.SGD, params: $.model.parameters(), lr: 0.1}",
       .trainer =
           "loss: torch.nn.functional.mse_loss, batch_size: 16, epochs: 1, accumulate_grad_batches: 100"});
  auto run = lab.run();
  const auto before = weights(run).clone();
  run.start();
  EXPECT_FALSE(torch::equal(before, weights(run)));
}

TEST(TorchTrainer, ClipsGradients) {
  const auto moved = [](const std::string& clip) {
    const Lab lab({.optimizer = "{class: torch.optim.SGD, params: $.model.parameters(), lr: 1.0}",
                   .trainer = "loss: torch.nn.functional.mse_loss, batch_size: 64, epochs: 1, " + clip});
    auto run = lab.run();
    const auto before = weights(run).clone();
    run.start();
    return weights(run) - before;
  };
  EXPECT_NEAR(1e-3, moved("clip_grad_norm: 1.0e-3").norm().item<double>(), 1e-6);
  EXPECT_NEAR(1e-4, moved("clip_grad_value: 1.0e-4").abs().max().item<double>(), 1e-7);
}

TEST(TorchTrainer, StepsTheSchedulerOnceAnEpoch) {
  const Lab lab(
      {.before_trainer =
           "scheduler: {class: torch.optim.lr_scheduler.ExponentialLR, optimizer: $, gamma: 0.5}\n"});
  auto run = lab.run();
  run.start();
  EXPECT_EQ((std::vector<double>{0.02, 0.01, 0.005, 0.0025}), values(run, "lr"));
}

TEST(TorchTrainer, GivesAPlateauTheMonitorsScore) {
  const Lab lab({.optimizer = "{class: torch.optim.SGD, params: $.model.parameters(), lr: 0.0}",
                 .before_trainer = "scheduler: {class: torch.optim.lr_scheduler.ReduceLROnPlateau, "
                                   "optimizer: $, patience: 1, factor: 0.5, eps: -1}\n"});
  auto run = lab.run({{"epochs", 6}});
  run.find<Optimizer>()->set_lr(0, 1e-9);  // learns nothing that float32 could see
  run.start();
  EXPECT_EQ((std::vector<double>{1e-9, 1e-9, 1e-9, 5e-10, 5e-10, 2.5e-10}), values(run, "lr"));
}

TEST(TorchTrainer, StepsOneCycleOnceABatchOverItsOwnLength) {
  const Lab lab({.before_trainer =
                     "scheduler: {class: torch.optim.lr_scheduler.OneCycleLR, optimizer: $, max_lr: 0.1}\n"});
  auto run = lab.run();
  run.start();
  const auto& rates = run.get<RateLog>("log")->rates;
  ASSERT_EQ(16U, rates.size());  // 4 epochs of 64 / 16 batches
  EXPECT_NEAR(0.1, *std::max_element(rates.begin(), rates.end()), 2e-3);
  EXPECT_LT(rates[14], 1e-3);
}

TEST(TorchTrainer, TrainsWithLbfgs) {
  const Lab lab(
      {.optimizer =
           "{class: torch.optim.LBFGS, params: $.model.parameters(), lr: 0.5, line_search_fn: strong_wolfe}",
       .trainer = "loss: torch.nn.functional.mse_loss, batch_size: 64, epochs: 5"});
  auto run = lab.run({{"p", 0.0}});
  run.start();
  EXPECT_LT(values(run, "val_loss").back(), 0.01);
}

TEST(TorchTrainer, TrainsInBfloat16) {
  const Lab lab(
      {.trainer = "loss: torch.nn.functional.mse_loss, batch_size: 16, epochs: 20, precision: bf16"});
  auto run = lab.run();
  run.start();
  EXPECT_LT(values(run, "val_loss").back(), values(run, "val_loss").front() / 2);
  EXPECT_EQ(torch::kFloat32, run.find<Model>()->parameters().at(0).scalar_type());
  EXPECT_EQ(Dtype::kFloat32, run.find<Results>()->val().output.dtype());
}

TEST(TorchTrainer, TestsWithoutTargets) {
  const Lab lab;
  auto run = lab.run();
  run.start("both");
  EXPECT_EQ("test", run.mode());
  EXPECT_EQ((Shape{8, 1}), run.find<Results>()->test().output.shape());
  EXPECT_FALSE(run.find<Model>()->module().is_training());
}

TEST(TorchTrainer, SecondStartGoesOnFromThePresentEpoch) {
  const Lab lab;
  auto run = lab.run();
  run.start();
  const auto before = weights(run).clone();
  run.start();  // there is no epoch left
  EXPECT_TRUE(torch::equal(before, weights(run)));
}

TEST(TorchTrainer, SaysWhatIsMissing) {
  EXPECT_THAT(start_error({.before_trainer = "scheduler: {class: torch.optim.lr_scheduler.ReduceLROnPlateau, "
                                             "optimizer: $, interval: step}\n"}),
              HasSubstr("interval"));
  EXPECT_THAT(start_error({.trainer = "loss: products.row_losses"}), HasSubstr("expected one number"));
  EXPECT_THAT(start_error({.optimizer = "{class: torch.optim.LBFGS, params: $.model.parameters()}",
                           .trainer = "loss: torch.nn.functional.mse_loss, accumulate_grad_batches: 2"}),
              HasSubstr("accumulate"));
  EXPECT_THAT(start_error({.trainer = "batch_size: 3"}), HasSubstr("loss"));
  EXPECT_THAT(start_error({.trainer = "loss: torch.nn.functional.mse_loss, device: gpu"}),
              HasSubstr("cpu, cuda or cuda:N"));
  EXPECT_THAT(start_error({.trainer = "loss: torch.nn.functional.mse_loss, precision: 16"}),
              HasSubstr("precision"));
  EXPECT_THAT(start_error({.trainer = "loss: torch.nn.functional.mse_los"}),
              HasSubstr("torch.nn.functional.mse_loss"));
}

TEST(TorchTrainer, NeedsAModelAndAnOptimizer) {
  const Lab lab;
  auto made = lab.run();
  const auto trainer = made["trainer"];
  ivory::Run no_model({}, {{"datasets", made["datasets"]}, {"trainer", trainer}});
  EXPECT_THAT(message_of([&] { no_model.start(); }), HasSubstr("needs a model"));
  ivory::Run no_optimizer({},
                          {{"datasets", made["datasets"]}, {"model", made["model"]}, {"trainer", trainer}});
  EXPECT_THAT(message_of([&] { no_optimizer.start(); }), HasSubstr("needs an optimizer"));
}

TEST(TorchTrainer, APlateauNeedsAMonitorBeforeTheTrainer) {
  const Lab lab(
      {.before_trainer = "scheduler: {class: torch.optim.lr_scheduler.ReduceLROnPlateau, optimizer: $}\n"});
  auto made = lab.run();
  NamedValues members;
  for (const auto& [name, value] : made.dict())
    if (name != "monitor") members.emplace_back(name, value);
  members.emplace_back("monitor", made["monitor"]);
  ivory::Run run({}, members);
  EXPECT_THAT(message_of([&] { run.start(); }), HasSubstr("before the trainer"));
}

TEST(TorchTrainer, AShapeThatDoesNotFitIsOneSentence) {
  const auto message = start_error({.model = "{class: torch.nn.Linear, in_features: 3, out_features: 1}"});
  EXPECT_THAT(message, HasSubstr("float32 [16, 2]"));
  EXPECT_THAT(message, Not(HasSubstr("frame #")));
}

TEST(TorchTrainer, TheOriginalsNameMeansIt) {
  const Lab lab(
      {.trainer = "class: ivory.torch.trainer.Trainer, loss: torch.nn.functional.mse_loss, epochs: 1"});
  auto run = lab.run();
  run.start();
  EXPECT_NE(nullptr, run.find<Trainer>());
}

}  // namespace
}  // namespace ivory::nn
