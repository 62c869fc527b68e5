// What all stores share of the model registry and of logged models: MLflow's rules for names, versions,
// stages, aliases and tags, and its refusals in its words.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/entities.h>
#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>

namespace ivory::tracking {

inline constexpr std::string_view kStageNone = "None";
inline constexpr std::string_view kStageArchived = "Archived";
// What a deleted version is left as, so that its number is not given again.
inline constexpr std::string_view kStageDeleted = "Deleted_Internal";

// Tells prompts, which MLflow keeps among the registered models, from models.
inline constexpr std::string_view kPromptTag = "mlflow.prompt.is_prompt";

// Checks: StoreError(kInvalidParameterValue). `parameter` is what the message calls it: "name" or "new_name".
void check_registered_model_name(std::string_view name, std::string_view parameter = "name");
// The number of a version.
[[nodiscard]] std::int64_t parse_model_version(std::string_view version);
// "staging" is "Staging".
[[nodiscard]] std::string_view canonical_stage(std::string_view stage);
// The stage that a version is to be moved to. Errors: also if others are to be archived that leave no active
// stage.
[[nodiscard]] std::string_view transition_target(std::string_view stage, bool archive_existing);
void check_alias(std::string_view alias);
// Of one that is to be set: neither "latest" nor "v7".
void check_alias_is_free(std::string_view alias);
void check_model_tag(const KeyValue& tag);
// Empty: the store chooses one.
void check_logged_model_name(std::string_view name);
void check_logged_model_entries(const std::vector<KeyValue>& entries, std::string_view what);
// All that can be said of one that is to be made without looking into the store.
void check_new_logged_model(const CreateLoggedModel& create);
void check_new_model_version(const CreateModelVersion& create);

// As the stores keep them.
[[nodiscard]] std::map<std::string, std::string> last_of_each_key(const std::vector<KeyValue>& tags);
[[nodiscard]] bool is_prompt(const std::vector<KeyValue>& tags);
// Those that `model` does not have yet; the same once more is no error, another value is
// kInvalidParameterValue.
[[nodiscard]] std::vector<KeyValue> not_yet_logged(const LoggedModel& model,
                                                   const std::vector<KeyValue>& params);
// "Latest" in any case: the newest version, not an alias that is kept.
[[nodiscard]] bool is_latest_alias(std::string_view alias);

// Where the files of a version lie that is to be made, and the run behind it. A source "models:/m-…" is a
// logged model's, "models:/name/3" is that of another version.
struct ModelOrigin {
  std::string location;
  std::string run_id;
};
[[nodiscard]] ModelOrigin origin_of(const CreateModelVersion& create, const ModelRegistry& registry,
                                    const LoggedModels& logged_models);

[[noreturn]] void fail_no_registered_model(std::string_view name);
[[noreturn]] void fail_no_model_version(std::string_view name, std::string_view version);
[[noreturn]] void fail_no_alias(std::string_view alias);
[[noreturn]] void fail_no_latest_version(std::string_view name);
[[noreturn]] void fail_name_taken(std::string_view name, bool by_prompt, bool wants_prompt);
[[noreturn]] void fail_no_logged_model(std::string_view model_id);
// Of a search for logged models by datasets.
[[noreturn]] void fail_no_dataset_name();
[[noreturn]] void fail_no_logged_model_tag(std::string_view model_id, std::string_view key);

}  // namespace ivory::tracking
