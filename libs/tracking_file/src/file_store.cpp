#include <ivory/tracking_file/file_store.h>

#include <memory>
#include <system_error>

#include <ivory/base/error.h>

#include "file_tracking_store.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

fs::path working_directory(const StoreOptions& options) {
  const fs::path folder = options.working_directory.empty() ? fs::current_path() : options.working_directory;
  return fs::absolute(folder).lexically_normal();
}

// The folder in file:PATH or file://[localhost]/PATH. Nothing in it is percent-decoded.
fs::path root_of(std::string_view uri, const StoreOptions& options) {
  std::string_view path = uri.substr(uri.find(':') + 1);
  if (path.substr(0, 2) == "//") {
    path.remove_prefix(2);
    constexpr std::string_view kHere = "localhost/";
    if (path.substr(0, kHere.size()) == kHere) path.remove_prefix(kHere.size() - 1);
    if (path.empty() || path.front() != '/') path = {};
  }
  if (path.empty() || path.find('\0') != std::string_view::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                "tracking URI '" + std::string(uri) +
                    "' names no folder of this machine; expected file:relative/folder, "
                    "file:/absolute/folder or file:///absolute/folder");
  }
  const fs::path root = (working_directory(options) / path).lexically_normal();
  return root.has_filename() ? root : root.parent_path();
}

bool exists(std::string_view uri, const StoreOptions& options) {
  std::error_code ignored;
  return fs::is_directory(root_of(uri, options), ignored);
}

std::shared_ptr<TrackingStore> open(std::string_view uri, const StoreOptions& options) {
  const fs::path root = root_of(uri, options);
  const bool read_only = options.access == Access::kReadOnly;
  std::error_code ignored;
  if (fs::exists(root, ignored) && !fs::is_directory(root, ignored))
    throw Error(ErrorCode::kInvalidArgument,
                "tracking URI '" + std::string(uri) + "': '" + root.string() + "' is no folder");
  if (read_only && !fs::is_directory(root, ignored))
    throw Error(ErrorCode::kNotFound, "tracking folder '" + root.string() + "' does not exist");
  const std::string artifacts =
      options.artifact_root.empty() ? "file://" + root.string() : options.artifact_root;
  return std::make_shared<FileTrackingStore>(FileTree(root, options.durability, read_only),
                                             working_directory(options), artifacts, read_only);
}

}  // namespace

const StoreScheme& file_store_scheme() noexcept {
  static constexpr StoreScheme kScheme{"file", open, exists};
  return kScheme;
}

}  // namespace ivory::tracking
