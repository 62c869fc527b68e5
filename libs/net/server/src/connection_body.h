// The bodies of Connection's methods.
#pragma once
#include "connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <string_view>
#include <type_traits>

#include "status_text.h"

namespace ivory::net {

inline constexpr std::size_t kPiece = 256UL << 10;  // of a body, in memory at once

// The head of a request; empty if its path or query cannot be decoded.
template <class Message>
std::optional<Request> request_of(const Message& message, const std::string& address) {
  Request request;
  request.method = message.method_string();
  request.target = message.target();
  request.address = address;
  const std::string_view target = request.target;
  const std::string_view path = target.substr(0, target.find('?'));
  auto decoded = percent_decoded(path);
  if (!decoded) return std::nullopt;
  request.path = *std::move(decoded);
  if (path.size() < target.size()) request.query = parse_query(target.substr(path.size() + 1));
  for (const auto& field : message)
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  return request;
}

template <class Stream>
void Connection<Stream>::close(bool at_once) {
  asio::post(executor(), [self = this->shared_from_this(), at_once] {
    if (self->busy_ && !at_once) return;
    self->tcp().close();
  });
}

template <class Stream>
void Connection<Stream>::close_late() {
  asio::post(executor(), [self = this->shared_from_this()] {
    // It may have come on meanwhile.
    if (self->is_late(OpenConnection::Clock::now())) self->tcp().close();
  });
}

template <class Stream>
asio::awaitable<bool> Connection<Stream>::open_stream() {
  beast::error_code error;
  const auto peer = tcp().socket().remote_endpoint(error);
  if (error) co_return false;
  address_ = peer.address().to_string();
  if constexpr (!std::is_same_v<Stream, beast::tcp_stream>) {
    this->expires_after(options_.header_timeout);
    co_await stream_.async_handshake(asio::ssl::stream_base::server, into(error));
    this->expires_never();
  }
  co_return !error;
}

template <class Stream>
asio::awaitable<void> Connection<Stream>::run() {
  tcp().socket().set_option(asio::ip::tcp::no_delay(true));
  const bool opened = co_await open_stream();
  End end = opened ? End::kNext : End::kClose;
  while (end == End::kNext && !stopping_) {
    const bool asked = co_await wait_for_request();
    if (!asked) break;
    busy_ = true;
    end = co_await serve_request();
    busy_ = false;
  }
  if (end == End::kLinger) co_await linger();
  tcp().close();
}

template <class Stream>
asio::awaitable<void> Connection<Stream>::turn_away() {
  const bool opened = co_await open_stream();
  End end = End::kClose;
  if (opened) end = co_await refuse(kServiceUnavailable, "too many connections");
  if (end == End::kLinger) co_await linger();
  tcp().close();
}

template <class Stream>
asio::awaitable<bool> Connection<Stream>::wait_for_request() {
  if (buffer_.size() > 0) co_return true;
  constexpr std::size_t kRoom = 16UL << 10;
  buffer_.shrink_to_fit();
  this->expires_after(options_.idle_timeout);
  beast::error_code error;
  const std::size_t count = co_await stream_.async_read_some(buffer_.prepare(kRoom), into(error));
  this->expires_never();
  buffer_.commit(count);
  co_return !error && count > 0;
}

template <class Stream>
asio::awaitable<typename Connection<Stream>::End> Connection<Stream>::serve_request() {
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(options_.max_header_bytes));
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // our own limits count
  const beast::error_code error = co_await read_header(parser);
  if (error == beast::http::error::header_limit)
    co_return co_await refuse(kHeadersTooLarge, "the headers are too large");
  if (error.category() == make_error_code(beast::http::error::bad_method).category() &&
      error != beast::http::error::end_of_stream && error != beast::http::error::partial_message)
    co_return co_await refuse(kBadRequest, "not HTTP: " + error.message());
  if (error) co_return End::kClose;

  std::optional<Request> head = request_of(parser.get(), address_);
  if (!head) co_return co_await refuse(kBadRequest, "the path is not encoded as it should be");
  // Of two, another server on the way might have gone by the other.
  if (parser.get().count(beast::http::field::host) > 1)
    co_return co_await refuse(kBadRequest, "more than one Host header");
  Request request = *std::move(head);
  const auto started = std::chrono::steady_clock::now();

  std::optional<Response> ready;
  if (!parser.is_done()) {
    const std::optional<int> status = co_await take_body(parser, request, ready);
    if (status && *status == 0) co_return End::kClose;
    if (status) co_return co_await refuse(*status, "the body is too large");
  }
  const bool whole = parser.is_done();
  Response response = answer(request, std::move(ready));
  const bool keep_alive = whole && parser.keep_alive() && !stopping_;
  std::uint64_t sent = 0;
  const bool came_through = co_await send(response, &parser, keep_alive, sent);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
  handler_.finished(request, came_through ? response.status : 0, sent, seconds.count());
  if (!came_through) co_return End::kClose;
  if (keep_alive) co_return End::kNext;
  co_return End::kLinger;
}

