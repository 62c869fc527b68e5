#include "state_values.h"

#include <limits>
#include <string>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/experiment/trainer.h>

namespace ivory::detail {
namespace {

Dtype parse_dtype(const Params& name) {
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kFloat64, Dtype::kInt8, Dtype::kInt16, Dtype::kInt32,
                            Dtype::kInt64, Dtype::kUint8, Dtype::kBool}) {
    if (dtype_name(dtype) == name.as_string()) return dtype;
  }
  throw Error(ErrorCode::kInvalidArgument, at_place(name, "unknown dtype '" + name.as_string() + "'"));
}

}  // namespace

double real_of(const Params& value) {
  using Limits = std::numeric_limits<double>;
  if (!value.is_string()) return value.as_real();
  const std::string& text = value.as_string();
  if (text == "NaN") return Limits::quiet_NaN();
  if (text == "Infinity") return Limits::infinity();
  if (text == "-Infinity") return -Limits::infinity();
  return value.as_real();  // which says what it is
}

Params to_params(const Array& array) {
  Params values = Params::list();
  if (is_floating(array.dtype())) {
    for (const double value : array.to_vector<double>()) values.push_back(value);
  } else {
    for (const std::int64_t value : array.to_vector<std::int64_t>()) values.push_back(value);
  }
  Params state{{"dtype", dtype_name(array.dtype())}, {"shape", array.shape()}};
  state.set("values", std::move(values));
  return state;
}

Array to_array(const Params& state) {
  const Dtype dtype = parse_dtype(state.at("dtype"));
  Shape shape;
  for (const Params& length : state.at("shape").elements()) shape.push_back(length.as_int());
  const Params::List& values = state.at("values").elements();
  if (!is_floating(dtype)) {
    std::vector<std::int64_t> integers;
    for (const Params& value : values) integers.push_back(value.as_int());
    return Array::from(integers, std::move(shape)).astype(dtype);
  }
  std::vector<double> reals;
  for (const Params& value : values) reals.push_back(real_of(value));
  return Array::from(reals, std::move(shape)).astype(dtype);
}

int present_epoch(const Run& run, int previous) {
  const auto trainer = run.find<Trainer>();
  return trainer != nullptr ? trainer->epoch() : previous + 1;
}

}  // namespace ivory::detail
