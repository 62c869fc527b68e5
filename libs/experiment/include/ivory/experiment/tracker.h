// Tracker: a client's connection to the tracking store.
#pragma once
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <ivory/base/files.h>
#include <ivory/base/params.h>
#include <ivory/tracking/open_store.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory {

// Opens the store when it is first needed: a client that only shows parameters writes nothing.
// Threads: any method from any thread.
class Tracker {
 public:
  // Relative paths of the URI start from `directory`. Errors: kInvalidArgument for an unknown scheme.
  explicit Tracker(std::string tracking_uri = std::string(tracking::kDefaultTrackingUri), Durability durability = Durability::kProcess,
                   std::filesystem::path directory = {});

  [[nodiscard]] const std::string& tracking_uri() const noexcept { return uri_; }
  [[nodiscard]] Durability durability() const noexcept { return durability_; }
  // Errors: those of open_store().
  [[nodiscard]] tracking::TrackingStore& store();
  // Whether the store is there, and could serve: for those that must not write. Errors: as store().
  void check();

 private:
  [[nodiscard]] tracking::StoreOptions options() const;
  std::string uri_;
  Durability durability_;
  std::filesystem::path directory_;
  std::mutex mutex_;
  std::shared_ptr<tracking::TrackingStore> store_;
};

}  // namespace ivory
