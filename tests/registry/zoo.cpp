#include "zoo.h"

#include <gtest/gtest.h>

#include <istream>
#include <ostream>
#include <stdexcept>

#include <ivory/base/error.h>
#include <ivory/registry/module.h>
#include <ivory/yaml/yaml.h>

namespace ivory {
void PrintTo(const Params& params, std::ostream* stream) { *stream << params.to_json(); }
}  // namespace ivory

namespace zoo {
namespace {

class GearLayer : public Layer {
 public:
  explicit GearLayer(std::shared_ptr<Gear> gear) : gear_(std::move(gear)) {}
  [[nodiscard]] std::string name() const override { return "gear" + std::to_string(gear_->teeth); }

 private:
  std::shared_ptr<Gear> gear_;
};

double scaled_error(double a, double b, double scale) { return scale * (a - b); }
double top_k(double a, double b, int k) { return a + b + k; }
double halve(double x) { return x / 2; }
double raise(double x, double power) { return x + power; }
std::shared_ptr<Model> make_model(int depth) {
  return std::make_shared<Model>(Model{std::vector<int>(static_cast<std::size_t>(depth), 1)});
}

void declare_training(ivory::Module& m) {
  using ivory::arg;
  m.type<Data>("zoo.Data", "Some data.")
      .factory(
          [](int n_splits, int num_samples) { return std::make_shared<Data>(Data{n_splits, num_samples}); },
          arg("n_splits", "number of folds") = 4, arg("num_samples") = 1000);
  m.type<Dataset>("zoo.Dataset")
      .factory(
          [](std::shared_ptr<Data> data, std::string mode, std::function<double(double)> transform) {
            return std::make_shared<Dataset>(Dataset{std::move(data), std::move(mode), std::move(transform)});
          },
          arg("data"), arg("mode").choices({"train", "val", "test"}), arg("transform") = nullptr);
  m.type<Datasets>("zoo.Datasets")
      .factory(
          [](std::shared_ptr<Data> data, Datasets::MakeDataset dataset, int fold) {
            return std::make_shared<Datasets>(Datasets{std::move(data), std::move(dataset), fold});
          },
          arg("data"), arg("dataset"), arg("fold") = 0);
  m.type<Model>("zoo.Model")
      .factory([](std::vector<int> sizes) { return std::make_shared<Model>(Model{std::move(sizes)}); },
               arg("hidden_sizes"))
      .method("parameters", &Model::parameters)
      .method("depth", &Model::depth);
  m.type<Sgd>("zoo.optim.SGD")
      .factory([](std::vector<Weight> params, double lr,
                  double momentum) { return std::make_shared<Sgd>(Sgd{std::move(params), lr, momentum}); },
               arg("params"), arg("lr") = 1e-3, arg("momentum") = 0.0);
  m.type<Scheduler>("zoo.Scheduler")
      .factory(
          [](std::shared_ptr<Sgd> optimizer, double factor, int patience) {
            return std::make_shared<Scheduler>(Scheduler{std::move(optimizer), factor, patience});
          },
          arg("optimizer"), arg("factor") = 0.5, arg("patience") = 4);
  m.type<Stop>("zoo.Stop")
      .factory([](int patience) { return std::make_shared<Stop>(Stop{patience}); }, arg("patience") = 10);
  m.type<Trainer>("zoo.Trainer")
      .factory(
          [](std::function<double(double, double)> loss, int batch_size, std::optional<double> clip) {
            return std::make_shared<Trainer>(Trainer{std::move(loss), batch_size, clip});
          },
          arg("loss") = "zoo.losses.scaled", arg("batch_size") = 10, arg("clip") = nullptr);
  m.type<PlainTrainer>("zoo.PlainTrainer").init<>();
  m.type<Metrics>("zoo.Metrics")
      .factory(
          [](std::vector<std::pair<std::string, std::function<double(double, double)>>> functions) {
            return std::make_shared<Metrics>(Metrics{std::move(functions)});
          },
          arg("metrics").rest("zoo.metrics"));
}

void declare_parts(ivory::Module& m) {
  using ivory::arg;
  m.type<Layer>("zoo.Layer").abstract();
  m.type<Linear>("zoo.Linear").init<int, int>(arg("in"), arg("out") = 1);
  m.type<Relu>("zoo.ReLU").init<>();
  m.type<Gear>("zoo.Gear")
      .factory([](int teeth) { return std::make_shared<Gear>(Gear{teeth}); }, arg("teeth") = 12);
  m.type<Sequential>("zoo.Sequential")
      .factory(
          [](std::vector<std::shared_ptr<Layer>> layers) {
            return std::make_shared<Sequential>(Sequential{std::move(layers)});
          },
          arg("layers"));
  m.type<Options>("zoo.Options")
      .factory(
          [](decltype(Options::size) size, std::optional<double> limit, bool flag, std::string text,
             unsigned count) {
            return std::make_shared<Options>(Options{std::move(size), limit, flag, std::move(text), count});
          },
          arg("size") = 1, arg("limit") = nullptr, arg("flag") = false, arg("text") = "", arg("count") = 0);
  m.type<Files>("zoo.Files")
      .factory(
          [](std::filesystem::path path, std::vector<std::filesystem::path> more) {
            return std::make_shared<Files>(Files{std::move(path), std::move(more)});
          },
          arg("path"), arg("more") = ivory::Params::list());
  m.type<Raw>("zoo.Raw").factory(
      [](ivory::Params config) { return std::make_shared<Raw>(Raw{std::move(config)}); }, arg("config"));
  m.type<Holder>("zoo.Holder")
      .factory([](ivory::Value value) { return std::make_shared<Holder>(Holder{std::move(value)}); },
               arg("value"));
  m.type<Picky>("zoo.Picky").init<int>(arg("size") = 1);
}

void declare_functions(ivory::Module& m) {
  using ivory::arg;
  m.type<Huber>("zoo.losses.Huber")
      .factory([](double delta) { return std::make_shared<Huber>(Huber{delta}); }, arg("delta") = 1.0)
      .callable(&Huber::forward);
  m.function("zoo.losses.scaled", &scaled_error, arg("scale") = 1.0);
  m.function("zoo.metrics.top_k", &top_k, arg("k") = 1);
  m.function("zoo.halve", &halve);
  m.function("zoo.raise", &raise, arg("power"));
  m.function("zoo.make_model", &make_model, arg("depth") = 2);
  m.function("zoo.seven", [] { return 7; });
}

}  // namespace

void Trainer::save(std::ostream& out) const { out << batch_size; }
void Trainer::load(std::istream& in) { in >> batch_size; }

Picky::Picky(int size) : size(size) {
  if (size < 0) throw ivory::Error(ivory::ErrorCode::kInvalidArgument, "size", "it must not be negative");
  if (size == 13) throw std::runtime_error("bad luck\nand a trace");
}

ivory::Params section(std::string_view yaml) { return ivory::parse_yaml(yaml, "zoo.yml"); }

const ivory::Registry& registry() {
  static const ivory::Registry kRegistry;
  return kRegistry;
}

std::string refusal_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const ivory::Error& error) {
    EXPECT_EQ(2, error.exit_status());
    return error.what();
  }
  return "accepted";
}

