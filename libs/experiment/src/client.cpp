#include <ivory/experiment/client.h>

#include <ivory/base/error.h>
#include <ivory/experiment/study.h>
#include <ivory/experiment/tracker.h>
#include <ivory/experiment/tuner.h>
#include <ivory/experiment/user_modules.h>

#include "parameter_files.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;

// Without what only modules can explain.
Params without_user_classes(const Params& client) {
  Params rest = Params::map();
  for (const auto& [key, value] : client.items()) {
    const bool is_users =
        key == "objective" || (value.is_map() && value.contains("class") && key != "tracker");
    if (key != "modules" && !is_users) rest.set(key, value);
  }
  return rest;
}

}  // namespace

Client::Client(const fs::path& directory, bool tracker) : Client(directory, tracker, Modules::kAdded) {}

Client Client::of_records(const fs::path& directory) { return {directory, true, Modules::kLeftOut}; }

Client::Client(const fs::path& directory, bool tracker, Modules wanted)
    : directory_(fs::absolute(directory).lexically_normal()) {
  if (!fs::is_directory(directory_))
    throw Error(ErrorCode::kNotFound, "there is no directory " + directory.string());
  name_ = "client";
  const fs::path file = find_parameter_file(directory_, kClientFile);
  source_name_ = file.empty() ? (directory_ / "client.yml").string() : file.string();
  if (!file.empty()) params_ = read_mapping(file);
  registry_ = std::make_shared<Registry>();
  const Params* const modules = params_.find("modules");
  if (modules != nullptr && wanted == Modules::kAdded) add_user_modules(*registry_, *modules, directory_);
  Params section = wanted == Modules::kAdded || !params_.is_map() ? params_ : without_user_classes(params_);
  if (!section.contains("tracker")) section.set("tracker", Params());
  const Blueprint blueprint(*registry_, section, "", {"modules"}, directory_);
  for (const std::string& name : blueprint.names()) {
    if (name == "tracker" && !tracker) continue;
    if (name == "objective") continue;  // made with a study: its functions are code to be loaded
    members_.set(name,
                 blueprint.make(name, [this](std::string_view earlier) { return members_.at(earlier); }));
  }
  if (const auto tuner = find<Tuner>()) tuner->set_directory(directory_);
  if (!tracker) return;
  tracker_ = get<Tracker>("tracker");
  tracker_->set_directory(directory_);
  const Params* const given = params_.find("tracker");
  tracker_->take_environment(given != nullptr && given->is_map() && given->contains("tracking_uri"));
}

Experiment Client::create_experiment(std::string_view name) const {
  const fs::path file = find_parameter_file(directory_, name);
  if (file.empty()) {
    const std::vector<std::string> names = experiment_names();
    throw Error(ErrorCode::kNotFound, "there is no experiment '" + std::string(name) + "' (no " +
                                          shown_path(directory_ / (std::string(name) + ".yml")) + ")" +
                                          did_you_mean(name, names));
  }
  const std::shared_ptr<Workshop> workshop = make_workshop(name, true);
  return {workshop, read_parameters(file)};
}

std::shared_ptr<Workshop> Client::make_workshop(std::string_view experiment, bool tracked) const {
  auto workshop = std::make_shared<Workshop>();
  workshop->registry = registry_;
  if (tracked) workshop->tracker = tracker_;
  workshop->directory = directory_.string();
  workshop->experiment = experiment;
  workshop->source_name = find_parameter_file(directory_, experiment).string();
  workshop->study = study_section(directory_, params_);
  return workshop;
}

Task Client::create_task(std::string_view name, const Params& args) const {
  return create_experiment(name).create_task(args);
}

Study Client::create_study(std::string_view name, const Params& args) const {
  return create_experiment(name).create_study(args);
}

Run Client::create_run(std::string_view name, const Params& args) const {
  return create_experiment(name).create_run(args);
}

Value Client::create_instance(std::string_view name, std::string_view instance_name,
                              const Params& args) const {
  return create_experiment(name).create_instance(instance_name, args);
}

std::vector<std::string> Client::experiment_names() const { return experiment_files(directory_); }

Client create_client(const fs::path& directory, bool tracker) { return Client(directory, tracker); }

Experiment create_experiment(std::string_view name) { return Client().create_experiment(name); }

Run create_run(std::string_view name, const Params& args) { return Client().create_run(name, args); }

Task create_task(std::string_view name, const Params& args) { return Client().create_task(name, args); }

Study create_study(std::string_view name, const Params& args) { return Client().create_study(name, args); }

}  // namespace ivory
