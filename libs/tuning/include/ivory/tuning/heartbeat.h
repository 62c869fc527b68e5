// Trials whose process died: found by their missing signs of life, made FAIL, and put up again.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <ivory/tuning/frozen_trial.h>

namespace ivory::tuning {

class Study;

using StaleTrialCallback = std::function<void(Study&, const FrozenTrial&)>;

// While optimize() runs a trial, a thread writes every `interval` that it is alive. Before each trial,
// optimize() makes those FAIL whose last sign is older than `grace`, whoever ran them, and calls `on_stale`
// for each; trials that never gave a sign are left alone. As Optuna's RDBStorage, in the same table, so that
// both watch over each other. It needs a SQL storage, which counts in seconds.
struct HeartbeatOptions {
  std::chrono::seconds interval{0};  // 0: none
  std::chrono::seconds grace{0};     // 0: twice the interval
  StaleTrialCallback on_stale = {};
};

struct RetryOptions {
  std::optional<std::int64_t> max_retry = {};  // none: without end
  bool inherit_intermediate_values = false;
};

// Puts a stale trial up again, WAITING with the same parameters and attributes. Its attributes `failed_trial`
// (the first of its line) and `retry_history` are those of Optuna.
[[nodiscard]] StaleTrialCallback retry_stale_trial(const RetryOptions& options = {});
// The first trial that this one repeats; none: it repeats none.
[[nodiscard]] std::optional<std::int64_t> retried_trial_number(const FrozenTrial& trial);
// All that it repeats, the latest last.
[[nodiscard]] std::vector<std::int64_t> retry_history(const FrozenTrial& trial);

}  // namespace ivory::tuning
