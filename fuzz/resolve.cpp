// Parameter files whose classes are declared here, so that names, arguments, references and objects are
// resolved in earnest. The input is YAML, then lines "key=word" of the command line after a line "%%".
//
// Whatever comes in, what comes out is a blueprint or an Error of the user's kind; and what was accepted
// holds: a resolved section resolves to itself, and its members can be made, or the user is told why not.
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/range.h>
#include <ivory/registry/blueprint.h>
#include <ivory/registry/module.h>
#include <ivory/registry/overrides.h>
#include <ivory/yaml/yaml.h>

namespace {

using ivory::arg;
using ivory::Params;

using Loss = std::function<double(double, double)>;

struct Data {
  explicit Data(std::int64_t size) {
    if (size < 0) throw ivory::Error(ivory::ErrorCode::kInvalidArgument, "size", "it must not be negative");
  }
};
struct Layer {
  using ivory_interface = Layer;
  virtual ~Layer() = default;
};
struct Linear : Layer {
  Linear(int /*in*/, std::optional<int> /*out*/) {}
};
struct Model {
  explicit Model(std::vector<std::shared_ptr<Layer>> /*layers*/) {}
  [[nodiscard]] std::vector<double> parameters() const { return {1.0, 2.0}; }
};
struct Optimizer {
  Optimizer(std::vector<double> /*params*/, double /*lr*/) {}
};
struct Scheduler {
  Scheduler(std::shared_ptr<Optimizer> /*optimizer*/,
            std::variant<int, std::vector<int>, std::string> /*patience*/) {}
};
struct Metrics {
  explicit Metrics(std::vector<std::pair<std::string, Loss>> /*functions*/) {}
};
struct Trainer {
  Trainer(Loss /*loss*/, std::string /*mode*/, Params /*raw*/, ivory::Value /*any*/) {}
};
double scaled(double a, double b, double scale) { return scale * (a - b); }

}  // namespace

IVORY_MODULE(fuzz, m) {
  m.type<Data>("fuzz.Data").init<std::int64_t>(arg("size") = 3);
  m.type<Layer>("fuzz.Layer").abstract();
  m.type<Linear>("fuzz.Linear").init<int, std::optional<int>>(arg("in") = 1, arg("out") = nullptr);
  m.type<Model>("fuzz.Model")
      .init<std::vector<std::shared_ptr<Layer>>>(arg("layers") = Params::list())
      .method("parameters", &Model::parameters);
  m.type<Optimizer>("fuzz.Optimizer").init<std::vector<double>, double>(arg("params"), arg("lr") = 0.1);
  m.type<Scheduler>("fuzz.Scheduler")
      .init<std::shared_ptr<Optimizer>, std::variant<int, std::vector<int>, std::string>>(
          arg("optimizer"), arg("patience") = 2);
  m.type<Metrics>("fuzz.Metrics")
      .init<std::vector<std::pair<std::string, Loss>>>(arg("metrics").rest("fuzz.metrics"));
  m.type<Trainer>("fuzz.Trainer")
      .init<Loss, std::string, Params, ivory::Value>(arg("loss") = "fuzz.metrics.scaled",
                                                     arg("mode").choices({"a", "b"}), arg("raw") = nullptr,
                                                     arg("any") = nullptr);
  m.function("fuzz.metrics.scaled", &scaled, arg("scale") = 1.0);
  m.function("fuzz.seven", [] { return 7; });
  m.default_class({"data", "fuzz.Data", "", false});
  m.default_class({"optimizer", "fuzz.Optimizer", "fuzz", false});
  m.default_class({"trainer", "fuzz.Trainer", "fuzz", false});
  m.default_class({"metrics", "fuzz.Metrics", "", false});
  m.default_class({"any", "fuzz.Data", "", true});
}

namespace {

constexpr std::string_view kSeparator = "\n%%\n";

void require(bool holds) {
  if (!holds) std::abort();
}

const ivory::Registry& registry() {
  static const ivory::Registry kRegistry;
  return kRegistry;
}

template <class Work>
void expect_user_errors(Work work) {
  try {
    work();
  } catch (const ivory::Error& error) {
    require(error.exit_status() == 2 && error.what()[0] != '\0');
  }
}

Params parse_arguments(const Params& section, std::string_view text) {
  Params args = Params::map();
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, equals);
    const Params present = ivory::present_value(registry(), "fuzz", section, name);
    const std::vector<Params> values = ivory::parse_values(line.substr(equals + 1), present);
    if (!values.empty()) args.set(name, values.front());
  }
  return args;
}

void make_members(const ivory::Blueprint& blueprint) {
  std::map<std::string, ivory::Value, std::less<>> made;
  const auto lookup = [&](std::string_view member) { return made.at(std::string(member)); };
  for (const std::string& name : blueprint.names()) made[name] = blueprint.make(name, lookup);
}

void check_resolution(const Params& section) {
  const ivory::Blueprint blueprint(registry(), section, "fuzz", {"seed"});
  const Params resolved = blueprint.resolved();
  const ivory::Blueprint again(registry(), resolved, "fuzz", {"seed"});
  require(again.resolved() == resolved && again.names() == blueprint.names());
  require(again.modules() == blueprint.modules());
  expect_user_errors([&] { make_members(blueprint); });
}

void check(std::string_view input) {
  const std::size_t separator = std::min(input.find(kSeparator), input.size());
  const Params section = ivory::parse_yaml(input.substr(0, separator), "input.yml");
  expect_user_errors([&] { check_resolution(section); });
  if (separator == input.size()) return;
  const Params args = parse_arguments(section, input.substr(separator + kSeparator.size()));
  const Params before = section;
  const ivory::Overridden overridden = ivory::apply_overrides(registry(), "fuzz", section, args);
  require(overridden.update == args && section == before);
  check_resolution(overridden.params);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  expect_user_errors([&] { check(input); });
  return 0;
}
