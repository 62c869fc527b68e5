#include "rest/proxy_artifact_store.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include <ivory/base/asides.h>
#include <ivory/base/error.h>
#include <ivory/tracking/store_error.h>

#include "artifact_path.h"
#include "rest/mlflow_environment.h"
#include "rest/rest_client.h"
#include "rest/rest_json.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kInterface = "/api/2.0/mlflow-artifacts/artifacts";
constexpr std::string_view kScheme = "mlflow-artifacts:";

bool is_http(std::string_view uri) { return uri.starts_with("http://") || uri.starts_with("https://"); }

std::string without_slashes(std::string_view text) {
  while (text.starts_with('/')) text.remove_prefix(1);
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

ProxyAddress parse_full(std::string_view uri) {
  const auto at = uri.find(kInterface);
  if (at == std::string_view::npos) {
    throw Error(ErrorCode::kInvalidArgument, "artifact URI '" + std::string(uri) +
                                                 "': expected http(s)://host" + std::string(kInterface) +
                                                 "/path");
  }
  return {.server = std::string(uri.substr(0, at)),
          .root = without_slashes(uri.substr(at + kInterface.size()))};
}

// With '/' and nothing before or after it.
std::string joined(std::string_view folder, std::string_view name) {
  std::string path = without_slashes(folder);
  if (!path.empty() && !name.empty()) path += '/';
  return path += name;
}

// Written beside its place, and put there when it is whole.
class FileAside {
 public:
  explicit FileAside(const fs::path& target) : target_(target), path_(aside_path(target)) {
    std::error_code why;
    if (target.has_parent_path()) fs::create_directories(target.parent_path(), why);
    if (why) fail("make the folder of");
  }
  ~FileAside() {
    std::error_code gone;
    fs::remove(path_, gone);
  }
  FileAside(const FileAside&) = delete;
  FileAside& operator=(const FileAside&) = delete;
  [[nodiscard]] const fs::path& path() const noexcept { return path_; }
  void commit() const {
    std::error_code why;
    fs::rename(path_, target_, why);
    if (why) fail("put in place");
  }

 private:
  [[noreturn]] void fail(std::string_view doing) const {
    throw Error(ErrorCode::kIo, "cannot " + std::string(doing) + " '" + target_.string() + "'");
  }
  fs::path target_, path_;
};

net::HttpOptions http_options(std::optional<int> max_retries) {
  net::HttpOptions options = http_options_from_environment();
  options.max_retries = max_retries.value_or(options.max_retries);
  return options;
}

}  // namespace

ProxyAddress parse_proxy_address(std::string_view uri, std::string_view tracking_uri) {
  if (is_http(uri)) return parse_full(uri);
  std::string server(tracking_uri);
  if (!is_http(server)) {                                             // none, or the server's own store
    const char* const variable = std::getenv("MLFLOW_TRACKING_URI");  // NOLINT(concurrency-mt-unsafe)
    if (variable != nullptr) server = variable;
  }
  if (!is_http(server)) {
    throw Error(ErrorCode::kInvalidArgument,
                "artifact URI '" + std::string(uri) + "' needs a tracking server, and the tracking URI is '" +
                    server + "'; expected http(s)://host, there or in MLFLOW_TRACKING_URI");
  }
  while (server.ends_with('/')) server.pop_back();
  std::string_view path = uri.substr(kScheme.size());
  if (path.starts_with("//") && !path.starts_with("///")) {
    path.remove_prefix(2);
    const auto end = std::min(path.find('/'), path.size());
    server = server.substr(0, server.find("//") + 2) + std::string(path.substr(0, end));
    path.remove_prefix(end);
  }
  return {.server = server, .root = without_slashes(path)};
}

ProxyArtifactStore::ProxyArtifactStore(std::string_view uri, std::string_view tracking_uri,
                                       std::optional<int> max_retries)
    : ProxyArtifactStore(parse_proxy_address(uri, tracking_uri), max_retries) {}

ProxyArtifactStore::ProxyArtifactStore(const ProxyAddress& address, std::optional<int> max_retries)
    : http_(address.server, http_options(max_retries)), root_(address.root) {}

std::string ProxyArtifactStore::path_of(std::string_view path) const {
  const std::string relative = checked_artifact_path(path).lexically_normal().generic_string();
  if (relative.empty() || relative == ".") refuse_artifact_path(path, "names no file");
  return std::string(kInterface) + '/' + net::percent_encoded(joined(root_, relative), true);
}

