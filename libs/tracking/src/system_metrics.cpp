#include "system_metrics.h"

#include <dlfcn.h>
#include <sys/statvfs.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <tuple>

namespace ivory::tracking {
namespace {

constexpr double kMega = 1e6;

// "name: number kB" of /proc/meminfo, in bytes.
std::map<std::string, double> memory_table() {
  std::map<std::string, double> table;
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon != std::string::npos)
      table[line.substr(0, colon)] = std::strtod(line.c_str() + colon + 1, nullptr) * 1024;
  }
  return table;
}

void sample_memory(NamedNumbers& into) {
  auto table = memory_table();
  const double total = table["MemTotal"];
  if (total <= 0) return;
  const double used = total - table["MemFree"] - table["Buffers"] - table["Cached"] - table["SReclaimable"];
  into.emplace_back("system_memory_usage_megabytes", used / kMega);
  into.emplace_back("system_memory_usage_percentage", used / total * 100);
}

void sample_disk(NamedNumbers& into) {
  struct statvfs disk{};
  if (::statvfs("/", &disk) != 0) return;
  const auto block = static_cast<double>(disk.f_frsize);
  const double used = static_cast<double>(disk.f_blocks - disk.f_bfree) * block;
  const double available = static_cast<double>(disk.f_bavail) * block;
  if (used + available > 0) into.emplace_back("disk_usage_percentage", used / (used + available) * 100);
  into.emplace_back("disk_usage_megabytes", used / kMega);
  into.emplace_back("disk_available_megabytes", available / kMega);
}

// Bytes received and sent by all interfaces since the start of the machine, in MB.
std::optional<std::pair<double, double>> network_traffic() {
  std::ifstream file("/proc/net/dev");
  if (!file) return std::nullopt;
  double received = 0;
  double sent = 0;
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::istringstream fields(line.substr(colon + 1));
    std::array<double, 9> values{};  // bytes received is the first, bytes sent the ninth
    for (double& value : values) fields >> value;
    received += values.front();
    sent += values.back();
  }
  return std::pair(received / kMega, sent / kMega);
}

// NVML's own types, as its interface fixes them.
using NvmlDevice = void*;
struct NvmlMemory {
  unsigned long long total, free, used;
};
struct NvmlUtilization {
  unsigned int gpu, memory;
};

double variable_or(const char* name, double fallback) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody here sets any
  const double number = text == nullptr ? 0 : std::strtod(text, nullptr);
  return number > 0 ? number : fallback;
}

std::string metric_prefix() {
  const char* const node = std::getenv("MLFLOW_SYSTEM_METRICS_NODE_ID");  // NOLINT(concurrency-mt-unsafe)
  return node == nullptr || *node == '\0' ? "system/" : "system/" + std::string(node) + "/";
}

}  // namespace

struct SystemSampler::Gpus {
  void* library = nullptr;
  int (*shutdown)() = nullptr;
  int (*memory)(NvmlDevice, NvmlMemory*) = nullptr;
  int (*utilization)(NvmlDevice, NvmlUtilization*) = nullptr;
  int (*power)(NvmlDevice, unsigned int*) = nullptr;
  int (*power_limit)(NvmlDevice, unsigned int*) = nullptr;
  std::vector<NvmlDevice> devices;

  Gpus() : library(::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (library == nullptr) return;
    int (*start)() = nullptr;
    int (*count)(unsigned int*) = nullptr;
    int (*device)(unsigned int, NvmlDevice*) = nullptr;
    const bool whole =
        find(start, "nvmlInit_v2") && find(shutdown, "nvmlShutdown") &&
        find(count, "nvmlDeviceGetCount_v2") && find(device, "nvmlDeviceGetHandleByIndex_v2") &&
        find(memory, "nvmlDeviceGetMemoryInfo") && find(utilization, "nvmlDeviceGetUtilizationRates") &&
        find(power, "nvmlDeviceGetPowerUsage") && find(power_limit, "nvmlDeviceGetEnforcedPowerLimit");
    unsigned int number = 0;
    if (!whole || start() != 0) {
      shutdown = nullptr;
      return;
    }
    if (count(&number) != 0) return;
    for (unsigned int i = 0; i < number; ++i) {
      NvmlDevice found = nullptr;
      if (device(i, &found) == 0) devices.push_back(found);
    }
  }
  ~Gpus() {
    if (shutdown != nullptr) shutdown();
    if (library != nullptr) ::dlclose(library);
  }
  Gpus(const Gpus&) = delete;
  Gpus& operator=(const Gpus&) = delete;

