#include "call.h"

#include <algorithm>
#include <charconv>

#include <ivory/base/error.h>
#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/store_error.h>

namespace ivory::server {
namespace {

using tracking::Refusal;
using tracking::StoreError;

[[noreturn]] void deny() { throw StoreError(Refusal::kPermissionDenied, "Permission denied"); }

}  // namespace

const RequestReader& Call::fields() {
  if (!fields_) fields_.emplace(request_);
  return *fields_;
}

void Call::needs_new_experiment() const {
  if (asker_ && !asker_->may_create_experiments()) deny();
}

void Call::needs_experiment(std::string_view experiment_id, Permission permission) const {
  if (!asker_ || asker_->may_with_all(permission)) return;
  if (asker_->on_experiment(store().get_experiment(experiment_id).name) < permission) deny();
}

void Call::needs_run(std::string_view run_id, Permission permission) const {
  if (!asker_ || asker_->may_with_all(permission)) return;
  needs_experiment(store().get_run(run_id).experiment_id, permission);
}

void Call::needs_logged_model(std::string_view model_id, Permission permission) const {
  if (!asker_ || asker_->may_with_all(permission)) return;
  needs_experiment(store().logged_models().get_logged_model(model_id).experiment_id, permission);
}

void Call::needs_models(Permission permission) const {
  if (asker_ && asker_->on_models() < permission) deny();
}

void Call::needs_admin() const {
  if (asker_ && !asker_->is_admin()) deny();
}

void Call::needs_artifact(std::string_view path, Permission permission) const {
  if (!asker_ || asker_->may_with_all(permission)) return;
  const std::string_view experiment_id = path.substr(0, path.find('/'));
  try {
    needs_experiment(experiment_id, permission);
  } catch (const StoreError& error) {
    // Files of no experiment are the administrators'.
    if (error.refusal() != Refusal::kPermissionDenied && !asker_->is_admin()) deny();
    throw;
  }
}

void Call::needs_place(std::string_view uri, Permission permission) const {
  if (!asker_ || asker_->is_admin() || uri.empty()) return;
  if (const auto path = ArtifactRoots::proxied_path(uri)) {
    needs_artifact(*path, permission);
  } else if (uri.starts_with("file:") || uri.find(':') == std::string_view::npos) {
    deny();
  }
}

bool Call::may_read(const tracking::ExperimentRecord& experiment) const {
  return !asker_ || asker_->on_experiment(experiment.name) >= Permission::kRead;
}

std::vector<std::string> Call::readable(std::vector<std::string> experiment_ids) const {
  if (!asker_ || asker_->may_with_all(Permission::kRead)) return experiment_ids;
  std::erase_if(experiment_ids, [this](const std::string& id) {
    try {
      return !may_read(store().get_experiment(id));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
      return true;
    }
  });
  return experiment_ids;
}

net::Response json_answer(JsonWriter& writer) {
  net::Response response;
  response.body = writer.take();
  return response;
}

net::Response empty_answer() {
  net::Response response;
  response.body = "{}";
  return response;
}

}  // namespace ivory::server
