#include <ivory/registry/overrides.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <vector>

#include <ivory/base/error.h>

#include "nodes.h"

namespace ivory {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::size_t> as_index(std::string_view text) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return index;
}

// A place in the section that a name stands for.
struct Target {
  Params* holder = nullptr;         // the mapping or list that holds it
  std::string key;                  // of a mapping
  Params* present = nullptr;        // its value now; null if YAML leaves it out
  const ArgInfo* declared = nullptr;  // what the class says of it
};

class Resolver {
 public:
  Resolver(const Registry& registry, std::string_view library, Params& section)
      : registry_(registry), library_(library), section_(section) {}

  // Every place that `name` stands for. Errors: none is found.
  std::vector<Target> find(const std::string& name, const Params& place) {
    const std::vector<std::string> parts = split(name, '.');
    if (std::ranges::any_of(parts, &std::string::empty))
      throw Error(ErrorCode::kInvalidArgument, at_place(place, in_quotes(name) + " is no name of a parameter"));
    std::vector<Target> targets;
    search(section_, "", parts.front(), targets);
    for (std::size_t i = 1; i < parts.size(); ++i) targets = step(targets, parts[i]);
    if (parts.size() == 1 && is_form_key(parts.front()))
      throw Error(ErrorCode::kInvalidArgument, at_place(place, "say which " + in_quotes(name) + ": MEMBER." + name));
    if (targets.empty()) fail_unknown(name, place);
    return targets;
  }

 private:
  // The name anywhere below `node`; a mapping that holds it is not searched further.
  void search(Params& node, const std::string& key, const std::string& name, std::vector<Target>& found) {
    if (node.is_map()) {
      if (Params* value = node.find(name)) {
        found.push_back({&node, name, value, declared(node, key, name)});
        return;
      }
      for (ParamsItem& item : node.items()) search(item.value, item.key, name, found);
    } else if (node.is_list()) {
      for (Params& element : node.elements()) search(element, "", name, found);
    }
  }

  std::vector<Target> step(const std::vector<Target>& from, const std::string& part) {
    std::vector<Target> next;
    for (const Target& target : from) {
      if (target.present == nullptr) continue;
      Params& node = *target.present;
      if (node.is_list()) {
        const auto index = as_index(part);
        if (index && *index < node.size()) next.push_back({&node, "", &node.elements()[*index], nullptr});
        continue;
      }
      if (!node.is_map() && !node.is_null()) continue;
      Params* value = node.find(part);
      const ArgInfo* arg = declared(node, target.key, part);
      if (value != nullptr || arg != nullptr || is_form_key(part)) next.push_back({&node, part, value, arg});
    }
    return next;
  }

  const ArgInfo* declared(const Params& node, std::string_view key, std::string_view name) const {
    const auto named = named_by(registry_, library_, key, node);
    return named ? named->info->find_arg(name) : nullptr;
  }

  void collect(const Params& node, const std::string& key, const std::string& path, std::set<std::string>& names) const {
    if (node.is_list())
      for (const Params& element : node.elements()) collect(element, "", "", names);
    if (!path.empty()) {
      if (const auto named = named_by(registry_, library_, key, node))
        for (const std::string& arg : named->info->arg_names()) names.insert(path + "." + arg);
    }
    if (!node.is_map()) return;
    for (const auto& [name, value] : node.items()) {
      if (is_form_key(name)) continue;
      names.insert(name);
      if (!path.empty()) names.insert(path + "." + name);
      collect(value, name, name, names);
    }
  }

  [[noreturn]] void fail_unknown(const std::string& name, const Params& place) const {
    std::set<std::string> names;
    collect(section_, "", "", names);
    const std::vector<std::string> candidates(names.begin(), names.end());
    std::string hint = did_you_mean(name, candidates, 0);
    for (const std::string& candidate : candidates)  // an argument that must be named with its member
      if (name.find('.') == std::string::npos && candidate.ends_with("." + name)) hint = "; did you mean " + in_quotes(candidate) + "?";
    if (hint.empty()) {
      std::vector<std::string> members;
      for (const ParamsItem& item : section_.items()) members.push_back(item.key);
      hint = "; the members are " + join(members);
    }
    throw Error(ErrorCode::kInvalidArgument, at_place(place, "unknown parameter " + in_quotes(name) + hint));
  }

  const Registry& registry_;
  std::string library_;
  Params& section_;
};

