#include <ivory/tracking/async_logger.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/spool.h>

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kManyPoints = 20'000;  // the writer is woken
constexpr std::size_t kMostPoints = 1'000'000;
constexpr int kRetriesOfWaiting = 1;  // what waits is tried again anyhow

bool is_empty(const Batch& batch) {
  return batch.metrics.empty() && batch.params.empty() && batch.tags.empty() && batch.model_metrics.empty();
}

template <class T>
void append(std::vector<T>& to, std::vector<T> from) {
  if (to.empty()) {
    to = std::move(from);
  } else {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  }
}

void append(Batch& to, Batch from) {
  append(to.metrics, std::move(from.metrics));
  append(to.params, std::move(from.params));
  append(to.tags, std::move(from.tags));
  append(to.model_metrics, std::move(from.model_metrics));
}

}  // namespace

AsyncLogger::AsyncLogger(TrackingStore& store, std::string run_id, AsyncOptions options)
    : store_(store), run_id_(std::move(run_id)), options_(std::move(options)) {
  if (!options_.spool_folder.empty())
    spool_ =
        std::make_unique<Spool>(options_.spool_folder, options_.tracking_uri, run_id_, options_.durability);
  writer_ = std::thread([this] { work(); });
}

AsyncLogger::~AsyncLogger() {
  {
    const std::scoped_lock lock(buffering_);
    stopping_ = true;
  }
  wake_.notify_all();
  writer_.join();
  try {
    flush();
  } catch (const std::exception& error) {
    log_warning("run " + run_id_ + ": " + error.what());
  }
}

void AsyncLogger::log_metric(std::string_view key, double value, std::int64_t step, TimeMs timestamp_ms) {
  std::unique_lock lock(buffering_);
  if (buffer_.metrics.size() >= kMostPoints)
    room_.wait(lock, [this] { return buffer_.metrics.size() < kMostPoints; });
  buffer_.metrics.emplace_back(Metric{std::string(key), value, timestamp_ms, step});
  if (buffer_.metrics.size() == kManyPoints) wake_.notify_one();
}

void AsyncLogger::log_batch(Batch batch) {
  const std::scoped_lock lock(buffering_);
  append(buffer_, std::move(batch));
}

Batch AsyncLogger::take() {
  Batch taken;
  {
    const std::scoped_lock lock(buffering_);
    std::swap(taken, buffer_);
    buffer_.metrics.reserve(std::min(taken.metrics.size(), kManyPoints));
  }
  room_.notify_all();
  return taken;
}

void AsyncLogger::work() {
  std::unique_lock lock(buffering_);
  while (!stopping_) {
    wake_.wait_for(lock, options_.interval,
                   [this] { return stopping_ || buffer_.metrics.size() >= kManyPoints; });
    lock.unlock();
    {
      const std::scoped_lock sending(sending_);
      write(take());
    }
    lock.lock();
  }
}

void AsyncLogger::note(const std::exception_ptr& error) {
  if (error_ == nullptr) error_ = error;
}

// Nothing is lost while there is memory: what could not be written comes before what is logged from now on.
void AsyncLogger::keep(const Batch& batch) {
  Batch first = batch;
  const std::scoped_lock lock(buffering_);
  append(first, std::move(buffer_));
  buffer_ = std::move(first);
}

// True if nothing waits any more. Where the store refuses some of it for good, that is noted, and all of it
// kept aside.
bool AsyncLogger::send_spooled() {
  if (spool_ == nullptr || spool_->empty()) return true;
  if (std::chrono::steady_clock::now() < next_try_) return false;
  try {
    send_records(store_, spool_->read(), kRetriesOfWaiting);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kIo) {
      next_try_ = std::chrono::steady_clock::now() + options_.retry_interval;
      return false;
    }
    note(std::current_exception());
    log_warning("run " + run_id_ + ": " + error.what() + "; what waited is kept in " +
                spool_->set_aside().string());
    return true;
  }
  spool_->clear();
  log_info("run " + run_id_ + ": the tracking server answers again, what waited is sent");
  return true;
}

