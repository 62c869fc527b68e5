// What every model registry and every store of logged models promises. A program that links
// models_contract_test.cpp instantiates them with its places.
#pragma once
#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>
#include <ivory/tracking/store_error.h>

#include "tracking_store_contract.h"

namespace ivory::tracking {

// How MLflow's clients are told of what `call` throws; "" for nothing.
template <class F>
std::string refusal_of_call(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return std::string(to_text(refusal_of(error)));
  }
  return "";
}

class ModelRegistryContract : public TrackingStoreContract {
 protected:
  ModelRegistry& registry_ = store_->model_registry();
};

class LoggedModelsContract : public TrackingStoreContract {
 protected:
  [[nodiscard]] std::vector<std::string> found(const SearchLoggedModels& search) const {
    std::vector<std::string> names;
    for (const LoggedModel& model : models_.search_logged_models(search).items) names.push_back(model.name);
    return names;
  }
  LoggedModels& models_ = store_->logged_models();
};

}  // namespace ivory::tracking
