// Checking a section against the declarations; reads manifests only.
#include <algorithm>

#include "blueprint_state.h"

namespace ivory {
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
      return "a mapping (" + type.to_text() + ")";
    case Kind::kUnion: {
      std::vector<std::string> alternatives;
      alternatives.reserve(type.inner.size());
      for (const ArgType& alternative : type.inner) alternatives.push_back(said(alternative));
      return join(alternatives, " or ");
    }
    case Kind::kAny:
    case Kind::kData:
      break;
  }
  return "a value";
}

bool has_form_key(const Params& node) {
  return node.is_map() && std::ranges::any_of(node.items(), is_form_key, &ParamsItem::key);
}

bool is_empty_or_map(const Params& node) { return node.is_null() || node.is_map(); }

template <class Predicate>
bool any_alternative(const ArgType& type, Predicate predicate) {
  return type.kind == Kind::kUnion ? std::ranges::any_of(type.inner, predicate) : predicate(type);
}

bool wants_made(const ArgType& type) { return type.wants_object() || type.wants_callable(); }

bool holds_path(const ArgType& type) {
  return type.kind == Kind::kPath || std::ranges::any_of(type.inner, holds_path);
}

bool provides(const TypeInfo& info, const ArgType& type) {
  return any_alternative(type, [&](const ArgType& alternative) {
    return alternative.kind == Kind::kObject && info.has_provided(alternative.object);
  });
}

bool takes_any(const ArgType& type) {
  return any_alternative(type, [](const ArgType& alternative) { return alternative.kind == Kind::kAny; });
}

// True unless what `named` makes can be told to be something else than `type`. What a function under `call:`
// returns is known only if it is an object.
bool takes_named(const ArgType& type, const Named& named) {
  if (takes_any(type)) return true;
  const TypeInfo& info = *named.info;
  if (named.form == Form::kDef) return type.wants_callable();
  if (info.kind == TypeInfo::Kind::kFunction)
    return info.provides.empty() || !wants_made(type) || provides(info, type);
  return provides(info, type) || (info.callable && type.wants_callable());
}

void check_named_type(const Params& place, const ArgType& type, const Named& named) {
  if (takes_named(type, named)) return;
  const std::string found = (named.form == Form::kDef ? "the callable " : "") + in_quotes(named.info->name);
  fail_at(place, "expected " + said(type) + ", found " + found);
}

// NOLINTNEXTLINE(cert-err58-cpp): allocates nothing
const ArgType kAnyType;

// What the elements of a list or mapping at `node` must be; null if `type` has no place for one.
const ArgType* element_type(const ArgType& type, const Params& node) {
  if (type.kind == Kind::kAny) return &kAnyType;
  const Kind wanted = node.is_list() ? Kind::kList : Kind::kMap;
  const ArgType* container = type.kind == wanted ? &type : nullptr;
  if (type.kind == Kind::kUnion) {
    auto found = std::ranges::find_if(type.inner, [&](const ArgType& alternative) {
      return alternative.kind == wanted && accepts(alternative, node);
    });
    if (found == type.inner.end()) found = std::ranges::find(type.inner, wanted, &ArgType::kind);
    if (found != type.inner.end()) container = &*found;
    if (container == nullptr && takes_any(type)) return &kAnyType;
  }
  if (container == nullptr) return nullptr;
  return container->inner.empty() ? &kAnyType : &container->inner.front();
}

// "'datasets' " for messages; nothing for a value without a key.
std::string label(const std::string& key) { return key.empty() ? "" : in_quotes(key) + ": "; }

}  // namespace

// ---- members

void Blueprint::State::check_member(const ParamsItem& item) {
  const auto& [key, node] = item;
  Node made;
  if (is_empty_or_map(node)) {
    const std::optional<Named> named = named_by(registry, library, key, node);
    if (!named) {
      const std::vector<std::string> members = registry.default_members(library);
      fail_at(node, "member " + in_quotes(key) +
                        " has no `class`, `def` or `call`, and there is no default class of that name" +
                        did_you_mean(key, members));
    }
    made = check_named(key, node, *named);
  } else {
    made = check_value(key, node, kAnyType);
  }
  names.push_back(key);
  nodes.push_back(std::move(made));
}

