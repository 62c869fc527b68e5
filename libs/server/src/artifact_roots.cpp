#include "artifact_roots.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <system_error>

#include <ivory/base/error.h>
#include <ivory/tracking/store_error.h>

#include "uploads.h"

namespace ivory::server {
namespace {

namespace fs = std::filesystem;
using tracking::Refusal;
using tracking::StoreError;

[[noreturn]] void refuse_path() { throw StoreError(Refusal::kInvalidParameterValue, "Invalid path"); }

[[noreturn]] void fail_io(const fs::path& path, std::string_view doing) {
  throw Error(ErrorCode::kIo, "cannot " + std::string(doing) + " '" + path.string() +
                                  "': " + std::error_code(errno, std::generic_category()).message());
}

class File {
 public:
  File(const fs::path& path, int flags) : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
  int descriptor_;
};

class FileSource : public net::BodySource {
 public:
  explicit FileSource(const fs::path& path) : file_(path, O_RDONLY) {}
  // The size of a plain file; empty if it is none, or not there.
  [[nodiscard]] std::optional<std::uint64_t> size() const {
    struct stat info{};
    if (!file_.is_open() || ::fstat(file_.descriptor(), &info) != 0 || !S_ISREG(info.st_mode))
      return std::nullopt;
    return static_cast<std::uint64_t>(info.st_size);
  }
  std::size_t read(std::span<char> into) override {
    const auto count = ::read(file_.descriptor(), into.data(), into.size());
    if (count < 0) fail_io(file_.path(), "read");
    return static_cast<std::size_t>(count);
  }

 private:
  File file_;
};

// Of a folder: its names.
void sync_to_disk(const File& file) {
  if (!file.is_open() || ::fsync(file.descriptor()) != 0) fail_io(file.path(), "sync");
}

class FileSink : public net::BodySink {
 public:
  FileSink(const fs::path& target, std::string_view answer, std::string_view answer_type,
           Durability durability)
      : folder_(target.parent_path()),
        answer_(answer),
        answer_type_(answer_type),
        durability_(durability),
        oldest_folder_(existing_folder(folder_)),
        upload_(target) {}

  void write(std::string_view bytes) override { upload_.write(bytes); }

  net::Response finish() override {
    if (durability_ == Durability::kFull) upload_.sync_to_disk();
    upload_.take_place();
    if (durability_ == Durability::kFull) sync_names();
    net::Response response;
    response.content_type = answer_type_;
    response.body = answer_;
    return response;
  }

 private:
  static fs::path existing_folder(fs::path folder) {
    while (!fs::exists(folder) && folder.has_relative_path()) folder = folder.parent_path();
    return folder;
  }

  // Of the file and of the folders that were made for it.
  void sync_names() const {
    fs::path folder = folder_;
    for (; folder != oldest_folder_ && folder.has_relative_path(); folder = folder.parent_path())
      sync_to_disk(File(folder, O_RDONLY | O_DIRECTORY));
    sync_to_disk(File(folder, O_RDONLY | O_DIRECTORY));
  }

  fs::path folder_;
  std::string answer_, answer_type_;
  Durability durability_;
  fs::path oldest_folder_;  // that was there before
  UploadFile upload_;
};

bool is_inside(const fs::path& path, const fs::path& root) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

// The path in "mlflow-artifacts:/1/x" or "mlflow-artifacts://host:port/1/x", without its leading '/'.
std::string_view path_of_uri(std::string_view uri) {
  std::string_view rest = uri.substr(uri.find(':') + 1);
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    rest.remove_prefix(std::min(rest.size(), rest.find('/')));
  }
  while (rest.starts_with('/')) rest.remove_prefix(1);
  return rest;
}

std::string_view content_type(std::string_view path) {
  struct Known {
    std::string_view ending, type;
  };
  constexpr std::string_view kText = "text/plain";
  constexpr std::array kKnown{Known{"txt", kText},
                              Known{"log", kText},
                              Known{"err", kText},
                              Known{"cfg", kText},
                              Known{"conf", kText},
                              Known{"ini", kText},
                              Known{"toml", kText},
                              Known{"yaml", kText},
                              Known{"yml", kText},
                              Known{"xml", kText},
                              Known{"json", kText},
                              Known{"js", kText},
                              Known{"py", kText},
                              Known{"csv", kText},
                              Known{"tsv", kText},
                              Known{"md", kText},
                              Known{"rst", kText},
                              Known{"MLmodel", kText},
                              Known{"mlproject", kText},
                              Known{"html", "text/html"},
                              Known{"png", "image/png"},
                              Known{"jpg", "image/jpeg"},
                              Known{"jpeg", "image/jpeg"},
                              Known{"gif", "image/gif"},
                              Known{"svg", "image/svg+xml"},
                              Known{"pdf", "application/pdf"}};
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::string_view ending = name.substr(name.rfind('.') + 1);
  const auto* const known = std::ranges::find(kKnown, ending, &Known::ending);
  return known == kKnown.end() ? "application/octet-stream" : known->type;
}

// As the value of a header's parameter: a word as it is, other text in quotes.
std::string header_value(std::string_view text) {
  std::string clean(text);
  std::ranges::replace_if(
      clean, [](unsigned char c) { return c < 0x20 || c > 0x7e || c == '"' || c == '\\'; }, '_');
  constexpr std::string_view kInWords = "!#$%&'*+-.^_`|~";
  const bool is_word = std::ranges::all_of(clean, [&](unsigned char c) {
    return std::isalnum(c) != 0 || kInWords.find(static_cast<char>(c)) != std::string_view::npos;
  });
  return is_word && !clean.empty() ? clean : '"' + clean + '"';
}

// What is served lies on this machine.
fs::path place_in(const tracking::ArtifactStore& store, std::string_view path) {
  auto place = store.local_path(path);
  if (!place) throw Error(ErrorCode::kInternal, "artifacts are served from folders alone");
  return *std::move(place);
}

}  // namespace

