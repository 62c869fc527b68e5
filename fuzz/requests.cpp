// Requests to the server: the first line is the method and the target, the rest the body. Whatever they are,
// the answer is a status that tells of the request's fault, not of a failure of the server's; what says that
// it is JSON is.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <ivory/base/files.h>
#include <ivory/base/log.h>
#include <ivory/base/params.h>
#include <ivory/server/api.h>
#include <ivory/tracking/open_store.h>

namespace {
using namespace ivory;

void require(bool holds) {
  if (!holds) std::abort();
}

server::Api& api() {
  static const TemporaryFolder folder;
  static const std::unique_ptr<server::Api> made = [] {
    set_log_level(LogLevel::kOff);
    auto store = tracking::open_store(
        "sqlite:///f.db", {.working_directory = folder.path(), .artifact_root = "mlflow-artifacts:"});
    store->create_run({.experiment_id = "0", .name = "run"});
    server::ApiOptions options;
    options.artifacts_destination = folder.path() / "artifacts";
    return std::make_unique<server::Api>(std::move(store), std::move(options));
  }();
  return *made;
}

net::Response ask(const net::Request& request) {
  try {
    net::Request head = request;
    head.body.clear();
    const auto sink = request.body.empty() ? nullptr : api().begin(head);
    if (!sink) return api().handle(request);
    sink->write(request.body);
    return sink->finish();
  } catch (...) {
    return api().failed(request);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view line = text.substr(0, text.find('\n'));
  net::Request request;
  request.method = line.substr(0, line.find(' '));
  request.target = line.substr(std::min(line.size(), request.method.size() + 1));
  const auto mark = request.target.find('?');
  auto path = net::percent_decoded(std::string_view(request.target).substr(0, mark));
  if (!path) return 0;
  request.path = *std::move(path);
  if (mark != std::string::npos)
    request.query = net::parse_query(std::string_view(request.target).substr(mark + 1));
  request.headers = {{"Host", "localhost"}, {"Content-Type", "application/json"}};
  request.body = text.substr(std::min(text.size(), line.size() + 1));
  const net::Response response = ask(request);
  constexpr int kFailed = 500, kState = 503;
  require(response.status != kFailed || response.body.find("INVALID_STATE") != std::string::npos);
  require(response.status <= kState);
  if (response.content_type == "application/json" && !response.source && !response.body.empty())
    (void)Params::from_json(response.body);
  return 0;
}
