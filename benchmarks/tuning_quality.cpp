// How good samplers are on known functions; Optuna's side and the tables: tuning_quality.py, which says what
// the lines are. The functions: tuning_functions.py has the same ones.
//   tuning_quality probe                                values of the functions at fixed points, to compare
//   tuning_quality ivory --out FILE [--first-seed N] [--seeds N] [--function NAME]… SAMPLER…
// adds the results that FILE has not yet.
// "two:nsga2" is the sampler nsga2 on the functions of two objectives.
#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <limits>
#include <map>
#include <numbers>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/tuning/multi_objective.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

namespace ivory::tuning {
namespace {
using std::numbers::pi;
constexpr std::array kShift{1.23, -2.07, 0.61, 2.9,   -1.44, 0.35,  -0.98, 1.77,  -2.61, 0.12,
                            2.21, -0.53, 1.01, -1.89, 0.74,  -2.33, 1.58,  -0.27, 2.47,  -1.12};
constexpr std::array<std::size_t, 4> kBudgets{20, 50, 100, 200}, kFrontBudgets{50, 100, 200, 300};

// What a function asks for its parameters: a trial of a study, or a probe.
class Source {
 public:
  virtual ~Source() = default;
  virtual double number(const std::string& name, double low, double high, bool log = false) = 0;
  virtual double integer(const std::string& name, std::int64_t low, std::int64_t high, std::int64_t step = 1,
                         bool log = false) = 0;
  virtual std::size_t choice(const std::string& name, const std::vector<Params>& choices) = 0;
  std::vector<double> numbers(int count, double low, double high) {
    std::vector<double> x;
    for (int i = 0; i < count; ++i) x.push_back(number("x" + std::to_string(i), low, high));
    return x;
  }
};

class TrialSource final : public Source {
 public:
  explicit TrialSource(Trial& trial) : trial_(trial) {}
  double number(const std::string& name, double low, double high, bool log) override {
    return trial_.suggest_float(name, low, high, {.log = log});
  }
  double integer(const std::string& name, std::int64_t low, std::int64_t high, std::int64_t step,
                 bool log) override {
    return static_cast<double>(trial_.suggest_int(name, low, high, {.step = step, .log = log}));
  }
  std::size_t choice(const std::string& name, const std::vector<Params>& choices) override {
    const Params chosen = trial_.suggest_categorical(name, choices);
    return static_cast<std::size_t>(std::ranges::find(choices, chosen) - choices.begin());
  }

 private:
  Trial& trial_;
};

// The k-th point of a fixed sequence.
class Probe final : public Source {
 public:
  explicit Probe(int k) : k_(k) {}
  double number(const std::string&, double low, double high, bool log) override {
    const double u = unit();
    return log ? std::exp(std::log(low) + u * (std::log(high) - std::log(low))) : low + u * (high - low);
  }
  double integer(const std::string&, std::int64_t low, std::int64_t high, std::int64_t step, bool) override {
    return static_cast<double>(low) +
           static_cast<double>(step) * std::floor(unit() * static_cast<double>((high - low) / step + 1));
  }
  std::size_t choice(const std::string&, const std::vector<Params>& choices) override {
    return static_cast<std::size_t>(unit() * static_cast<double>(choices.size()));
  }

 private:
  double unit() {
    double whole = 0;
    return std::modf((k_ + 1) * 0.6180339887498949 * ++asked_ + 0.137 * k_, &whole);
  }
  int k_, asked_ = 0;
};

double square(double x) { return x * x; }

double sphere(const std::vector<double>& x) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += square(x[i] - kShift[i]);
  return sum;
}

double rosenbrock(const std::vector<double>& x) {
  double sum = 0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i)
    sum += 100 * square(x[i + 1] - square(x[i])) + square(1 - x[i]);
  return sum;
}

