#include "channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include <ivory/base/error.h>

namespace ivory {
namespace {

[[noreturn]] void fail(std::string_view what) {
  throw Error(ErrorCode::kIo, std::string(what) + ": " + std::generic_category().message(errno));
}

}  // namespace

Channel::~Channel() {
  if (descriptor_ >= 0) close(descriptor_);
}

Channel::Channel(Channel&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)) {}

Channel& Channel::operator=(Channel&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

bool Channel::send(const Params& message) const {
  const std::string line = message.to_json() + "\n";
  std::string_view left = line;
  while (!left.empty()) {
    const ssize_t sent = ::send(descriptor_, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      left.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return false;
    } else if (errno != EINTR) {
      fail("cannot write to a worker's socket");
    }
  }
  return true;
}

bool Channel::read() {
  std::array<char, 65536> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
  for (;;) {
    const ssize_t got = recv(descriptor_, bytes.data(), bytes.size(), 0);
    if (got > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    if (got >= 0) return got > 0;
    if (errno == ECONNRESET) return false;
    if (errno != EINTR) fail("cannot read from a worker's socket");
  }
}

std::optional<Params> Channel::next() {
  const std::size_t end = buffer_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  Params message = Params::from_json(std::string_view(buffer_).substr(0, end));
  buffer_.erase(0, end + 1);
  return message;
}

std::optional<Params> Channel::receive() {
  for (;;) {
    if (auto message = next()) return message;
    if (!read()) return std::nullopt;
  }
}

}  // namespace ivory
