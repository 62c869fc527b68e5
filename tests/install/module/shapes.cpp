// A module of a user's own project.
#include <ivory/registry/module.h>

namespace {
double area(double width, double height) { return width * height; }
}  // namespace

IVORY_MODULE(shapes, m) {
  m.function("shapes.area", &area, ivory::arg("width") = 1.0, ivory::arg("height") = 2.0);
}
