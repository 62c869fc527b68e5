#include <ivory/torch/optimizer.h>

#include <deque>
#include <sstream>
#include <tuple>
#include <type_traits>
#include <utility>

#include <ivory/base/error.h>

#include "declare.h"

namespace ivory::nn {
namespace {

namespace optim = torch::optim;

// The key of a parameter's state in libtorch's map: the address of its implementation, as text in 1.x.
template <class Map>
auto state_key(const torch::Tensor& parameter) {
  void* address = parameter.unsafeGetTensorImpl();
  if constexpr (std::is_same_v<typename Map::key_type, std::string>) {
    std::ostringstream text;
    text << address;
    return text.str();
  } else {
    return address;
  }
}

// Each specification names libtorch's types, and lists the options and the state by PyTorch's names.
struct Sgd {
  using Torch = optim::SGD;
  using Options = optim::SGDOptions;
  using State = optim::SGDParamState;
  static constexpr const char* kName = "SGD";
  template <class F>
  static void options(Options& o, F&& field) {
    field("lr", o.lr());
    field("momentum", o.momentum());
    field("dampening", o.dampening());
    field("weight_decay", o.weight_decay());
    field("nesterov", o.nesterov());
  }
  template <class F>
  static void state(State& s, F&& field) {
    field("momentum_buffer", s.momentum_buffer());
  }
};

template <class TorchOptimizer, class TorchOptions, class TorchState>
struct AdamLike {
  using Torch = TorchOptimizer;
  using Options = TorchOptions;
  using State = TorchState;
  template <class F>
  static void options(Options& o, F&& field) {
    field("lr", o.lr());
    field("betas", o.betas());
    field("eps", o.eps());
    field("weight_decay", o.weight_decay());
    field("amsgrad", o.amsgrad());
  }
  template <class F>
  static void state(State& s, F&& field) {
    field("step", s.step());
    field("exp_avg", s.exp_avg());
    field("exp_avg_sq", s.exp_avg_sq());
    field("max_exp_avg_sq", s.max_exp_avg_sq());
  }
};
struct Adam : AdamLike<optim::Adam, optim::AdamOptions, optim::AdamParamState> {
  static constexpr const char* kName = "Adam";
};
struct AdamW : AdamLike<optim::AdamW, optim::AdamWOptions, optim::AdamWParamState> {
  static constexpr const char* kName = "AdamW";
};

struct Rmsprop {
  using Torch = optim::RMSprop;
  using Options = optim::RMSpropOptions;
  using State = optim::RMSpropParamState;
  static constexpr const char* kName = "RMSprop";
  template <class F>
  static void options(Options& o, F&& field) {
    field("lr", o.lr());
    field("alpha", o.alpha());
    field("eps", o.eps());
    field("weight_decay", o.weight_decay());
    field("momentum", o.momentum());
    field("centered", o.centered());
  }
  template <class F>
  static void state(State& s, F&& field) {
    field("step", s.step());
    field("square_avg", s.square_avg());
    field("momentum_buffer", s.momentum_buffer());
    field("grad_avg", s.grad_avg());
  }
};

struct Adagrad {
  using Torch = optim::Adagrad;
  using Options = optim::AdagradOptions;
  using State = optim::AdagradParamState;
  static constexpr const char* kName = "Adagrad";
  template <class F>
  static void options(Options& o, F&& field) {
    field("lr", o.lr());
    field("lr_decay", o.lr_decay());
    field("weight_decay", o.weight_decay());
    field("initial_accumulator_value", o.initial_accumulator_value());
    field("eps", o.eps());
  }
  template <class F>
  static void state(State& s, F&& field) {
    field("sum", s.sum());
    field("step", s.step());
  }
};

struct Lbfgs {
  using Torch = optim::LBFGS;
  using Options = optim::LBFGSOptions;
  using State = optim::LBFGSParamState;
  static constexpr const char* kName = "LBFGS";
  template <class F>
  static void options(Options& o, F&& field) {
    field("lr", o.lr());
    field("max_iter", o.max_iter());
    field("max_eval", o.max_eval());
    field("tolerance_grad", o.tolerance_grad());
    field("tolerance_change", o.tolerance_change());
    field("history_size", o.history_size());
    field("line_search_fn", o.line_search_fn());
  }
  template <class F>
  static void state(State& s, F&& field) {
    field("func_evals", s.func_evals());
    field("n_iter", s.n_iter());
    field("t", s.t());
    field("prev_loss", s.prev_loss());
    field("d", s.d());
    field("H_diag", s.H_diag());
    field("prev_flat_grad", s.prev_flat_grad());
    field("old_dirs", s.old_dirs());
    field("old_stps", s.old_stps());
    field("ro", s.ro());
    field("al", s.al());
  }
};

// Options as Params and back.
Params to_params(double value) { return value; }
Params to_params(bool value) { return value; }
Params to_params(std::int64_t value) { return value; }
Params to_params(const std::string& value) { return value; }
Params to_params(const std::tuple<double, double>& value) {
  return Params::list({std::get<0>(value), std::get<1>(value)});
}
template <class T>
Params to_params(const c10::optional<T>& value) {
  return value ? to_params(*value) : Params();
}
void from_params(const Params& data, double& value) { value = data.as_real(); }
void from_params(const Params& data, bool& value) { value = data.as_bool(); }
void from_params(const Params& data, std::int64_t& value) { value = data.as_int(); }
void from_params(const Params& data, std::string& value) { value = data.as_string(); }
void from_params(const Params& data, std::tuple<double, double>& value) {
  value = {data.at(std::size_t{0}).as_real(), data.at(1).as_real()};
}
template <class T>
void from_params(const Params& data, c10::optional<T>& value) {
  if (data.is_null()) {
    value = c10::nullopt;
    return;
  }
  T inner{};
  from_params(data, inner);
  value = inner;
}

template <class Spec>
Params options_to_params(typename Spec::Options& options) {
  auto data = Params::map();
  Spec::options(options, [&](const char* name, auto& value) { data[name] = to_params(value); });
  return data;
}

template <class Spec>
void set_options(typename Spec::Options& options, const Params& data) {
  for (const auto& [key, value] : data.items()) {
    bool found = false;
    std::vector<std::string> names;
    Spec::options(options, [&, &wanted = key, &given = value](const char* name, auto& field) {
      names.emplace_back(name);
      if (wanted != name) return;
      from_params(given, field);
      found = true;
    });
    if (!found) {
      throw Error(ErrorCode::kInvalidArgument, "params",
                  at_place(value, std::string("torch.optim.") + Spec::kName + " has no option '" + key + "'" +
                                      did_you_mean(key, names)));
    }
  }
}

// libtorch checks the options of the first group only.
void check_option(const std::string& name, double value) {
  if (name == "dampening" || value >= 0) return;
  throw Error(ErrorCode::kInvalidArgument, name,
              name + " must not be negative, found " + real_to_text(value));
}
void check_option(const std::string& name, const std::tuple<double, double>& betas) {
  for (const double beta : {std::get<0>(betas), std::get<1>(betas)}) {
    if (beta >= 0 && beta < 1) continue;
    throw Error(ErrorCode::kInvalidArgument, name, name + " must be in [0, 1), found " + real_to_text(beta));
  }
}
void check_option(const std::string& name, const c10::optional<std::string>& value) {
  if (!value || *value == "strong_wolfe") return;
  throw Error(ErrorCode::kInvalidArgument, name,
              name + " is '" + *value + "'; expected strong_wolfe or nothing");
}
template <class T>
void check_option(const std::string& /*name*/, const T& /*value*/) {}

template <class Spec>
void check_options(typename Spec::Options& options) {
  Spec::options(options, [](const char* name, auto& value) { check_option(name, value); });
}

class StateWriter {
 public:
  explicit StateWriter(torch::serialize::OutputArchive& archive) : archive_(archive) {}
  void operator()(const std::string& name, const torch::Tensor& value) {
    if (value.defined()) archive_.write(name, value, /*is_buffer=*/true);
  }
  void operator()(const std::string& name, std::int64_t value) { archive_.write(name, c10::IValue(value)); }
  void operator()(const std::string& name, double value) { archive_.write(name, c10::IValue(value)); }
  void operator()(const std::string& name, const std::deque<torch::Tensor>& values) {
    write_all(name, values);
  }
  void operator()(const std::string& name, const c10::optional<std::vector<torch::Tensor>>& values) {
    if (values) write_all(name, *values);
  }

