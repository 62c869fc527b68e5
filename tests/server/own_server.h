// A server of ours on a port of its own, over a store of its own.
#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <ivory/base/files.h>
#include <ivory/net_server/http_server.h>
#include <ivory/server/api.h>
#include <ivory/tracking/open_store.h>

namespace ivory::server {

// The defaults let designated initializers leave a member out without a warning.
struct OwnServerOptions {
  // Relative paths are taken from the server's folder, where its artifacts lie, too.
  std::string store_uri = "sqlite:///store.db";
  std::filesystem::path folder = {};  // absolute; empty: one of its own
  Durability durability = Durability::kProcess;
  std::span<const tracking::StoreScheme> further = {};
  net::ServerOptions listening = {};
  ApiOptions answering = {};
};

class OwnServer {
 public:
  explicit OwnServer(OwnServerOptions options = {})
      : folder_(options.folder.empty() ? own_folder_.path() : options.folder),
        store_(tracking::open_store(options.store_uri, {.durability = options.durability,
                                                        .working_directory = folder_,
                                                        .artifact_root = "mlflow-artifacts:",
                                                        .further = options.further})),
        is_secure_(!options.listening.certificate.empty()) {
    options.answering.artifacts_destination = folder_ / "mlartifacts";
    api_ = std::make_unique<Api>(store_, std::move(options.answering));
    constexpr std::size_t kThreads = 4;
    options.listening.threads = kThreads;
    server_ = std::make_unique<net::HttpServer>(*api_, std::move(options.listening));
    server_->start();
  }

  [[nodiscard]] std::string url() const {
    return (is_secure_ ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(server_->port());
  }
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] tracking::TrackingStore& store() { return *store_; }

 private:
  TemporaryFolder own_folder_;
  std::filesystem::path folder_;
  std::shared_ptr<tracking::TrackingStore> store_;
  bool is_secure_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace ivory::server
