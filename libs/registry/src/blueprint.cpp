#include <ivory/registry/blueprint.h>

#include <algorithm>
#include <set>
#include <utility>

#include <ivory/base/error.h>

#include "nodes.h"

namespace ivory {

// One value as it was checked: how to make it.
struct Blueprint::Node {
  enum class Kind : std::uint8_t { kData, kNamed, kReference, kList, kMap };
  Kind kind = Kind::kData;
  Params source;      // as written; its place is for messages
  bool path = false;  // kData: a path, or a list of paths
  // kNamed
  const TypeInfo* info = nullptr;
  Form form = Form::kClass;
  std::vector<std::pair<const ArgInfo*, Node>> args;  // of `def`: those bound; else one for each argument
  // kReference
  Reference reference;
  // kList, kMap
  std::vector<std::pair<std::string, Node>> parts;
};

namespace {

// Thrown with the place already in the message, so that outer levels leave it alone.
class PlacedError : public Error {
 public:
  using Error::Error;
};

[[noreturn]] void fail(const Params& place, const std::string& message) {
  throw PlacedError(ErrorCode::kInvalidArgument, at_place(place, message));
}

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

}  // namespace

struct Blueprint::State {
  State(const Registry& known, Params given, std::string lib, std::filesystem::path folder)
      : registry(known), section(std::move(given)), library(std::move(lib)), directory(std::move(folder)) {}

  const Registry& registry;
  Params section;
  std::string library;
  std::filesystem::path directory;
  std::vector<std::string> names;
  std::vector<Node> nodes;

  // Checking.
  void check_member(const ParamsItem& item);
  void check_referenced() const;
  Node check_value(const std::string& key, const Params& node, const ArgType& type) const;
  Node check_container(const std::string& key, const Params& node, const ArgType& type) const;
  Node check_named(const std::string& key, const Params& node, Named named) const;
  Node check_path(const Params& node, const ArgType& type) const;
  Node check_reference(const std::string& key, const Params& node, Reference reference, const ArgType& type) const;
  Node check_rest(const ArgInfo& rest, const Params& node, const TypeInfo& info) const;
  std::optional<Node> check_arg(const TypeInfo& info, const ArgInfo& arg, const Params& node, Form form) const;
  void check_provides(const Node& made, const ArgType& type, const Params& place) const;
  const Node* find(std::string_view member) const;

  // Making.
  Value make(const Node& node, const Lookup& lookup) const;
  Value make_named(const Node& node, const Lookup& lookup) const;
  Value make_reference(const Node& node, const Lookup& lookup) const;
  Value make_object(const Node& node, const TypeCode& code, std::span<Value> args) const;
  Value bind(const Node& node, const TypeCode& code, const Lookup& lookup) const;

