// What MLflow accepts as a name or a value, checked before anything is written.
// Errors: kInvalidArgument, in MLflow's words: with the name or value at fault, the parameter and the rule.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

inline constexpr std::size_t kMaxKeyLength = 250;  // all lengths in characters
inline constexpr std::size_t kMaxParamValueLength = 6000;
inline constexpr std::size_t kMaxTagValueLength = 8000;
inline constexpr std::size_t kMaxExperimentTagValueLength = 5000;
inline constexpr std::size_t kMaxExperimentNameLength = 500;

// UTF-8 without NUL. `what` names the text in the message ("param 'lr'").
void check_text(std::string_view text, std::string_view what);

// Of valid UTF-8.
[[nodiscard]] std::size_t count_characters(std::string_view text);

// At most `limit` characters; `parameter` is its name in the message.
void check_length(std::string_view text, std::size_t limit, std::string_view parameter);

// Where an entry stands in a batch: "metrics[3].", or nowhere.
struct BatchPlace {
  std::string_view list = {};
  std::size_t index = 0;
  [[nodiscard]] std::string text() const;
};

// The key of a metric, param or tag; `what` is which ("metric").
void check_key(std::string_view key, std::string_view what, const BatchPlace& place = {});

void check_experiment_name(std::string_view name);
void check_experiment_tag(const KeyValue& tag);
void check_dataset_inputs(const std::vector<DatasetInput>& inputs);

// Checks all of a batch, and gives it back with long values cut.
[[nodiscard]] Batch checked(const Batch& batch);

}  // namespace ivory::tracking
