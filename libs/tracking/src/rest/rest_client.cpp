#include "rest/rest_client.h"

#include <array>
#include <optional>

#include <ivory/base/error.h>
#include <ivory/tracking/store_error.h>

#include "rest/mlflow_environment.h"

namespace ivory::tracking {
namespace {

constexpr std::string_view kPrefix = "/api/2.0/mlflow/";
constexpr std::size_t kShownLength = 300;

struct ByStatus {
  int status;
  Refusal refusal;
};
// For answers without MLflow's JSON: of proxies, and of paths that a server does not know.
constexpr std::array kByStatus{
    ByStatus{400, Refusal::kBadRequest},
    ByStatus{401, Refusal::kUnauthenticated},
    ByStatus{403, Refusal::kPermissionDenied},
    ByStatus{404, Refusal::kEndpointNotFound},
    ByStatus{405, Refusal::kEndpointNotFound},
    ByStatus{429, Refusal::kResourceExhausted},
    ByStatus{501, Refusal::kNotImplemented},
    ByStatus{502, Refusal::kTemporarilyUnavailable},
    ByStatus{503, Refusal::kTemporarilyUnavailable},
    ByStatus{504, Refusal::kTemporarilyUnavailable},
};

Refusal refusal_by(int status) {
  for (const ByStatus& known : kByStatus)
    if (known.status == status) return known.refusal;
  return status < 500 ? Refusal::kBadRequest : Refusal::kInternalError;
}

std::string shortened(std::string_view text) {
  return std::string(text.substr(0, kShownLength)) + (text.size() > kShownLength ? "…" : "");
}

std::optional<StoreError> find_store_error(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto code = json.find("error_code");
  if (code == json.end() || !code->is_string()) return std::nullopt;
  const auto message = json.find("message");
  const std::string text =
      message != json.end() && message->is_string() ? message->get<std::string>() : code->get<std::string>();
  const Refusal refusal = parse_refusal(code->get<std::string>());
  // To us, what is in the wrong state is a conflict; to MLflow it is a parameter.
  const bool wrong_state = text.find("must be in the 'active' state") != std::string::npos ||
                           text.find("must be in 'active' state") != std::string::npos ||
                           text.find("must be in the 'deleted' state") != std::string::npos;
  if (wrong_state) return StoreError(refusal, ErrorCode::kConflict, text);
  return StoreError(refusal, text);
}

net::HttpOptions http_options(const StoreOptions& options) {
  net::HttpOptions http = http_options_from_environment();
  http.max_retries = options.max_retries.value_or(http.max_retries);
  return http;
}

}  // namespace

std::string to_text(const Query& query) {
  std::string text;
  for (const auto& [name, value] : query) {
    text += text.empty() ? '?' : '&';
    text += net::percent_encoded(name) + '=' + net::percent_encoded(value);
  }
  return text;
}

void check_success(const net::HttpAnswer& answer, std::string_view request) {
  if (answer.status >= 200 && answer.status < 300) return;
  if (auto error = find_store_error(answer.body)) throw StoreError(*std::move(error));
  throw StoreError(refusal_by(answer.status),
                   "the tracking server answered " + std::to_string(answer.status) + " to " +
                       std::string(request) + (answer.body.empty() ? "" : ": " + shortened(answer.body)));
}

RestClient::RestClient(std::string_view tracking_uri, const StoreOptions& options)
    : http_(tracking_uri, http_options(options)), read_only_(options.access == Access::kReadOnly) {
  // Whatever it says: it is there.
  static_cast<void>(http_.send({.path = "/health", .repeat = net::Repeat::kNever}));
}

Json RestClient::call(const net::HttpRequest& request) const {
  const net::HttpAnswer answer = http_.send(request);
  const std::string named = request.method + " " + request.path.substr(0, request.path.find('?'));
  check_success(answer, named);
  if (answer.body.empty()) return Json::object();
  Json json = Json::parse(answer.body, nullptr, false);
  if (!json.is_object()) {
    throw Error(ErrorCode::kIo,
                "the answer of " + http_.base_url() + " to " + named +
                    " is no JSON object; is it a tracking server? It begins: " + shortened(answer.body));
  }
  return json;
}

Json RestClient::get(std::string_view path, const Query& query) const {
  return call({.path = std::string(kPrefix).append(path) + to_text(query)});
}

namespace {

net::HttpRequest with_json(std::string_view method, std::string_view path, const Json& body) {
  net::HttpRequest request{.method = std::string(method), .path = std::string(path)};
  if (!path.starts_with('/')) request.path.insert(0, kPrefix);
  request.content_type = "application/json";
  try {
    request.body = body.dump();
  } catch (const Json::exception&) {
    throw StoreError(Refusal::kInvalidParameterValue, "a text is not valid UTF-8");
  }
  return request;
}

}  // namespace

Json RestClient::ask(std::string_view path, const Json& body) const {
  return call(with_json("POST", path, body));
}

Json RestClient::change(std::string_view method, std::string_view path, const Json& body,
                        net::Repeat repeat) const {
  if (read_only_) throw Error(ErrorCode::kUnsupported, "this tracking store was opened for reading only");
  net::HttpRequest request = with_json(method, path, body);
  request.repeat = repeat;
  return call(request);
}

}  // namespace ivory::tracking
