// A small world for tests of runs: data that fits a line, and a learner without torch.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/metrics.h>
#include <ivory/experiment/monitor.h>
#include <ivory/experiment/run.h>
#include <ivory/experiment/trainer.h>

namespace ivory::testing {

// A child process that does `work`: it ends with 0 when that returns, with 99 when it throws.
template <class Work>
pid_t start_process(const Work& work) {
  const pid_t child = fork();
  if (child != 0) return child;
  try {
    work();
  } catch (...) {
    _exit(99);
  }
  _exit(0);
}

// Waits for its end.
inline int status_of(pid_t child) {
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

template <class Work>
int status_of_process(const Work& work) {
  return status_of(start_process(work));
}

// Kills it after a time, unless it has ended before.
template <class Work>
void run_and_kill_after(std::chrono::milliseconds time, const Work& work) {
  const pid_t child = start_process(work);
  std::this_thread::sleep_for(time);
  kill(child, SIGKILL);
  status_of(child);
}

// y = 3x - 1 on 40 samples; folds 0 … 3, and a test part if asked for.
class LineData : public Data {
 public:
  explicit LineData(bool with_test) : with_test_(with_test) {}

 protected:
  void init() override {
    std::vector<double> x, y;
    std::vector<std::int64_t> folds;
    for (int i = 0; i < 40; ++i) {
      x.push_back(i / 20.0 - 1);
      y.push_back(3 * x.back() - 1);
      folds.push_back(with_test_ && i % 5 == 4 ? -1 : i % 4);
    }
    input = Array::from(x, {40, 1});
    target = Array::from(y, {40, 1});
    fold = Array::from(folds);
  }

 private:
  bool with_test_;
};

// The two numbers of a line, learned by gradient descent.
class LineModel {
 public:
  double slope = 0, offset = 0;
  [[nodiscard]] Params state_dict() const { return {{"slope", slope}, {"offset", offset}}; }
  void load_state_dict(const Params& state) {
    slope = state.at("slope").as_real();
    offset = state.at("offset").as_real();
  }
};

class LineTrainer : public Trainer {
 public:
  LineTrainer(std::shared_ptr<LineModel> model, double lr, int epochs, std::int64_t batch_size)
      : Trainer({.epochs = epochs, .loader = {.batch_size = batch_size, .shuffle = true}}),
        model_(std::move(model)),
        lr_(lr) {}
  [[nodiscard]] std::optional<double> learning_rate(const Run& /*run*/) const override { return lr_; }
  [[nodiscard]] Params state_dict() const { return loop_state(); }
  void load_state_dict(const Params& state) { load_loop_state(state); }

 protected:
  void train_batch(Run& run, const Batch& batch, BatchResult& result) override {
    evaluate_batch(run, batch, result);
    const auto x = batch.input.view<double>(), y = batch.target.view<double>(),
               out = result.output.view<double>();
    double slope = 0, offset = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      slope += 2 * (out[i] - y[i]) * x[i];
      offset += 2 * (out[i] - y[i]);
    }
    const auto n = static_cast<double>(x.size());
    model_->slope -= lr_ * slope / n;
    model_->offset -= lr_ * offset / n;
  }
  void evaluate_batch(Run& /*run*/, const Batch& batch, BatchResult& result) override {
    const auto x = batch.input.view<double>(), y = batch.target.view<double>();
    std::vector<double> out;
    result.loss = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      out.push_back(model_->slope * x[i] + model_->offset);
      result.loss += (out[i] - y[i]) * (out[i] - y[i]) / static_cast<double>(x.size());
    }
    result.index = batch.index;
    result.target = batch.target;
    result.output = Array::from(out, batch.target.shape());
  }

 private:
  std::shared_ptr<LineModel> model_;
  double lr_;
};

// A project folder with line.yml, whose classes this test program declares.
class Project {
 public:
  explicit Project(const std::string& extra = "");
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  void write(const std::string& name, const std::string& text) const { write_file(path() / name, text); }
  [[nodiscard]] bool has(const std::string& name) const { return std::filesystem::exists(path() / name); }

 private:
  TemporaryFolder folder_;
};

// The message of the Error that `action` throws; empty if it throws none.
[[nodiscard]] std::string message_of(const std::function<void()>& action);

}  // namespace ivory::testing
