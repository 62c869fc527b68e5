// YAML text to parameters and back.
//
// Whatever comes in, what comes out is parameters or an Error of the user's kind; and what was accepted reads
// back equal from the YAML and from the JSON written of it, each node at a place in the text.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <ivory/base/error.h>
#include <ivory/base/params.h>
#include <ivory/yaml/yaml.h>

namespace {

using ivory::Params;

void require(bool holds) {
  if (!holds) std::abort();
}

// JSON has neither NaN nor infinities.
bool is_finite(const Params& params) {
  if (params.is_real()) return std::isfinite(params.as_real());
  if (params.is_list()) return std::ranges::all_of(params.elements(), is_finite);
  return !params.is_map() || std::ranges::all_of(params.items(), is_finite, &ivory::ParamsItem::value);
}

void check_places(const Params& params, int last_line) {
  require(params.line() >= 1 && params.line() <= last_line);
  if (params.is_list())
    for (const Params& element : params.elements()) check_places(element, last_line);
  if (params.is_map())
    for (const auto& item : params.items()) check_places(item.value, last_line);
}

void check(std::string_view text) {
  const Params params = ivory::parse_yaml(text, "input.yml");
  if (!params.is_null())
    check_places(params, 1 + static_cast<int>(
                                 std::ranges::count_if(text, [](char c) { return c == '\n' || c == '\r'; })));
  const std::string written = ivory::to_yaml(params);
  require(ivory::parse_yaml(written) == params);
  require(ivory::to_yaml(ivory::parse_yaml(written)) == written);
  if (is_finite(params)) require(Params::from_json(params.to_json()) == params);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check({reinterpret_cast<const char*>(data), size});
  } catch (const ivory::Error& error) {
    require(error.exit_status() == 2 && error.what()[0] != '\0');
  }
  return 0;
}
