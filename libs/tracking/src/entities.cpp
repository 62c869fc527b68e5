#include <ivory/tracking/entities.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace ivory::tracking {
namespace {

constexpr std::array<std::pair<RunStatus, std::string_view>, 5> kStatusNames{{
    {RunStatus::kRunning, "RUNNING"},
    {RunStatus::kScheduled, "SCHEDULED"},
    {RunStatus::kFinished, "FINISHED"},
    {RunStatus::kFailed, "FAILED"},
    {RunStatus::kKilled, "KILLED"},
}};

template <class Entry>
const Entry* find_key(const std::vector<Entry>& entries, std::string_view key) noexcept {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

const std::string* find_value(const std::vector<KeyValue>& entries, std::string_view key) noexcept {
  const KeyValue* const found = find_key(entries, key);
  return found == nullptr ? nullptr : &found->value;
}

}  // namespace

TimeMs now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string_view to_text(RunStatus status) noexcept {
  for (const auto& [value, name] : kStatusNames) {
    if (value == status) return name;
  }
  return {};
}

std::optional<RunStatus> find_run_status(std::string_view name) noexcept {
  for (const auto& [value, text] : kStatusNames) {
    if (text == name) return value;
  }
  return std::nullopt;
}

bool is_terminal(RunStatus status) noexcept {
  return status == RunStatus::kFinished || status == RunStatus::kFailed || status == RunStatus::kKilled;
}

std::string_view to_text(LifecycleStage stage) noexcept {
  return stage == LifecycleStage::kActive ? "active" : "deleted";
}

const std::string* RunRecord::find_tag(std::string_view key) const noexcept { return find_value(tags, key); }
const std::string* RunRecord::find_param(std::string_view key) const noexcept {
  return find_value(params, key);
}
const Metric* RunRecord::find_metric(std::string_view key) const noexcept { return find_key(metrics, key); }

}  // namespace ivory::tracking
