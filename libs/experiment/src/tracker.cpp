#include <ivory/experiment/tracker.h>

#include <utility>

#include <ivory/base/error.h>
#include <ivory/tracking_file/file_store.h>

namespace ivory {

Tracker::Tracker(std::string tracking_uri, Durability durability)
    : uri_(std::move(tracking_uri)), durability_(durability) {}

tracking::StoreOptions Tracker::options() const {
  return {.durability = durability_,
          .working_directory = directory_,
          .further = {&tracking::file_store_scheme(), 1}};
}

tracking::TrackingStore& Tracker::store() {
  const std::scoped_lock lock(mutex_);
  if (store_ == nullptr) store_ = tracking::open_store(uri_, options());
  return *store_;
}

bool Tracker::exists() {
  if (!tracking::store_exists(uri_, options())) return false;
  try {
    static_cast<void>(open_read_only());
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    return false;  // an empty file: whoever was about to fill it was killed
  }
  return true;
}

std::shared_ptr<tracking::TrackingStore> Tracker::open_read_only() const {
  tracking::StoreOptions read_only = options();
  read_only.access = tracking::Access::kReadOnly;
  return tracking::open_store(uri_, read_only);
}

}  // namespace ivory
