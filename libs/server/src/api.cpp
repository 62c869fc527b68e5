#include <ivory/server/api.h>

#include <ctime>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/base/utf8.h>
#include <ivory/tracking/store_error.h>

#include "counts.h"
#include "host_check.h"
#include "routes.h"
#include "uploads.h"
#include "users.h"

namespace ivory::server {
namespace {

using tracking::Refusal;
using tracking::StoreError;

constexpr std::string_view kMlflowVersion = "3.11.2";
constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kText = "text/plain";
constexpr std::string_view kOther = "other";

// An answer that is no JSON.
net::Response plain(int status, std::string_view type, std::string_view body) {
  net::Response response;
  response.status = status;
  response.content_type = type;
  response.body = body;
  return response;
}

net::Response html_error(int status, std::string_view title, std::string_view text) {
  const std::string heading(title);
  return plain(status, kHtml,
               "<!doctype html>\n<html lang=en>\n<title>" + std::to_string(status) + " " + heading +
                   "</title>\n<h1>" + heading + "</h1>\n<p>" + std::string(text) + "</p>\n");
}

// What MLflow 3 sends beside the name of the error.
std::string_view error_class(Refusal refusal) {
  switch (refusal) {
    case Refusal::kInvalidParameterValue:
    case Refusal::kBadRequest:
      return "INVALID_PARAMETER_VALUE";
    case Refusal::kResourceAlreadyExists:
      return "RESOURCE_ALREADY_EXISTS";
    case Refusal::kResourceDoesNotExist:
    case Refusal::kEndpointNotFound:
      return "RESOURCE_NOT_FOUND";
    case Refusal::kPermissionDenied:
    case Refusal::kUnauthenticated:
      return "PERMISSION_DENIED";
    case Refusal::kNotImplemented:
      return "";
    default:
      return "CLIENT_INTERNAL_ERROR";
  }
}

net::Response error_answer(Refusal refusal, std::string_view message, int status) {
  constexpr int kFirstOfServer = 500;
  JsonWriter writer;
  writer.begin_object();
  writer.field("error_code", to_text(refusal));
  writer.field("message", message);
  if (const auto kind = error_class(refusal); !kind.empty()) {
    writer.field("sqlstate", status >= kFirstOfServer ? "XXM00" : "KAM00");
    writer.field("error_class", kind);
  }
  writer.end_object();
  net::Response response = json_answer(writer);
  response.status = status;
  if (refusal == Refusal::kUnauthenticated)
    response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"mlflow\"");
  return response;
}

bool is_open(std::string_view path) { return path == "/health" || path == "/version"; }

std::string utc_now() {
  const auto now = std::chrono::system_clock::now();
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  constexpr int kThousand = 1000;
  const std::time_t seconds = milliseconds / kThousand;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  constexpr std::size_t kRoom = 40;
  std::array<char, kRoom> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.", &parts);
  const std::string fraction = std::to_string(kThousand + milliseconds % kThousand);
  return std::string(text.data(), size) + fraction.substr(1) + "Z";
}

// Headers that every answer has.
const net::Fields& headers_of_all() {
  static const net::Fields kFields{{"X-Content-Type-Options", "nosniff"}, {"X-Frame-Options", "SAMEORIGIN"}};
  return kFields;
}

void append(net::Fields& fields, const net::Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
}

// A sink whose answer has headers as the answers of handle() have.
class SinkWithHeaders : public net::BodySink {
 public:
  SinkWithHeaders(std::unique_ptr<net::BodySink> inner, net::Fields headers)
      : inner_(std::move(inner)), headers_(std::move(headers)) {}
  void write(std::string_view bytes) override { inner_->write(bytes); }
  net::Response finish() override {
    net::Response response = inner_->finish();
    append(response.headers, headers_);
    return response;
  }

 private:
  std::unique_ptr<net::BodySink> inner_;
  net::Fields headers_;
};

}  // namespace

class Api::Parts {
 public:
  Parts(std::shared_ptr<tracking::TrackingStore> store, ApiOptions options)
      : options_(std::move(options)),
        store_(std::move(store)),
        artifacts_(options_.artifacts_destination, options_.local_artifacts, options_.durability),
        hosts_(options_.allowed_hosts, options_.cors_origins),
        context_{*store_, artifacts_} {
    if (!options_.users.empty()) users_.emplace(options_.users);
    if (!options_.read_only) sweeper_.emplace(upload_roots(), options_.sweep_after);
  }

