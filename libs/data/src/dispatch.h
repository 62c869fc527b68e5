// From a dtype at run time to a C++ type.
#pragma once
#include <ivory/data/array.h>

namespace ivory::detail {

// Calls f.template operator()<T>() with the type of `dtype`.
template <class F>
decltype(auto) visit_dtype(Dtype dtype, const F& f) {
  switch (dtype) {
    case Dtype::kFloat32:
      return f.template operator()<float>();
    case Dtype::kFloat64:
      return f.template operator()<double>();
    case Dtype::kInt8:
      return f.template operator()<std::int8_t>();
    case Dtype::kInt16:
      return f.template operator()<std::int16_t>();
    case Dtype::kInt32:
      return f.template operator()<std::int32_t>();
    case Dtype::kInt64:
      return f.template operator()<std::int64_t>();
    case Dtype::kUint8:
      return f.template operator()<std::uint8_t>();
    case Dtype::kBool:
      break;
  }
  return f.template operator()<bool>();
}

}  // namespace ivory::detail
