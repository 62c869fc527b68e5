// The paths that the server knows, and who answers them.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <ivory/net_server/http_message.h>

#include "call.h"

namespace ivory::server {

enum class Effect { kReads, kWrites };

using Action = net::Response (*)(Call& call);
using Upload = std::unique_ptr<net::BodySink> (*)(Call& call);

// `path` has {} for one word and {...} for all the rest. What begins with /api/ is there under /ajax-api/,
// too.
struct Route {
  std::string_view method;
  std::string_view path;
  Effect effect;
  Action action;
  Upload upload = nullptr;  // instead of `action`, if the body is to be streamed
};

// One file each.
[[nodiscard]] std::span<const Route> experiment_routes();
[[nodiscard]] std::span<const Route> run_routes();
[[nodiscard]] std::span<const Route> metric_routes();
[[nodiscard]] std::span<const Route> artifact_routes();
[[nodiscard]] std::span<const Route> logged_model_routes();
[[nodiscard]] std::span<const Route> registry_routes();

struct Match {
  const Route* route = nullptr;  // null: no such path, or not with that method
  std::vector<std::string> words;
  bool path_exists = false;
};

// All of them. Threads: any.
class Routes {
 public:
  Routes();
  [[nodiscard]] Match find(std::string_view method, std::string_view path) const;

 private:
  std::unordered_map<std::string_view, std::vector<const Route*>> fixed_;
  std::vector<const Route*> patterns_;
};

}  // namespace ivory::server