  // Reading.
  static Params resolved(const Node& node);
  static void collect_modules(const Node& node, std::set<std::string>& modules);
  static void collect_references(const Node& node, std::set<std::string>& members);
};

namespace {

using Kind = ArgType::Kind;

// The argument's type as a person would say it.
std::string said(const ArgType& type) {
  switch (type.kind) {
    case Kind::kBool:
      return "true or false";
    case Kind::kInt:
      return "an integer";
    case Kind::kReal:
      return "a number";
    case Kind::kString:
      return "a text";
    case Kind::kPath:
      return "a path";
    case Kind::kCallable:
      return "a function";
    case Kind::kObject:
      return "an object of " + type.object;
    case Kind::kList:
      return "a list (" + type.to_text() + ")";
    case Kind::kMap:
      return "a mapping";
    default:
      return type.to_text();
  }
}

// A path, or each of a list of paths, made absolute.
Params in_directory(const Params& paths, const std::filesystem::path& directory) {
  if (paths.is_string()) return {(directory / paths.as_string()).string()};
  Params list = Params::list();
  if (paths.is_list())
    for (const Params& path : paths.elements()) list.push_back(in_directory(path, directory));
  return paths.is_list() ? list : paths;
}

bool takes_objects(const ArgType& type) { return type.kind != Kind::kData; }

}  // namespace

const Blueprint::Node* Blueprint::State::find(std::string_view member) const {
  const auto found = std::ranges::find(names, member);
  return found == names.end() ? nullptr : &nodes[static_cast<std::size_t>(found - names.begin())];
}

void Blueprint::State::check_member(const ParamsItem& item) {
  const auto& [key, node] = item;
  const ArgType any;
  Node made;
  if (node.is_null() || node.is_map()) {
    const std::optional<Named> named = named_by(registry, library, key, node);
    if (!named) {
      const std::vector<std::string> members = registry.default_members(library);
      fail(node, "member " + in_quotes(key) + " has no `class`, `def` or `call`, and there is no default class of that name" +
                     did_you_mean(key, members));
    }
    made = check_named(key, node, *named);
  } else {
    made = check_value(key, node, any);
  }
  names.push_back(key);
  nodes.push_back(std::move(made));
}

// A plain value that nothing refers to is a slip: a key that belongs inside a member, most likely.
void Blueprint::State::check_referenced() const {
  std::set<std::string> referenced;
  for (const Node& node : nodes) collect_references(node, referenced);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (nodes[i].kind != Node::Kind::kData || referenced.contains(names[i])) continue;
    std::vector<std::string> known = registry.default_members(library);
    known.emplace_back("library");
    std::vector<std::string> homes;
    for (std::size_t j = 0; j < names.size(); ++j)
      if (nodes[j].info != nullptr && nodes[j].info->find_arg(names[i]) != nullptr) homes.push_back(names[j]);
    const std::string hint = homes.empty() ? did_you_mean(names[i], known, 0) : "; it is an argument of " + in_quotes(homes.front());
    fail(nodes[i].source, "nothing uses the value " + in_quotes(names[i]) + hint);
  }
}

Blueprint::Node Blueprint::State::check_value(const std::string& key, const Params& node, const ArgType& type) const {
  if (takes_objects(type)) {
    if (auto reference = parse_reference(node)) return check_reference(key, node, *std::move(reference), type);
    const bool named = node.is_map() && std::ranges::any_of(node.items(), is_form_key, &ParamsItem::key);
    const bool defaulted = (node.is_null() || node.is_map()) && (type.wants_object() || type.wants_callable());
    if (named || defaulted) {
      if (const auto found = named_by(registry, library, key, node)) {
        Node made = check_named(key, node, *found);
        check_provides(made, type, node);
        return made;
      }
    }
    if (node.is_string() && (type.wants_object() || type.wants_callable()) && !accepts(type, node)) return check_path(node, type);
  }
  return check_container(key, node, type);
}

Blueprint::Node Blueprint::State::check_container(const std::string& key, const Params& node, const ArgType& type) const {
  Node made;
  made.source = node;
  if (takes_objects(type) && (node.is_list() || node.is_map())) {
    static const ArgType kAnyType;
    const Kind wanted = node.is_list() ? Kind::kList : Kind::kMap;
    const ArgType* container = &type;
    if (type.kind == Kind::kUnion) {
      const auto alternative = std::ranges::find(type.inner, wanted, &ArgType::kind);
      if (alternative != type.inner.end()) container = &*alternative;
    }
    if (container->kind == wanted || container->kind == Kind::kAny) {
      const ArgType& element = container->inner.empty() ? kAnyType : container->inner.front();
      made.kind = node.is_list() ? Node::Kind::kList : Node::Kind::kMap;
      if (node.is_list()) {
        for (const Params& part : node.elements()) made.parts.emplace_back("", check_value("", part, element));
      } else {
        for (const auto& [name, part] : node.items()) made.parts.emplace_back(name, check_value(name, part, element));
      }
      const bool plain = std::ranges::all_of(made.parts, [](const auto& part) { return part.second.kind == Node::Kind::kData; });
      if (!plain) return made;
      made.kind = Node::Kind::kData;
      made.parts.clear();
    }
  }
  if (!accepts(type, node)) {
    const std::string found = node.is_scalar() && !node.is_null() ? node.to_text() + " (" + std::string(Params::kind_name(node.kind())) + ")"
                                                                   : std::string(Params::kind_name(node.kind()));
    fail(node, (key.empty() ? "" : in_quotes(key) + ": ") + "expected " + said(type) + ", found " + found);
  }
  const ArgType& leaf = type.inner.empty() ? type : type.inner.front();
  made.path = leaf.kind == Kind::kPath;
  return made;
}

