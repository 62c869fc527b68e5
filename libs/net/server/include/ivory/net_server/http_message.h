// What an HTTP server is asked and what it answers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ivory::net {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;   // "GET"
  std::string target;   // as it came: path and query, percent-encoded
  std::string path;     // decoded once; may hold any byte but NUL
  Fields query;         // decoded, in order
  Fields headers;       // in order
  std::string body;     // empty while it is not read, or goes to a BodySink
  std::string address;  // of the client

  // The first header of that name, whatever its case; null if there is none.
  [[nodiscard]] const std::string* find_header(std::string_view name) const noexcept;
  // The first value of that name in the query; null if there is none.
  [[nodiscard]] const std::string* find_query(std::string_view name) const noexcept;
};

// A body that is made while it is sent. One thread at a time.
class BodySource {
 public:
  virtual ~BodySource() = default;
  BodySource(const BodySource&) = delete;
  BodySource& operator=(const BodySource&) = delete;
  // Fills the beginning of `into`; 0 at the end. Errors: any; the connection is closed, as the status is out.
  virtual std::size_t read(std::span<char> into) = 0;

 protected:
  BodySource() = default;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  Fields headers = {};
  std::string body = {};
  std::unique_ptr<BodySource> source = {};        // instead of `body`
  std::optional<std::uint64_t> source_size = {};  // none: sent in chunks
};

// Takes a body as it comes. Destroyed without finish() when the client goes away or sends too much.
// One thread at a time.
class BodySink {
 public:
  virtual ~BodySink() = default;
  BodySink(const BodySink&) = delete;
  BodySink& operator=(const BodySink&) = delete;
  virtual void write(std::string_view bytes) = 0;
  // The body is whole. What is thrown here or in write() is answered as what a Handler throws.
  virtual Response finish() = 0;

 protected:
  BodySink() = default;
};

// What becomes of requests. Called from several threads at once; a call may block, which keeps one worker
// thread busy.
class Handler {
 public:
  virtual ~Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;

  // The headers of a request with a body have come: where to stream the body, or null to have it in
  // Request::body. Throws what should be refused before the body comes.
  virtual std::unique_ptr<BodySink> begin(const Request& request) = 0;
  virtual Response handle(const Request& request) = 0;
  // The answer to what begin(), handle() or a sink threw; called inside the catch block.
  virtual Response failed(const Request& request) noexcept = 0;
  // What the server refuses by itself: 400 not HTTP, 413, 431, 503.
  virtual Response refused(int status, std::string_view why) noexcept = 0;
  // After each answer, for logs and counts. `seconds` from the end of the headers to the last byte sent;
  // a status of 0 is an answer that did not come through.
  virtual void finished(const Request& request, int status, std::uint64_t bytes_sent,
                        double seconds) noexcept = 0;

 protected:
  Handler() = default;
};

// '%41' is 'A'; with `plus_is_space`, '+' is ' '. Empty for broken escapes or a NUL.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space = false);
// "a=1&b=2", decoded; what is broken is left out.
[[nodiscard]] Fields parse_query(std::string_view text);

}  // namespace ivory::net
