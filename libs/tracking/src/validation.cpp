#include "validation.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>

#include <ivory/base/error.h>
#include <ivory/base/utf8.h>

#include "python_words.h"
#include "word_characters.h"

namespace ivory::tracking {
namespace {

constexpr std::size_t kMaxDatasetName = 500;
constexpr std::size_t kMaxDatasetDigest = 36;
constexpr std::size_t kMaxDatasetSource = 65'535;
constexpr std::size_t kMaxDatasetSchema = 1'048'575;
constexpr std::size_t kMaxDatasetProfile = 16'777'215;
constexpr std::size_t kMaxInputTagKey = 255;
constexpr std::size_t kMaxInputTagValue = 500;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

[[noreturn]] void refuse_value(std::string_view value, const std::string& parameter,
                               const std::string& reason) {
  refuse("Invalid value " + python_json(value) + " for parameter '" + parameter + "' supplied: " + reason);
}

std::string cut(const std::string& text, std::size_t characters) {
  if (text.size() <= characters) return text;
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (seen++ == characters) return text.substr(0, i);
  }
  return text;
}

constexpr bool is_ascii_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-. /:").find(c) != std::string_view::npos;
}

bool has_key_characters_only(std::string_view key) {
  if (std::ranges::all_of(key, is_ascii_key_character)) return true;  // nearly every one
  constexpr std::u32string_view kOthers = U"-. /:";
  while (!key.empty()) {
    const CodePoint character = decode_utf8(key);
    if (!character.valid) return false;
    if (!is_word_character(character.value) && kOthers.find(character.value) == std::u32string_view::npos)
      return false;
    key.remove_prefix(character.bytes);
  }
  return true;
}

// How MLflow names the parameter that holds a key.
std::string_view parameter_of(std::string_view what) { return what == "metric" ? "name" : "key"; }

std::string length_name(std::string_view what, const std::string& parameter) {
  if (what == "metric") return "Metric name";
  if (what == "param") return "Param key";
  return parameter;
}

// Keys are file names in MLflow's file store.
bool is_own_path(std::string_view key) {
  if (key.find('/') == std::string_view::npos && key.front() != '.') return true;
  const std::string normal = normal_path(key);
  return normal == key && normal != "." && !normal.starts_with("..") && normal.front() != '/';
}

void check_metric(const Metric& metric, const BatchPlace& place) {
  check_key(metric.key, "metric", place);
  if (metric.timestamp_ms < 0) {
    refuse("Invalid value " + std::to_string(metric.timestamp_ms) + " for parameter '" + place.text() +
           "timestamp' supplied: metric '" + metric.key + "' (value=" + python_repr(metric.value) +
           "). Timestamp must be a nonnegative long (64-bit integer) ");
  }
}

void check_params_are_distinct(const std::vector<KeyValue>& params) {
  std::set<std::string_view> seen;
  std::string repeated;
  for (const KeyValue& param : params) {
    if (seen.insert(param.key).second) continue;
    repeated += (repeated.empty() ? "" : ", ") + python_repr(param.key);
  }
  if (repeated.empty()) return;
  refuse("Duplicate parameter keys have been submitted: [" + repeated +
         "]. Please ensure the request contains only one param value per param key.");
}

void check_dataset(const Dataset& dataset) {
  check_text(dataset.name, "a dataset's name");
  check_text(dataset.digest, "a dataset's digest");
  check_text(dataset.source_type, "a dataset's source type");
  check_text(dataset.source, "a dataset's source");
  check_text(dataset.schema, "a dataset's schema");
  check_text(dataset.profile, "a dataset's profile");
  check_length(dataset.name, kMaxDatasetName, "name");
  check_length(dataset.digest, kMaxDatasetDigest, "digest");
  check_length(dataset.source, kMaxDatasetSource, "source");
  check_length(dataset.schema, kMaxDatasetSchema, "schema");
  check_length(dataset.profile, kMaxDatasetProfile, "profile");
}

