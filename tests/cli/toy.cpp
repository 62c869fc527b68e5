// A learner that is quick: it predicts one number, moving it towards the mean of each batch's targets.
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

#include <ivory/experiment/trainer.h>
#include <ivory/registry/module.h>
#include <ivory/tuning/trial.h>

namespace {

using namespace ivory;

struct ToyOptions {
  double lr;
  int epochs;
  std::int64_t batch_size;
  int sleep_ms;              // at the beginning of each epoch
  int fail_at;               // epoch that throws
  std::int64_t state_bytes;  // of each checkpoint
  int crash_at;              // epoch that takes the process with it
};

class Toy : public Trainer {
 public:
  explicit Toy(const ToyOptions& options)
      : Trainer({.epochs = options.epochs, .loader = {.batch_size = options.batch_size, .shuffle = true}}),
        options_(options) {}

  Params state_dict() const {
    Params state = loop_state();
    state.set("value", value_);
    state.set("filling", std::string(static_cast<std::size_t>(options_.state_bytes), 'x'));
    return state;
  }
  void load_state_dict(const Params& state) {
    load_loop_state(state);
    value_ = state.at("value").as_real();
  }

 protected:
  void begin_epoch(Run& /*run*/) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(options_.sleep_ms));
    if (epoch() == options_.fail_at) throw std::runtime_error("the toy broke");
    if (epoch() == options_.crash_at) static_cast<void>(std::raise(SIGKILL));
  }
  void train_batch(Run& run, const Batch& batch, BatchResult& result) override {
    evaluate_batch(run, batch, result);
    double mean = 0;
    for (const float y : batch.target.view<float>()) mean += y / static_cast<double>(batch.rows());
    value_ += options_.lr * (mean - value_);
  }
  void evaluate_batch(Run& /*run*/, const Batch& batch, BatchResult& result) override {
    result.index = batch.index;
    result.target = batch.target;
    result.output =
        Array::from(std::vector<float>(static_cast<std::size_t>(batch.rows()), static_cast<float>(value_)),
                    batch.target.shape());
    result.loss = 0;
    for (const float y : batch.target.view<float>())
      result.loss += (y - value_) * (y - value_) / static_cast<double>(batch.rows());
  }

 private:
  ToyOptions options_;
  double value_ = 0;
};

std::shared_ptr<Toy> make_toy(double lr, int epochs, std::int64_t batch_size, int sleep_ms, int fail_at,
                              std::int64_t state_bytes, int crash_at) {
  return std::make_shared<Toy>(ToyOptions{lr, epochs, batch_size, sleep_ms, fail_at, state_bytes, crash_at});
}

void suggest_lr(tuning::Trial& trial) { trial.suggest_float("lr", 0.01, 1, {.log = true}); }

void suggest_epochs(tuning::Trial& trial, int most) { trial.suggest_int("epochs", 1, most); }

}  // namespace

IVORY_MODULE(toy, m) {
  m.type<Toy>("toy.Trainer", "Predicts the mean.")
      .factory(&make_toy, arg("lr", "share of the way to the mean") = 0.5, arg("epochs") = 3,
               arg("batch_size") = 4, arg("sleep_ms") = 0, arg("fail_at") = -1, arg("state_bytes") = 0,
               arg("crash_at") = -1);
  m.function("toy.suggest_lr", &suggest_lr);
  m.function("toy.suggest_epochs", &suggest_epochs, arg("most"));
}
