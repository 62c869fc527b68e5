// A program of the user's own with its classes linked in.
#include <ivory/ivory.h>

namespace {

class Data : public ivory::Data {
 public:
  explicit Data(int n_samples) : n_samples_(n_samples) {}

 protected:
  void init() override {
    std::vector<float> sides;
    std::vector<float> areas;
    for (int i = 0; i < n_samples_; ++i) {
      sides.push_back(static_cast<float>(i));
      areas.push_back(sides.back() * sides.back());
    }
    input = ivory::Array::from(sides, {n_samples_, 1});
    target = ivory::Array::from(areas, {n_samples_, 1});
    fold = ivory::k_fold(n_samples_, 3);
  }

 private:
  int n_samples_;
};

// Needs no training: it knows what the area of a square is.
class Trainer : public ivory::Trainer {
 public:
  explicit Trainer(int epochs) : ivory::Trainer({.epochs = epochs, .loader = {}}) {}

 protected:
  void train_batch(ivory::Run& run, const ivory::Batch& batch, ivory::BatchResult& result) override {
    evaluate_batch(run, batch, result);
  }
  void evaluate_batch(ivory::Run& /*run*/, const ivory::Batch& batch, ivory::BatchResult& result) override {
    std::vector<float> areas;
    for (const float side : batch.input.view<float>()) areas.push_back(side * side);
    result = {batch.index, ivory::Array::from(areas, batch.target.shape()), batch.target, 0};
  }
};

}  // namespace

IVORY_MODULE(mine, m) {
  m.type<Data>("mine.Data", "Squares and their areas.").init<int>(ivory::arg("n_samples") = 12);
  m.type<Trainer>("mine.Trainer").init<int>(ivory::arg("epochs") = 1);
}

int main(int argc, char** argv) { return ivory::main(argc, argv); }
