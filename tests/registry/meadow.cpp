// A second user's module, with a name that the first one has too.
#include <ivory/registry/module.h>

namespace {
struct Grass {};
}  // namespace

IVORY_MODULE(meadow, m) {
  m.type<Grass>("meadow.Grass").init<>();
  m.type<Grass>("garden.Plant").init<>();
}
