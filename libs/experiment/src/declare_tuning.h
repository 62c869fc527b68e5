// The tuner, the objective, and all samplers and pruners, by the names that YAML has for them.
#pragma once
#include <ivory/registry/module.h>

namespace ivory {

void declare_tuning(Module& m);

}  // namespace ivory
