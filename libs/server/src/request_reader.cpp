#include "request_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <ivory/tracking/store_error.h>

namespace ivory::server {
namespace {

using tracking::Refusal;
using tracking::StoreError;

constexpr std::string_view kSeeDocs = " See the API docs for more information about request parameters.";

[[noreturn]] void refuse_body(const std::string& why) {
  throw StoreError(Refusal::kInvalidParameterValue, why);
}

void check_content_type(const net::Request& request) {
  if (request.method != "POST" && request.method != "PUT") return;
  const std::string* const type = request.find_header("Content-Type");
  if (type == nullptr || type->empty()) refuse_body("Bad Request. Content-Type header is missing.");
  if (type->substr(0, type->find(';')).find("application/json") == std::string::npos)
    refuse_body("Bad Request. Content-Type must be one of ['application/json'].");
}

JsonValue parse_body(const net::Request& request) {
  check_content_type(request);
  if (request.body.empty()) return JsonValue(JsonValue::Object());
  JsonValue body = JsonValue::parse(request.body);
  // Old clients encode twice.
  if (const auto* const text = body.as<std::string>()) body = JsonValue::parse(std::string(*text));
  if (body.is_null()) return JsonValue(JsonValue::Object());
  if (body.as<JsonValue::Object>() == nullptr)
    refuse_body("The request body must be a JSON object, not of type '" + std::string(body.type_name()) +
                "'.");
  return body;
}

// Each name with the list of its values.
JsonValue parse_query(const net::Fields& query) {
  JsonValue::Object object;
  for (const auto& [name, value] : query) {
    auto entry = std::ranges::find_if(object, [&](const auto& known) { return known.first == name; });
    if (entry == object.end()) entry = object.emplace(entry, name, JsonValue(JsonValue::List()));
    entry->second.as<JsonValue::List>()->emplace_back(value);
  }
  return JsonValue(std::move(object));
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> as_integer(const JsonValue& value) {
  if (const auto* number = value.as<std::int64_t>()) return *number;
  if (const auto* text = value.as<std::string>()) return parse_number<std::int64_t>(*text);
  constexpr double kExact = 9007199254740992.0;  // 2^53
  const auto* real = value.as<double>();
  if (real == nullptr || std::trunc(*real) != *real || std::abs(*real) > kExact) return std::nullopt;
  return static_cast<std::int64_t>(*real);
}

std::optional<double> as_number(const JsonValue& value) {
  if (const auto* number = value.as<double>()) return *number;
  if (const auto* number = value.as<std::int64_t>()) return static_cast<double>(*number);
  if (const auto* number = value.as<std::uint64_t>()) return static_cast<double>(*number);
  if (const auto* number = value.as<bool>()) return *number ? 1.0 : 0.0;
  const auto* text = value.as<std::string>();
  if (text == nullptr) return std::nullopt;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (*text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (*text == "Infinity" || *text == "-Infinity") return text->front() == '-' ? -kInfinity : kInfinity;
  const auto number = parse_number<double>(*text);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

}  // namespace

RequestReader::RequestReader(const net::Request& request)
    : owned_(std::make_unique<const JsonValue>(request.method == "GET" && !request.query.empty()
                                                   ? parse_query(request.query)
                                                   : parse_body(request))),
      from_query_(request.method == "GET" && !request.query.empty()) {}

std::string RequestReader::path() const {
  if (parent_ == nullptr) return {};
  std::string path = parent_->path() + std::string(name_);
  if (index_) path += "[" + std::to_string(*index_) + "]";
  return path + ".";
}

const JsonValue* RequestReader::find(std::string_view name) const noexcept {
  const JsonValue* const value = fields().find(name);
  return value != nullptr && from_query_ ? &value->as<JsonValue::List>()->front() : value;
}

void RequestReader::refuse(std::string_view name) const {
  const JsonValue* const value = find(name);
  const JsonValue none;
  const JsonValue& shown = value != nullptr ? *value : none;
  throw StoreError(Refusal::kInvalidParameterValue,
                   "Invalid value " + shown.to_text() + " for parameter '" + path() + std::string(name) +
                       "' supplied:  Hint: Value was of type '" + std::string(shown.type_name()) + "'." +
                       std::string(kSeeDocs));
}

void RequestReader::refuse_missing(std::string_view name) const {
  throw StoreError(Refusal::kInvalidParameterValue, "Missing value for required parameter '" + path() +
                                                        std::string(name) + "'." + std::string(kSeeDocs));
}

const JsonValue& RequestReader::require(std::string_view name) const {
  const JsonValue* const value = find(name);
  const auto* const text = value == nullptr ? nullptr : value->as<std::string>();
  if (value == nullptr || (text != nullptr && text->empty())) refuse_missing(name);
  return *value;
}

std::optional<std::string> RequestReader::find_text(std::string_view name) const {
  const JsonValue* const value = find(name);
  if (value == nullptr) return std::nullopt;
  const auto* const text = value->as<std::string>();
  if (text == nullptr) refuse(name);
  return *text;
}

std::string RequestReader::text(std::string_view name) const { return find_text(name).value_or(""); }

std::string RequestReader::required_text(std::string_view name) const {
  const auto* const text = require(name).as<std::string>();
  if (text == nullptr) refuse(name);
  return *text;
}

std::string RequestReader::run_id() const {
  return required_text(!has("run_id") && has("run_uuid") ? "run_uuid" : "run_id");
}

std::optional<std::int64_t> RequestReader::integer(std::string_view name) const {
  const JsonValue* const value = find(name);
  if (value == nullptr) return std::nullopt;
  const auto number = as_integer(*value);
  if (!number) refuse(name);
  return number;
}

std::int64_t RequestReader::required_integer(std::string_view name) const {
  const auto number = as_integer(require(name));
  if (!number) refuse(name);
  return *number;
}

double RequestReader::required_number(std::string_view name) const {
  const auto number = as_number(require(name));
  if (!number) refuse(name);
  return *number;
}

bool RequestReader::flag(std::string_view name, bool otherwise) const {
  const JsonValue* const value = find(name);
  if (value == nullptr) return otherwise;
  if (const auto* const flag = value->as<bool>()) return *flag;
  const auto* const text = value->as<std::string>();
  if (!from_query_ || text == nullptr || (*text != "true" && *text != "false")) refuse(name);
  return *text == "true";
}

std::vector<std::string> RequestReader::texts(std::string_view name) const {
  const JsonValue* const value = fields().find(name);
  if (value == nullptr) return {};
  const auto* const list = value->as<JsonValue::List>();
  if (list == nullptr) refuse(name);
  std::vector<std::string> texts;
  texts.reserve(list->size());
  for (const JsonValue& item : *list) {
    const auto* const text = item.as<std::string>();
    if (text == nullptr) refuse(name);
    texts.push_back(*text);
  }
  return texts;
}

std::vector<RequestReader> RequestReader::objects(std::string_view name) const {
  const JsonValue* const value = find(name);
  if (value == nullptr) return {};
  const auto* const list = value->as<JsonValue::List>();
  if (list == nullptr) refuse(name);
  std::vector<RequestReader> readers;
  readers.reserve(list->size());
  for (const JsonValue& item : *list) {
    if (item.as<JsonValue::Object>() == nullptr) refuse(name);
    readers.push_back(RequestReader(item, *this, name, readers.size()));
  }
  return readers;
}

std::optional<RequestReader> RequestReader::object(std::string_view name) const {
  const JsonValue* const value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->as<JsonValue::Object>() == nullptr) refuse(name);
  return RequestReader(*value, *this, name, std::nullopt);
}

std::vector<tracking::KeyValue> RequestReader::pairs(std::string_view name, bool checked) const {
  std::vector<tracking::KeyValue> pairs;
  for (const RequestReader& entry : objects(name))
    pairs.push_back({checked ? entry.required_text("key") : entry.text("key"), entry.text("value")});
  return pairs;
}

std::optional<std::int64_t> RequestReader::enumerator(std::string_view name,
                                                      const std::vector<EnumName>& names) const {
  const JsonValue* const value = find(name);
  if (value == nullptr) return std::nullopt;
  const auto* const text = value->as<std::string>();
  const auto number = as_integer(*value);
  const auto entry = std::ranges::find_if(names, [&](const EnumName& known) {
    return number ? known.number == *number : text != nullptr && known.name == *text;
  });
  if (entry == names.end()) return std::nullopt;
  return entry->number;
}

}  // namespace ivory::server