  std::unique_ptr<net::BodySink> begin(const net::Request& request) {
    // Whoever may not ask need not send a body. What handle() would answer by itself it does.
    if (blocked(request) || is_plain(request)) return nullptr;
    Match match = routes_.find(request.method, request.path);
    if (match.route == nullptr) return nullptr;
    const auto asker = admit(request, *match.route);
    if (match.route->upload == nullptr) return nullptr;
    Call call(request, std::move(match.words), context_, asker);
    return std::make_unique<SinkWithHeaders>(match.route->upload(call), headers_for(request));
  }

  net::Response handle(const net::Request& request) {
    net::Response response = answer(request);
    append(response.headers, headers_for(request));
    return response;
  }

  // Headers of every answer to it.
  [[nodiscard]] net::Fields headers_for(const net::Request& request) const {
    net::Fields fields = headers_of_all();
    append(fields, hosts_.headers_for(request));
    return fields;
  }

  void finished(const net::Request& request, int status, std::uint64_t bytes, double seconds) {
    const Match match = routes_.find(request.method, request.path);
    const std::string_view path = match.route != nullptr ? match.route->path
                                  : is_open(request.path)
                                      ? std::string_view(request.path == "/health" ? "/health" : "/version")
                                      : kOther;
    counts_.add(match.route != nullptr ? match.route->method : "any", path, status, bytes, seconds);
    if (options_.access_log) log_access(request, status, bytes, seconds);
  }

  void reload_users() {
    if (users_) users_->reload();
  }

 private:
  [[nodiscard]] std::vector<std::filesystem::path> upload_roots() const {
    std::vector<std::filesystem::path> roots = options_.local_artifacts;
    roots.push_back(options_.artifacts_destination);
    return roots;
  }

  static bool is_plain(const net::Request& request) {
    return request.method == "OPTIONS" || is_open(request.path) || request.path == "/" ||
           request.path == "/metrics";
  }

  // The answer to a request that may come from where it should not.
  [[nodiscard]] std::optional<net::Response> blocked(const net::Request& request) const {
    constexpr int kForbidden = 403;
    if (is_open(request.path)) return std::nullopt;
    if (!hosts_.allows_host(request))
      return plain(kForbidden, kText, "Invalid Host header - possible DNS rebinding attack detected");
    const bool is_safe = request.method == "GET" || request.method == "HEAD";
    if (!is_safe && !hosts_.allows_origin(request))
      return plain(kForbidden, kText, "Cross-origin request blocked");
    return std::nullopt;
  }

  std::optional<Asker> admit(const net::Request& request, const Route& route) {
    if (find_invalid_utf8(request.path) != std::string_view::npos)
      throw StoreError(Refusal::kInvalidParameterValue, "The path is not UTF-8");
    std::optional<Asker> asker = identify(request);
    if (options_.read_only && route.effect == Effect::kWrites)
      throw StoreError(Refusal::kPermissionDenied, "This server is read-only");
    return asker;
  }

  std::optional<Asker> identify(const net::Request& request) {
    if (!users_) return std::nullopt;
    std::optional<Asker> asker = users_->find(request);
    if (!asker && request.find_header("Authorization") != nullptr)
      throw StoreError(
          Refusal::kUnauthenticated,
          "You are not authenticated: the user, password or token that was sent is not known here.");
    if (!asker) {
      throw StoreError(
          Refusal::kUnauthenticated,
          "You are not authenticated. Please set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
          "MLFLOW_TRACKING_TOKEN.");
    }
    return asker;
  }

  net::Response answer(const net::Request& request) {
    if (auto refusal = blocked(request)) return *std::move(refusal);
    if (is_plain(request)) return answer_plain(request);
    if (auto answered = answer_other(request.path)) return *std::move(answered);
    Match match = routes_.find(request.method, request.path);
    if (match.route == nullptr) return no_route(match.path_exists);
    const auto asker = admit(request, *match.route);
    Call call(request, std::move(match.words), context_, asker);
    return match.route->action(call);
  }

  static net::Response no_route(bool path_exists) {
    constexpr int kNotFound = 404, kNoSuchMethod = 405;
    return path_exists ? html_error(kNoSuchMethod, "Method Not Allowed",
                                    "The method is not allowed for the requested URL.")
                       : html_error(kNotFound, "Not Found",
                                    "The requested URL was not found on the server. If you entered the URL "
                                    "manually please check your spelling and try again.");
  }

