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
  explicit Tracker(std::string tracking_uri = std::string(tracking::kDefaultTrackingUri),
                   Durability durability = Durability::kProcess);
  // Where relative paths of the URI start; the process's directory otherwise. Before the store is first used.
  void set_directory(std::filesystem::path directory) { directory_ = std::move(directory); }
  // What the command line asks for by IVORY_TRACKING_URI (`--tracking-uri`) wins over the URI that was given;
  // one that was not given is MLFLOW_TRACKING_URI's, if that is set. With IVORY_OFFLINE (`--offline`) a
  // server's runs go to a store beside the client, from which `ivory sync` takes them. Before the store is
  // first used.
  void take_environment(bool given);

  [[nodiscard]] const std::string& tracking_uri() const noexcept { return uri_; }
  // For people: without a password.
  [[nodiscard]] std::string shown_uri() const { return tracking::shown_uri(uri_); }
  // A server is asked for every step, and may go away.
  [[nodiscard]] bool is_remote() const noexcept;
  // The store of runs that were begun offline; made with the first of them.
  [[nodiscard]] std::filesystem::path offline_database() const;
  [[nodiscard]] std::string offline_uri() const { return "sqlite:///" + offline_database().string(); }
  [[nodiscard]] Durability durability() const noexcept { return durability_; }
  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
  // Errors: those of open_store(); for a server that does not answer with what to do about it.
  [[nodiscard]] tracking::TrackingStore& store();
  // True if there is a store already. Writes nothing. Errors: kInvalidArgument for an unknown scheme, or a
  // store that cannot serve.
  bool exists();
  // The store for reading only. Errors: kNotFound if there is none.
  [[nodiscard]] std::shared_ptr<tracking::TrackingStore> open_read_only() const;

 private:
  [[nodiscard]] tracking::StoreOptions options() const;
  [[nodiscard]] std::shared_ptr<tracking::TrackingStore> open(const tracking::StoreOptions& options) const;
  std::string uri_;
  Durability durability_;
  std::filesystem::path directory_;
  bool offline_ = false;
  std::mutex mutex_;
  std::shared_ptr<tracking::TrackingStore> store_;
};

}  // namespace ivory
