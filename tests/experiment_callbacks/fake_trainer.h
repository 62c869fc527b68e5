// A trainer whose losses are given, over eight samples of class 0 and 1 and two test samples.
#pragma once
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ivory/experiment/run.h>
#include <ivory/experiment/trainer.h>

namespace ivory {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Five samples are trained on (0, 2, 4, 6, 7), three validated (1, 3, 5), two tested (8, 9).
class FakeData : public Data {
 public:
  explicit FakeData(bool test_targets = true) : test_targets_(test_targets) {}

 protected:
  void init() override {
    const double last = test_targets_ ? 1.0 : kNan;
    input = Array::from(std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {10, 1});
    target = Array::from(std::vector<double>{0, 1, 1, 0, 0, 1, 1, 0, 1, last}, {10, 1});
    fold = Array::from(std::vector<std::int64_t>{1, 0, 1, 0, 1, 0, 1, 1, -1, -1});
  }

 private:
  bool test_targets_;
};

// Its output for a sample is the sample's number; the loss of a training batch is the number of its first
// sample, of a validation batch what was given for the epoch.
class FakeTrainer : public Trainer {
 public:
  explicit FakeTrainer(std::vector<double> val_losses)
      : Trainer({.epochs = static_cast<int>(val_losses.size()), .loader = {.batch_size = 2}}),
        val_losses_(std::move(val_losses)) {}

  [[nodiscard]] std::optional<double> learning_rate(const Run& /*run*/) const override { return rate_; }

 protected:
  void train_batch(Run& /*run*/, const Batch& batch, BatchResult& result) override {
    result = {batch.index, batch.input, batch.target, batch.input.view<double>()[0]};
  }
  void evaluate_batch(Run& run, const Batch& batch, BatchResult& result) override {
    const double loss = run.mode() == "test" ? 4.0 : val_losses_.at(static_cast<std::size_t>(epoch()));
    result = {batch.index, batch.input, batch.target, loss};
  }
  void begin_epoch(Run& /*run*/) override { rate_ /= 2; }

 private:
  std::vector<double> val_losses_;
  double rate_ = 1;
};

template <class T, class... A>
std::pair<std::string, Value> member(std::string name, A&&... arguments) {
  return {std::move(name), Value::object(std::make_shared<T>(std::forward<A>(arguments)...))};
}

inline std::pair<std::string, Value> data_member(bool test_targets = true) {
  return member<Datasets>("datasets", std::make_shared<FakeData>(test_targets));
}

}  // namespace ivory
