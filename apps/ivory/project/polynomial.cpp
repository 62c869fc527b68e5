// A learner of your own: y as a polynomial of x, fitted by gradient descent. Ivory compiles this file when it
// is new or changed.
#include <ivory/experiment/trainer.h>
#include <ivory/registry/module.h>

namespace {

using namespace ivory;

class Polynomial : public Trainer {
 public:
  Polynomial(int degree, double lr, int epochs, std::int64_t batch_size)
      : Trainer({.epochs = epochs, .loader = {.batch_size = batch_size, .shuffle = true}}),
        lr_(lr),
        weights_(degree + 1) {}

  std::optional<double> learning_rate(const Run&) const override { return lr_; }

  // What a checkpoint keeps.
  Params state_dict() const {
    Params state = loop_state();
    state.set("weights", weights_);
    return state;
  }
  void load_state_dict(const Params& state) {
    load_loop_state(state);
    for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i] = state.at("weights").at(i).as_real();
  }

 protected:
  void train_batch(Run& run, const Batch& batch, BatchResult& result) override {
    evaluate_batch(run, batch, result);
    const auto x = batch.input.view<float>();
    const auto output = result.output.view<float>(), y = batch.target.view<float>();
    std::vector<double> gradient(weights_.size());
    for (std::size_t row = 0; row < x.size(); ++row) {
      double power = 2.0 * (output[row] - y[row]) / static_cast<double>(x.size());
      for (double& g : gradient) {
        g += power;
        power *= x[row];
      }
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i] -= lr_ * gradient[i];
  }

  void evaluate_batch(Run&, const Batch& batch, BatchResult& result) override {
    const auto x = batch.input.view<float>(), y = batch.target.view<float>();
    std::vector<float> output(x.size());
    result.loss = 0;
    for (std::size_t row = 0; row < x.size(); ++row) {
      double value = 0;
      for (std::size_t i = weights_.size(); i-- > 0;) value = value * x[row] + weights_[i];
      output[row] = static_cast<float>(value);
      result.loss += (value - y[row]) * (value - y[row]) / static_cast<double>(x.size());
    }
    result.index = batch.index;
    result.output = Array::from(output, batch.target.shape());
    result.target = batch.target;
  }

 private:
  double lr_;
  std::vector<double> weights_;  // of 1, x, x², …
};

}  // namespace

IVORY_MODULE(polynomial, m) {
  m.type<Polynomial>("polynomial.Trainer", "A polynomial of one input column.")
      .init<int, double, int, std::int64_t>(arg("degree", "its highest power") = 3,
                                            arg("lr", "learning rate") = 0.1, arg("epochs") = 10,
                                            arg("batch_size") = 10);
}
