// What the machine does, by MLflow's names of system metrics.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ivory/tracking/async_logger.h>

namespace ivory::tracking {

using NamedNumbers = std::vector<std::pair<std::string, double>>;

// One look at /proc, the root file system, and NVIDIA's GPUs where their library is there (loaded when first
// asked for). Shares of time and traffic are those since the last look; what cannot be read is left out.
// One thread.
class SystemSampler {
 public:
  SystemSampler();
  ~SystemSampler();
  SystemSampler(const SystemSampler&) = delete;
  SystemSampler& operator=(const SystemSampler&) = delete;
  // cpu_utilization_percentage, system_memory_usage_megabytes and _percentage, disk_usage_percentage,
  // disk_usage_megabytes, disk_available_megabytes, network_receive_megabytes and network_transmit_megabytes
  // (since the sampler was made), gpu_N_utilization_percentage, gpu_N_memory_usage_megabytes and _percentage,
  // gpu_N_power_usage_watts and _percentage. MB are 10^6 bytes.
  [[nodiscard]] NamedNumbers sample();

 private:
  struct Gpus;
  void sample_cpu(NamedNumbers& into);
  void sample_network(NamedNumbers& into) const;
  std::uint64_t busy_ = 0, total_ = 0;                // jiffies
  double received_at_start_ = 0, sent_at_start_ = 0;  // MB
  std::unique_ptr<Gpus> gpus_;
};

// Logs a sample, named system/…, every MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL seconds (10), or the mean of
// MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING (1) of them, rounded to a tenth, as MLflow does, from step 0;
// a thread of its own does it until it is destroyed. The logger outlives it.
class SystemMetricsThread {
 public:
  explicit SystemMetricsThread(AsyncLogger& logger);
  ~SystemMetricsThread();
  SystemMetricsThread(const SystemMetricsThread&) = delete;
  SystemMetricsThread& operator=(const SystemMetricsThread&) = delete;

 private:
  void work();
  bool wait();  // false when it is to end
  AsyncLogger& logger_;
  double interval_s_;
  int samples_;
  std::string prefix_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ivory::tracking