// A bare class path where an object or a callable is wanted.
Blueprint::Node Blueprint::State::check_path(const Params& node, const ArgType& type) const {
  const TypeInfo& info = registry.get(node.as_string(), node);
  const bool wants_callable = type.wants_callable();
  const bool instance = info.kind == TypeInfo::Kind::kClass && (!wants_callable || info.callable);
  Node made = check_named(node.as_string(), node, {&info, instance ? Form::kClass : Form::kDef});
  check_provides(made, type, node);
  return made;
}

void Blueprint::State::check_provides(const Node& made, const ArgType& type, const Params& place) const {
  if (made.kind != Node::Kind::kNamed || made.form == Form::kCall) return;
  if (made.form == Form::kDef || made.info->callable) {
    if (type.wants_callable() || type.kind == Kind::kAny) return;
  }
  if (type.kind == Kind::kAny || type.kind == Kind::kUnion) return;
  if (made.form == Form::kClass && type.kind == Kind::kObject && made.info->has_provided(type.object)) return;
  fail(place, "expected " + said(type) + ", found " + (made.form == Form::kDef ? "the callable " : "") + in_quotes(made.info->name));
}

Blueprint::Node Blueprint::State::check_reference(const std::string& key, const Params& node, Reference reference,
                                                  const ArgType& type) const {
  if (reference.member.empty()) reference.member = key;
  if (reference.member.empty()) fail(node, "`$` alone has no name here; write `$.member`");
  const Node* target = find(reference.member);
  if (target == nullptr) {
    const bool later = section.contains(reference.member);
    fail(node, later ? "refers to the member " + in_quotes(reference.member) + ", which does not come before it"
                     : "refers to the member " + in_quotes(reference.member) + ", which does not exist" +
                           did_you_mean(reference.member, names));
  }
  const TypeInfo* info = target->kind == Node::Kind::kNamed && target->form == Form::kClass ? target->info : nullptr;
  if (!reference.method.empty() && info != nullptr) {
    const MethodInfo* method = info->find_method(reference.method);
    if (method == nullptr) {
      std::vector<std::string> methods;
      for (const MethodInfo& known : info->methods) methods.push_back(known.name);
      fail(node, in_quotes(info->name) + " has no method " + in_quotes(reference.method) + did_you_mean(reference.method, methods));
    }
    if (type.kind == Kind::kObject && method->result != type.object)
      fail(node, "expected " + said(type) + ", but " + in_quotes(reference.method) + " returns " + method->result);
  }
  if (reference.method.empty()) {
    if (info != nullptr) check_provides(*target, type, node);
    if (target->kind == Node::Kind::kData && !accepts(type, target->source)) fail(node, "expected " + said(type) + ", but " + in_quotes(reference.member) + " is " + std::string(Params::kind_name(target->source.kind())));
  }
  Node made;
  made.kind = Node::Kind::kReference;
  made.source = node;
  made.reference = std::move(reference);
  return made;
}

