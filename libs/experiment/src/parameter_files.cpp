#include "parameter_files.h"

#include <algorithm>
#include <array>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/yaml/yaml.h>

namespace ivory {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> kExtensions{".yml", ".yaml"};

const std::vector<std::string>& study_keys() {
  static const std::vector<std::string> kKeys{"tuner", "objective"};
  return kKeys;
}

}  // namespace

fs::path find_parameter_file(const fs::path& directory, std::string_view name) {
  for (const std::string_view extension : kExtensions) {
    fs::path path = directory / (std::string(name) + std::string(extension));
    if (fs::is_regular_file(path)) return path;
  }
  return {};
}

std::vector<std::string> experiment_files(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& file : fs::directory_iterator(directory)) {
    const std::string extension = file.path().extension().string();
    const std::string name = file.path().stem().string();
    if (name != kClientFile && name != kStudyFileName &&
        std::ranges::find(kExtensions, extension) != kExtensions.end())
      names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

std::string shown_path(const fs::path& path) {
  std::error_code none;
  const fs::path relative = fs::proximate(path, none);
  return none || relative.string().starts_with("../..") ? path.string() : relative.string();
}

Params read_parameters(const fs::path& path) { return parse_yaml(read_file(path), shown_path(path)); }

Params read_mapping(const fs::path& path) {
  Params params = read_parameters(path);
  if (params.is_null()) return Params::map();
  if (!params.is_map())
    throw Error(
        ErrorCode::kInvalidArgument,
        at_place(params, "expected a mapping, found " + std::string(Params::kind_name(params.kind()))));
  return params;
}

Params study_section(const fs::path& directory, const Params& client) {
  Params section = Params::map();
  for (const std::string& key : study_keys())
    if (const Params* value = client.find(key)) section.set(key, *value);
  const fs::path file = find_parameter_file(directory, kStudyFileName);
  if (file.empty()) return section;
  const Params study = read_mapping(file);
  for (const auto& [key, value] : study.items()) {
    if (std::ranges::find(study_keys(), key) == study_keys().end())
      throw Error(ErrorCode::kInvalidArgument,
                  at_place(value, "'" + key + "' is nothing of a study; expected tuner or objective" +
                                      did_you_mean(key, study_keys())));
    section.set(key, value);
  }
  return section;
}

}  // namespace ivory
