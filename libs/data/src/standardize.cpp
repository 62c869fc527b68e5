#include <ivory/data/standardize.h>

#include <cmath>
#include <vector>

#include <ivory/base/error.h>

#include "dispatch.h"

namespace ivory {
namespace {

std::size_t width_of(const Array& input) { return input.row_bytes() / item_bytes(input.dtype()); }

// Sums f(value, column) and counts over the rows for each column, NaN left out; gives sum / count, 0 of none.
template <class T, class F>
std::vector<double> column_means(std::span<const T> values, std::size_t width,
                                 std::span<const std::int64_t> rows, F f) {
  std::vector<double> sums(width, 0.0);
  std::vector<std::int64_t> counts(width, 0);
  for (const auto row : rows) {
    const T* at = values.data() + static_cast<std::size_t>(row) * width;
    for (std::size_t i = 0; i < width; ++i) {
      const double value = f(static_cast<double>(at[i]), i);
      const bool there = !std::isnan(value);
      sums[i] += there ? value : 0.0;
      counts[i] += there ? 1 : 0;
    }
  }
  for (std::size_t i = 0; i < width; ++i)
    sums[i] = counts[i] == 0 ? 0.0 : sums[i] / static_cast<double>(counts[i]);
  return sums;
}

std::vector<double> reals(const Params& fitted, std::string_view key, std::size_t width) {
  std::vector<double> values;
  for (const auto& element : fitted.at(key).elements()) values.push_back(element.as_real());
  if (values.size() != width) {
    throw Error(ErrorCode::kInvalidArgument, "the inputs have " + std::to_string(width) +
                                                 " numbers a sample, but were standardized with " +
                                                 std::to_string(values.size()));
  }
  return values;
}

}  // namespace

Params fit_standardize(const Array& input, std::span<const std::int64_t> rows) {
  if (rows.empty()) throw Error(ErrorCode::kInvalidArgument, "there are no samples to standardize by");
  const std::size_t width = width_of(input);
  return detail::visit_dtype(input.dtype(), [&]<class T>() -> Params {
    const auto values = input.view<T>();
    const auto mean = column_means(values, width, rows, [](double value, std::size_t) { return value; });
    auto deviation = column_means(values, width, rows, [&](double value, std::size_t i) {
      return (value - mean[i]) * (value - mean[i]);
    });
    for (auto& value : deviation) value = value > 0 ? std::sqrt(value) : 1.0;
    return {{"mean", mean}, {"deviation", deviation}};
  });
}

Array standardize(const Array& input, const Params& fitted) {
  const std::size_t width = width_of(input);
  const auto mean = reals(fitted, "mean", width);
  const auto deviation = reals(fitted, "deviation", width);
  const auto apply = [&]<class To>() {
    Array out = Array::uninitialized(dtype_of<To>(), input.shape());
    To* to = out.mutable_view<To>().data();
    detail::visit_dtype(input.dtype(), [&]<class From>() {
      const From* from = input.view<From>().data();
      for (std::int64_t row = 0; row < input.rows(); ++row, from += width, to += width) {
        for (std::size_t i = 0; i < width; ++i)
          to[i] = static_cast<To>((static_cast<double>(from[i]) - mean[i]) / deviation[i]);
      }
    });
    return out;
  };
  return input.dtype() == Dtype::kFloat64 ? apply.template operator()<double>()
                                          : apply.template operator()<float>();
}

}  // namespace ivory