// Each point and pair by itself, so that one that is refused stands alone.
void AsyncLogger::write_parts(const Batch& batch) {
  const auto one = [this](const Batch& part) {
    if (spool_ != nullptr && !spool_->empty()) {
      spool_->append(part);
      return;
    }
    try {
      store_.log_batch(run_id_, part);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kIo || spool_ == nullptr) {
        note(std::current_exception());
        return;
      }
      put_off(error.what());
      spool_->append(part);
    }
  };
  for (const KeyValue& param : batch.params) one({.params = {param}});
  for (const Metric& metric : batch.metrics) one({.metrics = {metric}});
  for (const ModelMetric& metric : batch.model_metrics) one({.model_metrics = {metric}});
  for (const KeyValue& tag : batch.tags) one({.tags = {tag}});
}

void AsyncLogger::write(Batch batch) {
  try {
    const bool direct = send_spooled();
    if (is_empty(batch)) return;
    if (!direct) {
      spool_->append(batch);
      return;
    }
    try {
      store_.log_batch(run_id_, batch);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInvalidArgument) {
        write_parts(batch);
        return;
      }
      if (error.code() != ErrorCode::kIo || spool_ == nullptr) throw;
      put_off(error.what());
      spool_->append(batch);
    }
  } catch (const Error& error) {
    note(std::current_exception());
    if (error.code() == ErrorCode::kIo) keep(batch);  // a full disk, say
  } catch (const std::exception&) {
    note(std::current_exception());
  }
}

// At a run's end nobody comes later: a store that was tried a while ago may be there again.
void AsyncLogger::try_once_more() {
  constexpr std::chrono::seconds kLately{1};
  const auto now = std::chrono::steady_clock::now();
  if (next_try_ - options_.retry_interval + kLately < now) next_try_ = now;
}

// The store is out of reach.
void AsyncLogger::put_off(std::string_view why) {
  next_try_ = std::chrono::steady_clock::now() + options_.retry_interval;
  if (spool_->empty()) {
    log_warning("run " + run_id_ + ": " + std::string(why) + "; what it logs waits in " +
                spool_->path().string());
  }
}

// A file may be large: it is sent without the lock, so that others go on.
template <class Send, class Keep>
void AsyncLogger::send_or_keep(const Send& send, const Keep& keep) {
  std::unique_lock lock(sending_);
  if (send_spooled()) {
    lock.unlock();
    try {
      send();
      return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kIo || spool_ == nullptr) throw;
      lock.lock();
      put_off(error.what());
    }
  }
  keep(*spool_);
}

void AsyncLogger::log_artifact(ArtifactStore& artifacts, const fs::path& file, std::string_view folder) {
  send_or_keep([&] { artifacts.log_artifact(file, folder); },
               [&](Spool& spool) { spool.append_file(file, folder); });
}

void AsyncLogger::log_artifacts(ArtifactStore& artifacts, const fs::path& source, std::string_view folder) {
  send_or_keep([&] { artifacts.log_artifacts(source, folder); },
               [&](Spool& spool) { spool.append_files(source, folder); });
}

void AsyncLogger::write_artifact(ArtifactStore& artifacts, std::string_view path, std::string_view bytes) {
  send_or_keep([&] { artifacts.write(path, bytes); }, [&](Spool& spool) { spool.append_bytes(path, bytes); });
}

void AsyncLogger::log_inputs(const std::vector<DatasetInput>& datasets) {
  send_or_keep([&] { store_.log_inputs(run_id_, datasets, {}); },
               [&](Spool& spool) { spool.append(PendingInputs{datasets}); });
}

void AsyncLogger::throw_first_error() {
  if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
}

void AsyncLogger::flush() {
  const std::scoped_lock lock(sending_);
  write(take());
  throw_first_error();
}

void AsyncLogger::update(const RunUpdate& update) {
  const std::scoped_lock lock(sending_);
  const bool is_end = update.status && is_terminal(*update.status);
  if (is_end) try_once_more();
  write(take());
  if (!send_spooled()) {
    spool_->append(update);
  } else {
    try {
      store_.update_run(run_id_, update);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kIo || spool_ == nullptr) throw;
      put_off(error.what());
      spool_->append(update);
    }
  }
  if (is_end && spool_ != nullptr && !spool_->empty())
    log_warning("run " + run_id_ + " has ended; `ivory sync` sends what waits in " + spool_->path().string());
  throw_first_error();
}

bool AsyncLogger::is_spooling() const {
  const std::scoped_lock lock(sending_);
  return spool_ != nullptr && !spool_->empty();
}

}  // namespace ivory::tracking
