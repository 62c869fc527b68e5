#include "grid.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/range.h>

namespace ivory {
namespace {

// Where messages say that a value came from.
void mark(Params& value) {
  static const auto kSource = std::make_shared<const std::string>("command line");
  value.set_source(kSource, 0);
}

Axis read_axis(const Creator& experiment, const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0)
    throw Error(ErrorCode::kInvalidArgument, "command line: expected KEY=VALUE, found '" + word + "'");
  Axis axis{word.substr(0, equals), {}};
  Params place;
  mark(place);
  const Params present = experiment.present_value(axis.name, place);
  try {
    axis.values = parse_values(word.substr(equals + 1), present);
  } catch (const Error& error) {
    throw Error(error.code(), "command line: " + axis.name + ": " + error.what());
  }
  for (Params& value : axis.values) mark(value);
  return axis;
}

}  // namespace

std::size_t Grid::size() const noexcept {
  std::size_t product = 1;
  for (const Axis& axis : axes_) product *= axis.values.size();
  return product;
}

Params Grid::element(std::size_t index) const {
  std::vector<const Params*> chosen(axes_.size());
  for (std::size_t i = axes_.size(); i-- > 0;) {
    const std::vector<Params>& values = axes_[i].values;
    chosen[i] = &values[index % values.size()];
    index /= values.size();
  }
  Params arguments = Params::map();
  for (std::size_t i = 0; i < axes_.size(); ++i) arguments.set(axes_[i].name, *chosen[i]);
  return arguments;
}

std::vector<std::string> Grid::varied() const {
  std::vector<std::string> names;
  for (const Axis& axis : axes_)
    if (axis.values.size() > 1) names.push_back(axis.name);
  return names;
}

Grid read_grid(const Creator& experiment, const std::vector<std::string>& words,
               std::optional<std::int64_t> seed) {
  std::vector<Axis> axes;
  if (seed) {
    Params value = *seed;
    mark(value);
    axes.push_back({"seed", {std::move(value)}});
  }
  for (const std::string& word : words) {
    Axis axis = read_axis(experiment, word);
    if (std::ranges::find(axes, axis.name, &Axis::name) != axes.end())
      throw Error(ErrorCode::kInvalidArgument, "command line: '" + axis.name + "' is given twice");
    axes.push_back(std::move(axis));
  }
  return Grid(std::move(axes));
}

}  // namespace ivory
