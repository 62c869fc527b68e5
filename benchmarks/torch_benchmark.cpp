// The Trainer in a run made from YAML against a loop over libtorch alone that does the same arithmetic.
//
//   torch_benchmark FOLDER DIGITS_CSV
//
// makes an experiment for each net in FOLDER, with its training and validation parts as .npy files for loops
// in other languages, then answers each line `ivory|untracked|libtorch NET BATCH_SIZE EPOCHS` of its standard
// input with a line of `wall cpu checkpoint_wall checkpoint_cpu val_loss`: seconds of this training, of which
// checkpoints took so many, and the last validation loss. `run` asks for one after the other in turn and
// reports medians.
#include <ctime>

#include <array>
#include <chrono>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/rng.h>
#include <ivory/data/datasets.h>
#include <ivory/data/npy.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/metrics.h>
#include <ivory/registry/module.h>
#include <ivory/torch/tensor.h>
#include <ivory/torch/torch.h>

namespace ivory::benchmarks {
namespace {

namespace fs = std::filesystem;

// Seconds that have passed, on the wall and for this process's threads.
struct Seconds {
  double wall = 0, cpu = 0;
  Seconds& operator+=(const Seconds& more) {
    wall += more.wall;
    cpu += more.cpu;
    return *this;
  }
  friend Seconds operator-(const Seconds& a, const Seconds& b) { return {a.wall - b.wall, a.cpu - b.cpu}; }
};

Seconds now() {
  timespec cpu{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  const auto wall = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration<double>(wall).count(),
          static_cast<double>(cpu.tv_sec) + 1e-9 * static_cast<double>(cpu.tv_nsec)};
}

// Measures the checkpoints of a run whose first member it is: the first whose state is asked for when the run
// is saved, which is the last thing in an epoch.
class CheckpointClock {
 public:
  [[nodiscard]] Params state_dict() const {
    begun_ = now();
    saving_ = true;
    return Params::map();
  }
  void load_state_dict(const Params& /*state*/) {}
  void on_epoch_begin(Run& /*run*/) { end(); }
  void on_fit_end(Run& /*run*/) { end(); }
  [[nodiscard]] Seconds total() const { return total_; }

 private:
  void end() {
    if (saving_) total_ += now() - begun_;
    saving_ = false;
  }
  mutable Seconds begun_;
  mutable bool saving_ = false;
  Seconds total_;
};

constexpr const char* kRectangle = R"(
library: torch
clock: {class: benchmark.CheckpointClock}
datasets:
  data: {class: ivory.NpyData, input: sides.npy, target: areas.npy, n_splits: 5}
  dataset:
  fold: 0
model:
  class: torch.nn.Sequential
  layers:
    - {class: torch.nn.Linear, in_features: 2, out_features: 50}
    - torch.nn.ReLU
    - {class: torch.nn.Linear, in_features: 50, out_features: 100}
    - torch.nn.ReLU
    - {class: torch.nn.Linear, in_features: 100, out_features: 1}
optimizer: {class: torch.optim.Adam, params: $.model.parameters(), lr: 1e-3}
results:
metrics:
monitor: {metric: val_loss}
trainer: {loss: torch.nn.functional.mse_loss, batch_size: 10, epochs: 1}
)";

constexpr const char* kDigits = R"(
library: torch
clock: {class: benchmark.CheckpointClock}
datasets:
  data: {class: ivory.CsvData, path: digits.csv, target: label, scale: 16, n_splits: 5}
  dataset:
  fold: 0
model:
  class: torch.nn.Sequential
  layers:
    - {class: torch.nn.Linear, in_features: 64, out_features: 128}
    - torch.nn.ReLU
    - {class: torch.nn.Linear, in_features: 128, out_features: 10}
optimizer: {class: torch.optim.Adam, params: $.model.parameters(), lr: 1e-3}
results:
metrics:
monitor: {metric: val_loss}
trainer: {loss: torch.nn.functional.cross_entropy, batch_size: 10, epochs: 1}
)";

struct Net {
  std::vector<std::int64_t> sizes;
  torch::Tensor (*loss)(const torch::Tensor& output, const torch::Tensor& target);
};

const std::map<std::string, Net, std::less<>>& nets() {
  static const std::map<std::string, Net, std::less<>> kNets{
      {"rectangle",
       {{2, 50, 100, 1},
        [](const auto& output, const auto& target) { return torch::mse_loss(output, target); }}},
      {"digits", {{64, 128, 10}, [](const auto& output, const auto& target) {
                    return torch::cross_entropy_loss(output, target);
                  }}}};
  return kNets;
}

struct Part {
  torch::Tensor input, target;
};

void make_rectangles(const fs::path& folder) {
  constexpr std::int64_t kSamples = 20'000;
  Rng rng({.seed = 1, .purpose = "rectangles"});
  std::vector<float> sides, areas;
  for (std::int64_t i = 0; i < kSamples; ++i) {
    const double width = rng.uniform(-1, 1), height = rng.uniform(-1, 1);
    sides.insert(sides.end(), {static_cast<float>(width), static_cast<float>(height)});
    areas.push_back(static_cast<float>(width * height));
  }
  write_npy(folder / "sides.npy", Array::from(sides, {kSamples, 2}));
  write_npy(folder / "areas.npy", Array::from(areas, {kSamples, 1}));
}

// A training measured, and what came of it.
struct Outcome {
  Seconds time, checkpoints;
  double val_loss = 0;
};

