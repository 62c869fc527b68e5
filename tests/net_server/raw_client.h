// A client that says exactly what it is told, broken or not.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace ivory::net {

class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect");
  }
  ~RawClient() { ::close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False if the server has closed.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Waits for more; false at the end, or after `limit` without any.
  bool receive(std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    pollfd entry{socket_, POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(limit.count())) <= 0) return false;
    char piece[65536];
    const auto count = ::recv(socket_, piece, sizeof piece, 0);
    if (count <= 0) return false;
    received_.append(piece, static_cast<std::size_t>(count));
    return true;
  }

  // The next whole answer (by its Content-Length); what there is if the server closes before.
  std::string answer() {
    std::size_t whole = std::string::npos;
    while ((whole = size_of_answer()) == std::string::npos) {
      if (!receive()) whole = received_.size();
      if (whole != std::string::npos) break;
    }
    std::string text = received_.substr(0, whole);
    received_.erase(0, whole);
    return text;
  }

  // All until the server closes.
  std::string rest() {
    while (receive()) {
    }
    return std::exchange(received_, {});
  }

 private:
  [[nodiscard]] std::size_t size_of_answer() const {
    constexpr std::string_view kLength = "Content-Length: ";
    const auto length = received_.find(kLength);
    const auto end = received_.find("\r\n\r\n", length);
    if (length == std::string::npos || end == std::string::npos) return std::string::npos;
    const std::size_t whole = end + 4 + std::stoul(received_.substr(length + kLength.size()));
    return whole <= received_.size() ? whole : std::string::npos;
  }

  int socket_;
  std::string received_;
};

}  // namespace ivory::net
