#include <ivory/experiment/trainer.h>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/base/rng.h>
#include <ivory/experiment/checkpoint.h>

namespace ivory {
namespace {

std::shared_ptr<DataLoaders> loaders_of(const Run& run, const LoaderOptions& options) {
  if (auto loaders = run.find<DataLoaders>()) return loaders;
  auto datasets = run.find<Datasets>();
  if (datasets == nullptr)
    throw Error(
        ErrorCode::kInvalidArgument,
        "the run has nothing to train on; expected a member `datasets` or `dataloaders` before the trainer");
  return std::make_shared<DataLoaders>(std::move(datasets), options);
}

}  // namespace

Trainer::Trainer(TrainerOptions options) : options_(options) {
  if (options_.epochs < 0)
    throw Error(ErrorCode::kInvalidArgument, "epochs",
                "expected 0 or more, found " + std::to_string(options_.epochs));
}

std::optional<double> Trainer::learning_rate(const Run& /*run*/) const { return std::nullopt; }
void Trainer::prepare(Run& /*run*/) {}
void Trainer::begin_epoch(Run& /*run*/) {}
void Trainer::end_train(Run& /*run*/) {}

std::uint64_t Trainer::seed_of_batch(const Run& run) const {
  return derive_seed({.seed = run.seed(),
                      .repeat = run.repeat(),
                      .purpose = "batch",
                      .epoch = static_cast<std::uint64_t>(epoch_),
                      .sample = static_cast<std::uint64_t>(batch_)});
}

Params Trainer::loop_state() const {
  Params state{{"epoch", epoch_}, {"batches", batches_}, {"steps", steps_}};
  if (in_training_) state.set("batch", batch_);
  return state;
}

void Trainer::load_loop_state(const Params& state) {
  const Params* batch = state.find("batch");
  const Params* steps = state.find("steps");
  epoch_ = static_cast<int>(state.at("epoch").as_int());
  batches_ = state.at("batches").as_int();
  steps_ = steps == nullptr ? 0 : steps->as_int();
  in_training_ = batch != nullptr;
  batch_ = in_training_ ? batch->as_int() : 0;
}

void Trainer::on_init_end(Run& run) const {
  const auto loaders = loaders_of(run, options_.loader);
  if (run.mode() == "test" && loaders->test().dataset().size() == 0)
    throw Error(ErrorCode::kInvalidArgument, "there are no samples to test (none has fold -1)");
}

void Trainer::start(Run& run) {
  loaders_ = loaders_of(run, options_.loader);
  loaders_->set_seed(run.seed(), run.repeat());
  checkpoint_ = run.find<Checkpoint>();
  prepare(run);
  if (run.mode() == "test") {
    test(run);
  } else {
    fit(run);
  }
}

void Trainer::fit(Run& run) {
  run.call(Hook::kFitBegin);
  while (in_training_ || (epoch_ + 1 < options_.epochs && !run.stopping())) {
    fit_epoch(run);
    if (interrupted()) throw Interrupted{};
  }
  run.call(Hook::kFitEnd);
}

void Trainer::fit_epoch(Run& run) {
  train_epoch(run);
  if (loaders_->val().dataset().size() > 0) {
    run.call(Hook::kValBegin);
    evaluate(run, loaders_->val(), Hook::kValBatchEnd);
    run.call(Hook::kValEnd);
  }
  run.call(Hook::kEpochEnd);
}

void Trainer::train_epoch(Run& run) {
  DataLoader& loader = loaders_->train();
  if (in_training_) {
    loader.seek({epoch_, batch_});
  } else {
    batch_ = 0;
    loader.seek({++epoch_, batch_});
    begin_epoch(run);
    run.call(Hook::kEpochBegin);
    run.call(Hook::kTrainBegin);
    in_training_ = true;
  }
  while (const Batch* batch = loader.next()) {
    run.call(Hook::kTrainBatchBegin);
    train_batch(run, *batch, result_);
    run.set_batch(result_);
    run.call(Hook::kTrainBatchEnd);
    finish_batch(run);
  }
  if (!between_steps()) ++steps_;
  end_train(run);
  in_training_ = false;
  run.call(Hook::kTrainEnd);
}

void Trainer::finish_batch(Run& run) {
  ++batch_;
  ++batches_;
  if (!between_steps()) return;
  ++steps_;
  if (checkpoint_ != nullptr && checkpoint_->is_due(steps_)) run.checkpoint();
}

void Trainer::evaluate(Run& run, DataLoader& loader, Hook after_batch) {
  loader.seek({0, 0});
  while (const Batch* batch = loader.next()) {
    evaluate_batch(run, *batch, result_);
    run.set_batch(result_);
    run.call(after_batch);
  }
}

void Trainer::test(Run& run) {
  run.call(Hook::kTestBegin);
  evaluate(run, loaders_->test(), Hook::kTestBatchEnd);
  run.call(Hook::kTestEnd);
}

}  // namespace ivory
