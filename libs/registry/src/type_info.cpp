#include <ivory/registry/type_info.h>

#include <algorithm>
#include <limits>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/registry/convert.h>

namespace ivory {
namespace {

constexpr std::pair<ArgType::Kind, std::string_view> kWords[] = {
    {ArgType::Kind::kAny, "any"},       {ArgType::Kind::kData, "data"},
    {ArgType::Kind::kBool, "bool"},     {ArgType::Kind::kInt, "int"},
    {ArgType::Kind::kReal, "real"},     {ArgType::Kind::kString, "string"},
    {ArgType::Kind::kPath, "path"},     {ArgType::Kind::kList, "list"},
    {ArgType::Kind::kMap, "map"},       {ArgType::Kind::kCallable, "callable"},
    {ArgType::Kind::kObject, "object"}, {ArgType::Kind::kUnion, "union"},
};

std::string_view word_of(ArgType::Kind kind) {
  return std::ranges::find(kWords, kind, &std::pair<ArgType::Kind, std::string_view>::first)->second;
}

class TypeParser {
 public:
  explicit TypeParser(std::string_view text) : text_(text) {}

  ArgType parse() {
    ArgType type = alternatives();
    if (position_ != text_.size()) fail();
    return type;
  }

 private:
  ArgType alternatives() {
    ArgType first = single();
    if (!take('|')) return first;
    ArgType type{ArgType::Kind::kUnion, first.nullable, {}, {}};
    first.nullable = false;
    type.inner.push_back(std::move(first));
    do {
      ArgType next = single();
      type.nullable = type.nullable || std::exchange(next.nullable, false);
      type.inner.push_back(std::move(next));
    } while (take('|'));
    return type;
  }

  ArgType single() {
    const std::size_t begin = position_;
    while (position_ < text_.size() && text_[position_] >= 'a' && text_[position_] <= 'z') ++position_;
    const std::string_view word = text_.substr(begin, position_ - begin);
    const auto* const known =
        std::ranges::find(kWords, word, &std::pair<ArgType::Kind, std::string_view>::second);
    if (known == std::end(kWords)) fail();
    ArgType type{known->first, false, {}, {}};
    if (take('[')) {
      type.inner.push_back(alternatives());
      if (!take(']')) fail();
    }
    if (take('<')) type.object = object_name();
    type.nullable = take('?');
    return type;
  }

  std::string object_name() {
    const std::size_t begin = position_;
    for (int depth = 1; position_ < text_.size(); ++position_) {
      if (text_[position_] == '<') ++depth;
      if (text_[position_] == '>' && --depth == 0)
        return std::string(text_.substr(begin, position_++ - begin));
    }
    fail();
  }

