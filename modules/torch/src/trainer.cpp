#include <ivory/torch/trainer.h>

#include <ATen/autocast_mode.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <utility>
#include <variant>

#include <ivory/base/error.h>
#include <ivory/experiment/monitor.h>
#include <ivory/torch/tensor.h>

#include "declare.h"

namespace ivory::nn {
namespace {

torch::ScalarType torch_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat32:
      return torch::kFloat32;
    case Dtype::kFloat64:
      return torch::kFloat64;
    case Dtype::kInt8:
      return torch::kInt8;
    case Dtype::kInt16:
      return torch::kInt16;
    case Dtype::kInt32:
      return torch::kInt32;
    case Dtype::kInt64:
      return torch::kInt64;
    case Dtype::kUint8:
      return torch::kUInt8;
    case Dtype::kBool:
      return torch::kBool;
  }
  return torch::kFloat32;
}

Dtype array_type(torch::ScalarType type) {
  for (const auto dtype : {Dtype::kFloat32, Dtype::kFloat64, Dtype::kInt8, Dtype::kInt16, Dtype::kInt32,
                           Dtype::kInt64, Dtype::kUint8, Dtype::kBool}) {
    if (torch_type(dtype) == type) return dtype;
  }
  throw Error(ErrorCode::kUnsupported,
              std::string("an array cannot hold numbers of torch's type ") + c10::toString(type));
}

torch::Device device_of(const std::string& name) {
  if (name == "auto")
    return torch::cuda::is_available() ? torch::Device(torch::kCUDA) : torch::Device(torch::kCPU);
  std::optional<torch::Device> device;
  try {
    device.emplace(name);
  } catch (const c10::Error&) {
    throw Error(ErrorCode::kInvalidArgument, "device",
                "device is '" + name + "'; expected auto, cpu, cuda or cuda:N");
  }
  if (!device->is_cpu() && !device->is_cuda()) {
    throw Error(ErrorCode::kInvalidArgument, "device",
                "device is '" + name + "'; expected auto, cpu, cuda or cuda:N");
  }
  if (device->is_cuda() && !torch::cuda::is_available()) {
    throw Error(ErrorCode::kInvalidArgument, "device",
                "device is '" + name + "', but torch finds no CUDA device here");
  }
  return *device;
}

void enable_autocast(c10::DeviceType device, bool on) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  at::autocast::set_autocast_dtype(device, at::kBFloat16);
  at::autocast::set_autocast_enabled(device, on);
#else
  if (device == c10::kCUDA) {
    at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
    at::autocast::set_enabled(on);
  } else {
    at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
    at::autocast::set_cpu_enabled(on);
  }
#endif
}

// Products in bfloat16 while it lives. The cached casts of the weights go with it.
class Autocast {
 public:
  Autocast(bool on, c10::DeviceType device) : on_(on), device_(device) {
    if (on_) enable_autocast(device_, true);
  }
  ~Autocast() {
    if (!on_) return;
    enable_autocast(device_, false);
    at::autocast::clear_cache();
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
  c10::DeviceType device_;
};

torch::Tensor generator_state(c10::DeviceType device) {
  auto generator = at::globalContext().defaultGenerator(torch::Device(device));
  const std::scoped_lock lock(generator.mutex());
  return generator.get_state();
}

void set_generator_state(c10::DeviceType device, const torch::Tensor& state) {
  auto generator = at::globalContext().defaultGenerator(torch::Device(device));
  const std::scoped_lock lock(generator.mutex());
  generator.set_state(state);
}

// libtorch's complaint in the middle of a batch, with what it was about.
[[noreturn]] void fail_in_batch(const c10::Error& error, const Batch& batch) {
  throw Error(ErrorCode::kInternal, std::string("torch: ") + error.what_without_backtrace() +
                                        " (the batch's input is " + batch.input.describe() + ", its target " +
                                        batch.target.describe() + ")");
}

bool has_nan(const torch::Tensor& tensor) {
  return tensor.is_floating_point() && tensor.isnan().any().item<bool>();
}

}  // namespace

torch::Tensor to_tensor(const Array& array) {
  auto* data =
      const_cast<std::byte*>(array.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast): from_blob's
  return torch::from_blob(
      data, c10::IntArrayRef(array.shape()), [array](void*) {}, torch_type(array.dtype()));
}

