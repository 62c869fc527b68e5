// New values for parameters of a section, by the names that people use for them.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include <ivory/base/params.h>
#include <ivory/registry/registry.h>

namespace ivory {

struct Overridden {
  Params params;  // the section, changed
  Params update;  // what was given, by the names it was given under
};

// Applies `args` (a map from names to values) to a deep copy of the section:
//   lr                  every parameter of that name; not searched for within a mapping that holds it
//   scheduler.patience  dots scope; hidden_sizes.0 indexes a list
//   hidden_sizes:0      0, 1, 2 … together replace the whole list
//   optimizer.momentum  an argument that YAML leaves out but the class declares
// A value must be of the present value's type, or of the declared one; an integer will do for a real; a null
// or a `$` takes anything.
// Errors: kInvalidArgument at the value's place: an unknown name with the nearest one, a wrong type, a gap in
// the indexes.
[[nodiscard]] Overridden apply_overrides(const Registry& registry, std::string_view library,
                                         const Params& section, const Params& args);

// The value that the name stands for now (the first, where it stands for several; the declared default where
// YAML leaves it out). Errors: kInvalidArgument for an unknown name, at `place`.
[[nodiscard]] Params present_value(const Registry& registry, std::string_view library, const Params& section,
                                   std::string_view name, const Params& place = {});

}  // namespace ivory
