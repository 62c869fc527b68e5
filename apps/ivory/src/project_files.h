// The files that `ivory new` writes; they lie in project/.
#pragma once
#include <span>
#include <string_view>

namespace ivory {

struct ProjectFile {
  std::string_view path;  // relative
  std::string_view text;
};
[[nodiscard]] std::span<const ProjectFile> project_files();

}  // namespace ivory
