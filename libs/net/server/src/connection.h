// Connection: the requests of one client, one after the other.
#pragma once
#include <utility>  // Boost 1.74's awaitable.hpp forgets it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <ivory/net_server/http_message.h>
#include <ivory/net_server/http_server.h>

namespace ivory::net {

namespace asio = boost::asio;
namespace beast = boost::beast;

// What the server tells its connections and may ask of them.
class OpenConnection {
 public:
  virtual ~OpenConnection() = default;
  OpenConnection(const OpenConnection&) = delete;
  OpenConnection& operator=(const OpenConnection&) = delete;
  using Clock = std::chrono::steady_clock;

  // From any thread. Closes it now, or, if a request is in work, after its answer; `at_once`: in any case.
  virtual void close(bool at_once) = 0;
  // From any thread. Closes it if what it waits for has not come in time.
  void close_if_late(Clock::time_point now) {
    if (is_late(now)) close_late();
  }

 protected:
  OpenConnection() = default;
  virtual void close_late() = 0;

  // One number that is looked at now and then (HttpServer::Work::sweep): timers would cost more than the
  // request.
  void expires_after(std::chrono::milliseconds limit) {
    deadline_.store((Clock::now() + limit).time_since_epoch().count(), std::memory_order_relaxed);
  }
  void expires_never() { deadline_.store(kNever, std::memory_order_relaxed); }
  [[nodiscard]] bool is_late(Clock::time_point now) const {
    return now.time_since_epoch().count() >= deadline_.load(std::memory_order_relaxed);
  }

 private:
  static constexpr Clock::rep kNever = Clock::duration::max().count();
  std::atomic<Clock::rep> deadline_ = kNever;
};

// Stream: beast::tcp_stream, or one over TLS. All but close() happens in the stream's strand.
template <class Stream>
class Connection : public OpenConnection, public std::enable_shared_from_this<Connection<Stream>> {
 public:
  Connection(Stream stream, Handler& handler, const ServerOptions& options, const std::atomic<bool>& stopping)
      : stream_(std::move(stream)), handler_(handler), options_(options), stopping_(stopping) {}

  [[nodiscard]] auto executor() { return stream_.get_executor(); }
  asio::awaitable<void> run();
  // Says that there is no room, and closes.
  asio::awaitable<void> turn_away();
  void close(bool at_once) override;

 protected:
  void close_late() override;

 private:
  using Parser = beast::http::request_parser<beast::http::buffer_body>;
  using Milliseconds = std::chrono::milliseconds;

  // How a request came to its end.
  enum class End { kNext, kClose, kLinger };

  [[nodiscard]] auto& tcp() { return beast::get_lowest_layer(stream_); }
  static auto into(beast::error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

  asio::awaitable<bool> open_stream();
  asio::awaitable<bool> wait_for_request();
  asio::awaitable<End> serve_request();
  asio::awaitable<End> refuse(int status, std::string_view why);
  asio::awaitable<std::optional<int>> read_body(Parser& parser, std::string& body);
  asio::awaitable<std::optional<int>> pass_body(Parser& parser, const Request& request, BodySink& sink,
                                                std::optional<Response>& failure);
  asio::awaitable<beast::error_code> read_header(Parser& parser);
  [[nodiscard]] beast::error_code take_buffered(Parser& parser);
  asio::awaitable<beast::error_code> read_some(Parser& parser, char* into, std::size_t& size,
                                               Milliseconds limit);
  asio::awaitable<bool> say_continue(const Parser& parser);
  asio::awaitable<bool> send(Response& response, const Parser* parser, bool keep_alive, std::uint64_t& sent);
  asio::awaitable<bool> send_source(BodySource& source, bool chunked, std::uint64_t& sent);
  [[nodiscard]] std::size_t write_now(std::string_view first, std::string_view second);
  asio::awaitable<bool> write(std::string_view first, std::string_view second, std::uint64_t& sent);
  asio::awaitable<void> linger();
  asio::awaitable<std::optional<int>> take_body(Parser& parser, Request& request,
                                                std::optional<Response>& ready);
  Response answer(const Request& request, std::optional<Response> ready);

  Stream stream_;
  Handler& handler_;
  const ServerOptions& options_;
  const std::atomic<bool>& stopping_;
  beast::flat_buffer buffer_;
  std::string address_;
  bool busy_ = false;
};

}  // namespace ivory::net
