// Artifacts that a tracking server keeps, through its REST interface (mlflow-artifacts:).
#pragma once
#include <ivory/net_client/http_client.h>
#include <ivory/tracking/artifact_store.h>

namespace ivory::tracking {

// A server and a place of its artifacts.
struct ProxyAddress {
  std::string server;  // http(s)://…, with user and password if the tracking URI has them
  std::string root;    // "3/0123…/artifacts"
};
// As open_artifact_store() takes them. Errors: kInvalidArgument.
[[nodiscard]] ProxyAddress parse_proxy_address(std::string_view uri, std::string_view tracking_uri);

class ProxyArtifactStore final : public ArtifactStore {
 public:
  ProxyArtifactStore(std::string_view uri, std::string_view tracking_uri,
                     std::optional<int> max_retries = {});

  void write(std::string_view path, std::string_view bytes) override;
  void log_artifact(const std::filesystem::path& file, std::string_view folder) override;
  void log_artifacts(const std::filesystem::path& source, std::string_view folder) override;
  [[nodiscard]] std::vector<ArtifactInfo> list(std::string_view folder) const override;
  [[nodiscard]] std::string read(std::string_view path) const override;
  void download(std::string_view path, const std::filesystem::path& to) const override;
  [[nodiscard]] std::optional<std::filesystem::path> local_path(std::string_view path) const override;
  void remove(std::string_view path) override;

 private:
  ProxyArtifactStore(const ProxyAddress& address, std::optional<int> max_retries);
  // Of the artifact, in the server's interface.
  [[nodiscard]] std::string path_of(std::string_view path) const;
  [[nodiscard]] net::HttpAnswer send(const net::HttpRequest& request, std::string_view path) const;

  net::HttpClient http_;
  std::string root_;
};

}  // namespace ivory::tracking
