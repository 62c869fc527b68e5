#include "run_rules.h"

#include <algorithm>
#include <limits>
#include <map>

#include <ivory/base/error.h>

#include "python_words.h"
#include "validation.h"

namespace ivory::tracking {
namespace {

constexpr std::string_view kUnknownUser = "unknown";

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

const std::string* find_value(const std::vector<KeyValue>& entries, std::string_view key) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const KeyValue& e) { return e.key == key; });
  return found == entries.end() ? nullptr : &found->value;
}

struct StepRange {
  std::int64_t first;
  std::int64_t last;
  [[nodiscard]] bool has(std::int64_t step) const noexcept { return step >= first && step <= last; }
};

// At most `count` of the steps, evenly by their places, and the last.
std::set<std::int64_t> thinned(const std::vector<std::int64_t>& steps, std::size_t count) {
  if (steps.size() <= count) return {steps.begin(), steps.end()};
  std::set<std::int64_t> chosen;
  const double interval = static_cast<double>(steps.size()) / static_cast<double>(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto place = static_cast<std::size_t>(static_cast<double>(i) * interval);
    if (place < steps.size()) chosen.insert(steps[place]);
  }
  chosen.insert(steps.back());
  return chosen;
}

}  // namespace

std::string experiment_exists(std::string_view name) {
  return "Experiment(name=" + std::string(name) + ") already exists.";
}

void fail_no_experiment(std::string_view id) {
  throw Error(ErrorCode::kNotFound, "No Experiment with id=" + std::string(id) + " exists");
}

void check_active(std::string_view what, std::string_view id, std::string_view lifecycle_stage) {
  if (lifecycle_stage == to_text(LifecycleStage::kActive)) return;
  throw Error(ErrorCode::kConflict, "The " + std::string(what) + " " + std::string(id) +
                                        " must be in the 'active' state. Current state is " +
                                        std::string(lifecycle_stage) + ".");
}

std::string append_to_location(std::string location, std::string_view tail) {
  while (location.size() > 1 && location.back() == '/') location.pop_back();
  return location + "/" + std::string(tail);
}

void fail_no_run(std::string_view id) {
  throw Error(ErrorCode::kNotFound, "Run with id=" + std::string(id) + " not found");
}

std::string asked_name(const CreateRun& create) {
  const std::string* const tag = find_value(create.tags, kRunNameTag);
  if (tag == nullptr) return create.name;
  if (!create.name.empty() && create.name != *tag) {
    throw Error(ErrorCode::kInvalidArgument,
                "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
                "(run_name=" +
                    in_quotes(create.name) + ", mlflow.runName=" + in_quotes(*tag) + ").");
  }
  return *tag;
}

std::string user_of(const CreateRun& create) {
  if (!create.user_id.empty()) return create.user_id;
  const std::string* const tag = find_value(create.tags, kUserTag);
  return tag != nullptr && !tag->empty() ? *tag : std::string(kUnknownUser);
}

void check_create(const CreateRun& create) {
  check_text(create.name, "the run's name");
  check_text(create.name_prefix, "the prefix of the run's name");
  check_text(create.user_id, "the run's user");
  check_text(create.parent_run_id, "the id of the run's parent");
  for (const KeyValue& tag : create.tags) {
    check_text(tag.key, "the name of a tag");
    check_text(tag.value, "a tag's value");
  }
}

std::vector<KeyValue> in_order_of_keys(const std::vector<KeyValue>& entries) {
  std::map<std::string, std::string> by_key;
  for (const KeyValue& entry : entries) by_key[entry.key] = entry.value;
  std::vector<KeyValue> ordered;
  ordered.reserve(by_key.size());
  for (auto& [key, value] : by_key) ordered.push_back({key, value});
  return ordered;
}

void refuse_changed(std::string_view run_id, const std::vector<ChangedParam>& changed, bool one) {
  const std::string start = "Changing param values is not allowed. Param";
  if (one) {
    const auto& [param, old_value] = changed.front();
    throw Error(ErrorCode::kInvalidArgument,
                start + " with key=" + in_quotes(param->key) + " was already logged with value=" +
                    in_quotes(old_value) + " for run ID=" + in_quotes(run_id) +
                    ". Attempted logging new value " + in_quotes(param->value) + ".");
  }
  std::string list;
  for (const auto& [param, old_value] : changed) {
    list += (list.empty() ? "{'key': " : ", {'key': ") + python_repr(param->key) +
            ", 'old_value': " + python_repr(old_value) + ", 'new_value': " + python_repr(param->value) + "}";
  }
  throw Error(ErrorCode::kInvalidArgument,
              start + "s were already logged='[" + list + "]' for run ID=" + in_quotes(run_id) + ".");
}

std::set<std::int64_t> sampled_steps(const std::vector<std::vector<std::int64_t>>& steps_of_runs,
                                     const HistorySampling& sampling) {
  check_max_results(sampling.max_results);
  const StepRange range{sampling.start_step.value_or(std::numeric_limits<std::int64_t>::min()),
                        sampling.end_step.value_or(std::numeric_limits<std::int64_t>::max())};
  std::set<std::int64_t> ends;
  std::vector<std::int64_t> steps;
  for (const auto& of_run : steps_of_runs) {
    if (of_run.empty()) continue;
    for (const std::int64_t end : {of_run.front(), of_run.back()}) {
      if (range.has(end)) ends.insert(end);
    }
    std::copy_if(of_run.begin(), of_run.end(), std::back_inserter(steps),
                 [&](std::int64_t step) { return range.has(step); });
  }
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  if (steps.empty()) return {};
  auto chosen = thinned(steps, static_cast<std::size_t>(sampling.max_results));
  chosen.merge(ends);
  return chosen;
}

}  // namespace ivory::tracking
