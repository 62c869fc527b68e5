// Paths of artifacts, as all artifact stores take them.
#pragma once
#include <filesystem>
#include <string_view>

namespace ivory::tracking {

[[noreturn]] void refuse_artifact_path(std::string_view path, std::string_view why);

// Errors: kInvalidArgument for a path that is absolute, or holds ".." or a NUL character.
[[nodiscard]] std::filesystem::path checked_artifact_path(std::string_view path);

}  // namespace ivory::tracking
