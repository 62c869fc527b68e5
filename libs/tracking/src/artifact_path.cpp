#include "artifact_path.h"

#include <algorithm>
#include <string>

#include <ivory/base/error.h>

namespace ivory::tracking {

void refuse_artifact_path(std::string_view path, std::string_view why) {
  throw Error(ErrorCode::kInvalidArgument, "artifact path '" + std::string(path) + "' " + std::string(why));
}

std::filesystem::path checked_artifact_path(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) refuse_artifact_path(path, "holds a NUL character");
  std::filesystem::path relative(path);
  if (relative.is_absolute())
    refuse_artifact_path(path, "is absolute; expected one relative to the run's artifacts");
  if (std::find(relative.begin(), relative.end(), "..") != relative.end()) {
    refuse_artifact_path(path, "holds '..'; expected one inside the run's artifacts");
  }
  return relative;
}

}  // namespace ivory::tracking
