#include <ivory/tuning/trial.h>

#include <cmath>

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

}  // namespace ivory::tuning