Array to_array(const torch::Tensor& tensor) {
  auto plain = tensor.detach();
  if (plain.scalar_type() == torch::kBFloat16 || plain.scalar_type() == torch::kFloat16)
    plain = plain.to(torch::kFloat32);
  const auto dtype = array_type(plain.scalar_type());
  auto owner = std::make_shared<torch::Tensor>(plain.cpu().contiguous());
  const void* data = owner->data_ptr();
  auto shape = owner->sizes().vec();
  return Array::borrow(dtype, std::move(shape), std::move(owner), data);
}

Trainer::Trainer(TrainerOptions options)
    : ivory::Trainer(options.loop),
      options_(std::move(options)),
      device_(device_of(options_.device)),
      bfloat16_(options_.precision == "bf16") {
  const auto require = [](bool condition, const char* argument, const std::string& message) {
    if (!condition) throw Error(ErrorCode::kInvalidArgument, argument, message);
  };
  require(options_.loss != nullptr, "loss", "the trainer needs a loss");
  require(bfloat16_ || options_.precision == "32", "precision",
          "precision is '" + options_.precision + "'; expected 32 or bf16");
  require(options_.accumulate_grad_batches > 0, "accumulate_grad_batches",
          "accumulate_grad_batches must be positive");
  require(options_.clip_grad_norm.value_or(1) > 0, "clip_grad_norm", "clip_grad_norm must be positive");
  require(options_.clip_grad_value.value_or(1) > 0, "clip_grad_value", "clip_grad_value must be positive");
}

void Trainer::find_members(Run& run) {
  model_ = run.find<Model>();
  optimizer_ = run.find<Optimizer>();
  scheduler_ = run.find<Scheduler>();
  if (model_ == nullptr) {
    throw Error(ErrorCode::kInvalidArgument,
                "torch.Trainer needs a model among the run's members: a torch::nn::Module with "
                "forward(torch::Tensor)");
  }
  if (run.mode() == "test") return;
  if (optimizer_ == nullptr) {
    throw Error(ErrorCode::kInvalidArgument,
                "torch.Trainer needs an optimizer among the run's members, torch.optim.SGD for example");
  }
  if (optimizer_->needs_closure() && options_.accumulate_grad_batches > 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "torch.optim.LBFGS calls the model several times a step; it cannot accumulate batches");
  }
}

void Trainer::prepare_scheduler(const Run& run) {
  if (scheduler_ == nullptr) return;
  scheduler_->plan(epochs(), steps_per_epoch(run));
  if (!scheduler_->needs_score()) return;
  if (scheduler_->interval() == Scheduler::Interval::kStep) {
    throw Error(ErrorCode::kInvalidArgument,
                "ReduceLROnPlateau looks at a score once an epoch; its interval cannot be 'step'");
  }
  for (const auto& [name, member] : run.dict()) {
    if (member.find<Monitor>() != nullptr) return;
    if (member.find<Trainer>().get() == this) break;
  }
  throw Error(
      ErrorCode::kInvalidArgument,
      "ReduceLROnPlateau needs the score of a monitor; expected a member `monitor` before the trainer");
}

std::int64_t Trainer::steps_per_epoch(const Run& run) const {
  const auto parts = options_.accumulate_grad_batches;
  if (const auto loaders = run.find<DataLoaders>()) return (loaders->train().batches() + parts - 1) / parts;
  const auto datasets = run.find<Datasets>();
  if (datasets == nullptr) return 0;
  const auto& loader = options_.loop.loader;
  const auto samples = datasets->train()->size();
  const auto batches = (loader.drop_last ? samples : samples + loader.batch_size - 1) / loader.batch_size;
  return (batches + parts - 1) / parts;
}

void Trainer::move_to_device() {
  const auto parameters = model_->parameters();
  if (parameters.empty() || parameters.front().device() == device_) return;
  model_->module().to(device_);
  if (optimizer_ == nullptr) return;
  // What an optimizer made before the move (Adagrad's sums) follows its parameters when it is loaded.
  std::stringstream state;
  optimizer_->save(state);
  optimizer_->load(state);
}

void Trainer::prepare(Run& run) {
  find_members(run);
  move_to_device();
  pending_ = 0;
  set_training(run.mode() != "test");
  model_->module().train(training_);
  if (run.mode() == "test") return;
  prepare_scheduler(run);
  results_wanted_ = run.has(Hook::kTrainBatchEnd);
  optimizer_->zero_grad();
  // A run that goes on draws on from where it stood.
  if (generators_.cpu.defined()) set_generators(generators_);
  live_ = true;
}

