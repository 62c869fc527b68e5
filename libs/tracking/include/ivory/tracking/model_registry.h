// The model registry: named models, their versions, stages, aliases and tags.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/entities.h>
#include <ivory/tracking/page.h>

namespace ivory::tracking {

struct ModelVersion {
  std::string name;
  std::string version;  // "1", "2" …
  TimeMs creation_time = 0;
  TimeMs last_update_time = 0;
  std::string user_id;
  std::string current_stage;  // "None", "Staging", "Production", "Archived"
  std::string description;
  std::string source;
  std::string run_id;
  std::string run_link;
  std::string status = "READY";
  std::string status_message;
  std::string model_id;                // of a logged model, or empty
  std::vector<KeyValue> model_params;  // of that logged model
  std::vector<ModelMetric> model_metrics;
  std::vector<KeyValue> tags;        // by key
  std::vector<std::string> aliases;  // sorted
  friend bool operator==(const ModelVersion&, const ModelVersion&) = default;
};

struct ModelAlias {
  std::string alias;
  std::string version;
  friend bool operator==(const ModelAlias&, const ModelAlias&) = default;
};

struct RegisteredModel {
  std::string name;
  TimeMs creation_time = 0;
  TimeMs last_update_time = 0;
  std::string description;
  std::string deployment_job_id;
  std::vector<KeyValue> tags;                 // by key
  std::vector<ModelAlias> aliases;            // by alias
  std::vector<ModelVersion> latest_versions;  // the newest of each stage
  friend bool operator==(const RegisteredModel&, const RegisteredModel&) = default;
};

// NOLINTBEGIN(readability-redundant-member-init): as CreateRun
struct CreateModelVersion {
  std::string name;
  std::string source;
  std::string run_id = {};
  std::string run_link = {};
  std::string description = {};
  std::string model_id = {};
  std::vector<KeyValue> tags = {};
};

// What is none stays as it is.
struct RegisteredModelUpdate {
  std::optional<std::string> description = {};
  std::optional<std::string> deployment_job_id = {};
};

struct SearchModels {
  std::string filter = {};
  std::vector<std::string> order_by = {};
  std::optional<std::int64_t> max_results = {};  // none: MLflow's default (100 models, 10,000 versions)
  std::string page_token = {};
};
// NOLINTEND(readability-redundant-member-init)

// Threads, ownership, durability and errors: as TrackingStore.
class ModelRegistry {
 public:
  virtual ~ModelRegistry() = default;
  ModelRegistry(const ModelRegistry&) = delete;
  ModelRegistry& operator=(const ModelRegistry&) = delete;

  virtual RegisteredModel create_registered_model(std::string_view name, const std::vector<KeyValue>& tags,
                                                  std::string_view description,
                                                  std::string_view deployment_job_id) = 0;
  virtual RegisteredModel update_registered_model(std::string_view name,
                                                  const RegisteredModelUpdate& update) = 0;
  virtual RegisteredModel rename_registered_model(std::string_view name, std::string_view new_name) = 0;
  virtual void delete_registered_model(std::string_view name) = 0;
  [[nodiscard]] virtual RegisteredModel get_registered_model(std::string_view name) const = 0;
  [[nodiscard]] virtual Page<RegisteredModel> search_registered_models(const SearchModels& search) const = 0;
  // The newest version of each of these stages; none: of all stages.
  [[nodiscard]] virtual std::vector<ModelVersion> latest_versions(
      std::string_view name, const std::vector<std::string>& stages) const = 0;
  virtual void set_registered_model_tag(std::string_view name, const KeyValue& tag) = 0;
  virtual void delete_registered_model_tag(std::string_view name, std::string_view key) = 0;

  virtual ModelVersion create_model_version(const CreateModelVersion& create) = 0;
  virtual ModelVersion update_model_version(std::string_view name, std::string_view version,
                                            std::string_view description) = 0;
  virtual ModelVersion transition_stage(std::string_view name, std::string_view version,
                                        std::string_view stage, bool archive_existing) = 0;
  virtual void delete_model_version(std::string_view name, std::string_view version) = 0;
  [[nodiscard]] virtual ModelVersion get_model_version(std::string_view name,
                                                       std::string_view version) const = 0;
  [[nodiscard]] virtual Page<ModelVersion> search_model_versions(const SearchModels& search) const = 0;
  [[nodiscard]] virtual std::string download_uri(std::string_view name, std::string_view version) const = 0;
  virtual void set_model_version_tag(std::string_view name, std::string_view version,
                                     const KeyValue& tag) = 0;
  virtual void delete_model_version_tag(std::string_view name, std::string_view version,
                                        std::string_view key) = 0;

  virtual void set_alias(std::string_view name, std::string_view alias, std::string_view version) = 0;
  virtual void delete_alias(std::string_view name, std::string_view alias) = 0;
  [[nodiscard]] virtual ModelVersion get_version_by_alias(std::string_view name,
                                                          std::string_view alias) const = 0;

 protected:
  ModelRegistry() = default;
};

}  // namespace ivory::tracking
