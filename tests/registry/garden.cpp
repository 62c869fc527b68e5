// A module of a user's: loaded when its code is first needed.
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <ivory/registry/module.h>

namespace {

struct Plant {
  explicit Plant(int height) : height(height) {}
  [[nodiscard]] int grown() const { return height + seed_of_the_process; }
  int height;
  static inline int seed_of_the_process = 0;
};

struct Bed {
  explicit Bed(std::vector<std::shared_ptr<Plant>> plants) : plants(std::move(plants)) {}
  [[nodiscard]] int count() const { return static_cast<int>(plants.size()); }
  std::vector<std::shared_ptr<Plant>> plants;
};

double area(double width, double height) { return width * height; }

}  // namespace

using ivory::arg;

IVORY_MODULE(garden, m) {
  m.type<Plant>("garden.Plant", "Grows.")
      .init<int>(arg("height", "in cm") = 3)
      .method("grown", &Plant::grown);
  m.type<Bed>("garden.Bed")
      .init<std::vector<std::shared_ptr<Plant>>>(arg("plants"))
      .method("count", &Bed::count);
  m.function_help("garden.area", "Width times height.", &area,
                  arg("height") = std::numeric_limits<double>::infinity());
  m.alias("original.garden.Plant", "garden.Plant");
  m.default_class({"plant", "garden.Plant", "garden", false});
  m.process_owned("its seed belongs to the process");
  m.on_process([](const ivory::ProcessSettings& settings) {
    Plant::seed_of_the_process = static_cast<int>(settings.seed) + settings.threads;
  });
}