void Trainer::set_training(bool training) {
  if (training_ == training) return;
  training_ = training;
  model_->module().train(training);
}

torch::Tensor Trainer::place(const Array& array) const {
  const auto tensor = to_tensor(array);
  const auto type = tensor.scalar_type();
  const bool keeps = type == torch::kFloat32 || type == torch::kInt64 || type == torch::kInt32;
  if (keeps && device_.is_cpu()) return tensor;
  return tensor.to(device_, keeps ? type : torch::kFloat32);
}

torch::Tensor Trainer::forward(const torch::Tensor& input) { return output_ = model_->forward(input); }

torch::Tensor Trainer::loss_of(const torch::Tensor& output, const torch::Tensor& target) const {
  auto loss = options_.loss(output, target);
  if (loss.numel() == 1) return loss;
  std::ostringstream shape;
  shape << loss.sizes();
  throw Error(ErrorCode::kInvalidArgument,
              "the loss gave a tensor of shape " + shape.str() + "; expected one number for the batch");
}

void Trainer::learn(const Batch& batch, BatchResult& result) {
  const auto input = place(batch.input), target = place(batch.target);
  if (optimizer_->needs_closure()) {
    learn_by_closure(input, target, result);
    return;
  }
  torch::Tensor loss;
  {
    const Autocast autocast(bfloat16_, device_.type());
    loss = loss_of(forward(input), target);
  }
  const auto parts = options_.accumulate_grad_batches;
  (parts == 1 ? loss : loss / static_cast<double>(parts)).backward();
  if (++pending_ == parts) step();
  result.loss = loss.item<double>();
}

void Trainer::learn_by_closure(const torch::Tensor& input, const torch::Tensor& target, BatchResult& result) {
  torch::Tensor first;
  const auto loss = optimizer_->step([&] {
    optimizer_->zero_grad();
    torch::Tensor value;
    {
      const Autocast autocast(bfloat16_, device_.type());
      value = loss_of(forward(input), target);
    }
    if (!first.defined()) first = output_;
    value.backward();
    clip_gradients();
    return value;
  });
  output_ = first;
  optimizer_->zero_grad();
  if (scheduler_ != nullptr && scheduler_->interval() == Scheduler::Interval::kStep) scheduler_->step();
  result.loss = loss.item<double>();
}

void Trainer::step() {
  clip_gradients();
  optimizer_->step();
  optimizer_->zero_grad();
  pending_ = 0;
  if (scheduler_ != nullptr && scheduler_->interval() == Scheduler::Interval::kStep) scheduler_->step();
}

void Trainer::clip_gradients() const {
  if (options_.clip_grad_value)
    torch::nn::utils::clip_grad_value_(optimizer_->parameters(), *options_.clip_grad_value);
  if (options_.clip_grad_norm)
    torch::nn::utils::clip_grad_norm_(optimizer_->parameters(), *options_.clip_grad_norm);
}

void Trainer::train_batch(Run& /*run*/, const Batch& batch, BatchResult& result) {
  set_training(true);
  try {
    learn(batch, result);
  } catch (const c10::Error& error) {
    fail_in_batch(error, batch);
  }
  if (results_wanted_) {
    result.index = batch.index;
    result.output = to_array(output_);
    result.target = batch.target;
  }
  output_.reset();
}

void Trainer::end_train(Run& /*run*/) {
  if (pending_ > 0) step();
}

void Trainer::evaluate_batch(Run& run, const Batch& batch, BatchResult& result) {
  set_training(false);
  const torch::NoGradGuard no_grad;
  try {
    const auto target = place(batch.target);
    const Autocast autocast(bfloat16_, device_.type());
    result.output = to_array(forward(place(batch.input)));
    const bool known = run.mode() != "test" || !has_nan(target);
    result.loss = known ? loss_of(output_, target).item<double>() : std::numeric_limits<double>::quiet_NaN();
  } catch (const c10::Error& error) {
    fail_in_batch(error, batch);
  }
  result.index = batch.index;
  result.target = batch.target;
  output_.reset();
}

void Trainer::on_epoch_end(Run& run) {
  if (scheduler_ != nullptr && scheduler_->interval() == Scheduler::Interval::kEpoch) {
    scheduler_->step(scheduler_->needs_score() ? std::optional(run.find<Monitor>()->score()) : std::nullopt);
  }
  // A later start seeds the process anew; this run goes on from here.
  generators_ = generators();
}

