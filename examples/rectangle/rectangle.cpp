// A rectangle's area: samples, a transform, a metric, and what to tune.
#include <cmath>

#include <ivory/base/rng.h>
#include <ivory/data/data.h>
#include <ivory/data/folds.h>
#include <ivory/registry/module.h>
#include <ivory/tuning/trial.h>

namespace rectangle {

using ivory::Array;

// Widths and heights between 1 and 5, and areas with a little noise. A fifth of them is kept for the test.
class Data : public ivory::Data {
 public:
  Data(int n_splits, int num_samples, std::uint64_t seed)
      : n_splits_(n_splits), num_samples_(num_samples), seed_(seed) {}

 protected:
  void init() override {
    ivory::Rng rng({.seed = seed_, .purpose = "rectangles"});
    std::vector<float> sides, areas;
    for (int i = 0; i < num_samples_; ++i) {
      const double width = rng.uniform(1, 5), height = rng.uniform(1, 5);
      sides.push_back(static_cast<float>(width));
      sides.push_back(static_cast<float>(height));
      areas.push_back(static_cast<float>(width * height + 0.1 * rng.normal()));
    }
    input = Array::from(sides, {num_samples_, 2});
    target = Array::from(areas, {num_samples_, 1});
    fold = ivory::make_folds(num_samples_, {.n_splits = n_splits_, .seed = seed_, .test_fraction = 0.2});
  }

 private:
  int n_splits_, num_samples_;
  std::uint64_t seed_;
};

// Sides to about -1 … 1: easier to learn from.
std::pair<Array, Array> transform(const std::string& /*mode*/, const Array& input, const Array& target) {
  Array scaled = input;
  for (float& side : scaled.mutable_view<float>()) side = (side - 3) / 2;
  return {scaled, target};
}

double mean_relative_error(const Array& output, const Array& target) {
  const auto predicted = output.view<float>(), area = target.view<float>();
  double sum = 0;
  for (std::size_t i = 0; i < area.size(); ++i) sum += std::abs(predicted[i] - area[i]) / area[i];
  return sum / static_cast<double>(area.size());
}

void suggest_lr(ivory::tuning::Trial& trial, double min, double max) {
  trial.suggest_float("lr", min, max, {.log = true});
}

void suggest_hidden_sizes(ivory::tuning::Trial& trial, int max_num_layers, int min_size, int max_size) {
  const auto num_layers = trial.suggest_int("num_layers", 2, max_num_layers);
  for (int k = 0; k < num_layers; ++k)
    trial.suggest_int("hidden_sizes:" + std::to_string(k), min_size, max_size);
}

}  // namespace rectangle

IVORY_MODULE(rectangle, m) {
  using ivory::arg;
  m.type<rectangle::Data>("rectangle.Data", "Rectangles and their areas.")
      .init<int, int, std::uint64_t>(arg("n_splits") = 4, arg("num_samples") = 1000, arg("seed") = 0);
  m.function("rectangle.transform", &rectangle::transform);
  m.function("rectangle.mean_relative_error", &rectangle::mean_relative_error);
  m.function("rectangle.suggest_lr", &rectangle::suggest_lr, arg("min") = 1e-5, arg("max") = 1e-3);
  m.function("rectangle.suggest_hidden_sizes", &rectangle::suggest_hidden_sizes, arg("max_num_layers"),
             arg("min_size") = 10, arg("max_size") = 30);
}
