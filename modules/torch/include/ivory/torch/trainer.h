// The Trainer of networks: a model, an optimizer, perhaps a scheduler, and a loss.
#pragma once
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include <ivory/experiment/trainer.h>
#include <ivory/torch/loss.h>
#include <ivory/torch/model.h>
#include <ivory/torch/optimizer.h>
#include <ivory/torch/scheduler.h>

namespace ivory::nn {

struct TrainerOptions {
  Loss loss = {};
  ivory::TrainerOptions loop = {};  // epochs and loader
  std::string device = "auto";      // "cpu", "cuda", "cuda:1"; auto: cuda where there is one
  std::string precision = "32";     // or "bf16": matrix products in bfloat16 by autocast, weights in float32
  std::optional<double> clip_grad_norm = {}, clip_grad_value = {};
  std::int64_t accumulate_grad_batches = 1;  // batches whose gradients one optimizer step sums
};

// Trains the run's Model with its Optimizer and steps its Scheduler, if there is one: after each epoch in
// on_epoch_end (so ReduceLROnPlateau needs a monitor before the trainer in the parameter file), or after each
// optimizer step.
// Inputs and targets become float32, but for int32 and int64, which stay.
//
// State: that of the loop, and torch's random generators, which belong to the process.
// Threads: those of its run. Errors: kInvalidArgument for what a run lacks and for options that do not fit.
class Trainer final : public ivory::Trainer {
 public:
  static constexpr const char* state_extension = "pt";
  explicit Trainer(TrainerOptions options);

  void on_epoch_end(Run& run);
  [[nodiscard]] std::optional<double> learning_rate(const Run& run) const override;
  [[nodiscard]] torch::Device device() const noexcept { return device_; }

  void save(std::ostream& out) const;
  void load(std::istream& in);

 private:
  struct Generators {
    torch::Tensor cpu, cuda;
  };
  void prepare(Run& run) override;
  void train_batch(Run& run, const Batch& batch, BatchResult& result) override;
  void end_train(Run& run) override;
  [[nodiscard]] bool between_steps() const override { return pending_ == 0; }
  void evaluate_batch(Run& run, const Batch& batch, BatchResult& result) override;

  void find_members(Run& run);
  void prepare_scheduler(const Run& run);
  [[nodiscard]] std::int64_t steps_per_epoch(const Run& run) const;
  void move_to_device();
  void set_training(bool training);
  [[nodiscard]] torch::Tensor place(const Array& array) const;
  torch::Tensor forward(const torch::Tensor& input);
  torch::Tensor loss_of(const torch::Tensor& output, const torch::Tensor& target) const;
  void learn(const Batch& batch, BatchResult& result);
  void learn_by_closure(const torch::Tensor& input, const torch::Tensor& target, BatchResult& result);
  void step();
  void clip_gradients() const;
  [[nodiscard]] Generators generators() const;
  void set_generators(const Generators& states) const;

  TrainerOptions options_;
  torch::Device device_;
  bool bfloat16_;
  std::shared_ptr<Model> model_;
  std::shared_ptr<Optimizer> optimizer_;
  std::shared_ptr<Scheduler> scheduler_;
  torch::Tensor output_;      // of the last forward()
  std::int64_t pending_ = 0;  // batches since the last optimizer step
  bool training_ = false;
  bool results_wanted_ = true;
  bool live_ = false;      // the process's generators are this run's
  Generators generators_;  // where they stood when this run last had them
};

}  // namespace ivory::nn
