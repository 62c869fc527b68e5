// Trainer: the loop over epochs and batches that every learner with epochs shares.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <ivory/base/params.h>
#include <ivory/data/data_loaders.h>
#include <ivory/experiment/run.h>

namespace ivory {

class Checkpoint;

struct TrainerOptions {
  int epochs = 1;
  LoaderOptions loader;  // seed and repeat come from the run
};

// A learner of your own derives from it and says what one batch is:
//
//   class MyTrainer : public ivory::Trainer {
//     void train_batch(Run& run, const Batch& batch, BatchResult& result) override { … }
//     void evaluate_batch(Run& run, const Batch& batch, BatchResult& result) override { … }
//   };
//
// The run needs a member that is a Datasets or a DataLoaders. Hooks are called in the order of object_ops.h.
// After Ctrl-C the epoch ends, its hooks are called, and start() throws Interrupted.
// With a member that is a Checkpoint, the state of a tracked run is saved within epochs too.
// Threads: those of its run.
class Trainer {
 public:
  using ivory_interface = Trainer;
  explicit Trainer(TrainerOptions options);
  virtual ~Trainer() = default;
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // Errors: kInvalidArgument if the run has no data, or no test samples to test.
  void on_init_end(Run& run) const;
  // Trains to the last epoch, from the present one on, or tests, as the run's mode says.
  void start(Run& run);

  [[nodiscard]] int epochs() const noexcept { return options_.epochs; }
  // The present epoch, from 0; -1 before the first.
  [[nodiscard]] int epoch() const noexcept { return epoch_; }
  // Batches trained in this epoch so far, and in all.
  [[nodiscard]] std::int64_t batch() const noexcept { return batch_; }
  [[nodiscard]] std::int64_t batches() const noexcept { return batches_; }
  // Optimizer steps in all.
  [[nodiscard]] std::int64_t steps() const noexcept { return steps_; }
  // What Metrics logs as `lr`.
  [[nodiscard]] virtual std::optional<double> learning_rate(const Run& run) const;

 protected:
  // Before the first batch of a start: finds the members that it works with, checks them.
  virtual void prepare(Run& run);
  virtual void begin_epoch(Run& run);
  // One batch of training; `result` is used again from batch to batch. `seed_of_batch()` is for whatever is
  // random in it.
  virtual void train_batch(Run& run, const Batch& batch, BatchResult& result) = 0;
  // After the last training batch of an epoch: what was left over (gradients that accumulate).
  virtual void end_train(Run& run);
  // False while batches wait for others to make up one optimizer step: their state can't be saved then.
  [[nodiscard]] virtual bool between_steps() const { return true; }
  // One batch of validation or test (run.mode() == "test").
  virtual void evaluate_batch(Run& run, const Batch& batch, BatchResult& result) = 0;
  // A stream of its own for each batch of each epoch, by which a run resumed in the middle draws the same.
  [[nodiscard]] std::uint64_t seed_of_batch(const Run& run) const;

  // State of the loop, to be kept with a learner's own: {"epoch": …, "batches": …, "steps": …}, and "batch"
  // in the middle of an epoch's training, which a later start then goes on with: the batches that are left,
  // without begin_epoch, on_epoch_begin and on_train_begin.
  [[nodiscard]] Params loop_state() const;
  void load_loop_state(const Params& state);

 private:
  void fit(Run& run);
  void fit_epoch(Run& run);
  void train_epoch(Run& run);
  void finish_batch(Run& run);
  void evaluate(Run& run, DataLoader& loader, Hook after_batch);
  void test(Run& run);

  TrainerOptions options_;
  std::shared_ptr<DataLoaders> loaders_;
  std::shared_ptr<Checkpoint> checkpoint_;  // null: the run has none
  BatchResult result_;
  int epoch_ = -1;
  std::int64_t batch_ = 0, batches_ = 0, steps_ = 0;
  bool in_training_ = false;  // in the middle of an epoch's training
};

}  // namespace ivory