net::HttpAnswer ProxyArtifactStore::send(const net::HttpRequest& request, std::string_view path) const {
  net::HttpAnswer answer = http_.send(request);
  if (answer.status == 404 && request.method == "GET") {
    throw StoreError(Refusal::kResourceDoesNotExist,
                     "no artifact '" + std::string(path) + "' in '" + root_ + "' of " + http_.base_url());
  }
  check_success(answer, request.method + " " + request.path);
  return answer;
}

void ProxyArtifactStore::write(std::string_view path, std::string_view bytes) {
  static_cast<void>(send({.method = "PUT",
                          .path = path_of(path),
                          .body = std::string(bytes),
                          .content_type = "application/octet-stream"},
                         path));
}

void ProxyArtifactStore::log_artifact(const fs::path& file, std::string_view folder) {
  if (!fs::is_regular_file(file))
    throw Error(ErrorCode::kNotFound, "no file '" + file.string() + "' to log" +
                                          (fs::is_directory(file) ? ": it is a folder" : ""));
  const std::string path = joined(folder, file.filename().string());
  static_cast<void>(send(
      {.method = "PUT", .path = path_of(path), .content_type = "application/octet-stream", .body_file = file},
      path));
}

void ProxyArtifactStore::log_artifacts(const fs::path& source, std::string_view folder) {
  if (!fs::is_directory(source))
    throw Error(ErrorCode::kNotFound, "no folder '" + source.string() + "' to log" +
                                          (fs::is_regular_file(source) ? ": it is a file" : ""));
  std::error_code why;
  for (fs::recursive_directory_iterator entry(source, why), end; !why && entry != end; entry.increment(why)) {
    if (!entry->is_regular_file()) continue;
    const fs::path within = entry->path().lexically_relative(source).parent_path();
    log_artifact(entry->path(), joined(folder, within.generic_string()));
  }
  if (why) throw Error(ErrorCode::kIo, "cannot read the folder '" + source.string() + "': " + why.message());
}

std::vector<ArtifactInfo> ProxyArtifactStore::list(std::string_view folder) const {
  const std::string within = checked_artifact_path(folder).lexically_normal().generic_string();
  const std::string prefix = within == "." ? "" : without_slashes(within);
  const std::string path = std::string(kInterface) + to_text(Query{{"path", joined(root_, prefix)}});
  const net::HttpAnswer answer = http_.send({.path = path});
  check_success(answer, "GET " + std::string(kInterface));
  const Json json = Json::parse(answer.body, nullptr, false);
  if (!json.is_object())
    throw Error(ErrorCode::kIo, "the list of artifacts of " + http_.base_url() + " is no JSON");
  std::vector<ArtifactInfo> found;
  for (const Json& file : list_of(json, "files")) {
    // A name that leads elsewhere would be written elsewhere by who downloads it.
    const std::string name = checked_artifact_path(text_of(file, "path")).lexically_normal().generic_string();
    ArtifactInfo info;
    info.path = joined(prefix, name);
    info.is_folder = file.value("is_dir", false);
    if (!info.is_folder) info.size_bytes = integer_of(file, "file_size");
    found.push_back(std::move(info));
  }
  std::ranges::sort(found, {}, &ArtifactInfo::path);
  return found;
}

std::string ProxyArtifactStore::read(std::string_view path) const {
  return send({.path = path_of(path)}, path).body;
}

void ProxyArtifactStore::download(std::string_view path, const fs::path& to) const {
  const FileAside aside(to);
  static_cast<void>(send({.path = path_of(path), .answer_file = aside.path()}, path));
  aside.commit();
}

std::optional<fs::path> ProxyArtifactStore::local_path(std::string_view) const { return std::nullopt; }

void ProxyArtifactStore::remove(std::string_view path) {
  const bool all = path.empty() && !root_.empty();
  const std::string place =
      all ? std::string(kInterface) + '/' + net::percent_encoded(root_, true) : path_of(path);
  const net::HttpAnswer answer = http_.send({.method = "DELETE", .path = place});
  if (answer.status != 404) check_success(answer, "DELETE " + std::string(kInterface));
}

}  // namespace ivory::tracking
