// How the user's sources become a library: the compiler and flags that Ivory was built with, as
// ivory-build.json beside Ivory's libraries says.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace ivory {

struct UserBuild {
  std::string compiler;
  std::vector<std::string> compile_flags;  // with where the headers are
  std::vector<std::string> link_flags;     // with Ivory's libraries; one that is not used is not linked
  std::filesystem::path manifest_program;
  std::string
      identity;  // of all the above, of the compiler's own file and of the packages whose headers are used
};

// Errors: kNotFound if the file or the compiler is not there (an installation without its development parts).
[[nodiscard]] UserBuild read_user_build();

}  // namespace ivory
