// Results: what a model made of the samples.
#pragma once
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>

#include <ivory/data/array.h>

namespace ivory {

class Run;
struct BatchResult;

// Samples of one part: row i of each array is the sample index[i].
struct ResultRows {
  Array index;   // int64 [n]
  Array output;  // [n, …]
  Array target;  // [n, …]; no rows if the samples have no targets
  [[nodiscard]] bool empty() const { return index.empty(); }
  [[nodiscard]] std::int64_t rows() const { return index.rows(); }
  friend bool operator==(const ResultRows&, const ResultRows&) = default;
};

// Appends batches to one growing piece of memory for each array, which stays from epoch to epoch: a batch
// costs three copies and, past the first epoch, no allocation.
class RowCollector {
 public:
  // Forgets the rows, keeps the memory.
  void clear() noexcept;
  // `target` may have no rows. Errors: kInvalidArgument when the arrays differ in rows, or in dtype or row
  // shape from those before; then nothing has changed.
  void add(const Array& index, const Array& output, const Array& target);
  [[nodiscard]] std::int64_t rows() const noexcept { return index_.rows; }
  // Not copied: it shares the memory, and keeps its numbers when the collector goes on.
  [[nodiscard]] ResultRows get() const;
  // Goes on from these rows.
  void set(const ResultRows& rows);

 private:
  struct Column {
    Array storage;  // more rows than are in use
    std::int64_t rows = 0;
    [[nodiscard]] bool fits(const Array& more) const noexcept;
    void check(const Array& more, const char* what) const;
    void append(const Array& more);
    void reserve_for(const Array& more);
    [[nodiscard]] Array get() const;
  };
  Column index_, output_, target_;
};

// Keeps index, output and target of the samples that were trained on, validated and tested last. Training
// rows stand in the order of training.
//
// State: an .npz archive of the arrays train_index, train_output … test_target, those without rows left out.
// Threads: those of its run. A value type: copies share memory.
class Results {
 public:
  using ivory_interface = Results;
  static constexpr const char* state_extension = "npz";

  // `train`: keep the training part too, which needs as much memory as all outputs of an epoch.
  explicit Results(bool train = true) : keeps_train_(train) {}
  virtual ~Results() = default;
  Results(const Results&) = default;
  Results& operator=(const Results&) = default;
  Results(Results&&) = default;
  Results& operator=(Results&&) = default;

  [[nodiscard]] bool keeps_train() const noexcept { return keeps_train_; }
  [[nodiscard]] ResultRows train() const { return train_.get(); }
  [[nodiscard]] ResultRows val() const { return val_.get(); }
  [[nodiscard]] ResultRows test() const { return test_.get(); }
  void set_train(const ResultRows& rows) { train_.set(rows); }
  void set_val(const ResultRows& rows) { val_.set(rows); }
  void set_test(const ResultRows& rows) { test_.set(rows); }

  void on_train_begin(Run& run);
  void on_train_batch_end(Run& run);
  void on_val_begin(Run& run);
  void on_val_batch_end(Run& run);
  void on_test_begin(Run& run);
  void on_test_batch_end(Run& run);

  void save(std::ostream& out) const;
  // Errors: kInvalidArgument for what save() has not written; then nothing has changed.
  void load(std::istream& in);

 private:
  bool keeps_train_;
  RowCollector train_, val_, test_;
};

// Validation and test rows of all results, in their order; training is left out. Parts without rows are
// passed over. Errors: kInvalidArgument when dtypes or shapes differ.
[[nodiscard]] Results concatenate(std::span<const Results> results);
// Validation and test rows of equal index averaged, in ascending order of index; training is left out.
// Outputs that are no reals become float64; targets keep their dtype.
[[nodiscard]] Results mean(const Results& results);

}  // namespace ivory
