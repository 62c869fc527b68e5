#include <ivory/experiment/tracker.h>

#include <cstdlib>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/tracking_file/file_store.h>

namespace ivory {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): set before there are threads
  return value == nullptr ? "" : value;
}

bool is_server(std::string_view uri) noexcept {
  return uri.starts_with("http://") || uri.starts_with("https://");
}

}  // namespace

Tracker::Tracker(std::string tracking_uri, Durability durability)
    : uri_(std::move(tracking_uri)), durability_(durability) {}

void Tracker::take_environment(bool given) {
  if (const std::string asked = variable("IVORY_TRACKING_URI"); !asked.empty()) {
    uri_ = asked;
  } else if (const std::string usual = variable("MLFLOW_TRACKING_URI"); !given && !usual.empty()) {
    uri_ = usual;
  }
  offline_ = !variable("IVORY_OFFLINE").empty() && is_server(uri_);
  if (offline_) uri_ = offline_uri();
}

bool Tracker::is_remote() const noexcept { return is_server(uri_); }

std::filesystem::path Tracker::offline_database() const { return directory_ / ".ivory" / "offline.db"; }

tracking::StoreOptions Tracker::options() const {
  tracking::StoreOptions options{.durability = durability_,
                                 .working_directory = directory_,
                                 .further = {&tracking::file_store_scheme(), 1}};
  if (is_remote()) options.max_retries = 1;  // what a run logs waits in its spool, not here
  return options;
}

tracking::TrackingStore& Tracker::store() {
  const std::scoped_lock lock(mutex_);
  if (store_ != nullptr) return *store_;
  if (offline_) std::filesystem::create_directories(offline_database().parent_path());
  store_ = open(options());
  return *store_;
}

std::shared_ptr<tracking::TrackingStore> Tracker::open(const tracking::StoreOptions& options) const {
  try {
    return tracking::open_store(uri_, options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kIo || !is_remote()) throw;
    throw Error(ErrorCode::kIo, std::string(error.what()) +
                                    "; start the server, or run with --offline and send the runs later by "
                                    "`ivory sync`");
  }
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
  return open(read_only);
}

}  // namespace ivory
