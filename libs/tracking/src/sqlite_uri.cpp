#include "sqlite_uri.h"

#include <string>

#include <ivory/base/error.h>

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kForm = "expected sqlite:///relative.db or sqlite:////absolute.db";

[[noreturn]] void refuse(std::string_view uri, std::string_view why) {
  throw Error(ErrorCode::kInvalidArgument,
              "tracking URI '" + std::string(uri) + "'" + std::string(why) + "; " + std::string(kForm));
}

}  // namespace

fs::path working_directory_of(const StoreOptions& options) {
  const fs::path folder = options.working_directory.empty() ? fs::current_path() : options.working_directory;
  return fs::absolute(folder).lexically_normal();
}

fs::path sqlite_path(std::string_view uri, const StoreOptions& options) {
  constexpr std::string_view kStart = "sqlite:///";
  const std::string name(uri.substr(0, kStart.size()) == kStart ? uri.substr(kStart.size())
                                                                : std::string_view{});
  if (name.empty() || name == ":memory:" || name.find('\0') != std::string::npos)
    refuse(uri, " names no database file");
  if (name.find('?') != std::string::npos) refuse(uri, ": options after '?' are not supported");
  return (working_directory_of(options) / name).lexically_normal();
}

std::string default_artifact_root(const StoreOptions& options) {
  if (!options.artifact_root.empty()) return options.artifact_root;
  return (working_directory_of(options) / "mlruns").string();
}

}  // namespace ivory::tracking
