#include "file_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <ivory/base/error.h>
#include <ivory/yaml/yaml.h>

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMetaFile = "meta.yaml";
constexpr std::string_view kLockFile = ".ivory.lock";

[[noreturn]] void fail(std::string_view what, const fs::path& path, int reason) {
  throw Error(ErrorCode::kIo, "cannot " + std::string(what) + " '" + path.string() +
                                  "': " + std::generic_category().message(reason));
}

bool is_hidden(const fs::path& path) { return path.filename().string().front() == '.'; }

// Those of fs::directory_iterator, or none where there is no folder.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    entries.push_back(entry->path());
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
    fail("list", folder, error.value());
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// What a writer of ours that was killed left aside begins with a dot; names of tags may, too, but not so.
bool is_aside(const fs::path& path) { return path.filename().string().starts_with(".ivory-"); }

void add_keys(const fs::path& folder, const std::string& start, std::vector<std::string>& keys) {
  for (const fs::path& path : entries_of(folder)) {
    const std::string name = start + path.filename().string();
    if (is_aside(path)) continue;
    if (is_folder(path)) {
      add_keys(path, name + "/", keys);
    } else {
      keys.push_back(name);
    }
  }
}

// Empty if the file went away meanwhile, or is a folder.
std::optional<std::string> find_text(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  try {
    return read_file(path);
  } catch (const Error& failure) {
    if (failure.code() == ErrorCode::kNotFound) return std::nullopt;
    throw;
  }
}

[[noreturn]] void refuse_room(std::string_view key, std::string_view other) {
  throw Error(ErrorCode::kConflict, "'" + std::string(key) + "' and '" + std::string(other) +
                                        "' cannot both be names in a store of folders: one would be a "
                                        "file and a folder");
}

// "a" and "a/b" of "a/b/c".
std::vector<std::string_view> folders_of(std::string_view key) {
  std::vector<std::string_view> folders;
  for (auto slash = key.find('/'); slash != std::string_view::npos; slash = key.find('/', slash + 1))
    folders.push_back(key.substr(0, slash));
  return folders;
}

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (number_ < 0) fail("open", path, errno);
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

// Where the last whole line ends, and so the file's size if nothing is torn.
off_t end_of_lines(const Descriptor& file, const fs::path& path) {
  struct stat status{};
  if (fstat(file.number(), &status) != 0) fail("look at", path, errno);
  off_t end = status.st_size;
  for (char last = '\0'; end > 0; --end) {
    if (pread(file.number(), &last, 1, end - 1) != 1) fail("read", path, errno);
    if (last == '\n') break;
  }
  return end;
}

// Appended in one write, beside whoever else appends; what did not go in whole is taken away again.
void append_text(const Descriptor& file, const fs::path& path, std::string_view text, off_t end) {
  ssize_t count = 0;
  do {
    count = ::write(file.number(), text.data(), text.size());
  } while (count < 0 && errno == EINTR);
  if (count == static_cast<ssize_t>(text.size())) return;
  const int reason = count < 0 ? errno : ENOSPC;
  if (ftruncate(file.number(), end) != 0) fail("take back what was written to", path, errno);
  fail("write", path, reason);
}

}  // namespace

FileTree::FileTree(fs::path root, Durability durability, bool is_read_only)
    : root_(std::move(root)), durability_(durability), is_read_only_(is_read_only) {}

FileLock FileTree::lock() const {
  if (is_read_only_) {
    throw Error(ErrorCode::kUnsupported, "the store in '" + root_.string() + "' is opened for reading only");
  }
  make_folder(root_);
  return FileLock(root_ / kLockFile);
}

std::optional<Params> FileTree::find_meta(const fs::path& folder) {
  const fs::path path = folder / kMetaFile;
  const auto text = find_text(path);
  if (!text) return std::nullopt;
  Params meta = parse_yaml(*text, path.string());
  if (meta.is_map()) return meta;
  throw Error(ErrorCode::kInvalidArgument,
              path.string() + ": expected a map, found " + std::string(Params::kind_name(meta.kind())));
}

void FileTree::write_meta(const fs::path& folder, const Params& meta) const {
  write_file(folder / kMetaFile, to_yaml(meta), durability_);
}

std::vector<std::string> FileTree::folders(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::path& path : entries_of(folder)) {
    if (!is_hidden(path) && is_folder(path)) names.push_back(path.filename().string());
  }
  return names;
}

void FileTree::make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail("make the folder", folder, error.value());
}

std::vector<std::string> FileTree::keys(const fs::path& folder) {
  std::vector<std::string> keys;
  add_keys(folder, "", keys);
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<KeyValue> FileTree::values(const fs::path& folder) {
  std::vector<KeyValue> values;
  for (const std::string& key : keys(folder)) {
    if (auto text = find_text(folder / key)) values.push_back({key, *std::move(text)});
  }
  return values;
}

std::optional<std::string> FileTree::find_value(const fs::path& folder, std::string_view key) {
  return find_text(folder / key);
}

void FileTree::check_room(const fs::path& folder, const std::set<std::string_view>& keys) {
  for (const std::string_view key : keys) {
    if (is_folder(folder / key)) refuse_room(key, std::string(key) + "/…");
    for (const std::string_view above : folders_of(key)) {
      std::error_code ignored;
      if (keys.contains(above) || fs::is_regular_file(folder / above, ignored)) refuse_room(above, key);
    }
  }
}

void FileTree::write_value(const fs::path& folder, const KeyValue& value) const {
  write_file(folder / value.key, value.value, durability_);
}

bool FileTree::remove_value(const fs::path& folder, std::string_view key) {
  const fs::path path = folder / key;
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  if (!fs::remove(path, error) || error) fail("remove", path, error.value());
  return true;
}

std::vector<ModelMetric> FileTree::points(const fs::path& folder, const std::string& key, MetricLines kind) {
  const fs::path path = folder / key;
  const auto text = find_text(path);
  if (!text) return {};
  auto points = parse_metric_lines(*text, kind, path.string());
  for (ModelMetric& point : points) point.metric.key = key;
  return points;
}

void FileTree::append(const fs::path& folder, std::string_view key, std::string_view lines) const {
  const fs::path path = folder / key;
  make_folder(path.parent_path());
  const Descriptor file(path, O_RDWR | O_CREAT | O_APPEND);
  const off_t end = end_of_lines(file, path);
  if (ftruncate(file.number(), end) != 0) fail("write", path, errno);
  append_text(file, path, lines, end);
  if (durability_ == Durability::kFull && fsync(file.number()) != 0) fail("write", path, errno);
}

std::string text_field(const Params& meta, std::string_view key) {
  const Params* const field = meta.find(key);
  if (field == nullptr || field->is_null()) return {};
  if (field->is_string()) return field->as_string();
  if (field->is_scalar()) return field->to_text();
  throw Error(ErrorCode::kInvalidArgument,
              at_place(*field, std::string(key) + ": expected a text, found " +
                                   std::string(Params::kind_name(field->kind()))));
}

std::optional<std::int64_t> find_integer_field(const Params& meta, std::string_view key) {
  const Params* const field = meta.find(key);
  if (field == nullptr || field->is_null()) return std::nullopt;
  return field->as_int();
}

Params text_or_null(std::string_view text) { return text.empty() ? Params() : Params(text); }

}  // namespace ivory::tracking