  bool take(char c) {
    if (position_ >= text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  [[noreturn]] void fail() const {
    throw Error(ErrorCode::kInvalidArgument, "'" + std::string(text_) + "' is not the type of an argument");
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

template <class Predicate>
bool any_alternative(const ArgType& type, Predicate predicate) {
  if (type.kind != ArgType::Kind::kUnion) return predicate(type);
  return std::ranges::any_of(type.inner, predicate);
}

Params arg_to_params(const ArgInfo& arg) {
  Params result{{"name", arg.name}, {"type", arg.type.to_text()}};
  if (!arg.required && !arg.rest) result.set("default", arg.default_value);
  if (!arg.help.empty()) result.set("help", arg.help);
  if (!arg.choices.empty()) result.set("choices", Params::list(arg.choices));
  if (arg.rest) result.set("rest", true);
  if (!arg.family.empty()) result.set("family", arg.family);
  return result;
}

// JSON has no NaN and no infinities: they come as texts.
Params revived(const ArgType& type, Params value) {
  constexpr std::pair<std::string_view, double> kReals[] = {
      {"NaN", std::numeric_limits<double>::quiet_NaN()},
      {"Infinity", std::numeric_limits<double>::infinity()},
      {"-Infinity", -std::numeric_limits<double>::infinity()}};
  if (!value.is_string() || accepts(type, value)) return value;
  for (const auto& [text, real] : kReals)
    if (value.as_string() == text && accepts(type, Params(real))) return real;
  return value;
}

ArgInfo arg_from_params(const Params& params) {
  ArgInfo arg;
  arg.name = params.at("name").as_string();
  arg.type = ArgType::parse(params.at("type").as_string());
  arg.rest = params.contains("rest");
  arg.required = !params.contains("default") && !arg.rest;
  if (const Params* value = params.find("default")) arg.default_value = revived(arg.type, *value);
  if (const Params* help = params.find("help")) arg.help = help->as_string();
  if (const Params* choices = params.find("choices")) arg.choices = choices->elements();
  if (const Params* family = params.find("family")) arg.family = family->as_string();
  return arg;
}

}  // namespace

std::string ArgType::to_text() const {
  std::string text;
  if (kind == Kind::kUnion) {
    for (const ArgType& alternative : inner) text += (text.empty() ? "" : "|") + alternative.to_text();
  } else {
    text = word_of(kind);
    if (!inner.empty()) text += "[" + inner.front().to_text() + "]";
    if (!object.empty()) text += "<" + object + ">";
  }
  return nullable ? text + "?" : text;
}

ArgType ArgType::parse(std::string_view text) { return TypeParser(text).parse(); }

bool ArgType::wants_object() const {
  return any_alternative(*this, [](const ArgType& type) { return type.kind == Kind::kObject; });
}

bool ArgType::wants_callable() const {
  return any_alternative(*this, [](const ArgType& type) { return type.kind == Kind::kCallable; });
}

bool accepts(const ArgType& type, const Params& data) {
  if (data.is_null() && type.nullable) return true;
  const auto takes = [&](const Params& element) { return accepts(type.inner.front(), element); };
  switch (type.kind) {
    case ArgType::Kind::kAny:
    case ArgType::Kind::kData:
      return true;
    case ArgType::Kind::kBool:
      return data.is_bool();
    case ArgType::Kind::kInt:
      return data.is_int();
    case ArgType::Kind::kReal:
      return data.is_number();
    case ArgType::Kind::kString:
    case ArgType::Kind::kPath:
      return data.is_string();
    case ArgType::Kind::kList:
      return data.is_list() && std::ranges::all_of(data.elements(), takes);
    case ArgType::Kind::kMap:
      return data.is_map() && std::ranges::all_of(data.items(), takes, &ParamsItem::value);
    case ArgType::Kind::kUnion:
      return std::ranges::any_of(type.inner,
                                 [&](const ArgType& alternative) { return accepts(alternative, data); });
    case ArgType::Kind::kCallable:
    case ArgType::Kind::kObject:
      return false;
  }
  return false;
}

bool accepts(const ArgType& type, const Value& value) {
  if (value.is_data()) return accepts(type, value.data());
  switch (type.kind) {
    case ArgType::Kind::kAny:
      return true;
    case ArgType::Kind::kCallable:
      return value.is_callable() || (value.code() != nullptr && value.code()->info.callable);
    case ArgType::Kind::kObject:
      return value.is_object() && (cpp_type_name(value.ops()->type) == type.object ||
                                   cpp_type_name(value.ops()->interface) == type.object);
    case ArgType::Kind::kList:
      return value.is_list() && std::ranges::all_of(value.elements(), [&](const Value& element) {
               return accepts(type.inner.front(), element);
             });
    case ArgType::Kind::kMap:
      return value.is_map() && std::ranges::all_of(value.items(), [&](const auto& item) {
               return accepts(type.inner.front(), item.second);
             });
    case ArgType::Kind::kUnion:
      return std::ranges::any_of(type.inner,
                                 [&](const ArgType& alternative) { return accepts(alternative, value); });
    default:
      return false;
  }
}

const ArgInfo* TypeInfo::find_arg(std::string_view arg) const {
  const auto found = std::ranges::find_if(args, [&](const ArgInfo& a) { return !a.rest && a.name == arg; });
  return found == args.end() ? nullptr : &*found;
}

const ArgInfo* TypeInfo::rest_arg() const {
  const auto found = std::ranges::find_if(args, &ArgInfo::rest);
  return found == args.end() ? nullptr : &*found;
}

const MethodInfo* TypeInfo::find_method(std::string_view method) const {
  const auto found = std::ranges::find(methods, method, &MethodInfo::name);
  return found == methods.end() ? nullptr : &*found;
}

std::vector<std::string> TypeInfo::arg_names() const {
  std::vector<std::string> names;
  for (const ArgInfo& arg : args)
    if (!arg.rest) names.push_back(arg.name);
  return names;
}

bool TypeInfo::has_provided(std::string_view cpp_name) const {
  return std::ranges::find(provides, cpp_name) != provides.end();
}

std::string TypeInfo::signature() const {
  std::vector<std::string> words;
  for (const ArgInfo& arg : args) {
    if (arg.rest) {
      words.push_back(arg.name + "…");
    } else {
      words.push_back(arg.required ? arg.name : arg.name + "=" + arg.default_value.to_text());
    }
  }
  return name + "(" + join(words) + ")";
}

Params TypeInfo::to_params() const {
  Params result{{"name", name}, {"kind", kind == Kind::kClass ? "class" : "function"}};
  if (!help.empty()) result.set("help", help);
  Params list = Params::list();
  for (const ArgInfo& arg : args) list.push_back(arg_to_params(arg));
  result.set("args", std::move(list));
  Params method_list = Params::list();
  for (const MethodInfo& method : methods)
    method_list.push_back({{"name", method.name}, {"result", method.result}});
  result.set("methods", std::move(method_list));
  result.set("provides", provides);
  result.set("hooks", hooks);
  result.set("starts", starts);
  result.set("callable", callable);
  result.set("abstract", abstract);
  return result;
}

TypeInfo TypeInfo::from_params(const Params& params) {
  const auto strings = [](const Params& list) {
    std::vector<std::string> words;
    for (const Params& word : list.elements()) words.push_back(word.as_string());
    return words;
  };
  TypeInfo info;
  info.name = params.at("name").as_string();
  info.kind = params.at("kind").as_string() == "class" ? Kind::kClass : Kind::kFunction;
  if (const Params* help = params.find("help")) info.help = help->as_string();
  for (const Params& arg : params.at("args").elements()) info.args.push_back(arg_from_params(arg));
  for (const Params& method : params.at("methods").elements())
    info.methods.push_back({method.at("name").as_string(), method.at("result").as_string()});
  info.provides = strings(params.at("provides"));
  info.hooks = strings(params.at("hooks"));
  info.starts = params.at("starts").as_bool();
  info.callable = params.at("callable").as_bool();
  info.abstract = params.at("abstract").as_bool();
  return info;
}

const TypeCode::Method* TypeCode::find_method(std::string_view method) const {
  const auto found = std::ranges::find(methods, method, &Method::name);
  return found == methods.end() ? nullptr : &*found;
}

namespace detail {

std::int64_t to_int(const Params& data, std::int64_t low, std::int64_t high) {
  const std::int64_t value = data.as_int();
  if (value < low || value > high) {
    throw Error(ErrorCode::kInvalidArgument, "expected an integer from " + std::to_string(low) + " to " +
                                                 std::to_string(high) + ", found " + std::to_string(value));
  }
  return value;
}

std::uint64_t to_unsigned(const Params& data, std::uint64_t high) {
  const std::int64_t value = data.as_int();
  if (value < 0 || static_cast<std::uint64_t>(value) > high) {
    throw Error(ErrorCode::kInvalidArgument,
                "expected an integer from 0 to " + std::to_string(high) + ", found " + std::to_string(value));
  }
  return static_cast<std::uint64_t>(value);
}

ArgType make_union(std::vector<ArgType> alternatives) {
  ArgType type{ArgType::Kind::kUnion, false, {}, {}};
  for (ArgType& alternative : alternatives) {
    type.nullable = type.nullable || std::exchange(alternative.nullable, false);
    if (alternative.kind == ArgType::Kind::kUnion) {
      std::ranges::move(alternative.inner, std::back_inserter(type.inner));
    } else {
      type.inner.push_back(std::move(alternative));
    }
  }
  return type;
}

void fail_alternatives(const ArgType& type, const Value& value) {
  throw Error(ErrorCode::kInvalidArgument, "expected " + type.to_text() + ", found " + value.describe());
}

Callable checked_callable(const Value& value, const std::vector<std::string>& parameters) {
  Callable callable;
  if (value.is_object() && value.code() != nullptr && value.code()->info.callable) {
    callable.name = value.code()->info.name;
    callable.call = [value](std::span<Value> arguments) { return value.code()->call(value, arguments); };
    callable.parameters = value.code()->call_parameters;
    callable.parameters_known = true;
  } else {
    callable = value.as_callable();
  }
  if (callable.parameters_known && callable.parameters != parameters) {
    throw Error(ErrorCode::kInvalidArgument, "'" + callable.name + "' takes (" + join(callable.parameters) +
                                                 "), but would be called with (" + join(parameters) + ")");
  }
  return callable;
}

}  // namespace detail
}  // namespace ivory
