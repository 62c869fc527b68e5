#include <ivory/experiment/client.h>

#include <algorithm>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/experiment/tracker.h>
#include <ivory/experiment/user_modules.h>
#include <ivory/yaml/yaml.h>

namespace ivory {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> kExtensions{".yml", ".yaml"};

// The file NAME.yml or NAME.yaml, or empty.
fs::path find_file(const fs::path& directory, std::string_view name) {
  for (const std::string_view extension : kExtensions) {
    fs::path path = directory / (std::string(name) + std::string(extension));
    if (fs::is_regular_file(path)) return path;
  }
  return {};
}

// As the user would type it: messages are shorter than with absolute paths.
std::string shown(const fs::path& path) {
  std::error_code none;
  const fs::path relative = fs::proximate(path, none);
  return none || relative.string().starts_with("../..") ? path.string() : relative.string();
}

Params read_parameters(const fs::path& path) { return parse_yaml(read_file(path), shown(path)); }

}  // namespace

Client::Client(const fs::path& directory, bool tracker)
    : directory_(fs::absolute(directory).lexically_normal()) {
  if (!fs::is_directory(directory_))
    throw Error(ErrorCode::kNotFound, "there is no directory " + directory.string());
  name_ = "client";
  const fs::path file = find_file(directory_, "client");
  source_name_ = file.empty() ? (directory_ / "client.yml").string() : file.string();
  if (!file.empty()) {
    params_ = read_parameters(file);
    if (params_.is_null()) params_ = Params::map();
    if (!params_.is_map())
      throw Error(
          ErrorCode::kInvalidArgument,
          at_place(params_, "expected a mapping, found " + std::string(Params::kind_name(params_.kind()))));
  }
  registry_ = std::make_shared<Registry>();
  if (const Params* modules = params_.find("modules")) add_user_modules(*registry_, *modules, directory_);
  Params section = params_;
  if (!section.contains("tracker")) section.set("tracker", Params());
  const Blueprint blueprint(*registry_, section, "", {"modules"}, directory_);
  for (const std::string& name : blueprint.names()) {
    if (name == "tracker" && !tracker) continue;
    members_.set(name,
                 blueprint.make(name, [this](std::string_view earlier) { return members_.at(earlier); }));
  }
  if (!tracker) return;
  tracker_ = get<Tracker>("tracker");
  tracker_->set_directory(directory_);
}

Experiment Client::create_experiment(std::string_view name) const {
  const fs::path file = find_file(directory_, name);
  if (file.empty()) {
    const std::vector<std::string> names = experiment_names();
    throw Error(ErrorCode::kNotFound, "there is no experiment '" + std::string(name) + "' (no " +
                                          shown(directory_ / (std::string(name) + ".yml")) + ")" +
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
  workshop->source_name = find_file(directory_, experiment).string();
  return workshop;
}

Task Client::create_task(std::string_view name, const Params& args) const {
  return create_experiment(name).create_task(args);
}

Run Client::create_run(std::string_view name, const Params& args) const {
  return create_experiment(name).create_run(args);
}

Value Client::create_instance(std::string_view name, std::string_view instance_name,
                              const Params& args) const {
  return create_experiment(name).create_instance(instance_name, args);
}

std::vector<std::string> Client::experiment_names() const {
  std::vector<std::string> names;
  for (const auto& file : fs::directory_iterator(directory_)) {
    const std::string extension = file.path().extension().string();
    const std::string name = file.path().stem().string();
    if (name != "client" && std::ranges::find(kExtensions, extension) != kExtensions.end())
      names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

Client create_client(const fs::path& directory, bool tracker) { return Client(directory, tracker); }

Experiment create_experiment(std::string_view name) { return Client().create_experiment(name); }

Run create_run(std::string_view name, const Params& args) { return Client().create_run(name, args); }

Task create_task(std::string_view name, const Params& args) { return Client().create_task(name, args); }

}  // namespace ivory
