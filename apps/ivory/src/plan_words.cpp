#include "plan_words.h"

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

std::vector<Axis> read_axes(const Creator& experiment, const std::vector<std::string>& words,
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
  return axes;
}

}  // namespace

RunPlan product_plan(const Creator& experiment, const std::vector<std::string>& words,
                     std::optional<std::int64_t> seed, std::int64_t repeat) {
  return RunPlan::product(read_axes(experiment, words, seed), repeat);
}

RunPlan chain_plan(const Creator& experiment, const std::vector<std::string>& words, bool use_best_param,
                   std::optional<std::int64_t> seed) {
  std::vector<Axis> axes;
  Params fixed = Params::map();
  for (Axis& axis : read_axes(experiment, words, seed)) {
    if (axis.values.size() == 1) {
      fixed.set(axis.name, std::move(axis.values.front()));
    } else {
      axes.push_back(std::move(axis));
    }
  }
  return RunPlan::chain(std::move(axes), use_best_param, fixed);
}

}  // namespace ivory
