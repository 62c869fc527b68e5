// The module's declaration; its parts stand in the units that know libtorch's side of them.
#include <ivory/registry/module.h>

#include "declare.h"

IVORY_MODULE(torch, m) {
  ivory::nn::declare_trainer(m);
  ivory::nn::declare_optimizers(m);
  ivory::nn::declare_schedulers(m);
  ivory::nn::declare_losses(m);
  ivory::nn::declare_layers(m);
  m.process_owned("libtorch's random generators belong to the process");
}
