#include "uploads.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include <ivory/base/asides.h>
#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/tracking/store_error.h>

namespace ivory::server {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// An upload in work grows: a client that sends nothing for half a minute is given up.
constexpr milliseconds kAbandonedAfter = std::chrono::minutes(5);

[[noreturn]] void fail_io(const fs::path& path, std::string_view doing) {
  throw Error(ErrorCode::kIo, "cannot " + std::string(doing) + " '" + path.string() +
                                  "': " + std::error_code(errno, std::generic_category()).message());
}

fs::path place_aside(const fs::path& target) {
  std::error_code why;
  fs::create_directories(target.parent_path(), why);
  if (why == std::errc::not_a_directory)  // a file stands on the way
    throw tracking::StoreError(tracking::Refusal::kInvalidParameterValue, "Invalid path");
  if (why)
    throw Error(ErrorCode::kIo,
                "cannot make the folder '" + target.parent_path().string() + "': " + why.message());
  // Server processes in containers share folders and have the same number.
  const std::string unique = aside_path(target).stem().string();
  return target.parent_path() / (std::string(kUploadPrefix) + unique.substr(unique.find('-') + 1));
}

int open_held(const fs::path& path) {
  constexpr int kMode = 0644;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode);
  if (descriptor < 0) fail_io(path, "write");
  // Where the file system has no locks, nobody removes what he cannot lock.
  (void)::flock(descriptor, LOCK_EX);
  return descriptor;
}

// Held by nobody, and not written to for `age`.
bool is_abandoned(int descriptor, milliseconds age) {
  struct stat info{};
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 || ::fstat(descriptor, &info) != 0) return false;
  const auto written = std::chrono::system_clock::from_time_t(info.st_mtim.tv_sec);
  return S_ISREG(info.st_mode) && std::chrono::system_clock::now() - written >= age;
}

void remove_if_abandoned(const fs::path& path, milliseconds age) {
  // A pipe of that name would block.
  const int descriptor = ::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return;
  if (is_abandoned(descriptor, age) && ::unlink(path.c_str()) == 0)
    log_info("removed '" + path.string() + "', which a server that was killed had left");
  ::close(descriptor);
}

// Whatever cannot be read is passed over.
void visit_folder(const fs::path& folder, milliseconds age, std::vector<fs::path>& subfolders) {
  std::error_code why;
  for (fs::directory_iterator entry(folder, why), end; !why && entry != end; entry.increment(why)) {
    std::error_code vanished;
    if (entry->symlink_status(vanished).type() == fs::file_type::directory) {
      subfolders.push_back(entry->path());
    } else if (entry->path().filename().string().starts_with(kUploadPrefix)) {
      remove_if_abandoned(entry->path(), age);
    }
  }
}

void sweep(const std::stop_token& stop, const std::vector<fs::path>& roots, milliseconds wait) try {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any stopped;
  stopped.wait_for(lock, stop, wait, [] { return false; });
  for (const fs::path& root : roots) remove_abandoned_uploads(root, kAbandonedAfter, stop);
} catch (const std::exception& error) {  // out of memory
  log_warning(std::string("what was left of uploads was not removed: ") + error.what());
}

}  // namespace

UploadFile::UploadFile(fs::path target)
    : target_(std::move(target)), aside_(place_aside(target_)), descriptor_(open_held(aside_)) {}

UploadFile::~UploadFile() {
  if (!placed_) ::unlink(aside_.c_str());
  ::close(descriptor_);
}

void UploadFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) fail_io(target_, "write");
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void UploadFile::sync_to_disk() const {
  if (::fsync(descriptor_) != 0) fail_io(target_, "sync");
}

void UploadFile::take_place() {
  if (::rename(aside_.c_str(), target_.c_str()) != 0) fail_io(target_, "put in place");
  placed_ = true;
}

void remove_abandoned_uploads(const fs::path& root, milliseconds age, const std::stop_token& stop) {
  std::vector<fs::path> folders{root};
  while (!folders.empty() && !stop.stop_requested()) {
    const fs::path folder = std::move(folders.back());
    folders.pop_back();
    visit_folder(folder, age, folders);
  }
}

UploadSweeper::UploadSweeper(std::vector<fs::path> roots, milliseconds wait)
    : thread_([roots = std::move(roots), wait](const std::stop_token& stop) { sweep(stop, roots, wait); }) {}

}  // namespace ivory::server
