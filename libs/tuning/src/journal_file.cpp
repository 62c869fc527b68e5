#include "journal_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>
#include <utility>

#include <ivory/base/error.h>

namespace ivory::tuning::journal {
namespace {
namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

[[noreturn]] void fail_io(const fs::path& path, const std::string& doing) {
  throw Error(ErrorCode::kIo, "cannot " + doing + " " + path.string() + ": " +
                                  std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
}

// Closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// Optuna's lock: whoever can make the symbolic link has it.
class LinkLock {
 public:
  // `owner`: a word that no other who may hold the lock has.
  LinkLock(const fs::path& file, std::string_view owner, milliseconds grace)
      : link_(file.string() + ".lock"), aside_(link_ + std::string(owner) + ".rename") {
    constexpr milliseconds kLongestPause{20};
    milliseconds pause{1};
    auto unchanged_since = steady_clock::now();
    timespec seen{};
    while (::symlink(file.c_str(), link_.c_str()) != 0) {
      if (errno != EEXIST) fail_io(link_, "make the lock");
      std::this_thread::sleep_for(pause);
      pause = std::min(2 * pause, kLongestPause);
      const timespec now = changed();
      if (now.tv_sec != seen.tv_sec || now.tv_nsec != seen.tv_nsec) {
        seen = now;
        unchanged_since = steady_clock::now();
      } else if (steady_clock::now() - unchanged_since >= grace) {
        take_away();
        unchanged_since = steady_clock::now();
      }
    }
  }
  ~LinkLock() { ::unlink(link_.c_str()); }
  LinkLock(const LinkLock&) = delete;
  LinkLock& operator=(const LinkLock&) = delete;

 private:
  // The link's own time: each holder makes it anew.
  [[nodiscard]] timespec changed() const {
    struct stat info{};
    return ::lstat(link_.c_str(), &info) == 0 ? info.st_mtim : timespec{};
  }
  // Renamed first: of two that take over one stale lock only one succeeds.
  void take_away() const noexcept {
    if (::rename(link_.c_str(), aside_.c_str()) == 0) ::unlink(aside_.c_str());
  }
  std::string link_, aside_;
};

// Whether the file system is one whose appends are atomic and whose sizes are never stale.
bool lies_on_this_machine(const fs::path& file) {
  constexpr std::array<std::uint32_t, 6> kLocal{0xEF53,       // ext2, ext3, ext4
                                                0x58465342,   // XFS
                                                0x9123683E,   // Btrfs
                                                0x01021994,   // tmpfs
                                                0x794C7630,   // overlay
                                                0x2FC12FC1};  // ZFS
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  struct statfs info{};
  return ::statfs(folder.c_str(), &info) == 0 &&
         std::ranges::find(kLocal, static_cast<std::uint32_t>(info.f_type)) != kLocal.end();
}

}  // namespace

std::string random_word() {
  std::random_device device;
  std::string word;
  for (int i = 0; i < 32; ++i) word += "0123456789abcdef"[device() & 15U];
  return word;
}

JournalFile::JournalFile(fs::path path, const JournalOptions& options)
    : path_(std::move(path)), options_(options), is_local_(lies_on_this_machine(path_)) {}

bool JournalFile::append(const std::string& line, bool is_end, const LineReader& apply,
                         const std::function<bool()>& still) {
  if (is_local_ && !still && append_now(line, is_end, apply, still, Tail::kWhole)) return true;
  const LinkLock lock(path_, owner_, options_.lock_grace);
  return append_now(line, is_end, apply, still, Tail::kAny);
}

void JournalFile::read_new(const LineReader& apply) {
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() >= 0) {
    read_lines(file.get(), apply);
  } else if (errno != ENOENT) {
    fail_io(path_, "open");
  }
}

bool JournalFile::append_now(const std::string& line, bool is_end, const LineReader& apply,
                             const std::function<bool()>& still, Tail tail) {
  bool is_next = false;
  {
    const Descriptor file(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (file.get() < 0) fail_io(path_, "open");
    if (is_local_) lock_against_repair(file.get());
    const off_t size = read_lines(file.get(), apply);
    if (still && !still()) return false;
    if (size != offset_) {
      if (tail == Tail::kWhole) return false;
      if (::ftruncate(file.get(), offset_) != 0) fail_io(path_, "repair");
    }
    write_line(file.get(), line, is_end);
    // Optuna may have written meanwhile.
    is_next = ::lseek(file.get(), 0, SEEK_CUR) == offset_ + static_cast<off_t>(line.size());
  }
  if (is_next) {
    pass_line(std::string_view(line).substr(0, line.size() - 1), apply);
  } else {
    read_new(apply);
  }
  return true;
}

// Until the descriptor is closed.
void JournalFile::lock_against_repair(int file) const {
  while (::flock(file, LOCK_EX) != 0) {
    if (errno != EINTR) fail_io(path_, "lock");
  }
}

// The whole lines after those that have been read; returns the size of the file.
off_t JournalFile::read_lines(int file, const LineReader& apply) {
  const off_t size = size_of(file);
  if (size == offset_) return size;
  if (size < offset_) throw Error(ErrorCode::kIo, path_.string() + " has become shorter while it was in use");
  std::string text(static_cast<std::size_t>(size - offset_), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const auto got =
        ::pread(file, text.data() + have, text.size() - have, offset_ + static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_io(path_, "read");
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  std::string_view rest(text.data(), have);
  for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    pass_line(line, apply);
  }
  return size;
}

void JournalFile::pass_line(std::string_view line, const LineReader& apply) {
  offset_ += static_cast<off_t>(line.size() + 1);
  ++line_;
  apply(line);
}

void JournalFile::write_line(int file, std::string_view line, bool is_end) const {
  while (!line.empty()) {
    const auto written = ::write(file, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_io(path_, "write to");
    line.remove_prefix(static_cast<std::size_t>(written));
  }
  if (is_end && options_.durability == Durability::kFull && ::fdatasync(file) != 0)
    fail_io(path_, "write to");
}

off_t JournalFile::size_of(int file) const {
  struct stat info{};
  if (::fstat(file, &info) != 0) fail_io(path_, "look at");
  return info.st_size;
}

}  // namespace ivory::tuning::journal
