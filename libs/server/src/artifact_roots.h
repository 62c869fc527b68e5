// ArtifactRoots: from artifact URIs to files of this machine.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/net_server/http_message.h>
#include <ivory/tracking/artifact_store.h>

namespace ivory::server {

// The path as MLflow takes it: percent-decoded until nothing is left to decode.
// Errors: StoreError kInvalidParameterValue ("Invalid path") for one that is absolute, holds "..", '#', a
//   backslash or a control character.
[[nodiscard]] std::string safe_path(std::string_view path);

// "mlflow-artifacts:/1/…" lies below the destination. A path or file:// URI is served only if it lies in the
// destination or one of the local folders: whoever may create an experiment would else read every file of the
// machine. Threads: any.
class ArtifactRoots {
 public:
  // Absolute folders, which need not exist.
  ArtifactRoots(std::filesystem::path destination, std::vector<std::filesystem::path> local,
                Durability durability);

  // Of what is uploaded.
  [[nodiscard]] Durability durability() const noexcept { return durability_; }
  // The whole destination.
  [[nodiscard]] tracking::ArtifactStore& all() const noexcept { return *all_; }
  // The path below the destination that a URI names: mlflow-artifacts:/1/x, or http(s)://… of the proxy of
  // some server, which is taken for this one, as MLflow's does. Errors: StoreError kInvalidParameterValue for
  // one that leads out.
  [[nodiscard]] static std::optional<std::string> proxied_path(std::string_view uri);
  // The folder of a run or model. Errors: StoreError kPermissionDenied for a folder that is not served,
  // kInvalidParameterValue for a URI that is none of ours (s3://…).
  [[nodiscard]] std::unique_ptr<tracking::ArtifactStore> open(std::string_view uri) const;

 private:
  std::filesystem::path destination_;
  std::vector<std::filesystem::path> local_;
  Durability durability_;
  std::unique_ptr<tracking::ArtifactStore> all_;
};

// The file as an answer, streamed, with the type that its name tells. Errors: StoreError
// kResourceDoesNotExist.
[[nodiscard]] net::Response file_answer(const tracking::ArtifactStore& store, std::string_view path,
                                        std::string_view shown_path);
// Takes a file that appears whole or not at all.
[[nodiscard]] std::unique_ptr<net::BodySink> file_sink(const tracking::ArtifactStore& store,
                                                       std::string_view path, std::string_view answer,
                                                       std::string_view answer_type, Durability durability);

}  // namespace ivory::server