Blueprint::Node Blueprint::State::check_rest(const ArgInfo& rest, const Params& node, const TypeInfo& info) const {
  Node made;
  made.kind = Node::Kind::kMap;
  made.source = node;
  const ArgType element = rest.type.inner.empty() ? ArgType{} : rest.type.inner.front();
  for (const auto& [key, value] : node.is_map() ? node.items() : Params::Map{}) {
    if (is_form_key(key) || info.find_arg(key) != nullptr) continue;
    const bool own_class = value.is_map() && std::ranges::any_of(value.items(), is_form_key, &ParamsItem::key);
    if (rest.family.empty() || own_class || !(value.is_null() || value.is_map())) {
      if (!rest.family.empty() && value.is_string() && !parse_reference(value)) {
        made.parts.emplace_back(key, check_path(value, {Kind::kCallable, false, {}, {}}));
      } else {
        made.parts.emplace_back(key, check_value(key, value, element));
      }
      continue;
    }
    const std::string name = rest.family + "." + key;
    const TypeInfo* member = registry.find(name);
    if (member == nullptr) {
      std::vector<std::string> known;
      for (const TypeInfo* other : registry.list(rest.family + ".")) known.push_back(other->name.substr(rest.family.size() + 1));
      for (const std::string& arg : info.arg_names()) known.push_back(arg);
      fail(value, "unknown name " + in_quotes(key) + " in " + in_quotes(info.name) + did_you_mean(key, known, 20));
    }
    made.parts.emplace_back(key, check_named(key, value, {member, Form::kDef}));
  }
  return made;
}

std::optional<Blueprint::Node> Blueprint::State::check_arg(const TypeInfo& info, const ArgInfo& arg, const Params& node,
                                                           Form form) const {
  const Params* given = node.find(arg.name);
  const bool use_default = given == nullptr || is_default_word(*given);
  if (use_default && arg.required) {
    if (given == nullptr && form == Form::kDef) return std::nullopt;
    const bool object = arg.type.wants_object() || arg.type.wants_callable();
    if (given == nullptr && object && registry.default_class(arg.name, library) != nullptr) {
      Params empty;
      empty.set_source(std::make_shared<const std::string>(node.file()), node.line());
      return check_value(arg.name, empty, arg.type);
    }
    fail(given != nullptr ? *given : node, in_quotes(info.name) + " needs the argument " + in_quotes(arg.name) +
                                                "; its signature is " + info.signature());
  }
  if (use_default && given == nullptr && form == Form::kDef) return std::nullopt;
  const Params& value = use_default ? arg.default_value : *given;
  if (use_default && value.is_null()) {
    Node made;
    made.source = value;
    return made;
  }
  Node made = check_value(arg.name, value, arg.type);
  if (!arg.choices.empty() && made.kind == Node::Kind::kData && std::ranges::find(arg.choices, value) == arg.choices.end() &&
      !(value.is_null() && arg.type.nullable)) {
    std::vector<std::string> choices;
    for (const Params& choice : arg.choices) choices.push_back(choice.to_text());
    fail(value, in_quotes(arg.name) + " is " + value.to_text() + "; expected one of " + join(choices));
  }
  return made;
}

Blueprint::Node Blueprint::State::check_named(const std::string& key, const Params& node, Named named) const {
  const TypeInfo& info = *named.info;
  if (info.abstract) fail(node, in_quotes(info.name) + " is a base for classes of your own; it cannot be made itself");
  if (info.kind == TypeInfo::Kind::kFunction && named.form == Form::kClass)
    fail(node, in_quotes(info.name) + " is a function; name it with `def:` (or `call:` to keep what it returns)");
  Node made;
  made.kind = Node::Kind::kNamed;
  made.source = node;
  made.info = &info;
  made.form = named.form;
  for (const ArgInfo& arg : info.args) {
    if (arg.rest) {
      made.args.emplace_back(&arg, check_rest(arg, node, info));
    } else if (auto value = check_arg(info, arg, node, named.form)) {
      made.args.emplace_back(&arg, *std::move(value));
    }
  }
  if (!node.is_map() || info.rest_arg() != nullptr) return made;
  for (const auto& [name, value] : node.items()) {
    if (is_form_key(name) || info.find_arg(name) != nullptr) continue;
    const std::vector<std::string> known = info.arg_names();
    const std::string owner = info.name == key ? in_quotes(info.name) : in_quotes(info.name) + " (member " + in_quotes(key) + ")";
    fail(value, "unknown argument " + in_quotes(name) + " of " + owner + did_you_mean(name, known, 0) + "; its signature is " + info.signature());
  }
  return made;
}

// ---- making

