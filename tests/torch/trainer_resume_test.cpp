// Runs of the torch Trainer that break off in the middle of an epoch, and are gone on with.
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/resume.h>
#include <ivory/experiment/tracker.h>
#include <ivory/experiment/trainer.h>

namespace ivory {
namespace {

namespace fs = std::filesystem;

// 13 batches of 64 samples; a step for each four of them, and one for the last.
constexpr const char* kExperiment = R"(library: torch
datasets:
  data: {class: products.Data}
  dataset:
  fold: 0
model:
  class: torch.nn.Sequential
  layers:
    - {class: torch.nn.Linear, in_features: 2, out_features: 16}
    - {class: torch.nn.BatchNorm1d, num_features: 16}
    - torch.nn.Tanh
    - {class: torch.nn.Dropout, p: 0.2}
    - {class: torch.nn.Linear, in_features: 16, out_features: 1}
optimizer: {class: torch.optim.SGD, params: $.model.parameters(), lr: 0.02, momentum: 0.9}
scheduler: {class: torch.optim.lr_scheduler.OneCycleLR, optimizer: $, max_lr: 0.1}
results:
metrics: {mae: }
monitor: {metric: val_loss}
early_stopping: {patience: 5}
checkpoint: {every_n_steps: 3}
trainer:
  loss: torch.nn.functional.mse_loss
  batch_size: 5
  epochs: 3
  accumulate_grad_batches: 4
)";

struct Bomb {
  int batches_left;
  void on_train_batch_end(ivory::Run& /*run*/) {
    if (batches_left-- == 0) throw Error(ErrorCode::kInternal, "the machine broke");
  }
};

class Laboratory {
 public:
  Laboratory() {
    std::ofstream(folder_.path() / "exp.yml") << kExperiment;
    client_.emplace(folder_.path());
  }
  [[nodiscard]] const Client& client() const { return *client_; }
  // Every file of the states, and every point of the metrics.
  [[nodiscard]] std::map<std::string, std::string> record_of(const std::string& id) const {
    std::map<std::string, std::string> all;
    const auto run = client_->tracker()->store().get_run(id);
    for (const auto& entry : fs::recursive_directory_iterator(run.artifact_uri))
      if (entry.is_regular_file() && entry.path().filename() != "params.yaml")
        all[entry.path().lexically_relative(run.artifact_uri)] = content_hash(read_file(entry.path()));
    for (const auto& metric : run.metrics)
      for (const auto& point : client_->tracker()->store().metric_history(id, metric.key))
        all[metric.key] += " " + std::to_string(point.step) + ":" + real_to_text(point.value);
    return all;
  }

 private:
  TemporaryFolder folder_;
  std::optional<Client> client_;
};

TEST(TorchResume, IsBitwiseWithDropoutBatchNormOneCycleAndAccumulationInTheMiddleOfAnEpoch) {
  const Laboratory laboratory;
  const Client& client = laboratory.client();
  ivory::Run whole = client.create_run("exp");
  whole.start("both");
  const auto expected = laboratory.record_of(whole.id());
  EXPECT_TRUE(expected.contains("test/model.pt"));
  for (const int batches : {2, 11, 12, 13, 14, 25, 33, 38}) {
    std::string id;
    {
      ivory::Run broken = client.create_run("exp");
      id = broken.id();
      broken.set("bomb", Value::object(std::make_shared<Bomb>(Bomb{batches})));
      EXPECT_THROW(broken.start("both"), Error);
    }
    ResumedRun resumed = resume_run(client, id);
    EXPECT_EQ(resumed.from_checkpoint, batches > 11);
    if (batches == 12) {
      EXPECT_EQ(12, resumed.run.find<Trainer>()->batch());
    }
    resumed.run.start(resumed.mode);
    EXPECT_EQ(expected, laboratory.record_of(id)) << "broken off after " << batches << " batches";
  }
}

}  // namespace
}  // namespace ivory
