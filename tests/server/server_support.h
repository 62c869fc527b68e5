// An Api over a fresh store, asked without a network.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <ivory/base/files.h>
#include <ivory/server/api.h>
#include <ivory/tracking/open_store.h>

namespace ivory::server {

using Json = nlohmann::ordered_json;

struct Answer {
  int status = 0;
  std::string type;
  std::string text;
  net::Fields headers;
  [[nodiscard]] Json json() const { return Json::parse(text); }
};

// As the server asks it: the body goes to the sink, if there is one.
inline Answer ask(net::Handler& api, const net::Request& request) {
  net::Response response;
  try {
    net::Request head = request;
    head.body.clear();
    const auto sink = request.body.empty() ? nullptr : api.begin(head);
    if (sink) sink->write(request.body);
    response = sink ? sink->finish() : api.handle(request);
  } catch (...) {
    response = api.failed(request);
  }
  Answer answer{response.status, response.content_type, std::move(response.body),
                std::move(response.headers)};
  if (response.source) {
    std::string piece(1000, '\0');
    while (const std::size_t size = response.source->read(piece)) answer.text.append(piece, 0, size);
  }
  return answer;
}

// A request as a connection would make it; `target` is encoded.
inline net::Request request_of(std::string method, std::string target, std::string body = {},
                               std::string_view type = "application/json") {
  net::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  const auto mark = request.target.find('?');
  request.path = net::percent_decoded(request.target.substr(0, mark)).value_or("");
  if (mark != std::string::npos) request.query = net::parse_query(request.target.substr(mark + 1));
  request.headers = {{"Host", "localhost:5000"}};
  if (!type.empty() && request.method != "GET") request.headers.emplace_back("Content-Type", type);
  request.body = std::move(body);
  return request;
}

// A server's folder with its store and artifacts.
class TestApi {
 public:
  explicit TestApi(ApiOptions options = {})
      : store_(tracking::open_store("sqlite:///store.db", {.working_directory = folder_.path(),
                                                           .artifact_root = "mlflow-artifacts:"})) {
    options.artifacts_destination = folder_.path() / "mlartifacts";
    api_ = std::make_unique<Api>(store_, std::move(options));
  }

  [[nodiscard]] Api& api() { return *api_; }
  [[nodiscard]] tracking::TrackingStore& store() { return *store_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }

  Answer get(const std::string& target) { return ask(*api_, request_of("GET", target)); }
  Answer post(const std::string& path, const Json& body) {
    return ask(*api_, request_of("POST", path, body.dump()));
  }
  // Of the API: "runs/create".
  Json must(const std::string& path, const Json& body) {
    const Answer answer = post("/api/2.0/mlflow/" + path, body);
    if (answer.status != 200) throw std::runtime_error(path + ": " + answer.text);
    return answer.json();
  }

 private:
  TemporaryFolder folder_;
  std::shared_ptr<tracking::TrackingStore> store_;
  std::unique_ptr<Api> api_;
};

}  // namespace ivory::server
