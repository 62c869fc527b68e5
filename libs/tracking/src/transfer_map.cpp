#include "transfer_map.h"

#include <algorithm>

#include <ivory/tracking/transfer.h>

namespace ivory::tracking {
namespace {

// One folder may be said in two ways.
std::string_view without_file_scheme(std::string_view uri) {
  constexpr std::string_view kScheme = "file://";
  if (uri.starts_with(kScheme)) uri.remove_prefix(kScheme.size());
  while (uri.size() > 1 && uri.ends_with('/')) uri.remove_suffix(1);
  return uri;
}

}  // namespace

void MovedPlaces::add(std::string_view old_uri, std::string_view new_uri) {
  if (!old_uri.empty()) places_[std::string(without_file_scheme(old_uri))] = new_uri;
}

std::optional<std::string> MovedPlaces::find(std::string_view uri) const {
  const std::string_view whole = without_file_scheme(uri);
  for (std::string_view folder = whole; !folder.empty();) {
    const auto moved = places_.find(std::string(folder));
    if (moved != places_.end()) return moved->second + std::string(whole.substr(folder.size()));
    folder =
        folder.substr(0, folder.find_last_of('/') == std::string_view::npos ? 0 : folder.find_last_of('/'));
  }
  return std::nullopt;
}

std::vector<KeyValue> without_origin(const std::vector<KeyValue>& tags) {
  std::vector<KeyValue> rest = tags;
  std::erase_if(rest, [](const KeyValue& tag) { return tag.key == kOriginTag; });
  return rest;
}

std::vector<KeyValue> with_origin(const std::vector<KeyValue>& tags, const std::string& origin) {
  std::vector<KeyValue> marked = without_origin(tags);
  marked.push_back({std::string(kOriginTag), origin});
  return marked;
}

const std::string* find_tag(const std::vector<KeyValue>& tags, std::string_view key) noexcept {
  const auto found = std::ranges::find(tags, key, &KeyValue::key);
  return found == tags.end() ? nullptr : &found->value;
}

std::vector<KeyValue> lacking(const std::vector<KeyValue>& wanted, const std::vector<KeyValue>& present) {
  std::vector<KeyValue> rest;
  for (const KeyValue& pair : wanted) {
    const std::string* const there = find_tag(present, pair.key);
    if (there == nullptr || *there != pair.value) rest.push_back(pair);
  }
  return rest;
}

bool is_not_kept(const StoreError& error) noexcept {
  return error.refusal() == Refusal::kNotImplemented || error.refusal() == Refusal::kEndpointNotFound;
}

}  // namespace ivory::tracking
