#include "rest/mlflow_environment.h"

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <ivory/base/error.h>

namespace ivory::tracking {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody here sets any
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

[[noreturn]] void refuse(const char* name, const std::string& value, std::string_view expected) {
  throw Error(ErrorCode::kInvalidArgument, "environment variable " + std::string(name) + ": found '" + value +
                                               "', expected " + std::string(expected));
}

double number_or(const char* name, double fallback, double largest) {
  const auto text = variable(name);
  if (!text) return fallback;
  double number = -1;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size() || !(number >= 0 && number <= largest))
    refuse(name, *text, "a number from 0 to " + std::to_string(static_cast<long>(largest)));
  return number;
}

bool flag_or(const char* name, bool fallback) {
  const auto text = variable(name);
  if (!text) return fallback;
  if (*text == "true" || *text == "True" || *text == "1") return true;
  if (*text == "false" || *text == "False" || *text == "0") return false;
  refuse(name, *text, "true or false");
}

std::string path_or_none(const char* name) {
  const std::string path = variable(name).value_or("");
  std::error_code ignored;
  if (!path.empty() && !std::filesystem::exists(path, ignored)) refuse(name, path, "a file that is there");
  return path;
}

}  // namespace

net::HttpOptions http_options_from_environment() {
  net::HttpOptions options;
  const double timeout = number_or("MLFLOW_HTTP_REQUEST_TIMEOUT", 120, 86'400);
  options.timeout = std::chrono::seconds(static_cast<std::int64_t>(timeout));
  options.max_retries = static_cast<int>(number_or("MLFLOW_HTTP_REQUEST_MAX_RETRIES", 7, 10));
  options.backoff_factor = number_or("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", 2, 120);
  options.backoff_jitter = number_or("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", 1, 120);
  const auto username = variable("MLFLOW_TRACKING_USERNAME");
  const auto password = variable("MLFLOW_TRACKING_PASSWORD");
  if (username && password) {
    options.username = *username;
    options.password = *password;
  }
  options.token = variable("MLFLOW_TRACKING_TOKEN").value_or("");
  options.verify_tls = !flag_or("MLFLOW_TRACKING_INSECURE_TLS", false);
  options.server_certificates = path_or_none("MLFLOW_TRACKING_SERVER_CERT_PATH");
  options.client_certificate = path_or_none("MLFLOW_TRACKING_CLIENT_CERT_PATH");
  return options;
}

}  // namespace ivory::tracking
