#include "transfer_files.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
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

bool have_same_bytes(const fs::path& one, const fs::path& other) {
  std::ifstream first(one, std::ios::binary), second(other, std::ios::binary);
  constexpr std::size_t kPiece = 1 << 16;
  std::string a(kPiece, '\0'), b(kPiece, '\0');
  while (first && second) {
    first.read(a.data(), kPiece);
    second.read(b.data(), kPiece);
    const auto count = first.gcount();
    if (count != second.gcount() || !std::equal(a.begin(), a.begin() + count, b.begin())) return false;
  }
  return !first && !second;
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
  const TemporaryFolder folder, compared;
  std::size_t copied = 0;
  for (const auto& [path, size] : files) {
    const fs::path name = fs::path(path).filename();
    const fs::path file = folder.path() / name;
    from.download(path, file);
    const auto present = there.find(path);
    bool is_there = present != there.end() && (size < 0 || present->second == size);
    if (is_there) {
      to.download(path, compared.path() / name);
      is_there = have_same_bytes(file, compared.path() / name);
      fs::remove(compared.path() / name);
    }
    if (!is_there) {
      to.log_artifact(file, fs::path(path).parent_path().generic_string());
      ++copied;
    }
    fs::remove(file);
  }
  return copied;
}

}  // namespace ivory::tracking
