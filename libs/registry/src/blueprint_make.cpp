// Making what a Blueprint has checked.
#include <algorithm>

#include "blueprint_state.h"

namespace ivory {
namespace {

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

// The paths in `data` made absolute, where `type` says that there are paths.
Params in_directory(const Params& data, const ArgType& type, const std::filesystem::path& directory) {
  Params made = data;
  if (type.kind == ArgType::Kind::kUnion) {
    const auto taken =
        std::ranges::find_if(type.inner, [&](const ArgType& one) { return accepts(one, data); });
    return taken == type.inner.end() ? made : in_directory(data, *taken, directory);
  }
  if (type.kind == ArgType::Kind::kPath && data.is_string() && !data.as_string().empty()) {
    made = Params((directory / data.as_string()).string());
    return made;
  }
  if (type.inner.empty()) return made;
  const ArgType& inner = type.inner.front();
  if (data.is_list()) {
    for (Params& element : made.elements()) element = in_directory(element, inner, directory);
  }
  if (data.is_map()) {
    for (ParamsItem& item : made.items()) item.value = in_directory(item.value, inner, directory);
  }
  return made;
}

Value call_code(const TypeCode& code, std::span<Value> leading, std::span<Value> args) {
  Value made = code.make(code, leading, args);
  const bool fresh = made.is_object() && code.info.kind == TypeInfo::Kind::kClass;
  if (fresh && made.ops()->on_created != nullptr) made.ops()->on_created(made.pointer());
  return made;
}

// An error of a constructor gets the place of the argument that it names, else that of the whole.
Value call_placed(const Params& source, const TypeCode& code, std::span<Value> args) {
  const std::string& name = code.info.name;
  try {
    return call_code(code, {}, args);
  } catch (const PlacedError&) {
    throw;
  } catch (const Error& error) {
    const Params* argument = source.find(error.argument());
    const std::string label = error.argument().empty() ? name : name + " (" + error.argument() + ")";
    throw PlacedError(error.code(),
                      at_place(argument != nullptr ? *argument : source, label + ": " + error.what()));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    fail_at(source, name + ": " + first_line(error.what()));
  }
}

// The arguments of a call: those bound, and what the caller gave beyond the leading ones, in order.
Values fill_args(const TypeCode& code, std::span<const std::optional<Value>> bound,
                 std::span<const Value> given) {
  Values args;
  std::size_t next = 0;
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const ArgInfo& arg = code.info.args[i];
    const std::optional<Value>& value = bound[i];
    if (value) {
      args.push_back(*value);
    } else if (next < given.size()) {
      args.push_back(given[next++]);
    } else if (!arg.required) {
      args.emplace_back(arg.default_value);
    } else {
      throw Error(ErrorCode::kInvalidArgument, in_quotes(code.info.name) + " needs the argument " +
                                                   in_quotes(arg.name) + "; its signature is " +
                                                   code.info.signature());
    }
  }
  if (next < given.size()) {
    throw Error(ErrorCode::kInvalidArgument, in_quotes(code.info.name) + " was called with " +
                                                 std::to_string(code.leading.size() + given.size()) +
                                                 " values, but takes " +
                                                 std::to_string(code.leading.size() + next));
  }
  return args;
}

Value call_bound(const TypeCode& code, std::span<const std::optional<Value>> bound, std::span<Value> given) {
  const std::size_t leading = code.leading.size();
  if (given.size() < leading) {
    throw Error(ErrorCode::kInvalidArgument,
                in_quotes(code.info.name) + " takes (" + join(code.leading) + ")");
  }
  Values args = fill_args(code, bound, given.subspan(leading));
  return call_code(code, given.first(leading), args);
}

}  // namespace

Value Blueprint::State::make(const Node& node, const Lookup& lookup) const {
  switch (node.kind) {
    case Node::Kind::kData:
      if (node.paths != nullptr && !directory.empty())
        return {in_directory(node.source, *node.paths, directory)};
      return {node.source};
    case Node::Kind::kReference:
      return make_reference(node, lookup);
    case Node::Kind::kNamed:
      return make_named(node, lookup);
    case Node::Kind::kList: {
      Values values;
      for (const auto& [name, part] : node.parts) values.push_back(make(part, lookup));
      return Value::list(std::move(values));
    }
    case Node::Kind::kMap: {
      NamedValues values;
      for (const auto& [name, part] : node.parts) values.emplace_back(name, make(part, lookup));
      return Value::map(std::move(values));
    }
  }
  return {};
}

Value Blueprint::State::make_reference(const Node& node, const Lookup& lookup) const {
  Value member = lookup(node.reference.member);
  if (node.reference.method.empty()) return member;
  const TypeCode* code = member.code();
  const TypeCode::Method* method = code == nullptr ? nullptr : code->find_method(node.reference.method);
  if (method == nullptr)
    fail_at(node.source, member.describe() + " has no method " + in_quotes(node.reference.method));
  return method->call(member);
}

Value Blueprint::State::make_named(const Node& node, const Lookup& lookup) const {
  const TypeCode& code = registry.code(*node.info);
  if (node.form == Form::kDef) return bind(node, code, lookup);
  if (node.form == Form::kCall && !code.leading.empty()) {
    fail_at(node.source, in_quotes(node.info->name) + " needs (" + join(code.leading) +
                             ") from its caller; name it with `def:`, as it cannot be called from YAML");
  }
  Values args;
  for (const auto& [arg, value] : node.args) args.push_back(make(value, lookup));
  return call_placed(node.source, code, args);
}

// `def:` binds what YAML gives; the caller's values fill the function's own leading parameters, then the
// arguments that are not bound, in order.
Value Blueprint::State::bind(const Node& node, const TypeCode& code, const Lookup& lookup) const {
  std::vector<std::optional<Value>> bound;
  bool open = false;  // a required argument is left to the caller
  for (const ArgInfo& arg : node.info->args) {
    const auto given = std::ranges::find(node.args, &arg, &std::pair<const ArgInfo*, Node>::first);
    const bool is_bound = given != node.args.end();
    bound.push_back(is_bound ? std::optional<Value>(make(given->second, lookup)) : std::nullopt);
    open = open || (!is_bound && arg.required);
  }
  Callable callable;
  callable.name = node.info->name;
  callable.parameters = code.leading;
  callable.parameters_known = node.info->kind == TypeInfo::Kind::kFunction && !open;
  callable.call = [&code, bound = std::move(bound)](std::span<Value> given) {
    return call_bound(code, bound, given);
  };
  return Value::callable(std::move(callable));
}

}  // namespace ivory