double ackley(const std::vector<double>& x) {
  double squares = 0, cosines = 0;
  const auto d = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double z = x[i] - 4 * kShift[i];
    squares += z * z / d;
    cosines += std::cos(2 * pi * z) / d;
  }
  return -20 * std::exp(-0.2 * std::sqrt(squares)) - std::exp(cosines) + 20 + std::numbers::e;
}

double rastrigin(const std::vector<double>& x) {
  double sum = 10 * static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double z = x[i] - kShift[i];
    sum += z * z - 10 * std::cos(2 * pi * z);
  }
  return sum;
}

double branin(Source& source) {
  const double a = source.number("x0", -5, 10), b = source.number("x1", 0, 15);
  const double curve = b - 5.1 / (4 * pi * pi) * a * a + 5 / pi * a - 6;
  return curve * curve + 10 * (1 - 1 / (8 * pi)) * std::cos(a) + 10;
}

double mixed(Source& source) {
  const double x1 = source.number("x1", -5, 5), x2 = source.number("x2", 1e-3, 10, true);
  const double n = source.integer("n", 1, 20), m = source.integer("m", 1, 256, 1, true);
  const double k = source.integer("k", 0, 100, 10);
  const std::size_t c = source.choice("c", {"a", "b", "c", "d"}), b = source.choice("b", {false, true});
  constexpr std::array kShiftOf{1.5, -2.0, 0.0, 3.0}, kPenalty{0.5, 0.0, 1.0, 2.0};
  return square(x1 - kShiftOf[c]) + 2 * square(std::log10(x2) + 1) + 0.05 * square(n - 7) +
         0.5 * square(std::log2(m) - 5) + 0.001 * square(k - 70) + kPenalty[c] + (b == 1 ? 0 : 0.5);
}

double conditional(Source& source) {
  const std::size_t algo = source.choice("algo", {"quad", "tree", "net"});
  if (algo == 0) {
    const double x = source.number("quad_x", -5, 5), y = source.number("quad_y", -5, 5);
    return 0.3 + 0.1 * (square(x - 2) + square(y + 1));
  }
  if (algo == 1) {
    const double depth = source.integer("depth", 1, 10), lr = source.number("lr", 1e-4, 1, true);
    return 0.1 + 0.05 * square(depth - 6) + 0.4 * square(std::log10(lr) + 2);
  }
  const auto layers = static_cast<int>(source.integer("layers", 1, 3));
  double value = 0.25 * std::abs(layers - 2);
  for (int i = 0; i < layers; ++i) {
    const double units = source.integer("units" + std::to_string(i), 4, 256, 1, true);
    const double drop = source.number("drop" + std::to_string(i), 0, 0.8);
    value += 0.1 * square(std::log2(units) - (7 - i)) + 0.5 * square(drop - 0.2);
  }
  return value;
}

// Between the points of the grid (19 x 19, thirds of a decade) linear in both logarithms.
class Svm {
 public:
  Svm() {
    std::ifstream file(IVORY_SVM_GRID);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) errors_.push_back(std::stod(line.substr(line.rfind(',') + 1)));
    if (errors_.size() != kKernels * kSide * kSide)
      throw Error(ErrorCode::kIo, std::string(IVORY_SVM_GRID) + " is not the grid of 3 x 19 x 19 errors");
  }
  double operator()(Source& source) const {
    const std::size_t kernel = source.choice("kernel", {"rbf", "poly", "sigmoid"});
    const double c = (std::log10(source.number("C", 1e-3, 1e3, true)) + 3) * 3;
    const double g = (std::log10(source.number("gamma", 1e-5, 10, true)) + 5) * 3;
    const auto i = static_cast<std::size_t>(std::clamp(c, 0.0, 17.0));
    const auto j = static_cast<std::size_t>(std::clamp(g, 0.0, 17.0));
    const double u = c - static_cast<double>(i), v = g - static_cast<double>(j);
    const auto row = [&](std::size_t k) {
      const double* at = &errors_[kernel * kSide * kSide + k * kSide + j];
      return at[0] * (1 - v) + at[1] * v;
    };
    return row(i) * (1 - u) + row(i + 1) * u;
  }

 private:
  static constexpr std::size_t kKernels = 3, kSide = 19;
  std::vector<double> errors_;  // in the order of the kernels asked for, by C, by gamma
};