std::optional<double> Trainer::learning_rate(const Run& run) const {
  if (optimizer_ != nullptr) return optimizer_->lr(0);
  const auto optimizer = run.find<Optimizer>();
  return optimizer == nullptr ? std::optional<double>() : optimizer->lr(0);
}

Trainer::Generators Trainer::generators() const {
  return {generator_state(torch::kCPU), device_.is_cuda() ? generator_state(torch::kCUDA) : torch::Tensor()};
}

void Trainer::set_generators(const Generators& states) const {
  set_generator_state(torch::kCPU, states.cpu);
  if (device_.is_cuda() && states.cuda.defined()) set_generator_state(torch::kCUDA, states.cuda);
}

void Trainer::save(std::ostream& out) const {
  const auto states = live_ ? generators() : generators_;
  torch::serialize::OutputArchive archive;
  archive.write("loop", c10::IValue(loop_state().to_json()));
  if (states.cpu.defined()) archive.write("generator", states.cpu, /*is_buffer=*/true);
  if (states.cuda.defined()) archive.write("cuda_generator", states.cuda, /*is_buffer=*/true);
  archive.save_to(out);
}

void Trainer::load(std::istream& in) {
  torch::serialize::InputArchive archive;
  archive.load_from(in);
  c10::IValue loop;
  archive.read("loop", loop);
  load_loop_state(Params::from_json(loop.toStringRef()));
  Generators states;
  archive.try_read("generator", states.cpu, /*is_buffer=*/true);
  archive.try_read("cuda_generator", states.cuda, /*is_buffer=*/true);
  generators_ = states;
  live_ = false;
}

namespace {

std::shared_ptr<Trainer> make_trainer(Loss loss, std::int64_t batch_size, int epochs, bool shuffle,
                                      bool drop_last, int prefetch, std::string device,
                                      const std::variant<std::int64_t, std::string>& precision,
                                      std::optional<double> clip_grad_norm,
                                      std::optional<double> clip_grad_value,
                                      std::int64_t accumulate_grad_batches) {
  TrainerOptions options;
  options.loss = std::move(loss);
  options.loop.epochs = epochs;
  options.loop.loader.batch_size = batch_size;
  options.loop.loader.shuffle = shuffle;
  options.loop.loader.drop_last = drop_last;
  options.loop.loader.prefetch = prefetch;
  options.device = std::move(device);
  const auto* bits = std::get_if<std::int64_t>(&precision);
  options.precision = bits != nullptr ? std::to_string(*bits) : std::get<std::string>(precision);
  options.clip_grad_norm = clip_grad_norm;
  options.clip_grad_value = clip_grad_value;
  options.accumulate_grad_batches = accumulate_grad_batches;
  return std::make_shared<Trainer>(std::move(options));
}

// Every run begins from its own seed, and computes with the threads it asks for.
void prepare_process(const ProcessSettings& settings) {
  torch::manual_seed(settings.seed);
  at::set_num_threads(settings.threads);
}

}  // namespace

void declare_trainer(Module& m) {
  m.type<Trainer>("torch.Trainer", "Trains a network with an optimizer, perhaps a scheduler, and a loss.")
      .factory(&make_trainer,
               arg("loss", "torch.nn.functional.mse_loss, or a function (output, target) of your own"),
               arg("batch_size") = 32, arg("epochs") = 1, arg("shuffle") = true, arg("drop_last") = false,
               arg("prefetch", "batches made ahead by a thread") = 0,
               arg("device", "auto, cpu, cuda or cuda:N") = "auto",
               (arg("precision", "bf16: products in bfloat16") = 32).choices({32, "32", "bf16"}),
               arg("clip_grad_norm", "largest norm of all gradients together") = nullptr,
               arg("clip_grad_value", "largest absolute value of a gradient") = nullptr,
               arg("accumulate_grad_batches", "batches that one optimizer step sums over") = 1);
  m.alias("ivory.torch.trainer.Trainer", "torch.Trainer");
  // The original had classes of its own for these; ours serve every library.
  m.alias("ivory.torch.data.Dataset", "ivory.Dataset");
  m.alias("ivory.torch.data.DataLoaders", "ivory.DataLoaders");
  m.alias("ivory.torch.results.Results", "ivory.Results");
  m.alias("ivory.torch.metrics.Metrics", "ivory.Metrics");
  m.default_class({.member = "trainer", .class_name = "torch.Trainer", .library = "torch", .def = false});
  m.on_process(&prepare_process);
}

}  // namespace ivory::nn
