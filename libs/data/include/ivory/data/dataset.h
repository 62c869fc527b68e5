// Dataset: the training, validation or test part of a Data.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <ivory/data/data.h>

namespace ivory {

// Changes inputs and targets on their way to a model: augments, normalises, adds a dimension. Gets the rows
// of one batch and gives as many rows back.
using Transform =
    std::function<std::pair<Array, Array>(const std::string& mode, const Array& input, const Array& target)>;

// One part of the samples, for one fold:
//   train  fold != f and fold != -1 (time series: 0 <= fold < f)
//   val    fold == f
//   test   fold == -1; may be empty
// Inputs are prepared by what Data::fit learned from the fold's training part; the transform is applied last,
// to each batch when it is made, so a random one differs from epoch to epoch.
//
// A class of your own derives from it and overrides gather().
// Threads: const methods may be called from any thread if the transform allows it; a loader with a prefetch
// thread calls gather() from that thread.
class Dataset {
 public:
  using ivory_interface = Dataset;
  // Errors: kInvalidArgument about "mode" or "fold".
  Dataset(std::shared_ptr<Data> data, std::string mode, int fold, Transform transform = nullptr);
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;
  virtual ~Dataset() = default;

  [[nodiscard]] std::int64_t size() const noexcept { return static_cast<std::int64_t>(rows_.size()); }
  [[nodiscard]] const std::string& mode() const noexcept { return mode_; }
  [[nodiscard]] int fold() const noexcept { return fold_; }
  [[nodiscard]] const Data& data() const noexcept { return *data_; }
  // Positions of the samples in data(), ascending.
  [[nodiscard]] std::span<const std::int64_t> rows() const noexcept { return rows_; }
  // What Data::fit learned for this fold.
  [[nodiscard]] const Params& fitted() const noexcept { return prepared_->fitted; }

  // Samples by number within this part, 0 <= sample < size().
  [[nodiscard]] Batch get(std::span<const std::int64_t> samples) const;
  // All samples, in order.
  [[nodiscard]] Batch all() const;
  // Fills `batch`, using its memory again where it can, with the samples that stand at `rows` of data().
  virtual void gather(std::span<const std::int64_t> rows, Batch& batch) const;

 private:
  void apply_transform(Batch& batch) const;

  std::shared_ptr<Data> data_;
  std::string mode_;
  int fold_;
  Transform transform_;
  std::vector<std::int64_t> rows_;
  std::shared_ptr<const Data::Prepared> prepared_;
};

}  // namespace ivory
