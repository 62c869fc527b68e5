#include "state_values.h"

#include <limits>

#include <ivory/experiment/trainer.h>

namespace ivory::detail {

double real_of(const Params& value) {
  using Limits = std::numeric_limits<double>;
  if (!value.is_string()) return value.as_real();
  const std::string& text = value.as_string();
  if (text == "NaN") return Limits::quiet_NaN();
  if (text == "Infinity") return Limits::infinity();
  if (text == "-Infinity") return -Limits::infinity();
  return value.as_real();  // which says what it is
}

int present_epoch(const Run& run, int previous) {
  const auto trainer = run.find<Trainer>();
  return trainer != nullptr ? trainer->epoch() : previous + 1;
}

}  // namespace ivory::detail