  template <class F>
  bool find(F& function, const char* name) const {
    function = reinterpret_cast<F>(::dlsym(library, name));
    return function != nullptr;
  }

  void sample(NamedNumbers& into) const {
    for (std::size_t i = 0; i < devices.size(); ++i)
      sample_one(devices[i], "gpu_" + std::to_string(i) + "_", into);
  }

  void sample_one(NvmlDevice gpu, const std::string& name, NamedNumbers& into) const {
    NvmlMemory bytes{};
    if (memory(gpu, &bytes) == 0 && bytes.total > 0) {
      into.emplace_back(name + "memory_usage_percentage",
                        static_cast<double>(bytes.used) / static_cast<double>(bytes.total) * 100);
      into.emplace_back(name + "memory_usage_megabytes", static_cast<double>(bytes.used) / kMega);
    }
    NvmlUtilization share{};
    if (utilization(gpu, &share) == 0) into.emplace_back(name + "utilization_percentage", share.gpu);
    unsigned int milliwatts = 0;
    unsigned int limit = 0;
    if (power(gpu, &milliwatts) != 0) return;
    into.emplace_back(name + "power_usage_watts", milliwatts / 1000.0);
    if (power_limit(gpu, &limit) == 0 && limit > 0)
      into.emplace_back(name + "power_usage_percentage", 100.0 * milliwatts / limit);
  }
};

SystemSampler::SystemSampler() : gpus_(std::make_unique<Gpus>()) {
  NamedNumbers ignored;
  sample_cpu(ignored);
  if (const auto traffic = network_traffic()) std::tie(received_at_start_, sent_at_start_) = *traffic;
}
SystemSampler::~SystemSampler() = default;

void SystemSampler::sample_cpu(NamedNumbers& into) {
  std::ifstream file("/proc/stat");
  std::string name;
  std::array<std::uint64_t, 8> times{};  // user nice system idle iowait irq softirq steal
  file >> name;
  for (std::uint64_t& time : times) file >> time;
  if (!file) return;
  std::uint64_t total = 0;
  for (const std::uint64_t time : times) total += time;
  const std::uint64_t busy = total - times[3] - times[4];
  const double share =
      total > total_ ? static_cast<double>(busy - busy_) / static_cast<double>(total - total_) : 0;
  into.emplace_back("cpu_utilization_percentage", share * 100);
  busy_ = busy;
  total_ = total;
}

void SystemSampler::sample_network(NamedNumbers& into) const {
  const auto traffic = network_traffic();
  if (!traffic) return;
  into.emplace_back("network_receive_megabytes", traffic->first - received_at_start_);
  into.emplace_back("network_transmit_megabytes", traffic->second - sent_at_start_);
}

NamedNumbers SystemSampler::sample() {
  NamedNumbers found;
  sample_cpu(found);
  sample_memory(found);
  sample_disk(found);
  sample_network(found);
  gpus_->sample(found);
  return found;
}

SystemMetricsThread::SystemMetricsThread(AsyncLogger& logger)
    : logger_(logger),
      interval_s_(variable_or("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", 10)),
      samples_(static_cast<int>(variable_or("MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", 1))),
      prefix_(metric_prefix()) {
  thread_ = std::thread([this] { work(); });
}

SystemMetricsThread::~SystemMetricsThread() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool SystemMetricsThread::wait() {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, std::chrono::duration<double>(interval_s_), [this] { return stopping_; });
}

void SystemMetricsThread::work() {
  SystemSampler sampler;
  for (std::int64_t step = 0;; ++step) {
    std::map<std::string, double> sums;
    for (int i = 0; i < samples_; ++i) {
      if (!wait()) return;
      for (const auto& [name, value] : sampler.sample())
        sums[name] =
            name.starts_with("network_") ? value * samples_ : sums[name] + value;  // traffic is a sum already
    }
    for (const auto& [name, sum] : sums)
      logger_.log_metric(prefix_ + name, std::round(sum / samples_ * 10) / 10, step);
  }
}

}  // namespace ivory::tracking
