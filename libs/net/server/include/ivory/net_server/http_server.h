// HttpServer: HTTP/1.1 for many connections on few threads.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include <ivory/net_server/http_message.h>

namespace ivory::net {

// The defaults let designated initializers leave a member out without a warning.
// NOLINTBEGIN(readability-redundant-member-init)
struct ServerOptions {
  std::string host = "127.0.0.1";  // an address, or a name that is resolved
  std::uint16_t port = 0;          // 0: a free one
  std::size_t threads = 8;
  std::size_t max_connections = 1024;  // one more is told 503 and closed
  std::size_t max_header_bytes = 64UL << 10;
  std::uint64_t max_body_bytes = 64ULL << 20;      // of Request::body
  std::uint64_t max_stream_bytes = 1ULL << 40;     // of what goes to a BodySink
  std::chrono::milliseconds idle_timeout{75'000};  // between requests of a connection
  std::chrono::milliseconds header_timeout{
      10'000};  // from the first byte of a request to the end of its headers
  std::chrono::milliseconds body_timeout{60'000};  // for a whole Request::body
  std::chrono::milliseconds progress_timeout{
      30'000};  // without a byte of a streamed body, in either direction
  std::chrono::milliseconds shutdown_timeout{10'000};  // for requests in work when the server stops
  std::filesystem::path certificate = {};              // PEM files; both: HTTPS alone is spoken
  std::filesystem::path private_key = {};
};
// NOLINTEND(readability-redundant-member-init)

// Keeps connections open (HTTP/1.1 keep-alive), one coroutine each; handlers run on the worker threads.
//
// Threads: any method from any thread. Errors: kIo if the address cannot be had; kInvalidArgument for
//   certificates that cannot be used.
class HttpServer {
 public:
  // Listens from here on, and answers once start() has been called. The handler must live as long.
  HttpServer(Handler& handler, ServerOptions options);
  // Stops at once.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  void start();
  // Takes no more connections, lets requests in work come to their end (shutdown_timeout), closes all.
  void stop();

  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] std::size_t connections() const noexcept;  // open now

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace ivory::net
