// The model registry behind MLflow's REST interface.
#pragma once
#include <ivory/tracking/model_registry.h>

#include "rest/rest_client.h"

namespace ivory::tracking {

// Repeats as RestTrackingStore: not the making of models and versions, nor what refuses to be done again.
class RestModelRegistry final : public ModelRegistry {
 public:
  explicit RestModelRegistry(const RestClient& client) : client_(client) {}  // outlives it

  RegisteredModel create_registered_model(std::string_view name, const std::vector<KeyValue>& tags,
                                          std::string_view description,
                                          std::string_view deployment_job_id) override;
  RegisteredModel update_registered_model(std::string_view name,
                                          const RegisteredModelUpdate& update) override;
  RegisteredModel rename_registered_model(std::string_view name, std::string_view new_name) override;
  void delete_registered_model(std::string_view name) override;
  [[nodiscard]] RegisteredModel get_registered_model(std::string_view name) const override;
  [[nodiscard]] Page<RegisteredModel> search_registered_models(const SearchModels& search) const override;
  [[nodiscard]] std::vector<ModelVersion> latest_versions(
      std::string_view name, const std::vector<std::string>& stages) const override;
  void set_registered_model_tag(std::string_view name, const KeyValue& tag) override;
  void delete_registered_model_tag(std::string_view name, std::string_view key) override;

  ModelVersion create_model_version(const CreateModelVersion& create) override;
  ModelVersion update_model_version(std::string_view name, std::string_view version,
                                    std::string_view description) override;
  ModelVersion transition_stage(std::string_view name, std::string_view version, std::string_view stage,
                                bool archive_existing) override;
  void delete_model_version(std::string_view name, std::string_view version) override;
  [[nodiscard]] ModelVersion get_model_version(std::string_view name,
                                               std::string_view version) const override;
  [[nodiscard]] Page<ModelVersion> search_model_versions(const SearchModels& search) const override;
  [[nodiscard]] std::string download_uri(std::string_view name, std::string_view version) const override;
  void set_model_version_tag(std::string_view name, std::string_view version, const KeyValue& tag) override;
  void delete_model_version_tag(std::string_view name, std::string_view version,
                                std::string_view key) override;

  void set_alias(std::string_view name, std::string_view alias, std::string_view version) override;
  void delete_alias(std::string_view name, std::string_view alias) override;
  [[nodiscard]] ModelVersion get_version_by_alias(std::string_view name,
                                                  std::string_view alias) const override;

 private:
  const RestClient& client_;
};

}  // namespace ivory::tracking
