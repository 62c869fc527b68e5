#include <ivory/experiment/user_modules.h>

#include <algorithm>
#include <array>
#include <utility>

#include <ivory/base/error.h>

#include "module_cache.h"
#include "user_build.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kSourceExtensions{".cpp", ".cc", ".cxx", ".C"};

// The files beside `path` that have its extension, as the user would write them.
std::vector<std::string> files_beside(const fs::path& path, const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& file : fs::directory_iterator(path.parent_path(), none))
    if (file.path().extension() == path.extension())
      names.push_back(file.path().lexically_proximate(directory).string());
  std::ranges::sort(names);
  return names;
}

Source to_source(const Params& entry, const fs::path& directory) {
  if (!entry.is_string() || entry.as_string().empty())
    throw Error(ErrorCode::kInvalidArgument,
                at_place(entry, "`modules` lists sources (mine.cpp) and libraries (libmine.so), found " +
                                    entry.to_text()));
  const std::string& name = entry.as_string();
  fs::path path = (directory / name).lexically_normal();
  if (!fs::is_regular_file(path))
    throw Error(ErrorCode::kNotFound, at_place(entry, "there is no file '" + name + "'" +
                                                          did_you_mean(name, files_beside(path, directory))));
  return {std::move(path), name, entry};
}

bool is_source(const Source& file) {
  return std::ranges::find(kSourceExtensions, file.path.extension()) != kSourceExtensions.end();
}

// Writes the manifest of a built library if it has none, or one that is older.
void see_to_manifest(const Source& library, const UserBuild& build) {
  std::error_code none;
  const auto made = fs::last_write_time(manifest_path(library.path), none);
  if (none || made < fs::last_write_time(library.path))
    write_manifest(build, library.path, library.shown, library.place);
}

void add_library(Registry& registry, const fs::path& library, const Params& place) {
  try {
    registry.add_library(library);
  } catch (const Error& error) {
    const bool taken = error.code() == ErrorCode::kConflict;  // a name is declared by another module
    throw Error(taken ? ErrorCode::kInvalidArgument : error.code(), at_place(place, error.what()));
  }
}

}  // namespace

void add_user_modules(Registry& registry, const Params& modules, const fs::path& directory) {
  std::vector<Source> sources, libraries;
  if (!modules.is_list() && !modules.is_null())
    return add_user_modules(registry, Params::list({modules}), directory);
  for (const Params& entry : modules.elements()) {
    Source file = to_source(entry, directory);
    if (!is_source(file) && file.path.extension() != ".so")
      throw Error(ErrorCode::kInvalidArgument,
                  at_place(entry, "'" + file.shown + "' is neither a source (.cpp) nor a library (.so)"));
    (is_source(file) ? sources : libraries).push_back(std::move(file));
  }
  if (sources.empty() && libraries.empty()) return;
  const UserBuild build = read_user_build();
  for (const Source& library : libraries) {
    see_to_manifest(library, build);
    add_library(registry, library.path, library.place);
  }
  if (sources.empty()) return;
  add_library(registry, ModuleCache(directory / ".ivory", build).library_of(sources), sources.front().place);
}

}  // namespace ivory
