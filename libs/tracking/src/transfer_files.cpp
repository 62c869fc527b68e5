#include "transfer_files.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ivory/base/files.h>

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<ArtifactStore> open_in(const TransferEnd& end, const std::string& uri,
                                       const fs::path& inside) {
  if (!end.artifact_root.empty()) return open_artifact_store((end.artifact_root / inside).string());
  return open_artifact_store(uri, Durability::kProcess, end.tracking_uri);
}

// All files, with their sizes.
std::map<std::string, std::int64_t> files_of(const ArtifactStore& artifacts) {
  std::map<std::string, std::int64_t> files;
  std::vector<std::string> folders{""};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    for (ArtifactInfo& info : artifacts.list(folder)) {
      if (info.is_folder) {
        folders.push_back(std::move(info.path));
      } else {
        files[info.path] = info.size_bytes.value_or(-1);
      }
    }
  }
  return files;
}

}  // namespace

std::unique_ptr<ArtifactStore> artifacts_of(const TransferEnd& end, const RunRecord& run) {
  return open_in(end, run.artifact_uri, fs::path(run.experiment_id) / run.run_id / "artifacts");
}

std::unique_ptr<ArtifactStore> artifacts_of(const TransferEnd& end, const LoggedModel& model) {
  return open_in(end, model.artifact_uri,
                 fs::path(model.experiment_id) / "models" / model.model_id / "artifacts");
}

std::size_t copy_files(const ArtifactStore& from, ArtifactStore& to) {
  const std::map<std::string, std::int64_t> files = files_of(from);
  if (files.empty()) return 0;
  const std::map<std::string, std::int64_t> there = files_of(to);
  const TemporaryFolder folder;
  std::size_t copied = 0;
  for (const auto& [path, size] : files) {
    const auto same = there.find(path);
    if (same != there.end() && size >= 0 && same->second == size) continue;
    const fs::path file = folder.path() / fs::path(path).filename();
    from.download(path, file);
    to.log_artifact(file, fs::path(path).parent_path().generic_string());
    fs::remove(file);
    ++copied;
  }
  return copied;
}

}  // namespace ivory::tracking
