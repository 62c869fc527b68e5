// How YAML names a class, function or member: what Blueprint and overrides both read.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include <ivory/base/params.h>
#include <ivory/registry/registry.h>

namespace ivory {

enum class Form { kClass, kDef, kCall };
[[nodiscard]] std::string_view form_key(Form form) noexcept;  // "class"

// What a mapping (or an empty node) names: by its own `class`, `def` or `call`, or by the default of its key.
struct Named {
  const TypeInfo* info = nullptr;
  Form form = Form::kClass;
};
// Empty when the node names nothing. Errors: an unknown name, or two of the three keys at once.
[[nodiscard]] std::optional<Named> named_by(const Registry& registry, std::string_view library,
                                            std::string_view key, const Params& node);
[[nodiscard]] bool is_form_key(std::string_view key) noexcept;

// `$`, `$.member`, `$.member.method()`.
struct Reference {
  std::string member;  // empty: that of the same name
  std::string method;  // empty: the member itself
};
[[nodiscard]] std::optional<Reference> parse_reference(const Params& node);
// True for `$` and every text that begins with `$.`, well formed or not.
[[nodiscard]] bool is_reference(const Params& node);

// "'text'", for messages.
[[nodiscard]] std::string in_quotes(std::string_view text);
// "an integer (5)", "a text ('abc')", "null", for messages.
[[nodiscard]] std::string describe(const Params& value);
// `value` with the place of `place`.
[[nodiscard]] Params at_place_of(Params value, const Params& place);

inline constexpr std::string_view kDefaultWord = "__default__";
[[nodiscard]] bool is_default_word(const Params& node);

}  // namespace ivory
