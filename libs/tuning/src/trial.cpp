#include <ivory/tuning/trial.h>

#include <cmath>

#include <ivory/base/error.h>

namespace ivory::tuning {

double Trial::suggest_float(std::string_view name, double low, double high, const FloatOptions& options) {
  return do_suggest(name, Distribution::floats(low, high, options));
}

std::int64_t Trial::suggest_int(std::string_view name, std::int64_t low, std::int64_t high,
                                const IntOptions& options) {
  return std::llround(do_suggest(name, Distribution::ints(low, high, options)));
}

Params Trial::suggest_categorical(std::string_view name, const std::vector<Params>& choices) {
  return suggest(name, Distribution::categorical(choices));
}

Params Trial::suggest(std::string_view name, const Distribution& distribution) {
  return distribution.to_external(do_suggest(name, distribution));
}

void Trial::report(double value, std::int64_t step, std::optional<std::int64_t> fold) {
  report(std::vector{value}, step, fold);
}

void Trial::report(const std::vector<double>& values, std::int64_t step, std::optional<std::int64_t> fold) {
  const auto check = [](std::int64_t number, const char* what) {
    if (number < 0)
      throw Error(ErrorCode::kInvalidArgument,
                  std::string(what) + " is 0 or more; got " + std::to_string(number));
  };
  check(step, "a step");
  check(fold.value_or(0), "a fold");
  if (values.empty())
    throw Error(ErrorCode::kInvalidArgument, "a report needs a value an objective; got none");
  do_report({.step = step, .fold = fold, .values = values});
}

}  // namespace ivory::tuning
