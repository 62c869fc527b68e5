// Metrics: numbers that say how well a run does, at every epoch.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/experiment/results.h>

namespace ivory {

class Run;
struct BatchResult;

// From all outputs and targets of a part to one number.
using MetricFunction = std::function<double(const Array& output, const Array& target)>;
using NamedMetrics = std::vector<std::pair<std::string, MetricFunction>>;

// Names and values in the order they are logged.
using MetricRecord = std::vector<std::pair<std::string, double>>;

struct EpochValue {
  int epoch = 0;
  double value = 0;
  friend bool operator==(const EpochValue&, const EpochValue&) = default;
};

// Logs at each epoch `loss` and `val_loss` (means over the samples), for each function `accuracy` the values
// `accuracy` (training, of the outputs as they were while it went on) and `val_accuracy`, and `lr`, the
// learning rate that the epoch was trained with. A part without samples has no values. After a test
// whose targets are known (none is NaN), test_record() has `test_loss` and `test_accuracy`.
//
// The values of training and validation are there from on_train_end and on_val_end on, so other members find
// those of their own epoch in on_epoch_end wherever they stand. Outputs are taken from the run's Results when
// that stands before this member and keeps them; else they are kept here, if there are functions at all.
//
// State: the present record and the whole history, exactly; in the middle of an epoch's training also what
// has been summed up and kept of its batches. Threads: those of its run. Errors: a function that throws: its
// code (kInternal if it is not an Error) and the metric's name.
class Metrics {
 public:
  using ivory_interface = Metrics;
  // Errors: kInvalidArgument about the name of a function: one that is taken (loss, lr, or twice), or that
  // the tracking store would refuse.
  explicit Metrics(NamedMetrics functions = {});
  virtual ~Metrics() = default;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The epoch's values. Cleared when the next epoch begins.
  [[nodiscard]] const MetricRecord& record() const noexcept { return record_; }
  // The last test's values.
  [[nodiscard]] const MetricRecord& test_record() const noexcept { return test_record_; }
  // A value of either record.
  [[nodiscard]] std::optional<double> find(std::string_view name) const noexcept;
  // Values of one metric, by ascending epoch. Errors: kNotFound with the nearest name.
  [[nodiscard]] const std::vector<EpochValue>& history(std::string_view name) const;
  // All, in the order they were first logged.
  using History = std::vector<std::pair<std::string, std::vector<EpochValue>>>;
  [[nodiscard]] const History& history() const noexcept { return history_; }
  // What record() will hold at the end of an epoch of this run that trains and validates. A class that adds
  // values to the record says so here.
  [[nodiscard]] virtual std::vector<std::string> names(const Run& run) const;

  void on_init_begin(Run& run);
  void on_epoch_begin(Run& run);
  void on_train_begin(Run& run);
  void on_train_batch_end(Run& run);
  void on_train_end(Run& run);
  void on_val_begin(Run& run);
  void on_val_batch_end(Run& run);
  void on_val_end(Run& run);
  void on_epoch_end(Run& run);
  void on_test_begin(Run& run);
  void on_test_batch_end(Run& run);
  void on_test_end(Run& run);

  [[nodiscard]] Params state_dict() const;
  void load_state_dict(const Params& state);

 protected:
  // Adds a value to the epoch's record, or replaces it.
  void set(std::string_view name, double value);

 private:
  // What is summed up over the batches of one part.
  struct Part {
    double loss = 0;  // sum over samples
    std::int64_t rows = 0;
    bool targets = true;  // all are known
    RowCollector collector;
    bool open = false;  // begun and not yet evaluated
    void begin() noexcept;
    void add(const BatchResult& batch, bool collect);
    [[nodiscard]] Params state_dict() const;
    void load_state_dict(const Params& state);
  };
  enum class Mode : std::uint8_t { kTrain, kVal, kTest };
  [[nodiscard]] bool collects(Mode mode) const noexcept;
  [[nodiscard]] ResultRows rows_of(Mode mode, const Part& part) const;
  void evaluate(Mode mode, Part& part, MetricRecord& record);

  NamedMetrics functions_;
  std::shared_ptr<const Results> results_;  // the run's, if it can be used
  Part train_, val_, test_;
  MetricRecord record_, test_record_;
  History history_;
  int epoch_ = -1;
};

}  // namespace ivory
