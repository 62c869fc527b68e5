#include "support.h"

#include <ivory/registry/module.h>

namespace ivory::testing {
namespace {

constexpr const char* kLine = R"(datasets:
  data: {class: line.Data, with_test: true}
  dataset:
  fold: 0
model: {class: line.Model}
results:
metrics:
  mae:
monitor: {metric: val_loss}
trainer:
  class: line.Trainer
  model: $
  lr: 0.1
  epochs: 5
  batch_size: 8
)";

}  // namespace

Project::Project(const std::string& extra) { write("line.yml", kLine + extra); }

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

IVORY_MODULE(line, m) {
  m.type<LineData>("line.Data").init<bool>(arg("with_test") = false);
  m.type<LineModel>("line.Model").init<>();
  m.type<LineTrainer>("line.Trainer")
      .init<std::shared_ptr<LineModel>, double, int, std::int64_t>(arg("model"), arg("lr") = 0.1,
                                                                   arg("epochs") = 1, arg("batch_size") = 8);
}

}  // namespace ivory::testing
