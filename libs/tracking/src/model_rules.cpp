#include "model_rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include <ivory/base/utf8.h>
#include <ivory/tracking/store_error.h>

#include "python_words.h"
#include "validation.h"
#include "word_characters.h"

namespace ivory::tracking {
namespace {

constexpr std::size_t kMaxAliasLength = 255;
constexpr std::size_t kMaxModelTagValueLength = 100'000;
constexpr std::array<std::string_view, 4> kStages{kStageNone, "Staging", "Production", kStageArchived};

[[noreturn]] void refuse(const std::string& message) {
  throw StoreError(Refusal::kInvalidParameterValue, message);
}

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool has_alias_characters_only(std::string_view alias) {
  for (std::string_view rest = alias; !rest.empty();) {
    const CodePoint point = decode_utf8(rest);
    if (!point.valid || (point.value != U'-' && !is_word_character(point.value))) return false;
    rest.remove_prefix(point.bytes);
  }
  return true;
}

std::string kind_of(bool is_prompt) { return is_prompt ? "prompt" : "registered model"; }

// "models:/name/3" as its parts; empty if it is of another form.
std::vector<std::string> parts_of_model_uri(std::string_view uri) {
  constexpr std::string_view kScheme = "models:/";
  if (uri.substr(0, kScheme.size()) != kScheme) return {};
  std::vector<std::string> parts;
  for (std::size_t begin = kScheme.size(); begin <= uri.size();) {
    const std::size_t end = std::min(uri.find('/', begin), uri.size());
    if (end > begin) parts.emplace_back(uri.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

void check_registered_model_name(std::string_view name, std::string_view parameter) {
  if (is_blank(name)) refuse("Missing value for required parameter " + in_quotes(parameter) + ".");
  check_text(name, "a registered model's name");
  if (name.find_first_of("/:") != std::string_view::npos)
    refuse("Invalid model name " + in_quotes(name) + ". Names cannot contain '/' or ':'.");
  if (name == "." || name.substr(0, 2) == "..") {
    refuse("Invalid value " + python_json(name) +
           " for parameter 'name' supplied: Names may be treated as files in certain cases, and must not "
           "resolve to other names when treated as such. This name would resolve to " +
           python_repr(normal_path(name)));
  }
}

std::int64_t parse_model_version(std::string_view version) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
  if (error != std::errc() || end != version.data() + version.size())
    refuse("Parameter 'version' must be an integer, got " + in_quotes(version) + ".");
  return number;
}

std::string_view canonical_stage(std::string_view stage) {
  const std::string lower = in_lower_case(stage);
  for (const std::string_view known : kStages) {
    if (in_lower_case(known) == lower) return known;
  }
  refuse("Invalid Model Version stage: " + std::string(stage) +
         ". Value must be one of None, Staging, Production, Archived.");
}

std::string_view transition_target(std::string_view stage, bool archive_existing) {
  const std::string_view wanted = canonical_stage(stage);
  if (archive_existing && wanted != "Staging" && wanted != "Production") {
    refuse("Model version transition cannot archive existing model versions because " + in_quotes(stage) +
           " is not an Active stage. Valid stages are ['Staging', 'Production']");
  }
  return wanted;
}

void check_alias(std::string_view alias) {
  if (alias.empty()) refuse("Registered model alias name cannot be empty.");
  if (!has_alias_characters_only(alias)) {
    refuse("Invalid alias name: " + in_quotes(alias) +
           ". Names may only contain alphanumerics, underscores (_), and dashes (-).");
  }
  check_length(alias, kMaxAliasLength, "Registered model alias name");
}

void check_alias_is_free(std::string_view alias) {
  if (is_latest_alias(alias)) refuse("'latest' alias name (case insensitive) is reserved.");
  const bool is_version = alias.size() > 1 && (alias[0] == 'v' || alias[0] == 'V') &&
                          std::all_of(alias.begin() + 1, alias.end(), is_digit);
  if (is_version) refuse("Version alias name " + in_quotes(alias) + " is reserved.");
}

void check_model_tag(const KeyValue& tag) {
  check_key(tag.key, "tag");
  check_text(tag.value, "tag " + in_quotes(tag.key));
  check_length(tag.value, kMaxModelTagValueLength, "value");
}

void check_logged_model_name(std::string_view name) {
  check_text(name, "a model's name");
  if (name.find_first_of("/:.%\"'") == std::string_view::npos) return;
  refuse("Invalid model name (" + python_repr(name) +
         ") provided. Model name must be a non-empty string and cannot contain the following characters: "
         "('/', ':', '.', '%', '\"', \"'\")");
}

void check_logged_model_entries(const std::vector<KeyValue>& entries, std::string_view what) {
  std::set<std::string_view> seen;
  for (const KeyValue& entry : entries) {
    if (entry.key.empty()) refuse("a logged model's " + std::string(what) + " has an empty name");
    check_text(entry.key, "the name of a " + std::string(what));
    check_text(entry.value, std::string(what) + " " + in_quotes(entry.key));
    if (!seen.insert(entry.key).second)
      refuse(std::string(what) + " " + in_quotes(entry.key) + " stands twice among a logged model's");
  }
}

void check_new_logged_model(const CreateLoggedModel& create) {
  check_logged_model_name(create.name);
  check_text(create.model_type, "a model's type");
  check_text(create.source_run_id, "a model's run");
  check_logged_model_entries(create.params, "param");
  check_logged_model_entries(create.tags, "tag");
}

void check_new_model_version(const CreateModelVersion& create) {
  check_registered_model_name(create.name);
  check_text(create.source, "the source of a model version");
  check_text(create.run_id, "the run of a model version");
  check_text(create.run_link, "the run link of a model version");
  check_text(create.description, "the description of a model version");
  for (const KeyValue& tag : create.tags) check_model_tag(tag);
}

std::map<std::string, std::string> last_of_each_key(const std::vector<KeyValue>& tags) {
  std::map<std::string, std::string> by_key;
  for (const KeyValue& tag : tags) by_key[tag.key] = tag.value;
  return by_key;
}

bool is_prompt(const std::vector<KeyValue>& tags) {
  return std::any_of(tags.begin(), tags.end(),
                     [](const KeyValue& tag) { return tag.key == kPromptTag && tag.value == "true"; });
}

std::vector<KeyValue> not_yet_logged(const LoggedModel& model, const std::vector<KeyValue>& params) {
  std::vector<KeyValue> fresh;
  for (const KeyValue& param : params) {
    const auto logged = std::find_if(model.params.begin(), model.params.end(),
                                     [&](const KeyValue& other) { return other.key == param.key; });
    if (logged == model.params.end()) {
      fresh.push_back(param);
    } else if (logged->value != param.value) {
      throw StoreError(Refusal::kInvalidParameterValue,
                       "Changing param values is not allowed. Param with key='" + param.key +
                           "' was already logged with value='" + logged->value + "' for model ID='" +
                           model.model_id + "'. Attempted logging new value '" + param.value + "'.");
    }
  }
  return fresh;
}

bool is_latest_alias(std::string_view alias) { return in_lower_case(alias) == "latest"; }

ModelOrigin origin_of(const CreateModelVersion& create, const ModelRegistry& registry,
                      const LoggedModels& logged_models) {
  ModelOrigin origin{create.source, create.run_id};
  const bool from_model = create.source.substr(0, 7) == "models:";
  const auto parts = parts_of_model_uri(create.source);
  if (from_model && parts.size() == 1 && parts[0].substr(0, 2) == "m-") {
    const LoggedModel model = logged_models.get_logged_model(parts[0]);
    origin.location = model.artifact_uri;
    if (origin.run_id.empty()) origin.run_id = model.source_run_id;
  } else if (from_model && parts.size() == 2) {
    origin.location = registry.download_uri(parts[0], parts[1]);
  } else if (from_model) {
    refuse("Invalid model version source: " + in_quotes(create.source) +
           ". Expected models:/<model id> or models:/<name>/<version>.");
  }
  if (origin.run_id.empty() && !create.model_id.empty())
    origin.run_id = logged_models.get_logged_model(create.model_id).source_run_id;
  return origin;
}

void fail_no_registered_model(std::string_view name) {
  throw StoreError(Refusal::kResourceDoesNotExist,
                   "Registered Model with name=" + std::string(name) + " not found");
}

void fail_no_model_version(std::string_view name, std::string_view version) {
  throw StoreError(Refusal::kResourceDoesNotExist, "Model Version (name=" + std::string(name) +
                                                       ", version=" + std::string(version) + ") not found");
}

// 400 to MLflow's clients.
void fail_no_alias(std::string_view alias) {
  throw StoreError(Refusal::kInvalidParameterValue, ErrorCode::kNotFound,
                   "Registered model alias " + std::string(alias) + " not found.");
}

void fail_no_latest_version(std::string_view name) {
  throw StoreError(Refusal::kResourceDoesNotExist,
                   "Latest version not found for model " + std::string(name) + ".");
}

void fail_name_taken(std::string_view name, bool by_prompt, bool wants_prompt) {
  if (by_prompt == wants_prompt) {
    throw StoreError(Refusal::kResourceAlreadyExists,
                     std::string(wants_prompt ? "Prompt" : "Registered Model") +
                         " (name=" + std::string(name) + ") already exists.");
  }
  throw StoreError(Refusal::kResourceAlreadyExists,
                   "Tried to create a " + kind_of(wants_prompt) + " with name " + in_quotes(name) +
                       ", but the name is already taken by a " + kind_of(by_prompt) +
                       ". MLflow does not allow creating a model and a prompt with the same name.");
}

void fail_no_logged_model(std::string_view model_id) {
  throw StoreError(Refusal::kResourceDoesNotExist,
                   "Logged model with ID " + in_quotes(model_id) + " not found.");
}

void fail_no_dataset_name() {
  throw StoreError(Refusal::kInvalidParameterValue,
                   "`dataset_name` in the `datasets` clause must be specified.");
}

void fail_no_logged_model_tag(std::string_view model_id, std::string_view key) {
  throw StoreError(
      Refusal::kResourceDoesNotExist,
      "No tag with key " + in_quotes(key) + " found for model with ID " + in_quotes(model_id) + ".");
}

}  // namespace ivory::tracking
