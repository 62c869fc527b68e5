#include "json_value.h"

#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <ranges>

#include <ivory/tracking/store_error.h>

#include "json_writer.h"

namespace ivory::server {
namespace {

using tracking::Refusal;
using tracking::StoreError;

constexpr std::size_t kDeepest = 64;

constexpr std::string_view kNotJson = "The request body is not valid JSON: ";

[[noreturn]] void refuse_depth() {
  throw StoreError(Refusal::kInvalidParameterValue,
                   std::string(kNotJson) + "it is nested deeper than " + std::to_string(kDeepest));
}

// What simdjson has read; `depth`: how many lists and objects are around it.
JsonValue value_of(simdjson::dom::element element, std::size_t depth) {
  using Type = simdjson::dom::element_type;
  JsonValue value;
  const bool is_open = element.is_array() || element.is_object();
  if (is_open && depth >= kDeepest) refuse_depth();
  switch (element.type()) {
    case Type::ARRAY: {
      const simdjson::dom::array array = element.get_array().value_unsafe();
      JsonValue::List list;
      list.reserve(array.size());
      for (const simdjson::dom::element item : array) list.push_back(value_of(item, depth + 1));
      value.set(std::move(list));
      break;
    }
    case Type::OBJECT: {
      const simdjson::dom::object members = element.get_object().value_unsafe();
      JsonValue::Object object;
      object.reserve(members.size());
      for (const auto& [name, item] : members) object.emplace_back(name, value_of(item, depth + 1));
      value.set(std::move(object));
      break;
    }
    case Type::INT64:
      value.set(element.get_int64().value_unsafe());
      break;
    case Type::UINT64:
      value.set(element.get_uint64().value_unsafe());
      break;
    case Type::DOUBLE:
      value.set(element.get_double().value_unsafe());
      break;
    case Type::STRING:
      value.set(std::string(element.get_string().value_unsafe()));
      break;
    case Type::BOOL:
      value.set(element.get_bool().value_unsafe());
      break;
    case Type::NULL_VALUE:
      break;
  }
  return value;
}

// Much faster than nlohmann, which has the last word on all that simdjson refuses: it tells the place,
// and takes numbers of any length.
std::optional<JsonValue> parse_fast(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS) return std::nullopt;
  return value_of(root, 0);
}

// Builds the value while nlohmann reads.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return add(std::monostate()); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(std::int64_t{value}); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return add(std::uint64_t{value});
    return add(static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t&) override { return add(double{value}); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(JsonValue::Object()); }
  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(JsonValue::List()); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t place, const std::string&, const nlohmann::json::exception& error) override {
    const std::string_view what = error.what();
    const auto reason = what.rfind(": ");
    problem_ = "byte " + std::to_string(place) + ": " +
               std::string(reason == std::string_view::npos ? what : what.substr(reason + 2));
    return false;
  }

  JsonValue root;
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  // Where the next value belongs.
  JsonValue& place() {
    if (open_.empty()) return root;
    if (auto* const list = open_.back()->as<JsonValue::List>()) return list->emplace_back();
    auto& member = open_.back()->as<JsonValue::Object>()->emplace_back();
    member.first = std::move(key_);
    return member.second;
  }

  template <class T>
  bool add(T value) {
    place().set(std::move(value));
    return true;
  }

  template <class T>
  bool open(T value) {
    if (open_.size() >= kDeepest) refuse_depth();
    JsonValue& opened = place();
    opened.set(std::move(value));
    open_.push_back(&opened);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  // They stay where they are: a value moves only while a list that holds it grows, and then it is closed.
  std::vector<JsonValue*> open_;
  std::string key_, problem_;
};

void write(JsonWriter& writer, const JsonValue& value) {
  if (const auto* text = value.as<std::string>()) return writer.value(*text);
  if (const auto* flag = value.as<bool>()) return writer.value(*flag);
  if (const auto* number = value.as<std::int64_t>()) return writer.value(*number);
  if (const auto* number = value.as<std::uint64_t>()) return writer.raw(std::to_string(*number));
  if (const auto* number = value.as<double>()) return writer.value(*number);
  if (const auto* list = value.as<JsonValue::List>()) {
    writer.begin_list();
    for (const JsonValue& item : *list) write(writer, item);
    return writer.end_list();
  }
  if (const auto* object = value.as<JsonValue::Object>()) {
    writer.begin_object();
    for (const auto& [name, item] : *object) {
      writer.key(name);
      write(writer, item);
    }
    return writer.end_object();
  }
  writer.raw("null");
}

}  // namespace

JsonValue JsonValue::parse(std::string_view text) {
  if (auto value = parse_fast(text)) return *std::move(value);
  Builder builder;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder))
    throw StoreError(Refusal::kInvalidParameterValue, std::string(kNotJson) + builder.problem());
  return std::move(builder.root);
}

const JsonValue* JsonValue::find(std::string_view name) const noexcept {
  const auto* const object = as<Object>();
  if (object == nullptr) return nullptr;
  for (const auto& [key, value] : std::views::reverse(*object))
    if (key == name) return value.is_null() ? nullptr : &value;
  return nullptr;
}

std::string_view JsonValue::type_name() const noexcept {
  constexpr std::string_view kNames[] = {"NoneType", "bool", "int", "int", "float", "str", "list", "dict"};
  return kNames[value_.index()];
}

std::string JsonValue::to_text() const {
  JsonWriter writer(JsonWriter::Style::kCompact);
  write(writer, *this);
  return writer.take();
}

}  // namespace ivory::server