 private:
  template <class Tensors>
  void write_all(const std::string& name, const Tensors& values) {
    (*this)(name + "_size", static_cast<std::int64_t>(values.size()));
    std::size_t index = 0;
    for (const auto& value : values) (*this)(name + "_" + std::to_string(index++), value);
  }
  torch::serialize::OutputArchive& archive_;
};

class StateReader {
 public:
  StateReader(torch::serialize::InputArchive& archive, torch::Device device)
      : archive_(archive), device_(device) {}
  void operator()(const std::string& name, torch::Tensor& value) {
    torch::Tensor found;
    if (archive_.try_read(name, found, /*is_buffer=*/true)) value = found.to(device_);
  }
  void operator()(const std::string& name, std::int64_t& value) { value = read(name).toInt(); }
  void operator()(const std::string& name, double& value) { value = read(name).toDouble(); }
  void operator()(const std::string& name, std::deque<torch::Tensor>& values) {
    values.assign(static_cast<std::size_t>(read(name + "_size").toInt()), torch::Tensor());
    read_all(name, values);
  }
  void operator()(const std::string& name, c10::optional<std::vector<torch::Tensor>>& values) {
    c10::IValue size;
    if (!archive_.try_read(name + "_size", size)) return;
    values = std::vector<torch::Tensor>(static_cast<std::size_t>(size.toInt()));
    read_all(name, *values);
  }

