#include <ivory/base/files.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include <ivory/base/asides.h>
#include <ivory/base/error.h>

namespace ivory {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* what, const fs::path& path, int error) {
  throw Error(ErrorCode::kIo, std::string("cannot ") + what + " '" + path.string() +
                                  "': " + std::generic_category().message(error));
}

// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : value_(open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  explicit Descriptor(int value) noexcept : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return value_ >= 0; }
  [[nodiscard]] int get() const noexcept { return value_; }
  // Leaves it to the caller.
  [[nodiscard]] int release() noexcept { return std::exchange(value_, -1); }
  // Some file systems tell of a failed write only here. The error, or 0.
  [[nodiscard]] int close() noexcept { return ::close(std::exchange(value_, -1)) == 0 ? 0 : errno; }

 private:
  int value_;
};

template <class Call>
auto retry(const Call& call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

void sync_path(const fs::path& path, int flags) {
  const Descriptor descriptor(path, O_RDONLY | flags);
  if (!descriptor.is_open()) fail("open", path, errno);
  if (retry([&] { return fsync(descriptor.get()); }) != 0) fail("sync", path, errno);
}

void sync_folder(const fs::path& folder) { sync_path(folder, O_DIRECTORY); }

void sync_tree(const fs::path& folder) try {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_symlink()) continue;
    if (entry.is_directory()) {
      sync_folder(entry.path());
    } else if (entry.is_regular_file()) {
      sync_path(entry.path(), 0);
    }
  }
  sync_folder(folder);
} catch (const fs::filesystem_error& error) {
  fail("sync", folder, error.code().value());
}

// Makes `folder` and its parents; with kFull, their entries outlive a power cut.
void make_folders(const fs::path& folder, Durability durability) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return;
  if (const auto parent = folder_of(folder); parent != folder && folder != ".")
    make_folders(parent, durability);
  if (mkdir(folder.c_str(), 0777) == 0) {
    if (durability == Durability::kFull) sync_folder(folder_of(folder));
    return;
  }
  const int reason = errno;
  if (!fs::is_directory(folder, error)) fail("make the folder", folder, reason);
}

constexpr std::string_view kAsidePrefix = ".ivory-", kAsideSuffix = ".tmp";

}  // namespace

// The process ID tells a forked child from its parent, the random part one machine or container from another.
fs::path aside_path(const fs::path& target) {
  static const unsigned kOrigin = std::random_device()();
  static std::atomic<unsigned> count{0};
  std::string name(kAsidePrefix);
  name += std::to_string(kOrigin) + "-" + std::to_string(getpid()) + "-" + std::to_string(count++);
  return folder_of(target) / (name += kAsideSuffix);
}

bool is_aside(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with(kAsidePrefix) && name.ends_with(kAsideSuffix);
}

