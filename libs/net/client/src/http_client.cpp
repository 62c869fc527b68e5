#include <ivory/net_client/http_client.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <mutex>
#include <optional>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>

#include "libcurl.h"

namespace ivory::net {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr double kLongestWaitSeconds = 120;
constexpr std::array kPassingStatuses{408, 429, 500, 502, 503, 504};

struct EasyCloser {
  void operator()(CURL* handle) const noexcept { Libcurl::get().easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, EasyCloser>;

struct ListFreer {
  void operator()(curl_slist* list) const noexcept { Libcurl::get().slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, ListFreer>;

struct UrlFreer {
  void operator()(CURLU* url) const noexcept { Libcurl::get().url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, UrlFreer>;

struct TextFreer {
  void operator()(char* text) const noexcept { Libcurl::get().free(text); }
};

// A failure to set an option (no memory) shows in the transfer.
template <class T>
void set(CURL* handle, CURLoption option, T value) {
  static_cast<void>(Libcurl::get().easy_setopt(handle, option, value));
}

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (Libcurl::get().url_get(url, part, &text, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, TextFreer> owned(text);
  return text;
}

[[noreturn]] void refuse_url(std::string_view why) {
  throw Error(ErrorCode::kInvalidArgument,
              "server address: " + std::string(why) + "; expected http(s)://host[:port][/path]");
}

// Takes user and password out of the address into the options.
std::string cleaned_url(std::string_view base_url, HttpOptions& options) {
  const std::string text(base_url);
  const Url url(Libcurl::get().url());
  if (url == nullptr) throw std::bad_alloc();
  if (const CURLUcode code = Libcurl::get().url_set(url.get(), CURLUPART_URL, text.c_str(), 0);
      code != CURLUE_OK)
    refuse_url(Libcurl::get().url_strerror(code));
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https")
    refuse_url("the scheme '" + scheme + "' is neither http nor https");
  if (!part_of(url.get(), CURLUPART_QUERY).empty() || !part_of(url.get(), CURLUPART_FRAGMENT).empty())
    refuse_url("it has a query or a fragment");
  if (std::string user = part_of(url.get(), CURLUPART_USER, CURLU_URLDECODE); !user.empty()) {
    options.username = std::move(user);
    options.password = part_of(url.get(), CURLUPART_PASSWORD, CURLU_URLDECODE);
  }
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD})
    static_cast<void>(Libcurl::get().url_set(url.get(), part, nullptr, 0));
  std::string cleaned = part_of(url.get(), CURLUPART_URL);
  while (cleaned.ends_with('/')) cleaned.pop_back();
  return cleaned;
}

// Where one try takes its body from, and puts the answer's.
struct Transfer {
  CURL* handle = nullptr;
  std::ifstream body;
  std::ofstream answer;
  bool to_file = false;
  bool disk_failed = false;
  bool timed_out = false;
  std::string text;
  // The last byte in either direction.
  std::chrono::seconds timeout{};
  curl_off_t moved = 0;
  std::chrono::steady_clock::time_point moved_at = std::chrono::steady_clock::now();
};

long status_of(CURL* handle) {
  long status = 0;
  Libcurl::get().easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

bool is_success(long status) { return status >= 200 && status < 300; }

// libcurl's callbacks: nothing may be thrown through C.
std::size_t take_answer(char* bytes, std::size_t size, std::size_t count, void* user) noexcept {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t length = size * count;
  try {
    if (!transfer.to_file || !is_success(status_of(transfer.handle))) {
      transfer.text.append(bytes, length);
      return length;
    }
    transfer.answer.write(bytes, static_cast<std::streamsize>(length));
    transfer.disk_failed = !transfer.answer;
  } catch (const std::exception&) {
    return 0;  // no memory: libcurl ends the transfer with an error
  }
  return transfer.disk_failed ? 0 : length;
}

std::size_t give_body(char* bytes, std::size_t size, std::size_t count, void* user) noexcept {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.body.read(bytes, static_cast<std::streamsize>(size * count));
  if (transfer.body.bad()) {
    transfer.disk_failed = true;
    return CURL_READFUNC_ABORT;
  }
  return static_cast<std::size_t>(transfer.body.gcount());
}

int rewind_body(void* user, curl_off_t offset, int origin) noexcept {
  auto& body = static_cast<Transfer*>(user)->body;
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  body.clear();
  body.seekg(offset);
  return body ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

// Called at least once a second. (libcurl's own limit looks at the mean speed of a longer time.)
int watch(void* user, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) noexcept {
  auto& transfer = *static_cast<Transfer*>(user);
  const auto now = std::chrono::steady_clock::now();
  if (down + up != transfer.moved) {
    transfer.moved = down + up;
    transfer.moved_at = now;
  }
  transfer.timed_out = now - transfer.moved_at >= transfer.timeout;
  return transfer.timed_out ? 1 : 0;
}

// What a try came to.
struct Outcome {
  CURLcode code = CURLE_OK;
  std::string reason;
  HttpAnswer answer;
  curl_off_t retry_after_s = 0;
};

bool was_never_sent(CURLcode code) {
  return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
         code == CURLE_COULDNT_CONNECT || code == CURLE_SSL_CONNECT_ERROR;
}

// Failures that another try would meet again.
bool is_lasting(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_CERTPROBLEM || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
         code == CURLE_TOO_MANY_REDIRECTS || code == CURLE_ABORTED_BY_CALLBACK;
}

bool may_try_again(const Outcome& outcome, Repeat repeat) {
  if (repeat == Repeat::kNever) return false;
  if (outcome.code != CURLE_OK) {
    return !is_lasting(outcome.code) && (repeat == Repeat::kAlways || was_never_sent(outcome.code));
  }
  const int status = outcome.answer.status;
  if (repeat == Repeat::kIfUnmet) return status == 429 || status == 503;
  return std::ranges::find(kPassingStatuses, status) != kPassingStatuses.end();
}

}  // namespace

class HttpClient::Connections {
 public:
  Connections(std::string_view base_url, HttpOptions options)
      : options_(std::move(options)), base_url_(cleaned_url(base_url, options_)) {
    options_.timeout = std::max(options_.timeout, std::chrono::seconds(1));
    if (!options_.verify_tls && !options_.server_certificates.empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "certificates to trust ('" + options_.server_certificates.string() +
                      "') are given, but TLS is not to be verified; expected one or the other");
    }
  }

  [[nodiscard]] const std::string& base_url() const noexcept { return base_url_; }

  [[nodiscard]] HttpAnswer send(const HttpRequest& request) {
    for (int tries = 1;; ++tries) {
      Outcome outcome = try_once(request);
      const bool again = tries <= options_.max_retries && may_try_again(outcome, request.repeat);
      if (again && wait(pause(tries, outcome))) continue;
      if (outcome.code == CURLE_OK) return std::move(outcome.answer);
      throw Error(ErrorCode::kIo, "no answer from " + base_url_ + " to " + request.method + " " +
                                      request.path.substr(0, request.path.find('?')) + ": " + outcome.reason +
                                      (tries > 1 ? " (tried " + std::to_string(tries) + " times)" : ""));
    }
  }

 private:
  // A handle, and back to the others when done: the connection it has is used again.
  class Lent {
   public:
    explicit Lent(Connections& owner) : owner_(owner), handle_(owner.take()) {}
    ~Lent() { owner_.put_back(std::move(handle_)); }
    Lent(const Lent&) = delete;
    Lent& operator=(const Lent&) = delete;
    [[nodiscard]] CURL* get() const noexcept { return handle_.get(); }

   private:
    Connections& owner_;
    Handle handle_;
  };

  Handle take() {
    {
      const std::scoped_lock lock(mutex_);
      if (!idle_.empty()) {
        Handle handle = std::move(idle_.back());
        idle_.pop_back();
        return handle;
      }
    }
    Handle handle(Libcurl::get().easy_init());
    if (handle == nullptr) throw Error(ErrorCode::kInternal, "cannot make a libcurl handle");
    return handle;
  }

  void put_back(Handle handle) noexcept {
    Libcurl::get().easy_reset(handle.get());
    const std::scoped_lock lock(mutex_);
    try {
      idle_.push_back(std::move(handle));
    } catch (const std::bad_alloc&) {
      return;  // its connection is closed, that is all
    }
  }

  Outcome try_once(const HttpRequest& request) {
    const Lent lent(*this);
    CURL* const handle = lent.get();
    std::array<char, CURL_ERROR_SIZE> reason{};
    Transfer transfer;
    transfer.handle = handle;
    const std::string url = base_url_ + request.path;
    const Headers headers = headers_of(request);
    set(handle, CURLOPT_URL, url.c_str());
    set(handle, CURLOPT_ERRORBUFFER, reason.data());
    set(handle, CURLOPT_HTTPHEADER, headers.get());
    set_connection(handle);
    // A connection that died unseen makes libcurl send the request again by itself.
    set(handle, CURLOPT_FRESH_CONNECT, request.repeat == Repeat::kAlways ? 0L : 1L);
    transfer.timeout = options_.timeout;
    set(handle, CURLOPT_NOPROGRESS, 0L);
    set(handle, CURLOPT_XFERINFOFUNCTION, watch);
    set(handle, CURLOPT_XFERINFODATA, &transfer);
    set_body(handle, request, transfer);
    set_answer(handle, request, transfer);

    Outcome outcome;
    outcome.code = Libcurl::get().easy_perform(handle);
    if (transfer.disk_failed)
      throw Error(ErrorCode::kIo, "cannot " + disk_work(request) + ": the disk failed");
    if (transfer.to_file) close_answer(request, transfer);
    if (transfer.timed_out) {
      outcome.code = CURLE_OPERATION_TIMEDOUT;
      reason = {};
    }
    outcome.reason = reason[0] != '\0' ? reason.data() : Libcurl::get().easy_strerror(outcome.code);
    outcome.answer.status = static_cast<int>(status_of(handle));
    outcome.answer.body = std::move(transfer.text);
    const char* type = nullptr;
    Libcurl::get().easy_getinfo(handle, CURLINFO_CONTENT_TYPE, &type);
    if (type != nullptr) outcome.answer.content_type = type;
    Libcurl::get().easy_getinfo(handle, CURLINFO_RETRY_AFTER, &outcome.retry_after_s);
    return outcome;
  }

  static std::string disk_work(const HttpRequest& request) {
    return request.answer_file.empty() ? "read '" + request.body_file.string() + "'"
                                       : "write '" + request.answer_file.string() + "'";
  }

  static void close_answer(const HttpRequest& request, Transfer& transfer) {
    transfer.answer.close();
    if (!transfer.answer) throw Error(ErrorCode::kIo, "cannot " + disk_work(request) + ": the disk failed");
  }

  [[nodiscard]] Headers headers_of(const HttpRequest& request) const {
    Headers headers;
    const auto add = [&headers](const std::string& line) {
      curl_slist* const longer = Libcurl::get().slist_append(headers.get(), line.c_str());
      if (longer == nullptr) throw std::bad_alloc();
      static_cast<void>(headers.release());
      headers.reset(longer);
    };
    add("Expect:");  // no waiting for leave to send a body
    add("Content-Type:" + (request.content_type.empty() ? "" : " " + request.content_type));
    return headers;
  }

  void set_connection(CURL* handle) const {
    set(handle, CURLOPT_NOSIGNAL, 1L);
    set(handle, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options_.timeout.count()));
    set(handle, CURLOPT_TCP_KEEPALIVE, 1L);
    set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    set(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    set(handle, CURLOPT_FOLLOWLOCATION, 1L);
    set(handle, CURLOPT_MAXREDIRS, 5L);
    set(handle, CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_ALL));
    set(handle, CURLOPT_USERAGENT, "ivory");
    set_credentials(handle);
    if (!options_.verify_tls) {
      set(handle, CURLOPT_SSL_VERIFYPEER, 0L);
      set(handle, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (!options_.server_certificates.empty()) {
      const CURLoption kind =
          fs::is_directory(options_.server_certificates) ? CURLOPT_CAPATH : CURLOPT_CAINFO;
      set(handle, kind, options_.server_certificates.c_str());
    }
    if (!options_.client_certificate.empty()) {
      set(handle, CURLOPT_SSLCERT, options_.client_certificate.c_str());
      set(handle, CURLOPT_SSLKEY, options_.client_certificate.c_str());
    }
  }

  void set_credentials(CURL* handle) const {
    if (!options_.username.empty()) {
      set(handle, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
      set(handle, CURLOPT_USERNAME, options_.username.c_str());
      set(handle, CURLOPT_PASSWORD, options_.password.c_str());
    } else if (!options_.token.empty()) {
      set(handle, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
      set(handle, CURLOPT_XOAUTH2_BEARER, options_.token.c_str());
    }
  }

  static void set_body(CURL* handle, const HttpRequest& request, Transfer& transfer) {
    if (!request.body_file.empty()) {
      std::error_code missing;
      const auto size = fs::file_size(request.body_file, missing);
      transfer.body.open(request.body_file, std::ios::binary);
      if (missing || !transfer.body)
        throw Error(ErrorCode::kNotFound, "cannot read '" + request.body_file.string() + "'");
      set(handle, CURLOPT_UPLOAD, 1L);
      set(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
      set(handle, CURLOPT_READFUNCTION, give_body);
      set(handle, CURLOPT_READDATA, &transfer);
      set(handle, CURLOPT_SEEKFUNCTION, rewind_body);
      set(handle, CURLOPT_SEEKDATA, &transfer);
    } else if (request.method != "GET") {
      set(handle, CURLOPT_POST, 1L);
      set(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(handle, CURLOPT_POSTFIELDS, request.body.c_str());
    }
    set(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  static void set_answer(CURL* handle, const HttpRequest& request, Transfer& transfer) {
    if (!request.answer_file.empty()) {
      transfer.to_file = true;
      transfer.answer.open(request.answer_file, std::ios::binary | std::ios::trunc);
      if (!transfer.answer)
        throw Error(ErrorCode::kIo, "cannot write '" + request.answer_file.string() + "'");
    } else {
      set(handle, CURLOPT_ACCEPT_ENCODING, "");  // whatever libcurl can unpack
    }
    set(handle, CURLOPT_WRITEFUNCTION, take_answer);
    set(handle, CURLOPT_WRITEDATA, &transfer);
  }

  milliseconds pause(int tries, const Outcome& outcome) {
    double seconds = 0;
    if (outcome.retry_after_s > 0) {
      seconds = static_cast<double>(outcome.retry_after_s);
    } else if (tries > 1) {
      const std::scoped_lock lock(mutex_);
      std::uniform_real_distribution<double> jitter(0, std::max(options_.backoff_jitter, 1e-9));
      seconds = options_.backoff_factor * std::exp2(std::min(tries, 30) - 1) + jitter(random_);
    }
    return milliseconds(std::lround(std::clamp(seconds, 0.0, kLongestWaitSeconds) * 1000));
  }

  // False if the user interrupted.
  static bool wait(milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until) {
      if (interrupted()) return false;
      std::this_thread::sleep_for(std::min(time, milliseconds(20)));
    }
    return true;
  }

  HttpOptions options_;
  std::string base_url_;
  std::mutex mutex_;
  std::vector<Handle> idle_;
  std::minstd_rand random_{std::random_device{}()};
};

HttpClient::HttpClient(std::string_view base_url, HttpOptions options)
    : connections_(std::make_unique<Connections>(base_url, std::move(options))) {}

HttpClient::~HttpClient() = default;

const std::string& HttpClient::base_url() const noexcept { return connections_->base_url(); }

HttpAnswer HttpClient::send(const HttpRequest& request) const { return connections_->send(request); }

std::string percent_encoded(std::string_view text, bool keep_slashes) {
  constexpr std::string_view kPlain = "-._~";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       kPlain.find(c) != std::string_view::npos || (keep_slashes && c == '/');
    if (plain) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4U];
    encoded += kDigits[byte & 15U];
  }
  return encoded;
}

}  // namespace ivory::net