 private:
  c10::IValue read(const std::string& name) {
    c10::IValue value;
    archive_.read(name, value);
    return value;
  }
  template <class Tensors>
  void read_all(const std::string& name, Tensors& values) {
    std::size_t index = 0;
    for (auto& value : values) (*this)(name + "_" + std::to_string(index++), value);
  }
  torch::serialize::InputArchive& archive_;
  torch::Device device_;
};

// One of libtorch's optimizers behind our interface.
template <class Spec>
class Wrapped final : public Optimizer {
 public:
  using Options = typename Spec::Options;
  using State = typename Spec::State;

  Wrapped(const ParameterGroups& groups, Options defaults, bool maximize)
      : impl_(torch_groups(groups, defaults), defaults), maximize_(maximize) {
    for (auto& group : impl_.param_groups()) {
      check_options<Spec>(options_of(group));
      add_parameters(group.params());
    }
    if (parameters().empty()) {
      throw Error(ErrorCode::kInvalidArgument, "params",
                  std::string("torch.optim.") + Spec::kName + " got no parameters");
    }
    initial_lr_.resize(group_count());
  }

  torch::Tensor step(const Closure& closure) override {
    if constexpr (std::is_same_v<Spec, Lbfgs>) {
      return impl_.step(closure);
    } else {
      torch::Tensor loss;
      if (closure) loss = closure();
      if (maximize_) turn_gradients();
      impl_.step();
      if (maximize_) turn_gradients();
      return loss;
    }
  }
  [[nodiscard]] bool needs_closure() const override { return std::is_same_v<Spec, Lbfgs>; }

  [[nodiscard]] std::size_t group_count() const override { return impl_.param_groups().size(); }
  [[nodiscard]] double lr(std::size_t group) const override {
    return static_cast<const Options&>(impl_.param_groups()[group].options()).lr();
  }
  void set_lr(std::size_t group, double value) override { options(group).lr(value); }
  [[nodiscard]] std::optional<double> find_momentum(std::size_t group) const override {
    const auto& found = static_cast<const Options&>(impl_.param_groups()[group].options());
    if constexpr (requires { found.momentum(); }) {
      return found.momentum();
    } else if constexpr (requires { found.betas(); }) {
      return std::get<0>(found.betas());
    } else {
      return std::nullopt;
    }
  }
  void set_momentum(std::size_t group, double value) override {
    auto& found = options(group);
    if constexpr (requires { found.momentum(); }) {
      found.momentum(value);
    } else if constexpr (requires { found.betas(); }) {
      std::get<0>(found.betas()) = value;
    } else {
      throw Error(ErrorCode::kUnsupported, std::string("torch.optim.") + Spec::kName + " has no momentum");
    }
  }
  [[nodiscard]] double initial_lr(std::size_t group) override {
    auto& initial = initial_lr_[group];
    if (!initial) initial = lr(group);
    return *initial;
  }
  void set_initial_lr(std::size_t group, double value) override { initial_lr_[group] = value; }

