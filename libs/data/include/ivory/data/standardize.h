// Standardization, for a Data that fits it on the training part of each fold.
#pragma once
#include <cstdint>
#include <span>

#include <ivory/base/params.h>
#include <ivory/data/array.h>

namespace ivory {

// Mean and standard deviation (of the population) of each number of a sample over `rows`, NaN left out:
// {"mean": […], "deviation": […]}, one number for each of the sample's. A constant has deviation 1.
// For Data::fit. Errors: kInvalidArgument when there are no rows.
[[nodiscard]] Params fit_standardize(const Array& input, std::span<const std::int64_t> rows);

// (input - mean) / deviation as float32 (float64 stays). For Data::prepare.
// Errors: kInvalidArgument when `fitted` is of samples of another size.
[[nodiscard]] Array standardize(const Array& input, const Params& fitted);

}  // namespace ivory
