#include <ivory/experiment/entity.h>

#include <algorithm>

#include <ivory/base/error.h>

namespace ivory {

std::vector<std::string> Members::keys() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : items_) names.push_back(name);
  return names;
}

std::vector<Value> Members::values() const {
  std::vector<Value> all;
  for (const auto& [name, value] : items_) all.push_back(value);
  return all;
}

const Value* Members::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(items_, name, &std::pair<std::string, Value>::first);
  return found == items_.end() ? nullptr : &found->second;
}

const Value& Members::at(std::string_view name) const {
  if (const Value* value = find(name)) return *value;
  throw Error(ErrorCode::kNotFound,
              "there is no member '" + std::string(name) + "'" + did_you_mean(name, keys()));
}

const Value& Members::at(std::size_t index) const {
  if (index < items_.size()) return items_[index].second;
  throw Error(ErrorCode::kNotFound,
              "there is no member " + std::to_string(index) + "; there are " + std::to_string(items_.size()));
}

void Members::insert(std::string_view name, Value value, std::string_view before) {
  const auto place = std::ranges::find(items_, before, &NamedValues::value_type::first);
  items_.insert(place, {std::string(name), std::move(value)});
}

void Members::set(std::string_view name, Value value) {
  const auto found = std::ranges::find(items_, name, &std::pair<std::string, Value>::first);
  if (found == items_.end()) {
    items_.emplace_back(name, std::move(value));
  } else {
    found->second = std::move(value);
  }
}

}  // namespace ivory
