#include <ivory/data/data_loaders.h>

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/rng.h>

namespace ivory {
namespace {

// The rows of one epoch, cut into batches.
struct EpochPlan {
  std::vector<std::int64_t> rows;
  std::int64_t batch_size = 1;

  [[nodiscard]] std::span<const std::int64_t> batch(std::int64_t number) const {
    const auto begin = static_cast<std::size_t>(number * batch_size);
    return std::span(rows).subspan(begin,
                                   std::min(static_cast<std::size_t>(batch_size), rows.size() - begin));
  }
};

// Makes the batches [begin, end) of an epoch in a thread, at most `depth` ahead. One thread calls next().
class Prefetcher {
 public:
  Prefetcher(const Dataset& dataset, const EpochPlan& plan, std::int64_t begin, std::int64_t end, int depth)
      : slots_(static_cast<std::size_t>(depth)),
        thread_([this, &dataset, &plan, begin, end] { work(dataset, plan, begin, end); }) {}
  ~Prefetcher() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // Swaps the next batch with `batch`, whose memory serves for a later one.
  void next(Batch& batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return filled_ > taken_ || failure_ != nullptr; });
    if (filled_ == taken_) std::rethrow_exception(failure_);
    std::swap(batch, slots_[taken_ % slots_.size()]);
    ++taken_;
    lock.unlock();
    changed_.notify_all();
  }

 private:
  void work(const Dataset& dataset, const EpochPlan& plan, std::int64_t begin, std::int64_t end) {
    try {
      for (std::int64_t number = begin; number < end; ++number) {
        Batch* slot = wait_for_slot();
        if (slot == nullptr) return;
        dataset.gather(plan.batch(number), *slot);
        const std::lock_guard lock(mutex_);
        ++filled_;
        changed_.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      changed_.notify_all();
    }
  }
  // A slot that nobody else touches, or null when there is no more to do.
  Batch* wait_for_slot() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return filled_ - taken_ < slots_.size() || stopped_; });
    return stopped_ ? nullptr : &slots_[filled_ % slots_.size()];
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Batch> slots_;
  std::size_t filled_ = 0, taken_ = 0;
  bool stopped_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace

class DataLoader::Impl {
 public:
  Impl(std::shared_ptr<const Dataset> dataset, LoaderOptions options)
      : dataset_(std::move(dataset)), options_(options) {
    assert(dataset_ != nullptr && "a loader loads some Dataset");
    if (options_.batch_size < 1) {
      throw Error(ErrorCode::kInvalidArgument, "batch_size",
                  "batch_size is " + std::to_string(options_.batch_size) + "; expected 1 or more");
    }
    constexpr int kMostAhead = 1024;
    if (options_.prefetch < 0 || options_.prefetch > kMostAhead) {
      throw Error(ErrorCode::kInvalidArgument, "prefetch",
                  "prefetch is " + std::to_string(options_.prefetch) + "; expected 0 to " +
                      std::to_string(kMostAhead));
    }
    plan_.batch_size = options_.batch_size;
  }

  [[nodiscard]] const Dataset& dataset() const noexcept { return *dataset_; }
  [[nodiscard]] const LoaderOptions& options() const noexcept { return options_; }
  [[nodiscard]] LoaderCursor cursor() const noexcept { return cursor_; }
  [[nodiscard]] std::int64_t batches() const noexcept {
    const std::int64_t full = dataset_->size() / options_.batch_size;
    return full + (!options_.drop_last && dataset_->size() % options_.batch_size != 0 ? 1 : 0);
  }

  const Batch* next() {
    if (cursor_.batch >= batches()) {
      move_to({cursor_.epoch + 1, 0});
      return nullptr;
    }
    make_plan();
    if (options_.prefetch > 0) {
      if (prefetcher_ == nullptr) {
        prefetcher_ =
            std::make_unique<Prefetcher>(*dataset_, plan_, cursor_.batch, batches(), options_.prefetch);
      }
      prefetcher_->next(batch_);
    } else {
      dataset_->gather(plan_.batch(cursor_.batch), batch_);
    }
    ++cursor_.batch;
    return &batch_;
  }

  void move_to(LoaderCursor cursor) {
    if (cursor.epoch < 0 || cursor.batch < 0 || cursor.batch > batches()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "a loader of " + std::to_string(batches()) + " batches cannot go to batch " +
                      std::to_string(cursor.batch) + " of epoch " + std::to_string(cursor.epoch));
    }
    prefetcher_.reset();
    cursor_ = cursor;
  }

  void set_seed(std::uint64_t seed, std::uint64_t repeat) {
    options_.seed = seed;
    options_.repeat = repeat;
    move_to({cursor_.epoch, 0});
    planned_ = false;
  }

 private:
  void make_plan() {
    if (planned_ && (plan_epoch_ == cursor_.epoch || !options_.shuffle)) return;
    plan_.rows.assign(dataset_->rows().begin(), dataset_->rows().end());
    if (options_.shuffle) {
      Rng({.seed = options_.seed,
           .repeat = options_.repeat,
           .purpose = "shuffle",
           .epoch = static_cast<std::uint64_t>(cursor_.epoch)})
          .shuffle(plan_.rows);
    }
    plan_epoch_ = cursor_.epoch;
    planned_ = true;
  }

  std::shared_ptr<const Dataset> dataset_;
  LoaderOptions options_;
  LoaderCursor cursor_;
  EpochPlan plan_;
  bool planned_ = false;
  std::int64_t plan_epoch_ = 0;
  Batch batch_;
  std::unique_ptr<Prefetcher> prefetcher_;  // last: it uses the plan and the dataset
};

DataLoader::DataLoader(std::shared_ptr<const Dataset> dataset, LoaderOptions options)
    : impl_(std::make_unique<Impl>(std::move(dataset), options)) {}
DataLoader::~DataLoader() = default;
DataLoader::DataLoader(DataLoader&&) noexcept = default;
DataLoader& DataLoader::operator=(DataLoader&&) noexcept = default;

const Dataset& DataLoader::dataset() const noexcept { return impl_->dataset(); }
const LoaderOptions& DataLoader::options() const noexcept { return impl_->options(); }
std::int64_t DataLoader::batches() const noexcept { return impl_->batches(); }
const Batch* DataLoader::next() { return impl_->next(); }
LoaderCursor DataLoader::cursor() const noexcept { return impl_->cursor(); }
void DataLoader::seek(LoaderCursor cursor) { impl_->move_to(cursor); }
void DataLoader::set_seed(std::uint64_t seed, std::uint64_t repeat) { impl_->set_seed(seed, repeat); }

namespace {

LoaderOptions in_order(LoaderOptions options) {
  options.shuffle = false;
  options.drop_last = false;
  return options;
}

}  // namespace

DataLoaders::DataLoaders(std::shared_ptr<Datasets> datasets, const LoaderOptions& options)
    : datasets_(std::move(datasets)),
      train_(datasets_->train(), options),
      val_(datasets_->val(), in_order(options)),
      test_(datasets_->test(), in_order(options)) {}

DataLoaders::DataLoaders(std::shared_ptr<Data> data, const DatasetFactory& dataset, int fold,
                         const LoaderOptions& options)
    : DataLoaders(std::make_shared<Datasets>(std::move(data), dataset, fold), options) {}

Params DataLoaders::state_dict() const {
  const LoaderCursor cursor = train_.cursor();
  return {{"epoch", cursor.epoch}, {"batch", cursor.batch}};
}

void DataLoaders::load_state_dict(const Params& state) {
  train_.seek({state.at("epoch").as_int(), state.at("batch").as_int()});
}

}  // namespace ivory
