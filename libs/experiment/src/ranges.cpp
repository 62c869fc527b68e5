#include <ivory/experiment/ranges.h>

#include <ivory/base/error.h>

namespace ivory {

std::vector<Params> ParamRange::values() const {
  if (const Range* range = find_range()) return range->values();
  const Params& params = *find_params();
  return params.is_list() ? params.elements() : std::vector<Params>{params};
}

Ranges::Ranges(const Params& map) {
  if (map.is_null()) return;
  if (!map.is_map())
    throw Error(ErrorCode::kInvalidArgument,
                at_place(map, "expected a map of parameters and their values, found " + map.to_text()));
  for (const auto& [name, value] : map.items()) items_.push_back({name, value});
}

void Ranges::add(const Ranges& further) {
  items_.insert(items_.end(), further.items_.begin(), further.items_.end());
}

void Ranges::add(const std::vector<std::string>& names, const std::vector<ParamRange>& ranges) {
  if (names.size() != ranges.size())
    throw Error(ErrorCode::kInvalidArgument, "the " + std::to_string(names.size()) + " parameters " +
                                                 join(names) + " have " + std::to_string(ranges.size()) +
                                                 " ranges; expected one each");
  for (std::size_t i = 0; i < names.size(); ++i) add({names[i], ranges[i]});
}

std::pair<std::vector<Axis>, Params> Ranges::split() const {
  std::vector<Axis> axes;
  Params fixed = Params::map();
  for (const auto& [name, range] : items_) {
    if (!range.is_fixed()) {
      axes.push_back({name, range.values()});
    } else if (fixed.contains(name)) {
      throw Error(ErrorCode::kInvalidArgument, "the parameter '" + name + "' is given twice");
    } else {
      fixed.set(name, *range.find_params());
    }
  }
  return {std::move(axes), std::move(fixed)};
}

}  // namespace ivory
