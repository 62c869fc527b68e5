#include "nodes.h"

#include <algorithm>
#include <array>

#include <ivory/base/error.h>

namespace ivory {
namespace {

constexpr std::array<std::string_view, 3> kFormKeys{"class", "def", "call"};

bool is_word(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

}  // namespace

std::string_view form_key(Form form) noexcept { return kFormKeys[static_cast<std::size_t>(form)]; }

bool is_form_key(std::string_view key) noexcept {
  return std::ranges::find(kFormKeys, key) != kFormKeys.end();
}

std::optional<Named> named_by(const Registry& registry, std::string_view library, std::string_view key,
                              const Params& node) {
  std::optional<Named> named;
  for (const Form form : {Form::kClass, Form::kDef, Form::kCall}) {
    const Params* name = node.find(form_key(form));
    if (name == nullptr) continue;
    if (named) {
      throw Error(ErrorCode::kInvalidArgument,
                  at_place(*name, "give one of `class`, `def` and `call`, not two"));
    }
    if (!name->is_string()) {
      throw Error(ErrorCode::kInvalidArgument,
                  at_place(*name, "`" + std::string(form_key(form)) + "` takes a name, found " +
                                      std::string(Params::kind_name(name->kind()))));
    }
    named = Named{&registry.get(name->as_string(), *name), form};
  }
  if (named || !(node.is_null() || node.is_map())) return named;
  const DefaultClass* entry = registry.default_class(key, library);
  if (entry == nullptr) return std::nullopt;
  return Named{&registry.get(entry->class_name, node), entry->def ? Form::kDef : Form::kClass};
}

std::optional<Reference> parse_reference(const Params& node) {
  if (!is_reference(node)) return std::nullopt;
  std::string_view text = node.as_string();
  text.remove_prefix(1);
  Reference reference;
  if (text.empty()) return reference;
  text.remove_prefix(1);
  const std::size_t dot = text.find('.');
  reference.member = text.substr(0, dot);
  if (!is_word(reference.member)) return std::nullopt;
  if (dot == std::string_view::npos) return reference;
  text.remove_prefix(dot + 1);
  if (!text.ends_with("()")) return std::nullopt;
  text.remove_suffix(2);
  if (!is_word(text)) return std::nullopt;
  reference.method = text;
  return reference;
}

bool is_reference(const Params& node) {
  return node.is_string() && (node.as_string() == "$" || node.as_string().starts_with("$."));
}

std::string describe(const Params& value) {
  std::string kind(Params::kind_name(value.kind()));
  if (value.is_null()) return kind;
  constexpr std::size_t kLongest = 60;
  const std::string text = value.is_string() ? in_quotes(value.as_string()) : value.to_text();
  return text.size() <= kLongest ? kind + " (" + text + ")" : kind;
}

Params at_place_of(Params value, const Params& place) {
  value.set_source(std::make_shared<const std::string>(place.file()), place.line());
  return value;
}

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

bool is_default_word(const Params& node) { return node.is_string() && node.as_string() == kDefaultWord; }

}  // namespace ivory