  void save(std::ostream& out) const override {
    // libtorch's accessors to options and state come without const; nothing is changed.
    auto& self = const_cast<Wrapped&>(*this);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    torch::serialize::OutputArchive archive;
    archive.write("optimizer", c10::IValue(std::string(Spec::kName)));
    archive.write("groups", c10::IValue(self.groups_to_params().to_json()));
    auto& states = self.impl_.state();
    for (std::size_t i = 0; i < parameters().size(); ++i) {
      const auto found = states.find(state_key<std::decay_t<decltype(states)>>(parameters()[i]));
      if (found == states.end() || found->second == nullptr) continue;
      torch::serialize::OutputArchive nested(archive.compilation_unit());
      StateWriter writer(nested);
      Spec::state(static_cast<State&>(*found->second), writer);
      archive.write("state_" + std::to_string(i), nested);
    }
    archive.save_to(out);
  }

  void load(std::istream& in) override {
    torch::serialize::InputArchive archive;
    archive.load_from(in);
    load_groups(archive);
    auto& states = impl_.state();
    states.clear();
    for (std::size_t i = 0; i < parameters().size(); ++i) {
      torch::serialize::InputArchive nested;
      if (!archive.try_read("state_" + std::to_string(i), nested)) continue;
      auto state = std::make_unique<State>();
      StateReader reader(nested, parameters()[i].device());
      Spec::state(*state, reader);
      states[state_key<std::decay_t<decltype(states)>>(parameters()[i])] = std::move(state);
    }
  }

 private:
  static std::vector<optim::OptimizerParamGroup> torch_groups(const ParameterGroups& groups,
                                                              const Options& defaults) {
    std::vector<optim::OptimizerParamGroup> result;
    for (const auto& group : groups) {
      auto options = std::make_unique<Options>(defaults);
      set_options<Spec>(*options, group.options);
      result.emplace_back(group.params, std::move(options));
    }
    return result;
  }
  static Options& options_of(optim::OptimizerParamGroup& group) {
    return static_cast<Options&>(group.options());
  }
  Options& options(std::size_t group) { return options_of(impl_.param_groups()[group]); }

  void turn_gradients() {
    const torch::NoGradGuard no_grad;
    for (const auto& parameter : parameters()) {
      if (parameter.grad().defined()) parameter.grad().neg_();
    }
  }

  Params groups_to_params() {
    auto list = Params::list();
    for (std::size_t i = 0; i < group_count(); ++i) {
      auto group = Params::map();
      group["size"] = impl_.param_groups()[i].params().size();
      group["initial_lr"] = initial_lr_[i] ? Params(*initial_lr_[i]) : Params();
      group["options"] = options_to_params<Spec>(options(i));
      list.push_back(std::move(group));
    }
    return list;
  }

  void load_groups(torch::serialize::InputArchive& archive) {
    c10::IValue name, text;
    if (!archive.try_read("optimizer", name) || !archive.try_read("groups", text) ||
        name.toStringRef() != Spec::kName) {
      throw Error(ErrorCode::kInvalidArgument,
                  std::string("this is not the state of a torch.optim.") + Spec::kName);
    }
    const auto groups = Params::from_json(text.toStringRef());
    bool same = groups.size() == group_count();
    for (std::size_t i = 0; same && i < group_count(); ++i) {
      same = groups.at(i).at("size").as_int() ==
             static_cast<std::int64_t>(impl_.param_groups()[i].params().size());
    }
    if (!same) throw Error(ErrorCode::kInvalidArgument, "the optimizer's state is of other parameter groups");
    for (std::size_t i = 0; i < group_count(); ++i) {
      set_options<Spec>(options(i), groups.at(i).at("options"));
      const auto& initial = groups.at(i).at("initial_lr");
      initial_lr_[i] = initial.is_null() ? std::optional<double>() : initial.as_real();
    }
  }

