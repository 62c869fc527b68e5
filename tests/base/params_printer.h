// Shows Params in the messages of failed tests.
#pragma once
#include <ostream>

#include <ivory/base/params.h>

namespace ivory {

inline void PrintTo(const Params& params, std::ostream* stream) { *stream << params.to_json(); }

}  // namespace ivory
