// DataLoader: a Dataset in batches, in an order that (seed, repeat, epoch) alone decides.
#pragma once
#include <cstdint>
#include <memory>

#include <ivory/base/params.h>
#include <ivory/data/dataset.h>
#include <ivory/data/datasets.h>

namespace ivory {

struct LoaderOptions {
  std::int64_t batch_size = 32;
  bool shuffle = false;    // a new order each epoch
  bool drop_last = false;  // leave out the last batch when it is not full
  int prefetch = 0;        // batches made ahead by a thread of the loader's; 0: no thread
  std::uint64_t seed = 0;
  std::uint64_t repeat = 0;
};

// Where a loader stands: `batch` batches of `epoch` have been handed out.
struct LoaderCursor {
  std::int64_t epoch = 0;
  std::int64_t batch = 0;
  friend bool operator==(const LoaderCursor&, const LoaderCursor&) = default;
};

// Hands out batches:
//
//   for (int epoch = 0; epoch < epochs; ++epoch)
//     while (const Batch* batch = loader.next()) train(*batch);
//
// After a null, next() begins the next epoch. A loader put to the cursor of another with the same dataset and
// options goes on with the same batches.
// Memory: a batch's arrays are used again for a later batch unless somebody keeps a copy of them (which
// shares the memory, so keeping costs no copy). Threads: one thread uses a loader. With prefetch,
// Dataset::gather runs in the loader's thread, whose exception next() throws in place of the batch.
class DataLoader {
 public:
  // Errors: kInvalidArgument about "batch_size" or "prefetch".
  DataLoader(std::shared_ptr<const Dataset> dataset, LoaderOptions options);
  ~DataLoader();
  DataLoader(const DataLoader&) = delete;
  DataLoader& operator=(const DataLoader&) = delete;
  DataLoader(DataLoader&&) noexcept;
  DataLoader& operator=(DataLoader&&) noexcept;

  [[nodiscard]] const Dataset& dataset() const noexcept;
  [[nodiscard]] const LoaderOptions& options() const noexcept;
  // Batches of an epoch.
  [[nodiscard]] std::int64_t batches() const noexcept;

  // The next batch of the epoch, valid until the next call; null at the epoch's end.
  [[nodiscard]] const Batch* next();

  [[nodiscard]] LoaderCursor cursor() const noexcept;
  // Errors: kInvalidArgument when the epoch has no such batch.
  void seek(LoaderCursor cursor);
  // Changes the random order from here on: for whoever learns the run's seed after the loader was made. Goes
  // to the beginning of the present epoch.
  void set_seed(std::uint64_t seed, std::uint64_t repeat);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The loaders of the three parts. Only training is shuffled or drops its last batch.
class DataLoaders {
 public:
  using ivory_interface = DataLoaders;
  DataLoaders(std::shared_ptr<Datasets> datasets, const LoaderOptions& options);
  // Errors: those of Datasets and DataLoader.
  DataLoaders(std::shared_ptr<Data> data, const DatasetFactory& dataset, int fold,
              const LoaderOptions& options);
  virtual ~DataLoaders() = default;

  [[nodiscard]] const std::shared_ptr<Datasets>& datasets() const noexcept { return datasets_; }
  [[nodiscard]] DataLoader& train() noexcept { return train_; }
  [[nodiscard]] DataLoader& val() noexcept { return val_; }
  [[nodiscard]] DataLoader& test() noexcept { return test_; }
  void set_seed(std::uint64_t seed, std::uint64_t repeat) { train_.set_seed(seed, repeat); }

  // The training cursor: {"epoch": …, "batch": …}. Validation and test always run from their beginning.
  [[nodiscard]] Params state_dict() const;
  void load_state_dict(const Params& state);

 private:
  std::shared_ptr<Datasets> datasets_;
  DataLoader train_, val_, test_;
};

}  // namespace ivory
