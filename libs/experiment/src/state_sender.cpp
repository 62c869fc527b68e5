#include "state_sender.h"

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

#include <ivory/base/files.h>
#include <ivory/base/log.h>

namespace ivory {
namespace {

namespace fs = std::filesystem;

constexpr int kPausesPerSend = 4;

void link_state(const fs::path& state, const fs::path& aside, const fs::path& spare) {
  if (!fs::is_directory(state)) return;
  FolderReplacer links(aside, spare);
  links.link_files(state);
  links.commit();
}

}  // namespace

StateSender::StateSender(tracking::ArtifactStore& artifacts, RunFolder folder, std::string run_name,
                         std::chrono::milliseconds pause)
    : folder_(std::move(folder)),
      run_name_(std::move(run_name)),
      pause_(pause),
      upload_(artifacts),
      thread_([this] { work(); }) {}

StateSender::~StateSender() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  std::error_code ignored;  // a folder of links; the next sender replaces it
  fs::remove_all(folder_.path() / "sending", ignored);
}

void StateSender::offer() {
  const std::scoped_lock lock(mutex_);
  has_more_ = true;
  changed_.notify_all();
}

bool StateSender::goes_on() {
  const std::scoped_lock lock(mutex_);
  return !stopping_;
}

// False when there will be no more.
bool StateSender::wait_for_more(Clock::time_point earliest) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, earliest, [this] { return stopping_; });
  changed_.wait(lock, [this] { return stopping_ || has_more_; });
  has_more_ = false;
  return !stopping_;
}

void StateSender::work() {
  Clock::time_point earliest = Clock::now();
  while (wait_for_more(earliest)) {
    const auto begun = Clock::now();
    send();
    const auto ended = Clock::now();
    earliest = ended + std::max<Clock::duration>(pause_, (ended - begun) * kPausesPerSend);
  }
}

void StateSender::link_aside() {
  const auto lock = hold();
  for (const char* const state : {"current", "best"})
    link_state(folder_.artifacts() / state, folder_.path() / "sending" / state,
               folder_.path() / ".ivory-sending.tmp");
}

void StateSender::send() try {
  link_aside();
  upload_.send(folder_.path() / "sending", [this] { return goes_on(); });
  failed_ = false;
} catch (const std::exception& error) {
  if (std::exchange(failed_, true)) return;
  log_warning(run_name_ + ": its states are not on the server: " + error.what() + "; they stay in " +
              folder_.artifacts().string());
}

}  // namespace ivory