std::string refusal(std::string_view yaml, const std::string& library) {
  return refusal_of([&] { const ivory::Blueprint blueprint(registry(), section(yaml), library); });
}

Made::Made(std::string_view yaml, const std::string& library, std::filesystem::path directory)
    : blueprint_(registry(), section(yaml), library, {"seed"}, std::move(directory)) {
  for (const std::string& name : blueprint_.names()) values_[name] = blueprint_.make(name, lookup());
}

ivory::Blueprint::Lookup Made::lookup() const {
  return [this](std::string_view name) { return values_.find(name)->second; };
}

const ivory::Value& Made::operator[](std::string_view member) const { return values_.find(member)->second; }

}  // namespace zoo

std::shared_ptr<zoo::Layer> ivory::TypeTraits<zoo::Gear>::to_interface(
    const std::shared_ptr<zoo::Gear>& gear) {
  return std::make_shared<zoo::GearLayer>(gear);
}

IVORY_MODULE(zoo, m) {
  zoo::declare_training(m);
  zoo::declare_parts(m);
  zoo::declare_functions(m);
  m.alias("original.zoo.Data", "zoo.Data");
  m.default_class({"data", "zoo.Data", "zoo", false});
  m.default_class({"datasets", "zoo.Datasets", "", false});
  m.default_class({"dataset", "zoo.Dataset", "", true});
  m.default_class({"trainer", "zoo.PlainTrainer", "", false});
  m.default_class({"trainer", "zoo.Trainer", "zoo", false});
  m.default_class({"metrics", "zoo.Metrics", "", false});
  m.default_class({"stop", "zoo.Stop", "", false});
  m.default_class({"transform", "zoo.raise", "zoo", true});
}