  net::Response answer_plain(const net::Request& request) {
    constexpr int kOk = 200, kNoContent = 204;
    if (request.method == "OPTIONS") return plain(kNoContent, "", "");
    if (request.path == "/health") return plain(kOk, kHtml, "OK");
    if (request.path == "/version") return plain(kOk, kHtml, version_text());
    if (request.path == "/metrics") {
      if (const auto asker = identify(request); asker && !asker->is_admin())
        throw StoreError(Refusal::kPermissionDenied, "Permission denied");
      return plain(kOk, "text/plain; version=0.0.4",
                   counts_.text(options_.connections ? options_.connections() : 0));
    }
    return plain(kOk, "text/plain; charset=utf-8",
                 "Ivory " IVORY_VERSION " answers MLflow's REST here, under /api/2.0/mlflow.\n");
  }

  [[nodiscard]] static std::optional<net::Response> answer_other(std::string_view path) {
    constexpr int kOk = 200, kUnavailable = 503;
    if (path == "/api/3.0/mlflow/server-info" || path == "/ajax-api/3.0/mlflow/server-info")
      return plain(kOk, "application/json", R"({"store_type": "SqlStore", "workspaces_enabled": false})");
    if (path.starts_with("/api/3.0/mlflow/workspaces")) {
      return plain(
          kUnavailable, kHtml,
          "Endpoint: "
          "/api/3.0/mlflow/workspaces disabled because the server is running without workspaces support.");
    }
    return std::nullopt;
  }

  void log_access(const net::Request& request, int status, std::uint64_t bytes, double seconds) {
    std::string user;
    constexpr int kUnauthorized = 401;  // looked up once, at the cost of a slow hash
    if (users_ && status != kUnauthorized && request.find_header("Authorization") != nullptr)
      if (const auto asker = users_->find(request)) user = asker->name();
    constexpr double kMicroseconds = 1e6, kPerMillisecond = 1e3;
    JsonWriter writer(JsonWriter::Style::kCompact);
    writer.begin_object();
    writer.field("time", utc_now());
    writer.field("client", request.address);
    if (!user.empty()) writer.field("user", user);
    writer.field("method", request.method);
    writer.field("target", request.target);  // encoded: plain ASCII
    writer.field("status", std::int64_t{status});
    writer.field("bytes", static_cast<std::int64_t>(bytes));
    writer.field("ms", std::round(seconds * kMicroseconds) / kPerMillisecond);
    writer.end_object();
    options_.access_log(writer.take());
  }

  ApiOptions options_;
  std::shared_ptr<tracking::TrackingStore> store_;
  ArtifactRoots artifacts_;
  HostCheck hosts_;
  Context context_;
  Routes routes_;
  Counts counts_;
  std::optional<Users> users_;
  std::optional<UploadSweeper> sweeper_;
};

Api::Api(std::shared_ptr<tracking::TrackingStore> store, ApiOptions options)
    : parts_(std::make_unique<Parts>(std::move(store), std::move(options))) {}
Api::~Api() = default;

std::unique_ptr<net::BodySink> Api::begin(const net::Request& request) { return parts_->begin(request); }
net::Response Api::handle(const net::Request& request) { return parts_->handle(request); }
void Api::reload_users() { parts_->reload_users(); }

net::Response Api::failed(const net::Request& request) noexcept {
  net::Response response;
  constexpr int kInternal = 500;
  try {
    throw;
  } catch (const Error& error) {
    const Refusal refusal = tracking::refusal_of(error);
    response = error_answer(refusal, error.what(), tracking::http_status(refusal));
    if (response.status >= kInternal && refusal != Refusal::kNotImplemented)
      log_error("server: " + request.method + " " + request.path + ": " + error.what());
  } catch (const std::exception& error) {
    log_error("server: " + request.method + " " + request.path + ": " + error.what());
    response = error_answer(Refusal::kInternalError, "The server failed; its log says why.", kInternal);
  } catch (...) {
    response = error_answer(Refusal::kInternalError, "The server failed.", kInternal);
  }
  append(response.headers, parts_->headers_for(request));
  return response;
}

net::Response Api::refused(int status, std::string_view why) noexcept {
  constexpr int kUnavailable = 503;
  const Refusal refusal = status == kUnavailable ? Refusal::kTemporarilyUnavailable : Refusal::kBadRequest;
  net::Response response = error_answer(refusal, why, status);
  append(response.headers, headers_of_all());
  return response;
}

void Api::finished(const net::Request& request, int status, std::uint64_t bytes_sent,
                   double seconds) noexcept {
  try {
    parts_->finished(request, status, bytes_sent, seconds);
  } catch (const std::exception& error) {
    log_error(std::string("server: the access log: ") + error.what());
  }
}

void check_users(const std::filesystem::path& file) { static_cast<void>(Users(file)); }

std::string version_text() { return std::string(kMlflowVersion) + "+ivory." IVORY_VERSION; }

}  // namespace ivory::server