// What has come already needs no waiting.
template <class Stream>
asio::awaitable<beast::error_code> Connection<Stream>::read_header(Parser& parser) {
  beast::error_code error = take_buffered(parser);
  if (error != beast::http::error::need_more) co_return error;
  error = {};
  this->expires_after(options_.header_timeout);
  co_await beast::http::async_read_header(stream_, buffer_, parser, into(error));
  this->expires_never();
  co_return error;
}

// Gives the parser what the buffer holds; need_more if that is not enough.
template <class Stream>
beast::error_code Connection<Stream>::take_buffered(Parser& parser) {
  beast::error_code error = beast::http::error::need_more;
  if (buffer_.size() == 0) return error;
  error = {};
  buffer_.consume(parser.put(buffer_.data(), error));
  return error;
}

// None when the body is there, or an answer is ready without it; else as read_body().
template <class Stream>
asio::awaitable<std::optional<int>> Connection<Stream>::take_body(Parser& parser, Request& request,
                                                                  std::optional<Response>& ready) {
  std::unique_ptr<BodySink> sink;
  const auto attempt = [&](const auto& act) {
    try {
      act();
    } catch (...) {
      ready = handler_.failed(request);
    }
  };
  attempt([&] { sink = handler_.begin(request); });
  if (ready) co_return std::nullopt;
  const bool goes_on = co_await say_continue(parser);
  if (!goes_on) co_return 0;
  std::optional<int> status;
  if (sink) {
    status = co_await pass_body(parser, request, *sink, ready);
    if (!status && !ready) attempt([&] { ready = sink->finish(); });
  } else {
    status = co_await read_body(parser, request.body);
  }
  co_return status;
}

template <class Stream>
Response Connection<Stream>::answer(const Request& request, std::optional<Response> ready) {
  if (ready) return *std::move(ready);
  try {
    return handler_.handle(request);
  } catch (...) {
    return handler_.failed(request);
  }
}

template <class Stream>
asio::awaitable<typename Connection<Stream>::End> Connection<Stream>::refuse(int status,
                                                                             std::string_view why) {
  Response response = handler_.refused(status, why);
  std::uint64_t sent = 0;
  const bool came_through = co_await send(response, nullptr, false, sent);
  co_return came_through ? End::kLinger : End::kClose;
}

// A client that asks first is told to go on.
template <class Stream>
asio::awaitable<bool> Connection<Stream>::say_continue(const Parser& parser) {
  if (parser.get()[beast::http::field::expect] != "100-continue") co_return true;
  std::uint64_t sent = 0;
  co_return co_await write("HTTP/1.1 100 Continue\r\n\r\n", {}, sent);
}

// At most `size` bytes of the body; `size` becomes how many came. `limit`: 0 leaves the deadline as it is.
template <class Stream>
asio::awaitable<beast::error_code> Connection<Stream>::read_some(Parser& parser, char* place,
                                                                 std::size_t& size, Milliseconds limit) {
  auto& body = parser.get().body();
  body.data = place;
  body.size = size;
  body.more = true;
  beast::error_code error = take_buffered(parser);
  if (error == beast::http::error::need_more) {
    error = {};
    if (limit.count() > 0) this->expires_after(limit);
    co_await beast::http::async_read_some(stream_, buffer_, parser, into(error));
    if (limit.count() > 0) this->expires_never();
  }
  if (error == beast::http::error::need_buffer) error = {};
  size -= body.size;
  co_return error;
}

// None when the body is there; else the status to refuse it with, 0 if the client is gone.
template <class Stream>
asio::awaitable<std::optional<int>> Connection<Stream>::read_body(Parser& parser, std::string& body) {
  const auto told = parser.content_length();
  if (told && *told > options_.max_body_bytes) co_return kContentTooLarge;
  constexpr std::size_t kFirst = 64UL << 10;
  std::size_t filled = 0;
  this->expires_after(options_.body_timeout);
  while (!parser.is_done()) {
    // Memory comes as the bytes do, not as the client says.
    if (filled == body.size()) {
      const std::size_t most = told ? static_cast<std::size_t>(*told) + 1 : options_.max_body_bytes + 1;
      if (filled >= most) co_return kContentTooLarge;
      body.resize(std::min(std::max(kFirst, 2 * body.size()), most));
    }
    std::size_t size = body.size() - filled;
    const beast::error_code error = co_await read_some(parser, body.data() + filled, size, {});
    if (error) co_return 0;
    filled += size;
    if (filled > options_.max_body_bytes) co_return kContentTooLarge;
  }
  this->expires_never();
  body.resize(filled);
  co_return std::nullopt;
}

template <class Stream>
asio::awaitable<std::optional<int>> Connection<Stream>::pass_body(Parser& parser, const Request& request,
                                                                  BodySink& sink,
                                                                  std::optional<Response>& failure) {
  const auto told = parser.content_length();
  if (told && *told > options_.max_stream_bytes) co_return kContentTooLarge;
  std::uint64_t taken = 0;
  std::string piece(kPiece, '\0');
  while (!parser.is_done() && !failure) {
    std::size_t size = piece.size();
    const beast::error_code error = co_await read_some(parser, piece.data(), size, options_.progress_timeout);
    if (error) co_return 0;
    taken += size;
    if (taken > options_.max_stream_bytes) co_return kContentTooLarge;
    try {
      sink.write(std::string_view(piece).substr(0, size));
    } catch (...) {
      failure = handler_.failed(request);
    }
  }
  co_return std::nullopt;
}

