#include <ivory/registry/blueprint.h>

#include <algorithm>

#include "blueprint_state.h"

namespace ivory {
namespace {

void check_library(const Registry& registry, const Params& section, const std::string& library) {
  if (library.empty() || registry.has_module(library)) return;
  const Params* place = section.find("library");
  fail_at(place != nullptr ? *place : section,
          "library '" + library + "' is not installed" + did_you_mean(library, registry.modules()));
}

bool is_setting(const std::string& key, const std::vector<std::string>& settings) {
  return key == "library" || std::ranges::find(settings, key) != settings.end();
}

}  // namespace

void fail_at(const Params& place, const std::string& message) {
  throw PlacedError(ErrorCode::kInvalidArgument, at_place(place, message));
}

Blueprint::Node::Node() = default;

const Blueprint::Node* Blueprint::Node::find_part(std::string_view name) const {
  for (const auto& [arg, value] : args) {
    if (!arg->rest && arg->name == name) return &value;
    if (!arg->rest) continue;
    if (const Node* part = value.find_part(name)) return part;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool same = kind == Kind::kList ? std::to_string(i) == name : parts[i].first == name;
    if (same) return &parts[i].second;
  }
  return nullptr;
}

std::vector<std::string> Blueprint::Node::part_names() const {
  std::vector<std::string> names;
  for (const auto& [arg, value] : args) {
    if (!arg->rest) names.push_back(arg->name);
    if (arg->rest) std::ranges::copy(value.part_names(), std::back_inserter(names));
  }
  for (std::size_t i = 0; i < parts.size(); ++i)
    names.push_back(kind == Kind::kList ? std::to_string(i) : parts[i].first);
  return names;
}

const Blueprint::Node* Blueprint::State::find(std::string_view member) const {
  const auto found = std::ranges::find(names, member);
  return found == names.end() ? nullptr : &nodes[static_cast<std::size_t>(found - names.begin())];
}

// ---- reading

Params Blueprint::State::resolved(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kData:
      return node.default_word ? Params(kDefaultWord) : node.source;
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

// ---- the class

Blueprint::Blueprint(const Registry& registry, Params section, std::string library,
                     const std::vector<std::string>& settings, std::filesystem::path directory)
    : state_(
          std::make_unique<State>(registry, std::move(section), std::move(library), std::move(directory))) {
  check_library(registry, state_->section, state_->library);
  if (!state_->section.is_map() && !state_->section.is_null())
    fail_at(state_->section, "expected a mapping of members, found " + describe(state_->section));
  const Params& members = state_->section;
  for (const ParamsItem& item : members.items())
    if (!is_setting(item.key, settings)) state_->check_member(item);
  state_->check_referenced(settings);
}

Blueprint::~Blueprint() = default;
Blueprint::Blueprint(Blueprint&&) noexcept = default;
Blueprint& Blueprint::operator=(Blueprint&&) noexcept = default;

const std::vector<std::string>& Blueprint::names() const noexcept { return state_->names; }

Params Blueprint::resolved() const {
  Params section = Params::map();
  const Params& given = state_->section;
  for (const auto& [key, value] : given.items()) {
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
  const bool is_class = node != nullptr && node->kind == Node::Kind::kNamed && node->form == Form::kClass;
  return is_class ? node->info : nullptr;
}

Value Blueprint::make(std::string_view member, const Lookup& lookup) const {
  const Node* node = state_->find(member);
  if (node == nullptr)
    throw Error(ErrorCode::kNotFound,
                "there is no member " + in_quotes(member) + did_you_mean(member, state_->names));
  return state_->make(*node, lookup);
}

Value Blueprint::make_part(std::string_view path, const Lookup& lookup) const {
  const std::string_view member = path.substr(0, path.find('.'));
  if (member.size() == path.size()) return make(member, lookup);
  const Node* node = state_->find(member);
  if (node == nullptr)
    throw Error(ErrorCode::kNotFound,
                "there is no member " + in_quotes(member) + did_you_mean(member, state_->names));
  std::string_view rest = path.substr(member.size());
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view part = rest.substr(0, rest.find('.'));
    rest.remove_prefix(part.size());
    const Node* inner = node->find_part(part);
    if (inner == nullptr) {
      const std::string_view outer = path.substr(0, path.size() - rest.size() - part.size() - 1);
      throw Error(ErrorCode::kNotFound, in_quotes(outer) + " has no part " + in_quotes(part) +
                                            did_you_mean(part, node->part_names()));
    }
    node = inner;
  }
  return state_->make(*node, lookup);
}

}  // namespace ivory
