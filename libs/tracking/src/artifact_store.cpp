#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <ivory/base/asides.h>
#include <ivory/base/error.h>
#include <ivory/tracking/artifact_store.h>

#include "artifact_path.h"
#include "rest/proxy_artifact_store.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_io(const fs::path& path, std::string_view doing, const std::error_code& why) {
  throw Error(ErrorCode::kIo, "cannot " + std::string(doing) + " '" + path.string() + "': " + why.message());
}

bool is_inside(const fs::path& path, const fs::path& root) {
  const auto [in_root, in_path] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return in_root == root.end();
}

void sync_to_disk(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && fsync(descriptor) == 0;
  const std::error_code why(errno, std::generic_category());
  if (descriptor >= 0) ::close(descriptor);
  if (!synced) fail_io(path, "sync", why);
}

// Copies aside, in the same folder, then renames: a reader sees the old file or the new one.
void copy_whole(const fs::path& from, const fs::path& to, Durability durability) {
  std::error_code why;
  fs::create_directories(to.parent_path(), why);
  if (why) fail_io(to.parent_path(), "make the folder", why);
  const fs::path aside = aside_path(to);
  try {
    fs::copy_file(from, aside, fs::copy_options::overwrite_existing, why);
    if (why) fail_io(to, "copy '" + from.string() + "' to", why);
    if (durability == Durability::kFull) sync_to_disk(aside);
    fs::rename(aside, to, why);
    if (why) fail_io(to, "put in place", why);
    if (durability == Durability::kFull) sync_to_disk(to.parent_path());
  } catch (...) {
    fs::remove(aside, why);
    throw;
  }
}

class LocalArtifactStore final : public ArtifactStore {
 public:
  LocalArtifactStore(fs::path root, Durability durability)
      : root_(std::move(root)), durability_(durability) {}

  void write(std::string_view path, std::string_view bytes) override {
    write_file(resolve_file(path), bytes, durability_);
  }

  void log_artifact(const fs::path& file, std::string_view folder) override {
    if (!fs::is_regular_file(file))
      throw Error(ErrorCode::kNotFound, "no file '" + file.string() + "' to log" +
                                            (fs::is_directory(file) ? ": it is a folder" : ""));
    copy_whole(file, resolve(folder) / file.filename(), durability_);
  }

  void log_artifacts(const fs::path& source, std::string_view folder) override {
    if (!fs::is_directory(source))
      throw Error(ErrorCode::kNotFound, "no folder '" + source.string() + "' to log" +
                                            (fs::is_regular_file(source) ? ": it is a file" : ""));
    const fs::path target = resolve(folder);
    std::error_code why;
    for (fs::recursive_directory_iterator entry(source, why), end; !why && entry != end;
         entry.increment(why)) {
      if (entry->is_regular_file()) {
        copy_whole(entry->path(), target / entry->path().lexically_relative(source), durability_);
      }
    }
    if (why) fail_io(source, "read the folder", why);
  }

  [[nodiscard]] std::vector<ArtifactInfo> list(std::string_view folder) const override {
    const fs::path at = resolve(folder);
    std::vector<ArtifactInfo> found;
    if (!fs::is_directory(at)) return found;
    std::error_code why;
    for (fs::directory_iterator entry(at, why), end; !why && entry != end; entry.increment(why)) {
      if (!is_aside(entry->path())) found.push_back(describe(*entry));  // not whole yet
    }
    if (why) fail_io(at, "list", why);
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return found;
  }

  [[nodiscard]] std::string read(std::string_view path) const override {
    const fs::path file = resolve_file(path);
    if (!fs::is_regular_file(file)) {
      throw Error(ErrorCode::kNotFound,
                  "no artifact '" + std::string(path) + "' in '" + root_.string() + "'");
    }
    return read_file(file);
  }

  void download(std::string_view path, const fs::path& to) const override {
    const fs::path file = resolve_file(path);
    if (!fs::is_regular_file(file)) {
      throw Error(ErrorCode::kNotFound,
                  "no artifact '" + std::string(path) + "' in '" + root_.string() + "'");
    }
    copy_whole(file, to, durability_);
  }

  [[nodiscard]] std::optional<fs::path> local_path(std::string_view path) const override {
    return resolve(path);
  }

  void remove(std::string_view path) override {
    std::error_code why;
    fs::remove_all(resolve(path), why);
    // Below a file there is nothing.
    if (why && why != std::errc::not_a_directory) fail_io(root_ / path, "remove", why);
  }