std::string safe_path(std::string_view path) {
  std::string decoded(path);
  while (decoded.find('%') != std::string::npos) {
    auto further = net::percent_decoded(decoded);
    if (!further || *further == decoded) break;
    decoded = *std::move(further);
  }
  const bool odd = std::ranges::any_of(
      decoded, [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '#' || c == '\\'; });
  const fs::path parsed(decoded);
  const bool has_drive =
      decoded.size() > 1 && decoded[1] == ':' && std::isalpha(static_cast<unsigned char>(decoded[0])) != 0;
  if (odd || has_drive || parsed.is_absolute() || decoded.starts_with("file:") ||
      std::ranges::find(parsed, "..") != parsed.end())
    refuse_path();
  constexpr std::size_t kLongest = 3000, kLongestName = 255;  // what Linux takes, with room for the root
  const bool has_long_name =
      std::ranges::any_of(parsed, [](const fs::path& name) { return name.native().size() > kLongestName; });
  if (has_long_name || decoded.size() > kLongest)
    throw StoreError(Refusal::kInvalidParameterValue,
                     "Invalid path: a name may have 255 bytes, and the whole 3000");
  return decoded;
}

ArtifactRoots::ArtifactRoots(fs::path destination, std::vector<fs::path> local, Durability durability)
    : destination_(std::move(destination)),
      local_(std::move(local)),
      durability_(durability),
      all_(tracking::open_artifact_store(destination_.string())) {}

std::optional<std::string> ArtifactRoots::proxied_path(std::string_view uri) {
  if (uri.starts_with("mlflow-artifacts:")) return safe_path(path_of_uri(uri));
  constexpr std::string_view kRoute = "/api/2.0/mlflow-artifacts/artifacts/";
  const auto route = uri.find(kRoute);
  if (route == std::string_view::npos || !(uri.starts_with("http://") || uri.starts_with("https://")))
    return std::nullopt;
  return safe_path(uri.substr(route + kRoute.size()));
}

std::unique_ptr<tracking::ArtifactStore> ArtifactRoots::open(std::string_view uri) const {
  if (const auto path = proxied_path(uri))
    return tracking::open_artifact_store((destination_ / *path).string());
  constexpr std::string_view kFile = "file:";
  const std::string text = uri.starts_with(kFile) ? "/" + std::string(path_of_uri(uri)) : std::string(uri);
  if (!text.starts_with('/'))
    throw StoreError(Refusal::kInvalidParameterValue,
                     "The artifacts at '" + std::string(uri) +
                         "' lie where this server cannot read them; ask their store.");
  const fs::path folder = fs::weakly_canonical(text);
  const auto serves = [&](const fs::path& root) { return is_inside(folder, fs::weakly_canonical(root)); };
  if (!serves(destination_) && std::ranges::none_of(local_, serves))
    throw StoreError(Refusal::kPermissionDenied, "The artifacts at '" + std::string(uri) +
                                                     "' lie outside the folders that this server serves.");
  return tracking::open_artifact_store(folder.string());
}

net::Response file_answer(const tracking::ArtifactStore& store, std::string_view path,
                          std::string_view shown_path) {
  auto source = std::make_unique<FileSource>(place_in(store, path));
  const auto size = source->size();
  if (!size)
    throw StoreError(Refusal::kResourceDoesNotExist, "No such artifact: '" + std::string(shown_path) + "'");
  net::Response response;
  response.content_type = content_type(path);
  response.headers.emplace_back("Content-Disposition",
                                "attachment; filename=" + header_value(path.substr(path.rfind('/') + 1)));
  response.source = std::move(source);
  response.source_size = size;
  return response;
}

std::unique_ptr<net::BodySink> file_sink(const tracking::ArtifactStore& store, std::string_view path,
                                         std::string_view answer, std::string_view answer_type,
                                         Durability durability) {
  const fs::path target = place_in(store, path);
  if (path.ends_with('/') || target == place_in(store, {}) || fs::is_directory(target)) refuse_path();
  return std::make_unique<FileSink>(target, answer, answer_type, durability);
}

}  // namespace ivory::server
