// Rows of the model registry: the reading half of SqlModelRegistry.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/storage/connection.h>
#include <ivory/tracking/model_registry.h>

namespace ivory::tracking {

// Within one transaction of `connection`.
class ModelRows {
 public:
  explicit ModelRows(storage::Connection& connection);

  // "workspace = 'default' AND ", as MLflow reads these tables, or empty where they have no such column
  // (before MLflow 3.11). Comes right after WHERE, so that the keys serve.
  [[nodiscard]] const std::string& scope() const noexcept { return scope_; }
  // The same for a table that the statement knows as `alias`.
  [[nodiscard]] std::string scope(std::string_view alias) const {
    return scope_.empty() ? scope_ : std::string(alias) + "." + scope_;
  }

  [[nodiscard]] bool has_model(std::string_view name) const;
  [[nodiscard]] RegisteredModel get_model(std::string_view name) const;
  [[nodiscard]] ModelVersion get_version(std::string_view name, std::int64_t version) const;
  // The newest of each stage, in the order that the stages came into use.
  [[nodiscard]] std::vector<ModelVersion> latest_versions(std::string_view name) const;

  // The columns that the functions below read.
  static constexpr std::string_view kModelColumns = "name, creation_time, last_updated_time, description";
  static constexpr std::string_view kVersionColumns =
      "name, version, creation_time, last_updated_time, description, user_id, current_stage, source, run_id, "
      "status, status_message, run_link";
  [[nodiscard]] static RegisteredModel read_model(const storage::Query& row);
  [[nodiscard]] static ModelVersion read_version(const storage::Query& row);
  // Adds tags, aliases and (of a model) the latest versions.
  void complete(RegisteredModel& model) const;
  void complete(std::vector<ModelVersion>& versions) const;

 private:
  [[nodiscard]] std::vector<ModelAlias> aliases_of(std::string_view name) const;

  storage::Connection& connection_;
  std::string scope_;
};

}  // namespace ivory::tracking
