// A server of ours on a port of its own, over a store of its own.
#pragma once
#include <memory>
#include <string>
#include <utility>

#include <ivory/base/files.h>
#include <ivory/net_server/http_server.h>
#include <ivory/server/api.h>
#include <ivory/tracking/open_store.h>

namespace ivory::server {

// The defaults let designated initializers leave a member out without a warning.
struct OwnServerOptions {
  // Relative paths are taken from a folder of the server's own, where its artifacts lie, too.
  std::string store_uri = "sqlite:///store.db";
  Durability durability = Durability::kProcess;
  net::ServerOptions listening = {};
  ApiOptions answering = {};
};

class OwnServer {
 public:
  explicit OwnServer(OwnServerOptions options = {})
      : store_(tracking::open_store(options.store_uri, {.durability = options.durability,
                                                        .working_directory = folder_.path(),
                                                        .artifact_root = "mlflow-artifacts:"})),
        is_secure_(!options.listening.certificate.empty()) {
    options.answering.artifacts_destination = folder_.path() / "mlartifacts";
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
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  [[nodiscard]] tracking::TrackingStore& store() { return *store_; }

 private:
  TemporaryFolder folder_;
  std::shared_ptr<tracking::TrackingStore> store_;
  bool is_secure_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace ivory::server