Value Blueprint::State::make(const Node& node, const Lookup& lookup) const {
  switch (node.kind) {
    case Node::Kind::kData:
      return {node.path && !directory.empty() ? in_directory(node.source, directory) : node.source};
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
  const TypeCode::Method* method = member.code() == nullptr ? nullptr : member.code()->find_method(node.reference.method);
  if (method == nullptr) fail(node.source, member.describe() + " has no method " + in_quotes(node.reference.method));
  return method->call(member);
}

Value Blueprint::State::make_named(const Node& node, const Lookup& lookup) const {
  const TypeCode& code = registry.code(*node.info);
  if (node.form == Form::kDef) return bind(node, code, lookup);
  if (node.form == Form::kCall && !code.leading.empty())
    fail(node.source, in_quotes(node.info->name) + " needs " + join(code.leading) + " from its caller; it cannot be `call`ed from YAML");
  Values args;
  for (const auto& [arg, value] : node.args) args.push_back(make(value, lookup));
  return make_object(node, code, args);
}

Value Blueprint::State::make_object(const Node& node, const TypeCode& code, std::span<Value> args) const {
  try {
    Value made = code.make(code, {}, args);
    if (made.is_object() && code.info.kind == TypeInfo::Kind::kClass && made.ops()->on_created != nullptr)
      made.ops()->on_created(made.pointer());
    return made;
  } catch (const PlacedError&) {
    throw;
  } catch (const Error& error) {
    const Params* argument = node.source.find(error.argument());
    const std::string name = error.argument().empty() ? "" : " (" + error.argument() + ")";
    throw PlacedError(error.code(), at_place(argument != nullptr ? *argument : node.source, node.info->name + name + ": " + error.what()));
  } catch (const std::exception& error) {
    fail(node.source, node.info->name + ": " + first_line(error.what()));
  }
}

// `def:` binds what YAML gives; the caller's values fill the function's own leading parameters, then the
// arguments that are not bound, in order.
Value Blueprint::State::bind(const Node& node, const TypeCode& code, const Lookup& lookup) const {
  std::vector<std::optional<Value>> bound;
  for (const ArgInfo& arg : node.info->args) {
    const auto given = std::ranges::find(node.args, &arg, &std::pair<const ArgInfo*, Node>::first);
    bound.push_back(given == node.args.end() ? std::nullopt : std::optional<Value>(make(given->second, lookup)));
  }
  Callable callable;
  callable.name = node.info->name;
  callable.parameters = code.leading;
  callable.parameters_known = node.info->kind == TypeInfo::Kind::kFunction;
  callable.call = [&code, bound = std::move(bound)](std::span<Value> given) -> Value {
    const std::size_t leading = code.leading.size();
    if (given.size() < leading) throw Error(ErrorCode::kInvalidArgument, "'" + code.info.name + "' takes (" + join(code.leading) + ")");
    Values args;
    std::size_t next = leading;
    for (std::size_t i = 0; i < bound.size(); ++i) {
      if (bound[i]) {
        args.push_back(*bound[i]);
      } else if (next < given.size()) {
        args.push_back(given[next++]);
      } else if (!code.info.args[i].required) {
        args.emplace_back(code.info.args[i].default_value);
      } else {
        throw Error(ErrorCode::kInvalidArgument, "'" + code.info.name + "' needs the argument '" + code.info.args[i].name + "'");
      }
    }
    if (next < given.size()) throw Error(ErrorCode::kInvalidArgument, "'" + code.info.name + "' was given too many arguments");
    Value made = code.make(code, given.first(leading), args);
    if (made.is_object() && code.info.kind == TypeInfo::Kind::kClass && made.ops()->on_created != nullptr)
      made.ops()->on_created(made.pointer());
    return made;
  };
  return Value::callable(std::move(callable));
}

// ---- reading

Params Blueprint::State::resolved(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kData:
    case Node::Kind::kReference:
      return node.source;
    case Node::Kind::kList: {
      Params list = Params::list();
      for (const auto& [name, part] : node.parts) list.push_back(resolved(part));
      return list;
    }
    case Node::Kind::kMap: {
      Params map = Params::map();
      for (const auto& [name, part] : node.parts) map.set(name, resolved(part));
      return map;
    }
    case Node::Kind::kNamed:
      break;
  }
  Params map = Params::map();
  map.set(form_key(node.form), node.info->name);
  for (const auto& [arg, value] : node.args) {
    Params part = resolved(value);
    if (!arg->rest) {
      map.set(arg->name, std::move(part));
      continue;
    }
    for (auto& [key, element] : part.items()) map.set(key, std::move(element));
  }
  return map;
}