bool same_kind(const Params& present, const Params& value) {
  if (present.is_real()) return value.is_number();
  if (present.is_list() && value.is_list() && !present.empty()) {
    return std::ranges::all_of(value.elements(), [&](const Params& element) { return same_kind(present.elements().front(), element); });
  }
  return present.kind() == value.kind();
}

bool takes_anything(const Params& present) {
  return present.is_null() || parse_reference(present).has_value();
}

// Throws unless `value` may stand where `target` is; returns it as it is stored.
Params checked(const Target& target, const std::string& name, Params value) {
  const bool by_declaration = target.declared != nullptr && accepts(target.declared->type, value);
  if (target.present == nullptr || is_default_word(*target.present)) {
    if (target.declared != nullptr && !by_declaration && !target.declared->type.wants_object() && !target.declared->type.wants_callable()) {
      throw Error(ErrorCode::kInvalidArgument, at_place(value, in_quotes(name) + " takes " + target.declared->type.to_text() + ", found " +
                                                                   value.to_text() + " (" + std::string(Params::kind_name(value.kind())) + ")"));
    }
    return value;
  }
  const Params& present = *target.present;
  if (!takes_anything(present) && !by_declaration && !same_kind(present, value) && !parse_reference(value) && !is_default_word(value)) {
    throw Error(ErrorCode::kInvalidArgument,
                at_place(value, in_quotes(name) + " is " + std::string(Params::kind_name(present.kind())) + " (" + present.to_text() +
                                    "), found " + value.to_text() + " (" + std::string(Params::kind_name(value.kind())) + ")"));
  }
  if (present.is_real() && value.is_int()) {
    Params real(value.as_real());
    real.set_source(std::make_shared<const std::string>(value.file()), value.line());
    return real;
  }
  return value;
}

// Gathers `hidden_sizes:0`, `hidden_sizes:1` … into `hidden_sizes`.
Params gather_lists(const Params& args) {
  Params gathered = Params::map();
  std::map<std::string, std::map<std::size_t, Params>> lists;
  for (const auto& [name, value] : args.items()) {
    const std::size_t colon = name.rfind(':');
    if (colon == std::string::npos) {
      gathered.set(name, value);
      continue;
    }
    const auto index = as_index(std::string_view(name).substr(colon + 1));
    if (!index || colon == 0)
      throw Error(ErrorCode::kInvalidArgument, at_place(value, in_quotes(name) + ": after the colon comes an index, as in " + in_quotes(name.substr(0, colon) + ":0")));
    const std::string list = name.substr(0, colon);
    gathered.set(list, Params());  // keeps the order
    lists[list].emplace(*index, value);
  }
  for (auto& [name, elements] : lists) {
    Params list = Params::list();
    std::size_t expected = 0;
    for (auto& [index, value] : elements) {
      if (index != expected++) {
        throw Error(ErrorCode::kInvalidArgument,
                    at_place(value, "the elements of " + in_quotes(name) + " must be " + name + ":0, " + name + ":1, … without a gap; " + name +
                                        ":" + std::to_string(expected - 1) + " is missing"));
      }
      list.push_back(value);
    }
    const Params& first = elements.begin()->second;
    list.set_source(std::make_shared<const std::string>(first.file()), first.line());
    gathered.set(name, std::move(list));
  }
  return gathered;
}

}  // namespace

Overridden apply_overrides(const Registry& registry, std::string_view library, const Params& section, const Params& args) {
  Overridden result{section, args.is_null() ? Params::map() : args};
  const Params gathered = gather_lists(result.update);
  for (const auto& [name, value] : gathered.items()) {
    Resolver resolver(registry, library, result.params);
    for (const Target& target : resolver.find(name, value)) {
      Params stored = checked(target, name, value);
      if (target.present != nullptr) {
        *target.present = std::move(stored);
      } else {
        target.holder->set(target.key, std::move(stored));
      }
    }
  }
  return result;
}

Params present_value(const Registry& registry, std::string_view library, const Params& section, std::string_view name, const Params& place) {
  Params copy = section;
  const std::string whole(name.substr(0, name.rfind(':')));
  const std::vector<Target> targets = Resolver(registry, library, copy).find(whole, place);
  const Target& first = targets.front();
  const Params value = first.present != nullptr ? *first.present : first.declared != nullptr ? first.declared->default_value : Params();
  const bool element = whole.size() != name.size();
  if (!element) return value;
  return value.is_list() && !value.empty() ? value.elements().front() : Params();
}

}  // namespace ivory
