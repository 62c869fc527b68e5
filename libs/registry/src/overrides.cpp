#include <ivory/registry/overrides.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <ivory/base/error.h>

#include "nodes.h"

namespace ivory {
namespace {

[[noreturn]] void fail(const Params& place, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, at_place(place, message));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// An index as it is written, without leading zeros, so that no two words mean the same element.
std::optional<std::size_t> as_index(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return index;
}

// A place in the section that a name stands for.
struct Target {
  Params* holder = nullptr;           // the mapping or list that holds it
  std::string key;                    // of a mapping
  Params* present = nullptr;          // its value now; null if YAML leaves it out
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
      fail(place, in_quotes(name) + " is no name of a parameter");
    if (is_form_key(parts.front())) fail(place, "say which " + in_quotes(parts.front()) + ": MEMBER." + name);
    std::vector<Target> targets;
    search(section_, "", parts.front(), targets);
    for (std::size_t i = 1; i < parts.size(); ++i) targets = step(targets, parts[i]);
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
      Params* node = opened(target);
      if (node == nullptr) continue;
      if (node->is_list()) {
        const auto index = as_index(part);
        if (index && *index < node->size()) next.push_back({node, "", &node->elements()[*index], nullptr});
      } else if (node->is_map() || node->is_null()) {
        Params* value = node->find(part);
        const ArgInfo* arg = is_form_key(part) ? nullptr : declared(*node, target.key, part);
        if (value != nullptr || arg != nullptr || is_form_key(part)) next.push_back({node, part, value, arg});
      }
    }
    return next;
  }

  // The target's value to look into. A required argument that YAML leaves out, to be made of its default
  // class, is written as an empty node, which means the same.
  [[nodiscard]] Params* opened(const Target& target) const {
    if (target.present != nullptr || target.declared == nullptr) return target.present;
    const ArgInfo& arg = *target.declared;
    const bool made = arg.required && (arg.type.wants_object() || arg.type.wants_callable());
    if (!made || registry_.default_class(arg.name, library_) == nullptr) return nullptr;
    return &target.holder->set(target.key, Params());
  }

  [[nodiscard]] const ArgInfo* declared(const Params& node, std::string_view key,
                                        std::string_view name) const {
    const auto named = named_by(registry_, library_, key, node);
    return named ? named->info->find_arg(name) : nullptr;
  }

  void collect(const Params& node, const std::string& key, const std::string& path,
               std::set<std::string>& names) const {
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
    std::string hint = did_you_mean_owner(name, candidates);
    if (hint.empty()) hint = did_you_mean(name, candidates, 0);
    if (hint.empty() && !section_.empty()) hint = "; the members are " + join(section_.keys());
    fail(place, "unknown parameter " + in_quotes(name) + hint);
  }

  // Arguments of that name that must be named with their member, as YAML leaves them out.
  static std::string did_you_mean_owner(const std::string& name, const std::vector<std::string>& candidates) {
    std::vector<std::string> owners;
    for (const std::string& candidate : candidates)
      if (candidate.ends_with("." + name)) owners.push_back(in_quotes(candidate));
    return owners.empty() ? std::string() : "; did you mean " + join(owners, " or ") + "?";
  }

  const Registry& registry_;
  std::string library_;
  Params& section_;
};

bool same_kind(const Params& present, const Params& value) {
  if (present.is_real()) return value.is_number();
  if (present.is_list() && value.is_list() && !present.empty()) {
    return std::ranges::all_of(value.elements(), [&](const Params& element) {
      return same_kind(present.elements().front(), element);
    });
  }
  return present.kind() == value.kind();
}

bool takes_anything(const Params& present) { return present.is_null() || is_reference(present); }

bool wants_made(const ArgType& type) { return type.wants_object() || type.wants_callable(); }

// Whether `value` may stand where `target` is. What an object or a function may be is for the Blueprint to
// say.
bool allowed(const Target& target, const Params& value) {
  if (is_reference(value) || is_default_word(value)) return true;
  if (target.declared != nullptr && accepts(target.declared->type, value)) return true;
  if (target.present == nullptr || is_default_word(*target.present))
    return target.declared == nullptr || wants_made(target.declared->type);
  return takes_anything(*target.present) || same_kind(*target.present, value);
}

bool is_real_now(const Target& target) {
  if (target.present != nullptr && !is_default_word(*target.present)) return target.present->is_real();
  return target.declared != nullptr && target.declared->type.kind == ArgType::Kind::kReal;
}

// Throws unless `value` may stand where `target` is; returns it as it is stored.
Params checked(const Target& target, const std::string& name, const Params& value) {
  if (!allowed(target, value)) {
    const bool present = target.present != nullptr && !is_default_word(*target.present);
    fail(value,
         in_quotes(name) +
             (present ? " is " + describe(*target.present) : " takes " + target.declared->type.to_text()) +
             ", found " + describe(value));
  }
  return is_real_now(target) && value.is_int() ? at_place_of(Params(value.as_real()), value) : value;
}

// The elements of one list, in the order of their indexes.
using Elements = std::map<std::size_t, Params>;

Params listed(const std::string& name, const Elements& elements) {
  Params list = Params::list();
  for (const auto& [index, value] : elements) {
    const std::size_t expected = list.size();
    if (index != expected) {
      fail(value, "the elements of " + in_quotes(name) + " must be " + name + ":0, " + name +
                      ":1, … without a gap; " + name + ":" + std::to_string(expected) + " is missing");
    }
    list.push_back(value);
  }
  return at_place_of(std::move(list), elements.begin()->second);
}

// Gathers `hidden_sizes:0`, `hidden_sizes:1` … into `hidden_sizes`.
Params gather_lists(const Params& args) {
  Params gathered = Params::map();
  std::map<std::string, Elements> lists;
  for (const auto& [name, value] : args.items()) {
    const std::size_t colon = name.rfind(':');
    const std::string list = name.substr(0, colon);
    const bool element = colon != std::string::npos;
    const auto index = element ? as_index(std::string_view(name).substr(colon + 1)) : std::nullopt;
    if (element && (!index || list.empty()))
      fail(value, in_quotes(name) + ": after the colon comes an index, as in " + in_quotes(list + ":0"));
    if (gathered.contains(list) && (!element || !lists.contains(list)))
      fail(value, in_quotes(list) + " is given as a whole and by its elements");
    gathered.set(list, element ? Params() : value);  // keeps the order
    if (element) lists[list].emplace(*index, value);
  }
  for (const auto& [name, elements] : lists) gathered.set(name, listed(name, elements));
  return gathered;
}

}  // namespace

Overridden apply_overrides(const Registry& registry, std::string_view library, const Params& section,
                           const Params& args) {
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

Params present_value(const Registry& registry, std::string_view library, const Params& section,
                     std::string_view name, const Params& place) {
  Params copy = section;
  const std::size_t colon = name.rfind(':');
  const bool element = colon != std::string_view::npos;
  const std::vector<Target> targets =
      Resolver(registry, library, copy).find(std::string(name.substr(0, colon)), place);
  const Target& first = targets.front();
  const bool written = first.present != nullptr && !is_default_word(*first.present);
  const Params declared = first.declared != nullptr ? first.declared->default_value : Params();
  Params value = written ? *first.present : declared;
  if (!element) return value;
  return value.is_list() && !value.empty() ? value.elements().front() : Params();
}

}  // namespace ivory
