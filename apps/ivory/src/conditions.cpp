#include "conditions.h"

#include <algorithm>
#include <optional>

#include <ivory/base/error.h>
#include <ivory/base/range.h>

namespace ivory {
namespace {

ParamRange read_condition(const std::string& text) {
  if (const std::optional<Range> range = find_range(text)) return *range;
  std::vector<Params> values = parse_values(text);
  return values.size() == 1 ? ParamRange(std::move(values.front()))
                            : ParamRange(Params::list(std::move(values)));
}

}  // namespace

Ranges read_conditions(const std::vector<std::string>& words) {
  Ranges conditions;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      throw Error(ErrorCode::kInvalidArgument, "command line: expected KEY=VALUE, found '" + word + "'");
    const std::string name = word.substr(0, equals);
    if (std::ranges::find(conditions.items(), name, &NamedRange::name) != conditions.items().end())
      throw Error(ErrorCode::kInvalidArgument, "command line: '" + name + "' is given twice");
    try {
      conditions.add({name, read_condition(word.substr(equals + 1))});
    } catch (const Error& error) {
      throw Error(error.code(), "command line: " + name + ": " + error.what());
    }
  }
  return conditions;
}

}  // namespace ivory