  typename Spec::Torch impl_;
  bool maximize_;
  std::vector<std::optional<double>> initial_lr_;
};

template <class Spec>
std::unique_ptr<Optimizer> make(const ParameterGroups& groups, const typename Spec::Options& options,
                                bool maximize) try {
  auto defaults = options;
  check_options<Spec>(defaults);
  return std::make_unique<Wrapped<Spec>>(groups, defaults, maximize);
} catch (const c10::Error& error) {
  throw Error(ErrorCode::kInvalidArgument, error.what_without_backtrace());
}

}  // namespace

void Optimizer::add_parameters(const Parameters& parameters) {
  parameters_.insert(parameters_.end(), parameters.begin(), parameters.end());
}

void Optimizer::zero_grad() {
  for (auto& parameter : parameters_) {
    auto& gradient = parameter.mutable_grad();
    if (gradient.defined()) gradient.reset();
  }
}

std::unique_ptr<Optimizer> make_sgd(ParameterGroups groups, const SgdOptions& options) {
  const auto torch_options = optim::SGDOptions(options.lr)
                                 .momentum(options.momentum)
                                 .dampening(options.dampening)
                                 .weight_decay(options.weight_decay)
                                 .nesterov(options.nesterov);
  return make<Sgd>(groups, torch_options, options.maximize);
}

std::unique_ptr<Optimizer> make_adam(ParameterGroups groups, const AdamOptions& options) {
  const auto torch_options = optim::AdamOptions(options.lr)
                                 .betas(std::make_tuple(options.beta1, options.beta2))
                                 .eps(options.eps)
                                 .weight_decay(options.weight_decay)
                                 .amsgrad(options.amsgrad);
  return make<Adam>(groups, torch_options, options.maximize);
}

std::unique_ptr<Optimizer> make_adamw(ParameterGroups groups, const AdamOptions& options) {
  const auto torch_options = optim::AdamWOptions(options.lr)
                                 .betas(std::make_tuple(options.beta1, options.beta2))
                                 .eps(options.eps)
                                 .weight_decay(options.weight_decay)
                                 .amsgrad(options.amsgrad);
  return make<AdamW>(groups, torch_options, options.maximize);
}

std::unique_ptr<Optimizer> make_rmsprop(ParameterGroups groups, const RmspropOptions& options) {
  const auto torch_options = optim::RMSpropOptions(options.lr)
                                 .alpha(options.alpha)
                                 .eps(options.eps)
                                 .weight_decay(options.weight_decay)
                                 .momentum(options.momentum)
                                 .centered(options.centered);
  return make<Rmsprop>(groups, torch_options, options.maximize);
}

std::unique_ptr<Optimizer> make_adagrad(ParameterGroups groups, const AdagradOptions& options) {
  const auto torch_options = optim::AdagradOptions(options.lr)
                                 .lr_decay(options.lr_decay)
                                 .weight_decay(options.weight_decay)
                                 .initial_accumulator_value(options.initial_accumulator_value)
                                 .eps(options.eps);
  return make<Adagrad>(groups, torch_options, options.maximize);
}

std::unique_ptr<Optimizer> make_lbfgs(ParameterGroups groups, const LbfgsOptions& options) {
  const auto to_torch = [](const auto& value) {
    using T = typename std::decay_t<decltype(value)>::value_type;
    return value ? c10::optional<T>(*value) : c10::nullopt;
  };
  const auto torch_options = optim::LBFGSOptions(options.lr)
                                 .max_iter(options.max_iter)
                                 .max_eval(to_torch(options.max_eval))
                                 .tolerance_grad(options.tolerance_grad)
                                 .tolerance_change(options.tolerance_change)
                                 .history_size(options.history_size)
                                 .line_search_fn(to_torch(options.line_search_fn));
  return make<Lbfgs>(groups, torch_options, false);
}

namespace {

ParameterGroup group_of(const Value& value) {
  if (auto parameters = value.find<Parameters>()) return {*parameters, {}};
  ParameterGroup group;
  bool found = false;
  for (const auto& [key, part] : value.is_map() ? value.items() : decltype(value.items()){}) {
    if (key != "params") {
      group.options[key] = part.data();
      continue;
    }
    if (auto parameters = part.find<Parameters>()) {
      group.params = *parameters;
      found = true;
    }
  }
  if (found) return group;
  throw Error(ErrorCode::kInvalidArgument, "params",
              "expected $.model.parameters(), or a list of {params: $.model.parameters(), lr: …}, found " +
                  value.describe());
}

ParameterGroups groups_of(const Value& value) {
  ParameterGroups groups;
  if (!value.is_list()) return {group_of(value)};
  for (const auto& element : value.elements()) groups.push_back(group_of(element));
  return groups;
}

AdamOptions adam_options(double lr, const std::vector<double>& betas, double eps, double weight_decay,
                         bool amsgrad, bool maximize) {
  if (betas.size() != 2) {
    throw Error(ErrorCode::kInvalidArgument, "betas",
                "betas has " + std::to_string(betas.size()) + " values; expected 2");
  }
  return {lr, betas[0], betas[1], eps, weight_decay, amsgrad, maximize};
}

template <class F, class... Args>
void declare(Module& m, const char* name, const char* help, F factory, Args&&... args) {
  m.type<Optimizer>(name, help)
      .factory(factory, arg("params", "$.model.parameters(), or a list of {params: …, lr: …}"),
               std::forward<Args>(args)...);
}

void declare_adams(Module& m) {
  const std::vector<double> betas{0.9, 0.999};
  declare(
      m, "torch.optim.Adam", "Kingma and Ba 2015.",
      [](const Value& params, double lr, const std::vector<double>& b, double eps, double decay, bool amsgrad,
         bool maximize) {
        return make_adam(groups_of(params), adam_options(lr, b, eps, decay, amsgrad, maximize));
      },
      arg("lr") = 1e-3, arg("betas") = betas, arg("eps") = 1e-8, arg("weight_decay") = 0.0,
      arg("amsgrad") = false, arg("maximize") = false);
  declare(
      m, "torch.optim.AdamW", "Adam with decoupled weight decay, Loshchilov and Hutter 2019.",
      [](const Value& params, double lr, const std::vector<double>& b, double eps, double decay, bool amsgrad,
         bool maximize) {
        return make_adamw(groups_of(params), adam_options(lr, b, eps, decay, amsgrad, maximize));
      },
      arg("lr") = 1e-3, arg("betas") = betas, arg("eps") = 1e-8, arg("weight_decay") = 0.01,
      arg("amsgrad") = false, arg("maximize") = false);
}

void declare_lbfgs(Module& m) {
  declare(
      m, "torch.optim.LBFGS", "Quasi-Newton; calls the model several times a step.",
      [](const Value& params, double lr, std::int64_t max_iter, std::optional<std::int64_t> max_eval,
         double tolerance_grad, double tolerance_change, std::int64_t history_size,
         std::optional<std::string> line_search_fn) {
        return make_lbfgs(groups_of(params), {lr, max_iter, max_eval, tolerance_grad, tolerance_change,
                                              history_size, std::move(line_search_fn)});
      },
      arg("lr") = 1.0, arg("max_iter") = 20, arg("max_eval", "default: 1.25 max_iter") = nullptr,
      arg("tolerance_grad") = 1e-7, arg("tolerance_change") = 1e-9, arg("history_size") = 100,
      (arg("line_search_fn") = nullptr).choices({"strong_wolfe"}));
}

}  // namespace

void declare_optimizers(Module& m) {
  declare(
      m, "torch.optim.SGD", "Stochastic gradient descent.",
      [](const Value& params, double lr, double momentum, double dampening, double decay, bool nesterov,
         bool maximize) {
        return make_sgd(groups_of(params), {lr, momentum, dampening, decay, nesterov, maximize});
      },
      arg("lr") = 1e-3, arg("momentum") = 0.0, arg("dampening") = 0.0, arg("weight_decay") = 0.0,
      arg("nesterov") = false, arg("maximize") = false);
  declare_adams(m);
  declare(
      m, "torch.optim.RMSprop", "Scaled by a running mean of squared gradients.",
      [](const Value& params, double lr, double alpha, double eps, double decay, double momentum,
         bool centered, bool maximize) {
        return make_rmsprop(groups_of(params), {lr, alpha, eps, decay, momentum, centered, maximize});
      },
      arg("lr") = 0.01, arg("alpha") = 0.99, arg("eps") = 1e-8, arg("weight_decay") = 0.0,
      arg("momentum") = 0.0, arg("centered") = false, arg("maximize") = false);
  declare(
      m, "torch.optim.Adagrad", "Scaled by the sum of squared gradients.",
      [](const Value& params, double lr, double lr_decay, double decay, double initial, double eps,
         bool maximize) {
        return make_adagrad(groups_of(params), {lr, lr_decay, decay, initial, eps, maximize});
      },
      arg("lr") = 0.01, arg("lr_decay") = 0.0, arg("weight_decay") = 0.0,
      arg("initial_accumulator_value") = 0.0, arg("eps") = 1e-10, arg("maximize") = false);
  declare_lbfgs(m);
}

}  // namespace ivory::nn
