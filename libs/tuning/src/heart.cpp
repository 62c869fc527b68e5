#include "heart.h"

#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/tuning/heartbeat.h>
#include <ivory/tuning/study.h>

namespace ivory::tuning {
namespace {
constexpr std::string_view kFailedTrial = "failed_trial", kRetryHistory = "retry_history";
}  // namespace

Heart::Heart(Backend& backend, std::chrono::seconds interval)
    : backend_(backend), interval_(interval), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Heart::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, stop, interval_, [&] { return stop.stop_requested(); })) {
    if (stop.stop_requested()) return;
    const std::vector<std::int64_t> ids(trial_ids_.begin(), trial_ids_.end());
    lock.unlock();
    try {
      if (!ids.empty()) backend_.beat(ids);
    } catch (const Error& error) {
      log_warning(std::string("a heartbeat could not be written: ") + error.what());
    }
    lock.lock();
  }
}

Heart::Beat::Beat(Heart* heart, std::int64_t trial_id) : heart_(heart), trial_id_(trial_id) {
  if (heart_ == nullptr) return;
  heart_->backend_.beat(std::span(&trial_id_, 1));
  const std::scoped_lock lock(heart_->mutex_);
  heart_->trial_ids_.insert(trial_id_);
}

Heart::Beat::~Beat() {
  if (heart_ == nullptr) return;
  const std::scoped_lock lock(heart_->mutex_);
  heart_->trial_ids_.erase(trial_id_);
}

std::optional<std::int64_t> retried_trial_number(const FrozenTrial& trial) {
  const Params* first = trial.system_attrs.find(kFailedTrial);
  return first ? std::optional(first->as_int()) : std::nullopt;
}

std::vector<std::int64_t> retry_history(const FrozenTrial& trial) {
  std::vector<std::int64_t> numbers;
  if (const Params* history = trial.system_attrs.find(kRetryHistory)) {
    for (const auto& number : history->elements()) numbers.push_back(number.as_int());
  }
  return numbers;
}

StaleTrialCallback retry_stale_trial(const RetryOptions& options) {
  return [options](Study& study, const FrozenTrial& stale) {
    std::vector<std::int64_t> history = retry_history(stale);
    history.push_back(stale.number);
    if (options.max_retry && *options.max_retry < static_cast<std::int64_t>(history.size())) return;
    FrozenTrial again{.state = TrialState::kWaiting,
                      .params = stale.params,
                      .user_attrs = stale.user_attrs,
                      .system_attrs = stale.system_attrs};
    if (options.inherit_intermediate_values) {
      again.intermediate_values = stale.intermediate_values;
      again.reports = stale.reports;
    }
    if (!again.system_attrs.find(kFailedTrial)) again.system_attrs[kFailedTrial] = stale.number;
    again.system_attrs[kRetryHistory] = history;
    study.add_trial(again);
  };
}

}  // namespace ivory::tuning
