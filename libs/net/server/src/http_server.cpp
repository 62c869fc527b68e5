#include <ivory/net_server/http_server.h>

#include "connection_body.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <ivory/base/error.h>

namespace ivory::net {

using asio::ip::tcp;

class HttpServer::Work {
 public:
  Work(Handler& handler, ServerOptions options)
      : handler_(handler),
        options_(std::move(options)),
        context_(static_cast<int>(options_.threads)),
        acceptor_(asio::make_strand(context_)) {
    prepare_tls();
    listen();
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() { stop(std::chrono::milliseconds(0)); }

  void start() {
    asio::co_spawn(acceptor_.get_executor(), accept(), asio::detached);
    asio::co_spawn(acceptor_.get_executor(), sweep(), asio::detached);
    for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { context_.run(); });
  }

  void stop() { stop(options_.shutdown_timeout); }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::size_t connections() const noexcept { return count_; }

 private:
  using Plain = beast::tcp_stream;
  using Secure = beast::ssl_stream<beast::tcp_stream>;

  [[nodiscard]] std::string place() const { return options_.host + ":" + std::to_string(options_.port); }

  void prepare_tls() {
    if (options_.certificate.empty() != options_.private_key.empty())
      throw Error(ErrorCode::kInvalidArgument, "TLS needs a certificate and its private key, both");
    if (options_.certificate.empty()) return;
    try {
      tls_.emplace(asio::ssl::context::tls_server);
      tls_->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                        asio::ssl::context::no_tlsv1_1);
      tls_->use_certificate_chain_file(options_.certificate.string());
      tls_->use_private_key_file(options_.private_key.string(), asio::ssl::context::pem);
    } catch (const boost::system::system_error& error) {
      throw Error(ErrorCode::kInvalidArgument, "cannot use certificate '" + options_.certificate.string() +
                                                   "' with key '" + options_.private_key.string() +
                                                   "': " + error.code().message());
    }
  }

  void listen() {
    beast::error_code error;
    tcp::resolver resolver(context_);
    const auto found =
        resolver.resolve(options_.host, std::to_string(options_.port), tcp::resolver::passive, error);
    if (!error) {
      const tcp::endpoint endpoint = *found.begin();
      acceptor_.open(endpoint.protocol(), error);
      if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
      if (!error) acceptor_.bind(endpoint, error);
      if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) throw Error(ErrorCode::kIo, "cannot listen on " + place() + ": " + error.message());
    port_ = acceptor_.local_endpoint().port();
  }

  asio::awaitable<void> accept() {
    asio::steady_timer pause(acceptor_.get_executor());
    while (acceptor_.is_open() && !stopping_) {
      beast::error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(asio::make_strand(context_),
                                                           asio::redirect_error(asio::use_awaitable, error));
      if (!error) {
        take(Plain(std::move(socket)));
      } else if (error != asio::error::operation_aborted) {
        // No descriptors left, most likely: others are freed when connections end.
        constexpr std::chrono::milliseconds kPause(50);
        pause.expires_after(kPause);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      }
    }
  }

  // Ends the connections that are late, now and then, as long as the server lives.
  asio::awaitable<void> sweep() {
    asio::steady_timer pause(acceptor_.get_executor());
    beast::error_code error;
    while (!error) {
      pause.expires_after(time_between_sweeps());
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      const auto now = OpenConnection::Clock::now();
      const std::lock_guard lock(mutex_);
      for (const auto& connection : open_) connection->close_if_late(now);
    }
  }

  // A small part of the shortest limit.
  [[nodiscard]] std::chrono::milliseconds time_between_sweeps() const {
    constexpr std::chrono::milliseconds kShortest(10), kLongest(1000);
    constexpr int kPart = 8;
    const auto limit = std::min(
        {options_.idle_timeout, options_.header_timeout, options_.body_timeout, options_.progress_timeout});
    return std::clamp(limit / kPart, kShortest, kLongest);
  }

  void take(Plain stream) {
    if (tls_) {
      open(std::make_shared<Connection<Secure>>(Secure(std::move(stream), *tls_), handler_, options_,
                                                stopping_));
    } else {
      open(std::make_shared<Connection<Plain>>(std::move(stream), handler_, options_, stopping_));
    }
  }

  template <class Stream>
  void open(std::shared_ptr<Connection<Stream>> connection) {
    const bool room = enter(connection);
    auto* const raw = connection.get();
    auto work = room ? connection->run() : connection->turn_away();
    asio::co_spawn(
        raw->executor(), std::move(work),
        [this, connection = std::move(connection)](const std::exception_ptr&) { leave(connection); });
  }

  // False if it is one too many.
  bool enter(const std::shared_ptr<OpenConnection>& connection) {
    const std::lock_guard lock(mutex_);
    open_.insert(connection);
    count_ = open_.size();
    return open_.size() <= options_.max_connections;
  }

  void leave(const std::shared_ptr<OpenConnection>& connection) {
    const std::lock_guard lock(mutex_);
    open_.erase(connection);
    count_ = open_.size();
    left_.notify_all();
  }

  void close_all(bool at_once) {
    const std::lock_guard lock(mutex_);
    for (const auto& connection : open_) connection->close(at_once);
  }

  bool wait_for_none(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return left_.wait_for(lock, limit, [this] { return open_.empty(); });
  }

  void stop(std::chrono::milliseconds limit) {
    const std::lock_guard once(stop_mutex_);
    stopping_ = true;
    if (threads_.empty()) return;
    asio::post(acceptor_.get_executor(), [this] {
      beast::error_code ignored;
      acceptor_.close(ignored);
    });
    close_all(false);
    if (!wait_for_none(limit)) {
      close_all(true);
      constexpr std::chrono::milliseconds kLast(500);
      wait_for_none(kLast);
    }
    context_.stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  Handler& handler_;
  const ServerOptions options_;
  std::optional<asio::ssl::context> tls_;
  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> count_ = 0;
  std::mutex mutex_, stop_mutex_;
  std::condition_variable left_;
  std::set<std::shared_ptr<OpenConnection>> open_;
  std::vector<std::thread> threads_;
};

HttpServer::HttpServer(Handler& handler, ServerOptions options)
    : work_(std::make_unique<Work>(handler, std::move(options))) {}
HttpServer::~HttpServer() = default;
void HttpServer::start() { work_->start(); }
void HttpServer::stop() { work_->stop(); }
std::uint16_t HttpServer::port() const noexcept { return work_->port(); }
std::size_t HttpServer::connections() const noexcept { return work_->connections(); }

}  // namespace ivory::net
