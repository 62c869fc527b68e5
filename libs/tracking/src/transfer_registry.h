// The model registry on its way from one store to another.
#pragma once
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>
#include <ivory/tracking/transfer.h>

#include "transfer_map.h"

namespace ivory::tracking {

// After the runs and the logged models. What is passed in outlives it. One thread.
class RegistryTransfer {
 public:
  RegistryTransfer(const TransferEnd& from, const TransferEnd& to, const TransferMap& map,
                   TransferReport& report)
      : from_(from.store->model_registry()),
        to_(to.store->model_registry()),
        models_from_(from.store->logged_models()),
        models_to_(to.store->logged_models()),
        map_(map),
        report_(report) {}

  // All models; or, `only_moved`, what comes from runs and logged models that were moved.
  void run(bool only_moved);

 private:
  using VersionKey = std::pair<std::string, std::string>;  // name, number

  template <class F>
  bool attempt(const std::string& what, const F& copy);
  void read_target();
  [[nodiscard]] bool comes_from_moved(const ModelVersion& version) const;
  [[nodiscard]] bool make_or_complete(const RegisteredModel& model);
  void copy_version(const ModelVersion& version);
  [[nodiscard]] ModelVersion make_version(const ModelVersion& version) const;
  [[nodiscard]] bool complete_version(const ModelVersion& version, const ModelVersion& there);
  [[nodiscard]] bool note_at_model(const ModelVersion& version, const std::string& number);
  [[nodiscard]] std::string source_of(const ModelVersion& version) const;
  [[nodiscard]] bool copy_aliases(const RegisteredModel& model);

  ModelRegistry& from_;
  ModelRegistry& to_;
  LoggedModels& models_from_;
  LoggedModels& models_to_;
  const TransferMap& map_;
  TransferReport& report_;
  std::map<std::string, RegisteredModel> models_there_;                         // by name
  std::map<std::pair<std::string, std::string>, ModelVersion> versions_there_;  // by name and origin
  std::map<VersionKey, std::string> numbers_;  // of what stands for a version, by the old ones
};

}  // namespace ivory::tracking
