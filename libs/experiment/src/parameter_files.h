// The YAML files of a client's folder.
#pragma once
#include <filesystem>
#include <string_view>
#include <vector>

#include <ivory/base/params.h>

namespace ivory {

inline constexpr std::string_view kClientFile = "client";
inline constexpr std::string_view kStudyFileName = "study";

// NAME.yml or NAME.yaml in the folder, or empty.
[[nodiscard]] std::filesystem::path find_parameter_file(const std::filesystem::path& directory,
                                                        std::string_view name);
// Names of the parameter files in the folder, sorted, but for those that are no experiments.
[[nodiscard]] std::vector<std::string> experiment_files(const std::filesystem::path& directory);
// As the user would type it: messages are shorter than with absolute paths.
[[nodiscard]] std::string shown_path(const std::filesystem::path& path);
// Errors: kInvalidArgument with file and line.
[[nodiscard]] Params read_parameters(const std::filesystem::path& path);
// The same, of a file that has to hold a mapping, or nothing.
[[nodiscard]] Params read_mapping(const std::filesystem::path& path);

// `tuner` and `objective`, as far as there are any: of study.yml, on top of what client.yml says.
// Errors: kInvalidArgument for a study.yml that holds something else.
[[nodiscard]] Params study_section(const std::filesystem::path& directory, const Params& client);

}  // namespace ivory