 private:
  [[nodiscard]] fs::path resolve(std::string_view path) const {
    const fs::path relative = checked_artifact_path(path);
    fs::path full = (root_ / relative).lexically_normal();
    if (!full.has_filename()) full = full.parent_path();
    if (!is_inside(fs::weakly_canonical(full), fs::weakly_canonical(root_))) {
      refuse_artifact_path(path, "leads out of the run's artifacts by a link");
    }
    return full;
  }

  [[nodiscard]] fs::path resolve_file(std::string_view path) const {
    fs::path file = resolve(path);
    if (file == root_) refuse_artifact_path(path, "names no file");
    return file;
  }

  [[nodiscard]] ArtifactInfo describe(const fs::directory_entry& entry) const {
    ArtifactInfo info;
    info.path = entry.path().lexically_relative(root_).generic_string();
    info.is_folder = entry.is_directory();
    std::error_code vanished;
    if (const auto size = entry.file_size(vanished); !info.is_folder && !vanished) {
      info.size_bytes = static_cast<std::int64_t>(size);
    }
    return info;
  }

  fs::path root_;
  Durability durability_;
};

int hex_digit(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto at = kDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped =
        text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
    if (!escaped) {
      decoded += text[i];
      continue;
    }
    decoded += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return decoded;
}

std::unique_ptr<ArtifactStore> open_folder(std::string_view uri, const std::string& path,
                                           Durability durability) {
  const fs::path root = fs::path(path).lexically_normal();
  if (!root.is_absolute() || path.find('\0') != std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                "artifact URI '" + std::string(uri) + "': expected an absolute path, or file:///path");
  }
  return std::make_unique<LocalArtifactStore>(root.has_filename() ? root : root.parent_path(), durability);
}

std::unique_ptr<ArtifactStore> open_path(std::string_view uri, Durability durability, std::string_view,
                                         std::optional<int>) {
  return open_folder(uri, std::string(uri), durability);
}

std::unique_ptr<ArtifactStore> open_file_uri(std::string_view uri, Durability durability, std::string_view,
                                             std::optional<int>) {
  std::string_view path = uri.substr(std::string_view("file:").size());
  for (const std::string_view host : {"//localhost/", "///"}) {
    if (path.substr(0, host.size()) != host) continue;
    path.remove_prefix(host.size() - 1);
    break;
  }
  if (path.substr(0, 2) == "//") path = {};  // another host's file
  return open_folder(uri, percent_decoded(path), durability);
}

std::unique_ptr<ArtifactStore> open_proxied(std::string_view uri, Durability, std::string_view tracking_uri,
                                            std::optional<int> max_retries) {
  return std::make_unique<ProxyArtifactStore>(uri, tracking_uri, max_retries);
}

struct Scheme {
  std::string_view name;  // empty: a bare path
  std::unique_ptr<ArtifactStore> (*open)(std::string_view uri, Durability durability,
                                         std::string_view tracking_uri, std::optional<int> max_retries);
};

// A further kind of store is one more line here.
constexpr std::array kSchemes{
    Scheme{"", open_path},        Scheme{"file", open_file_uri}, Scheme{"mlflow-artifacts", open_proxied},
    Scheme{"http", open_proxied}, Scheme{"https", open_proxied},
};

// The letters before ":/"; empty for a path.
std::string_view scheme_of(std::string_view uri) {
  const auto end = uri.find(":/");
  if (end == std::string_view::npos || end > uri.find('/')) return {};
  return uri.substr(0, end);
}

}  // namespace

std::unique_ptr<ArtifactStore> open_artifact_store(std::string_view uri, Durability durability,
                                                   std::string_view tracking_uri,
                                                   std::optional<int> max_retries) {
  const std::string_view name = scheme_of(uri);
  for (const Scheme& scheme : kSchemes) {
    if (scheme.name == name) return scheme.open(uri, durability, tracking_uri, max_retries);
  }
  throw Error(ErrorCode::kInvalidArgument, "artifact URI '" + std::string(uri) + "': unknown scheme '" +
                                               std::string(name) +
                                               "'; supported: a path, file:///path, mlflow-artifacts:/path, "
                                               "http(s)://…/mlflow-artifacts/artifacts/…");
}

}  // namespace ivory::tracking