// A plain value that nothing refers to is a slip: a key that belongs inside a member, most likely.
void Blueprint::State::check_referenced(const std::vector<std::string>& settings) const {
  std::set<std::string> referenced;
  for (const Node& node : nodes) collect_references(node, referenced);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Params& source = nodes[i].source;
    if (nodes[i].kind != Node::Kind::kData || referenced.contains(names[i])) continue;
    if (source.is_string() && registry.find(source.as_string()) != nullptr) {
      fail_at(source, "nothing uses the text " + in_quotes(names[i]) + "; for an object write " + names[i] +
                          ": {class: " + source.as_string() + "}");
    }
    std::vector<std::string> known = registry.default_members(library);
    known.emplace_back("library");
    known.insert(known.end(), settings.begin(), settings.end());
    const auto home = std::ranges::find_if(nodes, [&](const Node& node) {
      return node.info != nullptr && node.info->find_arg(names[i]) != nullptr;
    });
    const std::string hint =
        home == nodes.end()
            ? did_you_mean(names[i], known, 0)
            : "; it is an argument of " + in_quotes(names[static_cast<std::size_t>(home - nodes.begin())]);
    fail_at(source, "nothing uses the value " + in_quotes(names[i]) + hint);
  }
}

// ---- values

Blueprint::Node Blueprint::State::check_value(const std::string& key, const Params& node,
                                              const ArgType& type) const {
  if (type.kind == Kind::kData) return check_data(key, node, type);
  if (is_reference(node)) return check_reference(key, node, type);
  if (has_form_key(node) || (is_empty_or_map(node) && wants_made(type))) {
    if (const auto found = named_by(registry, library, key, node)) {
      check_named_type(node, type, *found);
      return check_named(key, node, *found);
    }
  }
  if (node.is_string() && wants_made(type) && !accepts(type, node)) return check_path(key, node, type);
  return check_container(key, node, type);
}

Blueprint::Node Blueprint::State::check_container(const std::string& key, const Params& node,
                                                  const ArgType& type) const {
  const ArgType* element = node.is_list() || node.is_map() ? element_type(type, node) : nullptr;
  if (element == nullptr) return check_data(key, node, type);
  Node made;
  made.source = node;
  made.kind = node.is_list() ? Node::Kind::kList : Node::Kind::kMap;
  if (node.is_list()) {
    std::size_t index = 0;
    for (const Params& part : node.elements())
      made.parts.emplace_back("", check_value(key + "." + std::to_string(index++), part, *element));
  } else {
    for (const auto& [name, part] : node.items())
      made.parts.emplace_back(name, check_value(name, part, *element));
  }
  const auto is_data = [](const auto& part) { return part.second.kind == Node::Kind::kData; };
  if (std::ranges::all_of(made.parts, is_data)) return check_data(key, node, type);
  return made;
}

Blueprint::Node Blueprint::State::check_data(const std::string& key, const Params& node,
                                             const ArgType& type) const {
  if (!accepts(type, node)) {
    const std::string hint = node.is_map() && wants_made(type) ? "; say which with `class:`" : "";
    fail_at(node, label(key) + "expected " + said(type) + ", found " + describe(node) + hint);
  }
  Node made;
  made.source = node;
  if (holds_path(type)) made.paths = &type;
  return made;
}

// A bare class path where an object or a callable is wanted.
Blueprint::Node Blueprint::State::check_path(const std::string& key, const Params& node,
                                             const ArgType& type) const {
  const TypeInfo& info = registry.get(node.as_string(), node);
  const bool is_object = provides(info, type) || !type.wants_callable() || info.callable;
  const Named named{&info, info.kind == TypeInfo::Kind::kClass && is_object ? Form::kClass : Form::kDef};
  check_named_type(node, type, named);
  return check_named(key, node, named);
}

// ---- references