void Blueprint::State::collect_modules(const Node& node, std::set<std::string>& modules) {
  if (node.info != nullptr) modules.insert(node.info->module);
  for (const auto& [arg, value] : node.args) collect_modules(value, modules);
  for (const auto& [name, part] : node.parts) collect_modules(part, modules);
}

void Blueprint::State::collect_references(const Node& node, std::set<std::string>& members) {
  if (node.kind == Node::Kind::kReference) members.insert(node.reference.member);
  for (const auto& [arg, value] : node.args) collect_references(value, members);
  for (const auto& [name, part] : node.parts) collect_references(part, members);
}

Blueprint::Blueprint(const Registry& registry, Params section, std::string library, const std::vector<std::string>& settings,
                     std::filesystem::path directory)
    : state_(std::make_unique<State>(registry, std::move(section), std::move(library), std::move(directory))) {
  if (!state_->library.empty() && !registry.has_module(state_->library)) {
    const std::vector<std::string> modules = registry.modules();
    const Params* place = state_->section.find("library");
    fail(place != nullptr ? *place : state_->section, "library '" + state_->library + "' is not installed" + did_you_mean(state_->library, modules));
  }
  if (!state_->section.is_map()) fail(state_->section, "expected a mapping of members, found " + std::string(Params::kind_name(state_->section.kind())));
  for (const ParamsItem& item : state_->section.items())
    if (std::ranges::find(settings, item.key) == settings.end()) state_->check_member(item);
  state_->check_referenced();
}

Blueprint::~Blueprint() = default;
Blueprint::Blueprint(Blueprint&&) noexcept = default;
Blueprint& Blueprint::operator=(Blueprint&&) noexcept = default;

const std::vector<std::string>& Blueprint::names() const noexcept { return state_->names; }

Params Blueprint::resolved() const {
  Params section = Params::map();
  for (const auto& [key, value] : state_->section.items()) {
    const Node* node = state_->find(key);
    section.set(key, node == nullptr ? value : State::resolved(*node));
  }
  return section;
}

std::vector<std::string> Blueprint::modules() const {
  std::set<std::string> modules;
  for (const Node& node : state_->nodes) State::collect_modules(node, modules);
  return {modules.begin(), modules.end()};
}

const TypeInfo* Blueprint::find_class(std::string_view member) const {
  const Node* node = state_->find(member);
  return node != nullptr && node->kind == Node::Kind::kNamed && node->form == Form::kClass ? node->info : nullptr;
}

Value Blueprint::make(std::string_view member, const Lookup& lookup) const { return make_part(member, lookup); }

Value Blueprint::make_part(std::string_view path, const Lookup& lookup) const {
  const std::string_view member = path.substr(0, path.find('.'));
  const Node* node = state_->find(member);
  if (node == nullptr) throw Error(ErrorCode::kNotFound, "there is no member " + in_quotes(member) + did_you_mean(member, state_->names));
  for (std::string_view rest = path.substr(member.size()); !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view part = rest.substr(0, rest.find('.'));
    rest.remove_prefix(part.size());
    const auto arg = std::ranges::find_if(node->args, [&](const auto& entry) { return entry.first->name == part; });
    if (arg == node->args.end()) {
      std::vector<std::string> known;
      for (const auto& [info, value] : node->args) known.push_back(info->name);
      throw Error(ErrorCode::kNotFound, in_quotes(path) + ": there is no " + in_quotes(part) + did_you_mean(part, known));
    }
    node = &arg->second;
  }
  return state_->make(*node, lookup);
}

}  // namespace ivory
