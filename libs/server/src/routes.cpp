#include "routes.h"

#include <algorithm>
#include <array>

namespace ivory::server {
namespace {

constexpr std::string_view kRest = "{...}";

// The words of the path that stand where the pattern has {}; empty if it does not match.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> words;
  while (!pattern.empty()) {
    const auto brace = pattern.find('{');
    const std::string_view plain = pattern.substr(0, brace);
    if (!path.starts_with(plain)) return std::nullopt;
    path.remove_prefix(plain.size());
    pattern.remove_prefix(plain.size());
    if (pattern.empty()) break;
    const std::string_view word = pattern == kRest ? path : path.substr(0, path.find('/'));
    if (word.empty()) return std::nullopt;
    words.emplace_back(word);
    path.remove_prefix(word.size());
    pattern.remove_prefix(pattern.find('}') + 1);
  }
  if (!path.empty()) return std::nullopt;
  return words;
}

}  // namespace

Routes::Routes() {
  for (const auto group : {experiment_routes(), run_routes(), metric_routes(), artifact_routes(),
                           logged_model_routes(), registry_routes()}) {
    for (const Route& route : group) {
      if (route.path.find('{') == std::string_view::npos)
        fixed_[route.path].push_back(&route);
      else
        patterns_.push_back(&route);
    }
  }
}

Match Routes::find(std::string_view method, std::string_view path) const {
  // Clients whose address of the server ends with a slash write two.
  while (path.starts_with("//")) path.remove_prefix(1);
  constexpr std::string_view kAjax = "/ajax-api/";
  const std::string as_api =
      path.starts_with(kAjax) ? "/api/" + std::string(path.substr(kAjax.size())) : std::string(path);
  Match found;
  const auto take = [&](const Route& route, std::vector<std::string> words) {
    found.path_exists = true;
    if (found.route != nullptr || (route.method != method && (route.method != "GET" || method != "HEAD")))
      return;
    found.route = &route;
    found.words = std::move(words);
  };
  if (const auto fixed = fixed_.find(as_api); fixed != fixed_.end()) {
    for (const Route* route : fixed->second) take(*route, {});
    return found;
  }
  for (const Route* route : patterns_)
    if (auto words = match(route->path, as_api)) take(*route, *std::move(words));
  return found;
}

}  // namespace ivory::server