// In MLflow's words one entry alone stands nowhere.
class Places {
 public:
  explicit Places(const Batch& batch)
      : alone_(batch.metrics.size() + batch.params.size() + batch.tags.size() + batch.model_metrics.size() ==
               1) {}
  [[nodiscard]] BatchPlace of(std::string_view list, std::size_t index) const {
    return alone_ ? BatchPlace{} : BatchPlace{list, index};
  }

 private:
  bool alone_;
};

}  // namespace

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void check_text(std::string_view text, std::string_view what) {
  if (find_invalid_utf8(text) != std::string_view::npos) refuse(std::string(what) + " is not UTF-8 text");
  if (text.find('\0') != std::string_view::npos) refuse(std::string(what) + " holds a NUL character");
}

void check_length(std::string_view text, std::size_t limit, std::string_view parameter) {
  if (text.size() <= limit || count_characters(text) <= limit) return;
  refuse("'" + std::string(parameter) + "' exceeds the maximum length of " + std::to_string(limit) +
         " characters");
}

std::string BatchPlace::text() const {
  return list.empty() ? std::string() : std::string(list) + "[" + std::to_string(index) + "].";
}

void check_key(std::string_view key, std::string_view what, const BatchPlace& place) {
  const auto parameter = [&] { return place.text() + std::string(parameter_of(what)); };
  if (key.empty()) {
    refuse("Missing value for required parameter '" + parameter() +
           "'. See the API docs for more information about request parameters.");
  }
  check_text(key, "the name of a " + std::string(what));
  if (!has_key_characters_only(key)) {
    refuse_value(key, parameter(),
                 "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces "
                 "( ), colon(:) and slashes (/).");
  }
  if (!is_own_path(key)) {
    refuse_value(key, parameter(),
                 "Names may be treated as files in certain cases, and must not resolve to other names when "
                 "treated as such. This name would resolve to " +
                     python_repr(normal_path(key)));
  }
  if (key.size() > kMaxKeyLength) check_length(key, kMaxKeyLength, length_name(what, parameter()));
}

void check_experiment_name(std::string_view name) {
  if (name.empty()) refuse("Invalid experiment name: ''");
  check_text(name, "an experiment's name");
  check_length(name, kMaxExperimentNameLength, "name");
}

void check_experiment_tag(const KeyValue& tag) {
  check_key(tag.key, "experiment tag");
  check_text(tag.value, "experiment tag '" + tag.key + "'");
  check_length(tag.value, kMaxExperimentTagValueLength, "value");
}

void check_dataset_inputs(const std::vector<DatasetInput>& inputs) {
  for (const DatasetInput& input : inputs) {
    check_dataset(input.dataset);
    for (const KeyValue& tag : input.tags) {
      check_text(tag.key, "the name of an input's tag");
      check_text(tag.value, "an input's tag");
      check_length(tag.key, kMaxInputTagKey, "key");
      check_length(tag.value, kMaxInputTagValue, "value");
    }
  }
}

Batch checked(const Batch& batch) {
  Batch good = batch;
  const Places places(batch);
  for (std::size_t i = 0; i < good.metrics.size(); ++i)
    check_metric(good.metrics[i], places.of("metrics", i));
  for (std::size_t i = 0; i < good.model_metrics.size(); ++i)
    check_metric(good.model_metrics[i].metric, places.of("metrics", i));
  for (std::size_t i = 0; i < good.params.size(); ++i) {
    KeyValue& param = good.params[i];
    check_key(param.key, "param", places.of("params", i));
    check_text(param.value, "param '" + param.key + "'");
    param.value = cut(param.value, kMaxParamValueLength);
  }
  check_params_are_distinct(good.params);
  for (std::size_t i = 0; i < good.tags.size(); ++i) {
    KeyValue& tag = good.tags[i];
    check_key(tag.key, "tag", places.of("tags", i));
    check_text(tag.value, "tag '" + tag.key + "'");
    tag.value = cut(tag.value, kMaxTagValueLength);
  }
  return good;
}

}  // namespace ivory::tracking