namespace {

void write_all(int descriptor, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const auto written = retry([&] { return ::write(descriptor, bytes.data(), bytes.size()); });
    if (written < 0) fail("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Removes a file unless told that it is gone.
class FileRemover {
 public:
  explicit FileRemover(const fs::path& path) : path_(path) {}
  ~FileRemover() {
    if (armed_) unlink(path_.c_str());
  }
  FileRemover(const FileRemover&) = delete;
  FileRemover& operator=(const FileRemover&) = delete;
  void release() noexcept { armed_ = false; }

 private:
  const fs::path& path_;
  bool armed_ = true;
};

void keep_permissions(int descriptor, const fs::path& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return;
  if (fchmod(descriptor, status.st_mode & 07777U) != 0) fail("set the permissions of", path, errno);
}

void write_aside(const fs::path& aside, const fs::path& path, std::string_view bytes, Durability durability) {
  Descriptor descriptor(aside, O_WRONLY | O_CREAT | O_EXCL);
  if (!descriptor.is_open()) fail("write", path, errno);
  FileRemover remover(aside);
  write_all(descriptor.get(), bytes, path);
  keep_permissions(descriptor.get(), path);
  if (durability == Durability::kFull && retry([&] { return fsync(descriptor.get()); }) != 0) {
    fail("sync", path, errno);
  }
  if (const int error = descriptor.close(); error != 0) fail("write", path, error);
  if (rename(aside.c_str(), path.c_str()) != 0) fail("write", path, errno);
  remover.release();
}

fs::path follow_link(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path;
  auto target = fs::weakly_canonical(path, error);
  return error ? path : target;
}

// For destructors, and for what is only in the way: what cannot be removed stays.
void try_remove_all(const fs::path& path) noexcept {
  std::error_code error;
  fs::remove_all(path, error);
}

enum class Exchange { kDone, kNoTarget, kImpossible };

Exchange exchange(const fs::path& aside, const fs::path& target) {
  if (renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0)
    return Exchange::kDone;
  if (errno == ENOENT) return Exchange::kNoTarget;
  if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP) return Exchange::kImpossible;
  fail("replace", target, errno);
}

// Without the exchange: moves the old one away, and back if the new one cannot come. Gives where the old one
// is.
fs::path replace_in_two_steps(const fs::path& aside, const fs::path& target) {
  auto old = aside_path(target);
  if (rename(target.c_str(), old.c_str()) != 0) fail("replace", target, errno);
  if (rename(aside.c_str(), target.c_str()) == 0) return old;
  const int error = errno;
  if (rename(old.c_str(), target.c_str()) != 0) fail("put back", target, errno);
  fail("replace", target, error);
}

template <class Visit>
void visit_pieces(const fs::path& path, const Visit& visit) {
  const Descriptor descriptor(path, O_RDONLY);
  if (!descriptor.is_open() && (errno == ENOENT || errno == ENOTDIR)) {
    throw Error(ErrorCode::kNotFound, "no such file: '" + path.string() + "'");
  }
  if (!descriptor.is_open()) fail("open", path, errno);
  std::array<char, 1U << 16U> buffer;  // NOLINT(*-member-init): read() fills it
  for (;;) {
    const auto count = retry([&] { return ::read(descriptor.get(), buffer.data(), buffer.size()); });
    if (count < 0) fail("read", path, errno);
    if (count == 0) return;
    visit(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
  }
}

}  // namespace

std::string read_file(const fs::path& path) {
  std::string bytes;
  visit_pieces(path, [&](std::string_view piece) { bytes += piece; });
  return bytes;
}

void write_file(const fs::path& path, std::string_view bytes, Durability durability) {
  const auto target = follow_link(path);
  make_folders(folder_of(target), durability);
  write_aside(aside_path(target), target, bytes, durability);
  if (durability == Durability::kFull) sync_folder(folder_of(target));
}

FolderWriter::FolderWriter(fs::path target, Durability durability)
    : target_(std::move(target)), durability_(durability) {
  if (!target_.has_filename()) target_ = target_.parent_path();  // "folder/"
  aside_ = aside_path(target_);
  make_folders(folder_of(target_), durability_);
  if (mkdir(aside_.c_str(), 0777) != 0) fail("make the folder", target_, errno);
}

FolderWriter::~FolderWriter() {
  if (!committed_) try_remove_all(aside_);
}

void FolderWriter::write(const std::string& name, std::string_view bytes) {
  const auto path = aside_ / name;
  Descriptor descriptor(path, O_WRONLY | O_CREAT | O_EXCL);
  if (!descriptor.is_open()) fail("write", target_ / name, errno);
  write_all(descriptor.get(), bytes, target_ / name);
  if (const int error = descriptor.close(); error != 0) fail("write", target_ / name, error);
}

void FolderWriter::commit() {
  assert(!committed_ && "a folder is committed once");
  if (durability_ == Durability::kFull) sync_tree(aside_);
  auto old = aside_;
  switch (exchange(aside_, target_)) {
    case Exchange::kDone:
      break;
    case Exchange::kNoTarget:
      if (rename(aside_.c_str(), target_.c_str()) != 0) fail("make", target_, errno);
      break;
    case Exchange::kImpossible:
      if (rename(aside_.c_str(), target_.c_str()) != 0) old = replace_in_two_steps(aside_, target_);
      break;
  }
  committed_ = true;
  if (durability_ == Durability::kFull) sync_folder(folder_of(target_));
  std::error_code error;
  fs::remove_all(old, error);
  if (error) fail("remove what it replaced,", old, error.value());
}

FolderReplacer::FolderReplacer(fs::path target, fs::path spare, Durability durability)
    : target_(std::move(target)), spare_(std::move(spare)), durability_(durability) {}

FolderReplacer::~FolderReplacer() { try_remove_all(spare_); }

void FolderReplacer::prepare() {
  if (!names_.empty()) return;
  make_folders(spare_, durability_);
}

namespace {

void overwrite(const fs::path& path, std::string_view bytes) {
  Descriptor descriptor(path, O_WRONLY | O_CREAT);
  struct stat status{};
  if (!descriptor.is_open() || fstat(descriptor.get(), &status) != 0) fail("write", path, errno);
  write_all(descriptor.get(), bytes, path);
  // Not truncated before: ext4 would write the file to the disk at once.
  const auto size = static_cast<off_t>(bytes.size());
  if (status.st_size > size && retry([&] { return ftruncate(descriptor.get(), size); }) != 0)
    fail("write", path, errno);
  if (const int error = descriptor.close(); error != 0) fail("write", path, error);
}

void remove_if_linked(const fs::path& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0 || (S_ISREG(status.st_mode) && status.st_nlink == 1)) return;
  std::error_code error;
  fs::remove_all(path, error);
  if (error) fail("replace", path, error.value());
}

void link_or_copy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::remove_all(to, error);
  if (!error) fs::create_hard_link(from, to, error);
  if (error) fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  if (error) fail("copy", from, error.value());
}

}  // namespace

void FolderReplacer::write(const std::string& name, std::string_view bytes) {
  prepare();
  names_.insert(name);
  remove_if_linked(spare_ / name);
  overwrite(spare_ / name, bytes);
}

