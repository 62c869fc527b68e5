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

// KEY=VALUE.
struct Word {
  std::string name, text;
};

Word split_word(const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0)
    throw Error(ErrorCode::kInvalidArgument, "command line: expected KEY=VALUE, found '" + word + "'");
  return {.name = word.substr(0, equals), .text = word.substr(equals + 1)};
}

// An element of a list (hidden_sizes:0) has no value of its own that could be told by its name.
Params present_value(const Creator& experiment, const std::string& name) {
  Params place;
  mark(place);
  const std::size_t colon = name.find(':');
  Params present = experiment.present_value(name.substr(0, colon), place);
  if (colon == std::string::npos) return present;
  return present.is_list() && !present.empty() ? Params(present.at(std::size_t{0})) : Params();
}

// `read` takes the word's text; what it says of it gets the word's name.
template <class Read>
auto read_text(const Word& word, const Read& read) {
  try {
    return read(word.text);
  } catch (const Error& error) {
    throw Error(error.code(), "command line: " + word.name + ": " + error.what());
  }
}

std::vector<Params> read_values(const Creator& experiment, const Word& word) {
  const Params present = present_value(experiment, word.name);
  auto values = read_text(word, [&](const std::string& text) { return parse_values(text, present); });
  for (Params& value : values) mark(value);
  return values;
}

Axis read_axis(const Creator& experiment, const std::string& text) {
  const Word word = split_word(text);
  return {word.name, read_values(experiment, word)};
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

// Of a text, only commas separate values.
bool is_text(const Params& present) {
  return present.is_string() && !present.as_string().starts_with('$') && present.as_string() != "__default__";
}

// A parameter that is a real number is tuned as one, also between whole ones.
Range fit(const Range& range, const Params& present) {
  if (!present.is_real() || range.num() != 0) return range;
  const bool stepped = range.step() != Params(1);
  return {range.start().as_real(), range.stop().as_real(),
          stepped ? Params(range.step().as_real()) : range.step(), 0, range.log()};
}

void check_interval(const Range& range) {
  if (range.start().as_real() > range.stop().as_real())
    throw Error(ErrorCode::kInvalidArgument, "an interval goes from the lower to the higher number, found " +
                                                 range.start().to_text() + " to " + range.stop().to_text());
}

ParamRange read_range(const Creator& experiment, const Word& word) {
  const Params present = present_value(experiment, word.name);
  std::optional<Range> range;
  if (!is_text(present)) {
    range = read_text(word, [&](const std::string& text) {
      auto found = find_range(text);
      if (found) check_interval(*found);
      return found;
    });
  }
  if (range) return fit(*range, present);
  std::vector<Params> values = read_values(experiment, word);
  if (values.size() == 1 && !values.front().is_list()) return std::move(values.front());
  return Params::list(std::move(values));
}

void add_once(Ranges& ranges, NamedRange item) {
  if (std::ranges::find(ranges.items(), item.name, &NamedRange::name) != ranges.items().end())
    throw Error(ErrorCode::kInvalidArgument, "command line: '" + item.name + "' is given twice");
  ranges.add(std::move(item));
}

}  // namespace

TuningWords tuning_words(const Creator& experiment, const std::vector<std::string>& words,
                         std::optional<std::int64_t> seed) {
  TuningWords read;
  for (const std::string& text : words) {
    if (text.find('=') == std::string::npos) {
      if (!read.suggest.empty())
        throw Error(ErrorCode::kInvalidArgument,
                    "command line: one suggest function is tuned at a time, found '" + read.suggest +
                        "' and '" + text + "'");
      read.suggest = text;
      continue;
    }
    const Word word = split_word(text);
    add_once(read.params, {word.name, read_range(experiment, word)});
  }
  if (seed) add_once(read.params, {"seed", Params(*seed)});
  return read;
}

Ranges swept_words(const Creator& experiment, const std::vector<std::string>& words) {
  Ranges ranges;
  for (const std::string& text : words) {
    Axis axis = read_axis(experiment, text);
    add_once(ranges, {std::move(axis.name), Params::list(std::move(axis.values))});
  }
  return ranges;
}

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
