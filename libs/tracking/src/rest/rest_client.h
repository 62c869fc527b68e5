// Calls of MLflow's REST interface.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <ivory/net_client/http_client.h>
#include <ivory/tracking/open_store.h>

namespace ivory::tracking {

using Json = nlohmann::json;
// Names and values of a query, not yet percent-encoded; a name may stand twice.
using Query = std::vector<std::pair<std::string, std::string>>;

// Threads: any method from any thread. Errors: StoreError with the server's error_code and message; kIo when
// the server does not answer, or not in JSON; kUnsupported for a change when access is read-only;
// kInvalidArgument for text that is not UTF-8.
class RestClient {
 public:
  // Asks the server for a sign of life: kIo at once if it gives none.
  RestClient(std::string_view tracking_uri, const StoreOptions& options);

  // GET, with `path` after /api/2.0/mlflow/.
  [[nodiscard]] Json get(std::string_view path, const Query& query = {}) const;
  // POST that only asks.
  [[nodiscard]] Json ask(std::string_view path, const Json& body) const;
  // A change: to the same again it comes to the same (kAlways), or not.
  // NOLINTNEXTLINE(modernize-use-nodiscard): most answers are empty
  Json change(std::string_view method, std::string_view path, const Json& body,
              net::Repeat repeat = net::Repeat::kAlways) const;

  [[nodiscard]] const std::string& base_url() const noexcept { return http_.base_url(); }
  [[nodiscard]] const net::HttpClient& http() const noexcept { return http_; }

 private:
  [[nodiscard]] Json call(const net::HttpRequest& request) const;

  net::HttpClient http_;
  bool read_only_;
};

// "?a=b&c=d", percent-encoded; empty without any.
[[nodiscard]] std::string to_text(const Query& query);

// Throws the StoreError of an answer that is no success (2xx). `request` is for the message: "GET /x".
void check_success(const net::HttpAnswer& answer, std::string_view request);

}  // namespace ivory::tracking