class Bench {
 public:
  Bench(const fs::path& folder, const fs::path& digits)
      : tracked_(prepare(folder, digits)), untracked_(folder, false) {
    for (const auto& [name, net] : nets()) read_parts(name);
  }

  [[nodiscard]] Outcome ivory(bool tracked, const std::string& net, std::int64_t batch_size,
                              int epochs) const {
    Run run =
        (tracked ? tracked_ : untracked_).create_run(net, {{"batch_size", batch_size}, {"epochs", epochs}});
    const Seconds begin = now();
    run.start();
    return {now() - begin, run.get<CheckpointClock>("clock")->total(),
            run.find<Metrics>()->history("val_loss").back().value};
  }

  [[nodiscard]] Outcome libtorch(const std::string& name, std::int64_t batch_size, int epochs) const {
    const Net& net = nets().find(name)->second;
    const auto& [train, val] = parts_.find(name)->second;
    torch::nn::Sequential model;
    for (std::size_t i = 1; i < net.sizes.size(); ++i) {
      if (i > 1) model->push_back(torch::nn::ReLU());
      model->push_back(torch::nn::Linear(net.sizes[i - 1], net.sizes[i]));
    }
    torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(1e-3));
    Outcome outcome;
    const Seconds begin = now();
    for (int epoch = 0; epoch < epochs; ++epoch) {
      (void)train_epoch(model, optimizer, net, train, batch_size);
      outcome.val_loss = validate(model, net, val, batch_size);
    }
    outcome.time = now() - begin;
    return outcome;
  }

 private:
  static fs::path prepare(const fs::path& folder, const fs::path& digits) {
    write_file(folder / "rectangle.yml", kRectangle);
    write_file(folder / "digits.yml", kDigits);
    write_file(folder / "digits.csv", read_file(digits));
    make_rectangles(folder);
    return folder;
  }

  void read_parts(const std::string& name) {
    const Run run = untracked_.create_run(name);
    const auto datasets = run.find<Datasets>();
    std::array<Part, 2> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::string mode = i == 0 ? "train" : "val";
      const Batch all = datasets->get(mode)->all();
      parts[i] = {nn::to_tensor(all.input), nn::to_tensor(all.target)};
      write_npy(untracked_.directory() / (name + "_" + mode + "_input.npy"), all.input);
      write_npy(untracked_.directory() / (name + "_" + mode + "_target.npy"), all.target);
    }
    parts_.emplace(name, parts);
  }

  // What `zero_grad(set_to_none=True)` does in Python; libtorch's zero_grad() fills with zeros, and is
  // slower.
  static void drop_gradients(std::vector<torch::Tensor>& parameters) {
    for (auto& parameter : parameters) parameter.mutable_grad().reset();
  }

  static double train_epoch(torch::nn::Sequential& model, torch::optim::Adam& optimizer, const Net& net,
                            const Part& part, std::int64_t batch_size) {
    model->train();
    auto parameters = model->parameters();
    double sum = 0;
    const std::int64_t samples = part.input.size(0);
    for (const auto& rows : torch::randperm(samples).split(batch_size)) {
      const auto input = part.input.index_select(0, rows), target = part.target.index_select(0, rows);
      drop_gradients(parameters);
      const auto loss = net.loss(model->forward(input), target);
      loss.backward();
      optimizer.step();
      sum += loss.item<double>() * static_cast<double>(rows.size(0));
    }
    return sum / static_cast<double>(samples);
  }

  static double validate(torch::nn::Sequential& model, const Net& net, const Part& part,
                         std::int64_t batch_size) {
    const torch::NoGradGuard no_grad;
    model->eval();
    double sum = 0;
    const auto inputs = part.input.split(batch_size), targets = part.target.split(batch_size);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto loss = net.loss(model->forward(inputs[i]), targets[i]);
      sum += loss.item<double>() * static_cast<double>(inputs[i].size(0));
    }
    return sum / static_cast<double>(part.input.size(0));
  }

  Client tracked_, untracked_;
  std::map<std::string, std::array<Part, 2>, std::less<>> parts_;
};

Outcome answer(const Bench& bench, const std::string& line) {
  std::istringstream words(line);
  std::string who, net;
  std::int64_t batch_size = 0;
  int epochs = 0;
  if (!(words >> who >> net >> batch_size >> epochs) ||
      (who != "ivory" && who != "untracked" && who != "libtorch") || !nets().contains(net) ||
      batch_size < 1 || epochs < 1) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "expected 'ivory|untracked|libtorch rectangle|digits BATCH_SIZE EPOCHS', found '" + line + "'");
  }
  if (who == "libtorch") return bench.libtorch(net, batch_size, epochs);
  return bench.ivory(who == "ivory", net, batch_size, epochs);
}

void serve(const fs::path& folder, const fs::path& digits) {
  at::set_num_threads(1);
  const Bench bench(folder, digits);
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const auto [time, checkpoints, val_loss] = answer(bench, line);
    std::cout << time.wall << ' ' << time.cpu << ' ' << checkpoints.wall << ' ' << checkpoints.cpu << ' '
              << val_loss << std::endl;
  }
}

}  // namespace
}  // namespace ivory::benchmarks

IVORY_MODULE(benchmark, m) {
  m.type<ivory::benchmarks::CheckpointClock>("benchmark.CheckpointClock").init<>();
}

int main(int argc, char** argv) {
  try {
    if (argc != 3)
      throw ivory::Error(ivory::ErrorCode::kInvalidArgument, "use: torch_benchmark FOLDER DIGITS_CSV");
    ivory::benchmarks::serve(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "torch_benchmark: " << error.what() << '\n';
    return 2;
  }
}
