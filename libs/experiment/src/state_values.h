// Values in a state that passes through JSON, where NaN and infinities become texts.
#pragma once
#include <ivory/base/params.h>
#include <ivory/data/array.h>
#include <ivory/experiment/run.h>

namespace ivory::detail {

// A real, or one of the texts that Params::to_json writes for reals that JSON does not have.
// Errors: kInvalidArgument.
[[nodiscard]] double real_of(const Params& value);

// {"dtype": "float32", "shape": [2], "values": [0.5, 1.5]}, exactly; to_array() reads it.
// Errors: kInvalidArgument.
[[nodiscard]] Params to_params(const Array& array);
[[nodiscard]] Array to_array(const Params& state);

// The epoch of the run's trainer; `previous` + 1 in a run without one.
[[nodiscard]] int present_epoch(const Run& run, int previous);

}  // namespace ivory::detail
