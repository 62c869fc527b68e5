// HttpClient: requests to one HTTP(S) server.
#pragma once
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ivory::net {

// The defaults in these structures let designated initializers leave a member out without a warning.
// NOLINTBEGIN(readability-redundant-member-init)
// The values are those of MLflow's clients.
struct HttpOptions {
  // How long to connect, and how long without a byte in either direction; whole seconds, at least one.
  std::chrono::seconds timeout{120};
  int max_retries = 7;
  // The n-th retry waits backoff_factor * 2^(n-1) s and up to backoff_jitter s more, the first not at all;
  // at most 120 s. What a server asks for by Retry-After counts instead.
  double backoff_factor = 2;
  double backoff_jitter = 1;
  std::string username = {};  // basic
  std::string password = {};
  std::string token = {};  // bearer; used if there is no username
  bool verify_tls = true;
  std::filesystem::path server_certificates = {};  // PEM file or folder to trust; empty: the system's
  std::filesystem::path client_certificate = {};   // PEM file with certificate and key
};

// What may be done again after a failure that leaves open whether the server did it.
enum class Repeat {
  kAlways,   // doing it twice is doing it once
  kIfUnmet,  // only if the server can't have begun: no connection, status 429 or 503
  kNever,
};

struct HttpRequest {
  std::string method = "GET";
  std::string path = {};  // with a leading '/' and its query, percent-encoded (see percent_encoded())
  std::string body = {};
  std::string content_type = {};         // of the body; none is sent without one
  std::filesystem::path body_file = {};  // streamed as the body, if not empty
  // Where the body of an answer 2xx is streamed to, if not empty: replaced from its beginning with each try,
  // and incomplete if the call throws. Its folder must exist.
  std::filesystem::path answer_file = {};
  Repeat repeat = Repeat::kAlways;
};
// NOLINTEND(readability-redundant-member-init)

struct HttpAnswer {
  int status = 0;
  std::string body;  // empty if it went to a file
  std::string content_type;
};

// Keeps connections open and uses them again; redirects are followed, to http and https alone, and
// credentials stay with the server they are for. Tries again after failures of the connection and after
// 408, 429, 500, 502, 503 and 504, as far as the request may be repeated. A wait before another try ends
// early, with the failure, when the user interrupts (base/interrupt.h).
//
// Threads: any method from any thread; requests run side by side, each over a connection of its own. Not
//   across fork().
// Errors: kIo when no answer came, with the server's name and the reason; kNotFound or kIo for a body file. A
//   status is no error.
class HttpClient {
 public:
  // `base_url` is http(s)://[user:password@]host[:port][/path]; paths of requests are appended to it. User
  // and password in it win over those of the options, and appear in no message. Errors: kInvalidArgument for
  // another form, or for certificates to trust while TLS is not verified.
  explicit HttpClient(std::string_view base_url, HttpOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Without user, password and a trailing '/'.
  [[nodiscard]] const std::string& base_url() const noexcept;
  [[nodiscard]] HttpAnswer send(const HttpRequest& request) const;

 private:
  class Connections;
  std::unique_ptr<Connections> connections_;
};

// Every byte but letters, digits and -._~ as %XX; '/' stays where `keep_slashes`.
[[nodiscard]] std::string percent_encoded(std::string_view text, bool keep_slashes = false);

}  // namespace ivory::net
