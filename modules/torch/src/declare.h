// The parts of the module's declaration, one in each unit that knows libtorch's side of it.
#pragma once
#include <ivory/registry/module.h>

namespace ivory::nn {

void declare_layers(Module& m);
void declare_losses(Module& m);
void declare_optimizers(Module& m);
void declare_schedulers(Module& m);
void declare_trainer(Module& m);

}  // namespace ivory::nn
