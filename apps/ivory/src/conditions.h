// Conditions on runs, as words of a command line.
#pragma once
#include <string>
#include <vector>

#include <ivory/experiment/ranges.h>

namespace ivory {

// `lr=1e-3` (equal), `optimizer=sgd,adam` (one of these), `lr=1e-4_1e-2` or `fold=0-3` (between, both
// included). Errors: kInvalidArgument for a word without `=`, a name given twice, an empty value, a broken
// range.
[[nodiscard]] Ranges read_conditions(const std::vector<std::string>& words);

}  // namespace ivory