Blueprint::Node Blueprint::State::check_reference(const std::string& key, const Params& node,
                                                  const ArgType& type) const {
  auto reference = parse_reference(node);
  if (!reference)
    fail_at(node, in_quotes(node.as_string()) + " is no reference; write $.member or $.member.method()");
  if (reference->member.empty()) {
    if (key.empty() || key.find('.') != std::string::npos)
      fail_at(node, "`$` alone has no name here; write $.member");
    reference->member = key;
  }
  const Node* target = find(reference->member);
  if (target == nullptr) {
    const std::string refers = "refers to the member " + in_quotes(reference->member);
    fail_at(node, section.contains(reference->member)
                      ? refers + ", which does not come before it"
                      : refers + ", which does not exist" + did_you_mean(reference->member, names));
  }
  Node made;
  made.kind = Node::Kind::kReference;
  made.source = node;
  made.reference = *std::move(reference);
  // A member that is itself a reference stands for what it refers to.
  while (target->kind == Node::Kind::kReference && target->reference.method.empty())
    target = find(target->reference.member);
  if (made.reference.method.empty()) {
    check_target(made, *target, type);
  } else {
    check_method(made, *target, type);
  }
  return made;
}

void Blueprint::State::check_target(const Node& made, const Node& target, const ArgType& type) const {
  if (target.kind == Node::Kind::kNamed) check_named_type(made.source, type, {target.info, target.form});
  if (target.kind != Node::Kind::kData || accepts(type, target.source)) return;
  fail_at(made.source, "expected " + said(type) + ", but " + in_quotes(made.reference.member) + " is " +
                           describe(target.source));
}

void Blueprint::State::check_method(const Node& made, const Node& target, const ArgType& type) const {
  const auto& [member, method] = made.reference;
  if (target.kind == Node::Kind::kReference) return;  // what a method returned
  if (target.kind != Node::Kind::kNamed || target.form == Form::kDef) {
    const bool data = target.kind == Node::Kind::kData;
    fail_at(made.source, in_quotes(member) +
                             (data ? " is " + describe(target.source) : std::string(" is no object")) +
                             "; it has no method " + in_quotes(method));
  }
  if (target.info->kind == TypeInfo::Kind::kFunction) return;
  const MethodInfo* info = target.info->find_method(method);
  if (info == nullptr) {
    std::vector<std::string> methods;
    methods.reserve(target.info->methods.size());
    for (const MethodInfo& known : target.info->methods) methods.push_back(known.name);
    fail_at(made.source, in_quotes(target.info->name) + " has no method " + in_quotes(method) +
                             did_you_mean(method, methods));
  }
  if (type.kind == Kind::kObject && info->result != type.object) {
    fail_at(made.source,
            "expected " + said(type) + ", but the method " + in_quotes(method) + " returns " + info->result);
  }
}

// ---- arguments

Blueprint::Node Blueprint::State::check_rest(const ArgInfo& rest, const Params& node,
                                             const TypeInfo& info) const {
  Node made;
  made.kind = Node::Kind::kMap;
  made.source = node;
  if (!node.is_map()) return made;
  for (const ParamsItem& item : node.items()) {
    if (is_form_key(item.key) || info.find_arg(item.key) != nullptr) continue;
    made.parts.emplace_back(item.key, check_rest_item(rest, item, info));
  }
  return made;
}

Blueprint::Node Blueprint::State::check_rest_item(const ArgInfo& rest, const ParamsItem& item,
                                                  const TypeInfo& info) const {
  const auto& [key, value] = item;
  if (!rest.family.empty() && is_empty_or_map(value) && !has_form_key(value))
    return check_family(rest, item, info);
  if (!rest.family.empty() && value.is_string() && !is_reference(value))
    return check_path(key, value, {Kind::kCallable, false, {}, {}});
  return check_value(key, value, rest.type.inner.empty() ? kAnyType : rest.type.inner.front());
}

// A key that names a function of the family, with its arguments or nothing.
Blueprint::Node Blueprint::State::check_family(const ArgInfo& rest, const ParamsItem& item,
                                               const TypeInfo& info) const {
  const std::string prefix = rest.family + ".";
  if (const TypeInfo* member = registry.find(prefix + item.key))
    return check_named(item.key, item.value, {member, Form::kDef});
  std::vector<std::string> known = info.arg_names();
  for (const TypeInfo* other : registry.list(prefix)) known.push_back(other->name.substr(prefix.size()));
  fail_at(item.value, "unknown name " + in_quotes(item.key) + " in " + in_quotes(info.name) +
                          did_you_mean(item.key, known, 20));
}

