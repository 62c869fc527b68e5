// Data: the samples of an experiment and the fold of each.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/data/array.h>

namespace ivory {

// Rows of some samples; the index always travels with the sample.
struct Batch {
  Array index;   // int64 [n]
  Array input;   // [n, …]
  Array target;  // [n, …]
  [[nodiscard]] std::int64_t rows() const { return index.rows(); }
  friend bool operator==(const Batch&, const Batch&) = default;
};

// The samples. A class of your own derives from it and fills the four arrays in init():
//
//   class Data : public ivory::Data {
//     void init() override {
//       input = Array::from(values, {n, 2});
//       target = Array::from(areas, {n, 1});
//       fold = k_fold(n, 4, {.seed = seed_});
//     }
//   };
//
// Threads: after on_created() any thread may read. Ownership: runs that share a Data hold it by shared_ptr.
class Data {
 public:
  using ivory_interface = Data;
  Data() = default;
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;
  virtual ~Data() = default;

  Array index;   // int64 [n]: the name of each sample. Left empty: 0, 1, 2 …
  Array input;   // [n, …]
  Array target;  // [n, …]; NaN only where fold is -1
  Array fold;    // int64 [n]: 0, 1 … the part a sample is validated in; -1: a test sample
  // True: folds are blocks in the order of time, and fold f is trained on 0 <= fold < f only, so block 0 is
  // never validated. Splitters do not know; whoever fills `fold` in order of time says so here.
  bool time_series = false;

  // Calls init() once and checks what it filled: equal lengths, integral index and fold (made int64), folds
  // >= -1, no NaN target outside the test part, and no index in two folds, for such a sample would be trained
  // on and validated in one run. Called by whoever makes the object (the registry, Dataset, Datasets); a
  // second call does nothing. Errors: kInvalidArgument naming the array and row.
  void on_created();

  [[nodiscard]] std::int64_t size() const { return index.rows(); }
  // Samples of `rows` (positions, not indexes), as init() left them.
  [[nodiscard]] Batch get(std::span<const std::int64_t> rows) const;

  // Positions of the samples of a part, ascending; mode is "train", "val" or "test". Where all are test
  // samples, any fold will do, and its other parts are empty.
  // Errors: kInvalidArgument about the argument "fold" (naming those there are) or "mode".
  [[nodiscard]] std::vector<std::int64_t> rows_of(std::string_view mode, int fold) const;
  // The folds that can be validated, ascending.
  [[nodiscard]] std::vector<int> folds() const;

  // What is learned from the training part of a fold alone, such as means and deviations, as plain values
  // that are kept with a run and serve to prepare new data. Null: nothing is learned. `rows` as in get().
  [[nodiscard]] virtual Params fit(std::span<const std::int64_t> rows) const;
  // `inputs` as a model gets them; `fitted` is what fit() gave. Must not depend on other rows.
  [[nodiscard]] virtual Array prepare(const Array& inputs, const Params& fitted) const;

  struct Prepared {
    Params fitted;
    Array input;  // all samples, prepared for one fold
  };
  // fit() on the training part of the fold, then prepare() of all inputs; without a training part the inputs
  // as they are. The last fold's is kept, so the three parts of a fold share one.
  [[nodiscard]] std::shared_ptr<const Prepared> prepared(int fold) const;

 protected:
  // Fills index, input, target and fold.
  virtual void init() = 0;

 private:
  bool created_ = false;
  mutable std::mutex prepared_mutex_;
  mutable int prepared_fold_ = -1;
  mutable std::shared_ptr<const Prepared> prepared_;
};

}  // namespace ivory