void FolderReplacer::link_files(const fs::path& folder) {
  prepare();
  links_ = true;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder, error)) {
    names_.insert(file.path().filename().string());
    link_or_copy(file.path(), spare_ / file.path().filename());
  }
  if (error) fail("read the folder", folder, error.value());
}

// Whatever is in the spare and in `names_` stays.
void FolderReplacer::remove_others() {
  std::vector<fs::path> others;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(spare_, error))
    if (!names_.contains(entry.path().filename().string())) others.push_back(entry.path());
  for (const fs::path& path : others)
    if (!error) fs::remove_all(path, error);
  if (error) fail("clean", spare_, error.value());
}

void FolderReplacer::commit() {
  prepare();
  remove_others();
  if (durability_ == Durability::kFull) sync_tree(spare_);
  make_folders(folder_of(target_), durability_);
  Exchange exchanged = exchange(spare_, target_);
  if (exchanged != Exchange::kDone && rename(spare_.c_str(), target_.c_str()) != 0) {
    if (exchanged == Exchange::kNoTarget) fail("make", target_, errno);
    const auto old = replace_in_two_steps(spare_, target_);
    if (rename(old.c_str(), spare_.c_str()) != 0) fail("replace", target_, errno);
    exchanged = Exchange::kDone;
  }
  if (durability_ == Durability::kFull) {
    sync_folder(folder_of(target_));
    sync_folder(folder_of(spare_));
  }
  names_.clear();
  // Links would keep the files of others from being overwritten.
  if (std::exchange(links_, false) && exchanged == Exchange::kDone) remove_others();
}

namespace {

// `Entries`: of the folder alone, or of all below it.
template <class Entries>
void remove_asides(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return;
  std::vector<fs::path> leftovers;
  for (const auto& entry : Entries(folder, error))
    if (is_aside(entry.path())) leftovers.push_back(entry.path());
  for (const fs::path& path : leftovers) {
    if (!error) fs::remove_all(path, error);
  }
  if (error) fail("clean", folder, error.value());
}

}  // namespace

void remove_leftovers(const fs::path& folder) { remove_asides<fs::directory_iterator>(folder); }

void remove_leftovers_below(const fs::path& folder) {
  remove_asides<fs::recursive_directory_iterator>(folder);
}

namespace {

int open_lock(const fs::path& path) {
  constexpr int kMostTries = 10;  // whoever holds a lock may move its folder away
  for (int tries = 1;; ++tries) {
    make_folders(folder_of(path), Durability::kProcess);
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor >= 0) return descriptor;
    if (errno != ENOENT || tries == kMostTries) fail("open", path, errno);
  }
}

// Who held the lock before may have removed the file: others would then lock another one of its name.
bool is_still(const Descriptor& descriptor, const fs::path& path) {
  struct stat held{}, named{};
  return fstat(descriptor.get(), &held) == 0 && stat(path.c_str(), &named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

// A descriptor that holds the lock; closed if `operation` does not wait and others hold it.
Descriptor take_lock(const fs::path& path, int operation) {
  for (;;) {
    Descriptor descriptor(open_lock(path));
    if (retry([&] { return flock(descriptor.get(), operation); }) != 0) {
      if (errno == EWOULDBLOCK) return Descriptor(-1);
      fail("lock", path, errno);
    }
    if (is_still(descriptor, path)) return descriptor;
  }
}

}  // namespace

FileLock::FileLock(const fs::path& path) : descriptor_(take_lock(path, LOCK_EX).release()) {}

std::unique_ptr<FileLock> FileLock::try_take(const fs::path& path, Mode mode) {
  Descriptor descriptor = take_lock(path, (mode == Mode::kShared ? LOCK_SH : LOCK_EX) | LOCK_NB);
  if (!descriptor.is_open()) return nullptr;
  return std::unique_ptr<FileLock>(new FileLock(descriptor.release()));  // the constructor is private
}

FileLock::~FileLock() { ::close(descriptor_); }

TemporaryFolder::TemporaryFolder() {
  std::error_code error;
  const auto root = fs::temp_directory_path(error);
  if (error) throw Error(ErrorCode::kIo, "no folder for temporary files: " + error.message());
  auto name = (root / "ivory-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) fail("make a folder in", root, errno);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() { try_remove_all(path_); }

namespace {

constexpr std::uint64_t kHashStart = 0xcbf29ce484222325U;

std::uint64_t hash_on(std::uint64_t hash, std::string_view bytes) noexcept {
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

std::string hash_text(std::uint64_t hash) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  return text.data();
}

}  // namespace

std::string content_hash(std::string_view bytes) { return hash_text(hash_on(kHashStart, bytes)); }

std::string content_hash_of_file(const fs::path& path) {
  std::uint64_t hash = kHashStart;
  visit_pieces(path, [&](std::string_view piece) { hash = hash_on(hash, piece); });
  return hash_text(hash);
}

}  // namespace ivory