template <class Stream>
asio::awaitable<bool> Connection<Stream>::send(Response& response, const Parser* parser, bool keep_alive,
                                               std::uint64_t& sent) {
  const bool http10 = parser != nullptr && parser->get().version() < 11;  // NOLINT(*-magic-numbers): HTTP/1.0
  const bool is_head = parser != nullptr && parser->get().method() == beast::http::verb::head;
  const bool chunked = response.source && !response.source_size && !http10;
  const bool by_closing = response.source && !response.source_size && http10;
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " +
                     std::string(status_text(response.status)) + "\r\n";
  const auto add = [&head](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  if (!response.content_type.empty()) add("Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) add(name, value);
  if (chunked)
    add("Transfer-Encoding", "chunked");
  else if (!by_closing)
    add("Content-Length",
        std::to_string(response.source ? response.source_size.value_or(0) : response.body.size()));
  if (!keep_alive || by_closing)
    add("Connection", "close");
  else if (http10)
    add("Connection", "keep-alive");
  head += "\r\n";
  if (is_head) co_return co_await write(head, {}, sent);
  const std::string_view body = response.source ? std::string_view{} : std::string_view(response.body);
  const bool begun = co_await write(head, body, sent);
  if (!begun || !response.source) co_return begun;
  const std::uint64_t before = sent;
  const bool came_through = co_await send_source(*response.source, chunked, sent);
  co_return came_through && !by_closing && (chunked || sent - before == response.source_size);
}

template <class Stream>
asio::awaitable<bool> Connection<Stream>::send_source(BodySource& source, bool chunked, std::uint64_t& sent) {
  std::string piece(kPiece, '\0');
  constexpr int kHex = 16;
  while (true) {
    std::size_t size = 0;
    try {
      size = source.read(piece);
    } catch (...) {
      co_return false;  // the client sees a body that is cut short
    }
    std::string start;
    if (chunked) {
      std::array<char, 2 * sizeof size> digits{};
      start.assign(digits.data(),
                   std::to_chars(digits.data(), digits.data() + digits.size(), size, kHex).ptr);
      start += "\r\n";
    }
    if (size == 0 && !chunked) co_return true;
    // The chunk of size 0 is the last; after each comes the end of a line.
    bool came_through = co_await write(start, std::string_view(piece).substr(0, size), sent);
    if (came_through && chunked) came_through = co_await write("\r\n", {}, sent);
    if (!came_through || size == 0) co_return came_through;
  }
}

// As much as the socket takes without waiting, which for most answers is all.
template <class Stream>
std::size_t Connection<Stream>::write_now(std::string_view first, std::string_view second) {
  if constexpr (!std::is_same_v<Stream, beast::tcp_stream>) return 0;
  std::array<iovec, 2> parts{};
  parts[0] = {const_cast<char*>(first.data()), first.size()};    // NOLINT(*-const-cast): iovec's type
  parts[1] = {const_cast<char*>(second.data()), second.size()};  // NOLINT(*-const-cast)
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const ssize_t count = ::sendmsg(tcp().socket().native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  return count > 0 ? static_cast<std::size_t>(count) : 0;  // an error shows again when it waits
}

// In pieces, each of which must come through in time.
template <class Stream>
asio::awaitable<bool> Connection<Stream>::write(std::string_view first, std::string_view second,
                                                std::uint64_t& sent) {
  while (!first.empty() || !second.empty()) {
    std::string_view piece = second.substr(0, kPiece);
    const std::size_t at_once = write_now(first, piece);
    sent += at_once;
    const std::size_t of_piece = at_once - std::min(at_once, first.size());
    first.remove_prefix(at_once - of_piece);
    second.remove_prefix(of_piece);
    piece.remove_prefix(of_piece);
    if (first.empty() && piece.empty()) continue;
    const std::array<asio::const_buffer, 2> buffers{asio::buffer(first.data(), first.size()),
                                                    asio::buffer(piece.data(), piece.size())};
    this->expires_after(options_.progress_timeout);
    beast::error_code error;
    sent += co_await asio::async_write(stream_, buffers, into(error));
    this->expires_never();
    if (error) co_return false;
    first = {};
    second.remove_prefix(piece.size());
  }
  co_return true;
}

// The rest of what the client sends is thrown away for a while: closing at once would take the answer from
// it.
template <class Stream>
asio::awaitable<void> Connection<Stream>::linger() {
  constexpr std::chrono::seconds kWhile(2);
  constexpr std::size_t kMost = 16 << 20;
  beast::error_code error;
  tcp().socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
  this->expires_after(kWhile);
  std::string waste(kPiece, '\0');
  for (std::size_t taken = 0; !error && taken < kMost;)
    taken += co_await tcp().async_read_some(asio::buffer(waste), into(error));
}

}  // namespace ivory::net