// A required argument that YAML leaves out may have a default class.
Blueprint::Node Blueprint::State::check_required(const TypeInfo& info, const ArgInfo& arg,
                                                 const Params& node) const {
  const Params* given = node.find(arg.name);
  if (given != nullptr) {
    fail_at(*given, in_quotes(info.name) + " has no default for " + in_quotes(arg.name) +
                        "; its signature is " + info.signature());
  }
  if (wants_made(arg.type) && registry.default_class(arg.name, library) != nullptr)
    return check_value(arg.name, at_place_of(Params(), node), arg.type);
  fail_at(node, in_quotes(info.name) + " needs the argument " + in_quotes(arg.name) + "; its signature is " +
                    info.signature());
}

Blueprint::Node Blueprint::State::check_default(const ArgInfo& arg, const Params& place) const {
  if (!arg.default_value.is_null())
    return check_value(arg.name, at_place_of(arg.default_value, place), arg.type);
  Node made;
  made.source = at_place_of(Params(), place);
  made.default_word = wants_made(arg.type) && registry.default_class(arg.name, library) != nullptr;
  return made;
}

std::optional<Blueprint::Node> Blueprint::State::check_arg(const TypeInfo& info, const ArgInfo& arg,
                                                           const Params& node, Form form) const {
  const Params* given = node.find(arg.name);
  if (given == nullptr && form == Form::kDef) return std::nullopt;
  if (given == nullptr || is_default_word(*given)) {
    const Params& place = given != nullptr ? *given : node;
    return arg.required ? check_required(info, arg, node) : check_default(arg, place);
  }
  Node made = check_value(arg.name, *given, arg.type);
  const bool free = arg.choices.empty() || made.kind != Node::Kind::kData || given->is_null();
  if (!free && std::ranges::find(arg.choices, *given) == arg.choices.end()) {
    std::vector<std::string> choices;
    for (const Params& choice : arg.choices) {
      if (std::ranges::find(choices, choice.to_text()) == choices.end()) choices.push_back(choice.to_text());
    }
    fail_at(*given,
            in_quotes(arg.name) + " is " + given->to_text() + did_you_mean(given->to_text(), choices, 40));
  }
  return made;
}

namespace {

void check_makeable(const Params& node, const Named& named) {
  const TypeInfo& info = *named.info;
  if (info.abstract)
    fail_at(node, in_quotes(info.name) + " is a base for classes of your own; it cannot be made itself");
  if (info.kind == TypeInfo::Kind::kFunction && named.form == Form::kClass) {
    fail_at(node, in_quotes(info.name) +
                      " is a function; name it with `def:` (or `call:` to keep what it returns)");
  }
}

std::string signature_hint(const std::string& hint, const TypeInfo& info) {
  return hint + (hint.empty() ? "; its signature is " : " Its signature is ") + info.signature();
}

void check_names(const std::string& key, const Params& node, const TypeInfo& info) {
  if (!node.is_map() || info.rest_arg() != nullptr) return;
  for (const auto& [name, value] : node.items()) {
    if (is_form_key(name) || info.find_arg(name) != nullptr) continue;
    const std::string owner = in_quotes(info.name) + (key.empty() ? "" : " (" + in_quotes(key) + ")");
    fail_at(value, "unknown argument " + in_quotes(name) + " of " + owner +
                       signature_hint(did_you_mean(name, info.arg_names(), 0), info));
  }
}

}  // namespace

Blueprint::Node Blueprint::State::check_named(const std::string& key, const Params& node, Named named) const {
  check_makeable(node, named);
  check_names(key, node, *named.info);
  Node made;
  made.kind = Node::Kind::kNamed;
  made.source = node;
  made.info = named.info;
  made.form = named.form;
  for (const ArgInfo& arg : named.info->args) {
    if (arg.rest) {
      made.args.emplace_back(&arg, check_rest(arg, node, *named.info));
    } else if (auto value = check_arg(*named.info, arg, node, named.form)) {
      made.args.emplace_back(&arg, *std::move(value));
    }
  }
  return made;
}

}  // namespace ivory
