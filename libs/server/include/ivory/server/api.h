// Api: MLflow's REST over a tracking store.
#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/net_server/http_message.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::server {

// The defaults let designated initializers leave a member out without a warning.
// NOLINTBEGIN(readability-redundant-member-init)
struct ApiOptions {
  // Where the artifacts of mlflow-artifacts: URIs lie; absolute.
  std::filesystem::path artifacts_destination;
  // Further folders, absolute, from which artifacts with a path as URI are served (read and written).
  std::vector<std::filesystem::path> local_artifacts = {};
  Durability durability = Durability::kProcess;  // of artifacts; the store has its own
  // Names that a Host header may have, patterns with '*', with or without a port. None: this machine's
  // and private addresses. "*": any.
  std::vector<std::string> allowed_hosts = {};
  // Origins of web pages that may call ("https://lab.example"), "*" for any; the server's own may always.
  std::vector<std::string> cors_origins = {};
  std::filesystem::path users = {};  // a file of users and rights; empty: everybody may everything
  bool read_only = false;            // what would write is refused
  // When to look, once, for what a server that was killed has left of uploads; not if it is read-only.
  std::chrono::milliseconds sweep_after = std::chrono::minutes(10);
  // Gets a line of JSON for each answer, without a line break; called from several threads.
  std::function<void(std::string_view)> access_log = {};
  std::function<std::size_t()> connections = {};  // for /metrics
};
// NOLINTEND(readability-redundant-member-init)

// Answers tracking, artifacts, logged models and the registry under /api/2.0/mlflow and /ajax-api/2.0/mlflow
// as MLflow 3.11 does, and /health, /version, /metrics. See docs/server.md for what is different.
//
// Threads: any. Errors of the constructor and reload_users(): those of the users' file.
class Api final : public net::Handler {
 public:
  Api(std::shared_ptr<tracking::TrackingStore> store, ApiOptions options);
  ~Api() override;

  std::unique_ptr<net::BodySink> begin(const net::Request& request) override;
  net::Response handle(const net::Request& request) override;
  net::Response failed(const net::Request& request) noexcept override;
  net::Response refused(int status, std::string_view why) noexcept override;
  void finished(const net::Request& request, int status, std::uint64_t bytes_sent,
                double seconds) noexcept override;

  // Reads the users' file again; if that fails the users stay who they were.
  void reload_users();

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

// Whether a file of users can be used. Errors: kInvalidArgument with file:line for what it should not hold,
// those of reading it.
void check_users(const std::filesystem::path& file);

// The version that /version tells: MLflow's whose REST this is, and ours.
[[nodiscard]] std::string version_text();

}  // namespace ivory::server
