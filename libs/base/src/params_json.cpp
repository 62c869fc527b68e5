// Params from and to JSON: the only unit that sees nlohmann's header.
#include <cmath>
#include <limits>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/params.h>
#include <nlohmann/json.hpp>

namespace ivory {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kDeepest = 200;

Json real_to_json(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

Json to_json_tree(const Params& value);

Json list_to_json(const Params& list) {
  auto made = Json::array();
  for (const auto& element : list.elements()) made.push_back(to_json_tree(element));
  return made;
}

Json map_to_json(const Params& map) {
  auto made = Json::object();
  for (const auto& item : map.items()) made[item.key] = to_json_tree(item.value);
  return made;
}

Json to_json_tree(const Params& value) {
  switch (value.kind()) {
    case Params::Kind::kNull:
      return nullptr;
    case Params::Kind::kBool:
      return value.as_bool();
    case Params::Kind::kInt:
      return value.as_int();
    case Params::Kind::kReal:
      return real_to_json(value.as_real());
    case Params::Kind::kString:
      return value.as_string();
    case Params::Kind::kList:
      return list_to_json(value);
    case Params::Kind::kMap:
      return map_to_json(value);
  }
  return nullptr;
}

// Builds the tree from the parser's events. The parser itself uses no recursion, so that depth is ours to
// bound.
class Builder : public nlohmann::json_sax<Json> {
 public:
  [[nodiscard]] Params take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override {
    if (std::in_range<std::int64_t>(value)) return add(static_cast<std::int64_t>(value));
    return add(static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t& /*text*/) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t& /*value*/) override { return false; }  // JSON text has none
  bool start_object(std::size_t /*size*/) override { return open(Params::map()); }
  bool start_array(std::size_t /*size*/) override { return open(Params::list()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (open_.back()->contains(name)) {
      throw Error(ErrorCode::kInvalidArgument, "JSON: the key '" + name + "' is given twice");
    }
    next_ = &(*open_.back())[name];
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    std::string reason = error.what();  // "[json.exception.parse_error.101] parse error at …: reason"
    if (const auto end = reason.find("] "); end != std::string::npos) reason.erase(0, end + 2);
    throw Error(ErrorCode::kInvalidArgument, "JSON, byte " + std::to_string(position) + ": " + reason);
  }

 private:
  // Where the next value goes: the root, the value of the last key, or a new element.
  Params& place(Params value) {
    if (open_.empty()) return root_ = std::move(value);
    if (open_.back()->is_map()) return *next_ = std::move(value);
    open_.back()->push_back(std::move(value));
    return open_.back()->elements().back();
  }
  bool add(Params value) {
    place(std::move(value));
    return true;
  }
  bool open(Params container) {
    if (open_.size() >= kDeepest) {
      throw Error(ErrorCode::kInvalidArgument, "JSON: nested deeper than " + std::to_string(kDeepest));
    }
    // A container stays where it is while it is open: its parents get no further values until it closes.
    open_.push_back(&place(std::move(container)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  Params root_;
  std::vector<Params*> open_;
  Params* next_ = nullptr;
};

}  // namespace

std::string Params::to_json(int indent) const {
  try {
    return to_json_tree(*this).dump(indent);
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::kInvalidArgument,
                at_place(*this, std::string("cannot be written as JSON: ") + error.what()));
  }
}

Params Params::from_json(std::string_view text) {
  Builder builder;
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

}  // namespace ivory