double hartmann6(Source& source) {
  constexpr double kAlpha[4] = {1.0, 1.2, 3.0, 3.2};
  constexpr double kA[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                               {0.05, 10, 17, 0.1, 8, 14},
                               {3, 3.5, 1.7, 10, 17, 8},
                               {17, 8, 0.05, 10, 0.1, 14}};
  constexpr double kP[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                               {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                               {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                               {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
  const auto x = source.numbers(6, 0, 1);
  double value = 3.32236801141551;
  for (std::size_t k = 0; k < 4; ++k) {
    double inner = 0;
    for (std::size_t i = 0; i < 6; ++i) inner += kA[k][i] * square(x[i] - kP[k][i]);
    value -= kAlpha[k] * std::exp(-inner);
  }
  return value;
}

double levy10(Source& source) {
  auto w = source.numbers(10, -10, 10);
  for (double& v : w) v = 1 + (v - 1) / 4;
  double value = square(std::sin(pi * w[0]));
  for (std::size_t i = 0; i + 1 < w.size(); ++i)
    value += square(w[i] - 1) * (1 + 10 * square(std::sin(pi * w[i] + 1)));
  return value + square(w.back() - 1) * (1 + square(std::sin(2 * pi * w.back())));
}

double styblinski8(Source& source) {
  double sum = 0;
  for (const double v : source.numbers(8, -5, 5)) sum += square(square(v)) - 16 * v * v + 5 * v;
  return 39.16616570377142 * 8 + sum / 2;
}

double schwefel5(Source& source) {
  double value = 418.9828872724338 * 5;
  for (const double v : source.numbers(5, -500, 500)) value -= v * std::sin(std::sqrt(std::abs(v)));
  return value;
}

// Only three of ten parameters matter, each ten times as much as the next.
double ridge10(Source& source) {
  const auto x = source.numbers(10, -5, 5);
  return 10 * square(x[2] - kShift[2]) + square(x[5] + x[2] - kShift[5]) + 0.1 * square(x[8] - kShift[8]);
}

// Eight categorical parameters of four choices; neighbours matter together.
double choices8(Source& source) {
  constexpr std::array<std::size_t, 8> kBest{2, 0, 3, 1, 1, 3, 0, 2};
  std::array<bool, 8> hit{};
  double value = 0;
  for (std::size_t i = 0; i < hit.size(); ++i) {
    hit[i] = source.choice("c" + std::to_string(i), {"p", "q", "r", "s"}) == kBest[i];
    value += hit[i] ? 0 : 1;
  }
  for (std::size_t i = 0; i < hit.size(); i += 2) value += hit[i] && hit[i + 1] ? 0 : 0.5;
  return value;
}

double integers6(Source& source) {
  constexpr std::array kTarget{3, 12, 27, 8, 41, 19};
  std::array<double, 6> n{};
  double value = 0;
  for (std::size_t i = 0; i < n.size(); ++i) {
    n[i] = source.integer("n" + std::to_string(i), 0, 50);
    value += square(n[i] - kTarget[i]) / 25;
  }
  return value + std::abs(n[0] + n[1] - 15) * 0.2;
}

// Looks like the loss of a net: learning rate and batch size interact, one optimizer has a momentum.
double training(Source& source) {
  const double lr = std::log10(source.number("lr", 1e-5, 1, true));
  const double batch = std::log2(source.integer("batch", 8, 512, 1, true));
  const double decay = std::log10(source.number("weight_decay", 1e-6, 1e-1, true));
  const double width = std::log2(source.integer("width", 16, 1024, 1, true));
  const double dropout = source.number("dropout", 0, 0.7);
  const double value = 0.05 * square(decay + 3.5) + 0.03 * square(width - 8.5) + 0.6 * square(dropout - 0.15);
  if (source.choice("optimizer", {"sgd", "adam"}) == 0) {
    const double momentum = source.number("momentum", 0, 0.99);
    const double best_lr = -1.5 + 0.2 * (batch - 5) - momentum;
    return value + 0.1 + 0.3 * square(lr - best_lr) + 0.2 * square(momentum - 0.9);
  }
  return value + 0.25 * square(lr + 3 - 0.15 * (batch - 5)) + 0.02 * square(batch - 6);
}

std::vector<double> zdt(Source& source, double (*shape)(double a, double g)) {
  const auto x = source.numbers(30, 0, 1);
  double sum = 0;
  for (std::size_t i = 1; i < x.size(); ++i) sum += x[i];
  const double g = 1 + 9 * sum / static_cast<double>(x.size() - 1);
  return {x[0], g * shape(x[0], g)};
}

std::vector<double> dtlz2(Source& source) {
  const auto x = source.numbers(11, 0, 1);
  double g = 0;
  for (std::size_t i = 1; i < x.size(); ++i) g += square(x[i] - 0.5);
  return {(1 + g) * std::cos(x[0] * pi / 2), (1 + g) * std::sin(x[0] * pi / 2)};
}

struct Function {
  std::string name;
  std::function<std::vector<double>(Source&)> value;
  std::vector<double> reference = {};  // of the hypervolume; empty: one objective
};

std::vector<Function> functions() {
  std::vector<Function> all;
  const auto add = [&](const std::string& name, auto f) {
    all.push_back({name, [f](Source& source) { return std::vector{f(source)}; }});
  };
  const auto add_sizes = [&](const std::string& name, auto f, double low, double high) {
    for (const int d : {5, 20})
      add(name + std::to_string(d), [=](Source& source) { return f(source.numbers(d, low, high)); });
  };
  add_sizes("sphere", sphere, -5.12, 5.12);
  add_sizes("rosenbrock", rosenbrock, -5, 10);
  add_sizes("ackley", ackley, -32.768, 32.768);
  add_sizes("rastrigin", rastrigin, -5.12, 5.12);
  add("branin", branin);
  add("mixed", mixed);
  add("conditional", conditional);
  add("svm", [svm = Svm()](Source& source) { return svm(source); });
  add("hartmann6", hartmann6);
  add("levy10", levy10);
  add("styblinski8", styblinski8);
  add("schwefel5", schwefel5);
  add("ridge10", ridge10);
  add("choices8", choices8);
  add("integers6", integers6);
  add("training", training);
  const auto add_front = [&](const std::string& name, double (*shape)(double, double)) {
    all.push_back({name, [shape](Source& source) { return zdt(source, shape); }, {1.1, 11}});
  };
  add_front("zdt1", [](double a, double g) { return 1 - std::sqrt(a / g); });
  add_front("zdt2", [](double a, double g) { return 1 - square(a / g); });
  add_front("zdt3", [](double a, double g) { return 1 - std::sqrt(a / g) - a / g * std::sin(10 * pi * a); });
  all.push_back({"dtlz2", dtlz2, {2.5, 2.5}});
  return all;
}

std::string text(double value) {
  std::ostringstream out;
  out << std::setprecision(17) << value;
  return out.str();
}

void probe() {
  for (const auto& function : functions()) {
    for (int k = 0; k < 25; ++k) {
      Probe source(k);
      std::cout << function.name << ',' << k;
      for (const double value : function.value(source)) std::cout << ',' << text(value);
      std::cout << '\n';
    }
  }
}

std::shared_ptr<const Sampler> sampler_named(const std::string& name, std::uint64_t seed) {
  std::vector<std::string> names;
  for (const auto& entry : sampler_table()) {
    if (entry.name == name) return entry.make(seed);
    names.emplace_back(entry.name);
  }
  throw Error(ErrorCode::kNotFound, "no sampler '" + name + "'; there are " + join(names));
}

// The columns of a result: the best value or the hypervolume after each budget, and the CPU seconds.
std::string measure(const Function& function, const std::string& sampler, std::uint64_t seed) {
  const bool one = function.reference.empty();
  const auto& budgets = one ? kBudgets : kFrontBudgets;
  const std::clock_t begin = std::clock();
  Study study = create_study({.directions = std::vector<Direction>(one ? 1 : 2, Direction::kMinimize),
                              .sampler = sampler_named(sampler, seed)});
  study.optimize(
      [&](Trial& trial) {
        TrialSource source(trial);
        return function.value(source);
      },
      {.n_trials = static_cast<std::int64_t>(budgets.back())});
  std::vector<std::vector<double>> points;
  for (const auto& trial : study.trials()) points.push_back(trial.values);
  std::string columns;
  for (const std::size_t budget : budgets) {
    const std::span seen(points.data(), budget);
    columns += text(one ? std::ranges::min(seen)[0] : hypervolume(seen, function.reference)) + ',';
  }
  return columns + text(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
}

struct Request {
  std::string out;
  std::uint64_t first_seed = 0, seeds = 20;
  std::vector<std::string> samplers;
  std::set<std::string> functions = {};  // empty: all
};

Request parse(std::span<char*> words) {
  Request request;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string word = words[i];
    if (word.starts_with("--") && i + 1 == words.size())
      throw Error(ErrorCode::kInvalidArgument, word + " needs a value");
    if (word == "--out") {
      request.out = words[++i];
    } else if (word == "--first-seed") {
      request.first_seed = std::stoull(words[++i]);
    } else if (word == "--seeds") {
      request.seeds = std::stoull(words[++i]);
    } else if (word == "--function") {
      request.functions.insert(words[++i]);
    } else {
      request.samplers.push_back(word);
    }
  }
  if (request.out.empty() || request.samplers.empty())
    throw Error(ErrorCode::kInvalidArgument, "say --out FILE and which samplers");
  return request;
}

std::set<std::string> read_done(const std::string& path) {
  std::set<std::string> done;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::size_t end = 0;
    for (int comma = 0; comma < 4 && end != std::string::npos; ++comma) end = line.find(',', end + 1);
    done.insert(line.substr(0, end));
  }
  return done;
}

void run(const Request& request) {
  constexpr std::string_view kTwo = "two:";
  const std::set<std::string> done = read_done(request.out);
  std::ofstream file(request.out, std::ios::app);
  for (const auto& sampler : request.samplers) {
    const bool two = sampler.starts_with(kTwo);
    const std::string name = two ? sampler.substr(kTwo.size()) : sampler;
    for (std::uint64_t seed = request.first_seed; seed < request.first_seed + request.seeds; ++seed) {
      for (const auto& function : functions()) {
        const std::string key = "ivory," + sampler + ',' + function.name + ',' + std::to_string(seed);
        const bool wanted = request.functions.empty() || request.functions.contains(function.name);
        if (!wanted || two == function.reference.empty() || done.contains(key)) continue;
        file << key << ',' << measure(function, name, seed) << std::endl;
      }
    }
  }
}
}  // namespace
}  // namespace ivory::tuning

int main(int count, char** words) {
  using namespace ivory::tuning;
  try {
    const std::span<char*> all(words, static_cast<std::size_t>(count));
    const std::string command = count > 1 ? words[1] : "";
    if (command == "probe") {
      probe();
    } else if (command == "ivory") {
      run(parse(all.subspan(2)));
    } else {
      std::cerr
          << "usage: tuning_quality probe | tuning_quality ivory --out FILE [--first-seed N] [--seeds N] "
             "SAMPLER…\n";
      return 2;
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
