// The classes that the tests declare in the module `zoo`, linked into the test program.
#pragma once
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/registry/blueprint.h>
#include <ivory/registry/value.h>

namespace ivory {

class Run {
 public:
  std::vector<std::string> calls;
};

// For the messages of failed tests.
void PrintTo(const Params& params, std::ostream* stream);

}  // namespace ivory

namespace zoo {

struct Data {
  int n_splits;
  int num_samples;
  bool created = false;
  void on_created() { created = true; }
};

struct Dataset {
  std::shared_ptr<Data> data;
  std::string mode;
  std::function<double(double)> transform;
};

struct Datasets {
  using MakeDataset = std::function<std::shared_ptr<Dataset>(std::shared_ptr<Data>, std::string)>;
  std::shared_ptr<Data> data;
  MakeDataset dataset;
  int fold;
};

struct Weight {
  double value;
};

struct Model {
  std::vector<int> hidden_sizes;
  [[nodiscard]] std::vector<Weight> parameters() const { return std::vector<Weight>(hidden_sizes.size()); }
  [[nodiscard]] int depth() const { return static_cast<int>(hidden_sizes.size()); }
};

struct Sgd {
  std::vector<Weight> params;
  double lr;
  double momentum;
};

struct Scheduler {
  std::shared_ptr<Sgd> optimizer;
  double factor;
  int patience;
};

// Has two hooks and small state.
struct Stop {
  int patience;
  int waited = 0;
  void on_fit_begin(ivory::Run& run) { run.calls.emplace_back("on_fit_begin"); }
  void on_epoch_end(ivory::Run& run) { run.calls.emplace_back("on_epoch_end"); }
  [[nodiscard]] ivory::Params state_dict() const { return {{"waited", waited}}; }
  void load_state_dict(const ivory::Params& state) { waited = static_cast<int>(state.at("waited").as_int()); }
};

// Starts, and has state in a format of its own.
struct Trainer {
  std::function<double(double, double)> loss;
  int batch_size;
  std::optional<double> clip;
  static constexpr const char* state_extension = "trainer";
  void start(ivory::Run& run) { run.calls.emplace_back("start"); }
  void save(std::ostream& out) const;
  void load(std::istream& in);
};

struct PlainTrainer {};

struct Huber {
  double delta;
  [[nodiscard]] double forward(double a, double b) const { return delta * (a - b); }
};

struct Metrics {
  std::vector<std::pair<std::string, std::function<double(double, double)>>> functions;
};

// Layers share an interface that they name themselves; a Gear is seen as one by its traits.
class Layer {
 public:
  using ivory_interface = Layer;
  virtual ~Layer() = default;
  [[nodiscard]] virtual std::string name() const = 0;
};
class Linear : public Layer {
 public:
  Linear(int in, int out) : in_(in), out_(out) {}
  [[nodiscard]] std::string name() const override {
    return "linear" + std::to_string(in_) + "x" + std::to_string(out_);
  }

 private:
  int in_;
  int out_;
};
class Relu : public Layer {
 public:
  [[nodiscard]] std::string name() const override { return "relu"; }
};
struct Gear {
  int teeth;
};

struct Sequential {
  std::vector<std::shared_ptr<Layer>> layers;
};

struct Options {
  std::variant<int, std::vector<int>, std::vector<std::string>, std::shared_ptr<Layer>> size;
  std::optional<double> limit;
  bool flag;
  std::string text;
  unsigned count;
};

struct Files {
  std::filesystem::path path;
  std::vector<std::filesystem::path> more;
};

struct Raw {
  ivory::Params config;
};

struct Holder {
  ivory::Value value;
};

// Its constructor refuses negative sizes, and fails at 13.
struct Picky {
  explicit Picky(int size);
  int size;
};

}  // namespace zoo

template <>
struct ivory::TypeTraits<zoo::Gear> {
  using Interface = zoo::Layer;
  static std::shared_ptr<zoo::Layer> to_interface(const std::shared_ptr<zoo::Gear>& gear);
  template <class D>
  static void declare(D& declaration) {
    declaration.method("teeth", [](const zoo::Gear& gear) { return gear.teeth; });
  }
};

namespace zoo {

// A section written as YAML in "zoo.yml".
[[nodiscard]] ivory::Params section(std::string_view yaml);
// What the user is told about the section; "accepted" if nothing.
[[nodiscard]] std::string refusal(std::string_view yaml, const std::string& library = "zoo");
// What `work` throws as the user's fault.
[[nodiscard]] std::string refusal_of(const std::function<void()>& work);
[[nodiscard]] const ivory::Registry& registry();

// A section with all its members made, in order.
class Made {
 public:
  explicit Made(std::string_view yaml, const std::string& library = "zoo",
                std::filesystem::path directory = {});
  [[nodiscard]] const ivory::Blueprint& blueprint() const { return blueprint_; }
  [[nodiscard]] const ivory::Value& operator[](std::string_view member) const;
  template <class T>
  [[nodiscard]] T& get(std::string_view member) const {
    return (*this)[member].as<T>();
  }
  [[nodiscard]] ivory::Blueprint::Lookup lookup() const;

 private:
  ivory::Blueprint blueprint_;
  std::map<std::string, ivory::Value, std::less<>> values_;
};

}  // namespace zoo
