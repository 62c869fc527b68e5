// Parts of reading a scalar that Range's grammar needs too.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include <ivory/base/params.h>

namespace ivory {

// Characters of the longest decimal number, sign and exponent included, that `text` begins with; 0 if none.
[[nodiscard]] std::size_t number_length(std::string_view text);

// The number that is the whole of `text`, as number_length found it.
[[nodiscard]] Params parse_number(std::string_view text);

// The content of a text wholly in single or double quotes, escapes resolved as in YAML.
[[nodiscard]] std::optional<std::string> find_quoted(std::string_view text);

}  // namespace ivory
