// The files of a run.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/files.h>

namespace ivory::tracking {

struct ArtifactInfo {
  std::string path;  // from the root, with '/'
  bool is_folder = false;
  std::optional<std::int64_t> size_bytes;  // none for a folder
  friend bool operator==(const ArtifactInfo&, const ArtifactInfo&) = default;
};

// The folder of artifacts that an artifact URI names. Paths are relative to it and use '/'; the empty path is
// the folder itself.
//
// Threads: any method from any thread; of two writers of one file the last wins, whole.
// Errors: kInvalidArgument for a path that is absolute, holds "..", or leaves the folder by a link; kNotFound
//   for a file that is not there; kIo. A file appears whole or not at all.
class ArtifactStore {
 public:
  virtual ~ArtifactStore() = default;
  ArtifactStore(const ArtifactStore&) = delete;
  ArtifactStore& operator=(const ArtifactStore&) = delete;

  // Replaces a file of that path; folders on the way are made.
  virtual void write(std::string_view path, std::string_view bytes) = 0;
  // Copies a file, under its own name, into the artifact folder `folder`.
  virtual void log_artifact(const std::filesystem::path& file, std::string_view folder = {}) = 0;
  // Copies what a folder holds, with its subfolders.
  virtual void log_artifacts(const std::filesystem::path& source, std::string_view folder = {}) = 0;
  // What lies right in a folder, by path; empty if it is a file or not there.
  [[nodiscard]] virtual std::vector<ArtifactInfo> list(std::string_view folder = {}) const = 0;
  [[nodiscard]] virtual std::string read(std::string_view path) const = 0;
  // Copies an artifact to a file of this machine, whole or not at all; a large one takes no memory. Folders
  // on the way are made.
  virtual void download(std::string_view path, const std::filesystem::path& to) const = 0;
  // Where the artifact lies on this machine (it may not be there yet); empty if the store is remote.
  // Libraries that write their own files (checkpoints) write there.
  [[nodiscard]] virtual std::optional<std::filesystem::path> local_path(std::string_view path = {}) const = 0;
  // Removes a file or a folder with all it holds; no error if it is not there.
  virtual void remove(std::string_view path) = 0;

 protected:
  ArtifactStore() = default;
};

// The store of an artifact URI: a path; file:///path; mlflow-artifacts:/path, what a tracking server keeps,
// of the server at `tracking_uri` (if that is none, of MLFLOW_TRACKING_URI), or of the one it names itself
// (mlflow-artifacts://host:port/path); http(s)://host/api/2.0/mlflow-artifacts/artifacts/path, the same in
// full. Nothing is made or asked before something is written or read. Files go to a server and come from it
// as streams; requests are repeated as far as twice comes to the same, which is all of them. Errors:
// kInvalidArgument for an unknown scheme (naming those supported), a relative path, or
//   mlflow-artifacts: without a server.
// `max_retries` is how often a request to a server is tried again; none: MLFLOW_HTTP_REQUEST_MAX_RETRIES.
[[nodiscard]] std::unique_ptr<ArtifactStore> open_artifact_store(std::string_view uri,
                                                                 Durability durability = Durability::kProcess,
                                                                 std::string_view tracking_uri = {},
                                                                 std::optional<int> max_retries = {});

}  // namespace ivory::tracking
