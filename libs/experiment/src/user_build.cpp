#include "user_build.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/params.h>

namespace ivory {
namespace {

namespace fs = std::filesystem;

// The folder of Ivory's libraries, in the build tree or installed.
fs::path library_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&read_user_build), &info) == 0) return {};
  return fs::canonical(info.dli_fname).parent_path();
}

std::vector<std::string> strings(const Params& list) {
  std::vector<std::string> texts;
  for (const Params& element : list.elements()) texts.push_back(element.as_string());
  return texts;
}

// Paths in the file start from its folder, so that an installed tree may be moved.
std::string from(const fs::path& folder, const Params& path) {
  return (folder / path.as_string()).lexically_normal().string();
}

std::string identity_of(const UserBuild& build, const std::vector<std::string>& packages) {
  struct stat file{};
  if (stat(build.compiler.c_str(), &file) != 0) {
    throw Error(ErrorCode::kNotFound, "the compiler that Ivory was built with, " + build.compiler +
                                          ", is not there; it compiles the sources under `modules`");
  }
  return content_hash(build.compiler + "\n" + join(build.compile_flags, "\n") + "\n" +
                      join(build.link_flags, "\n") + "\n" + join(packages) + "\n" +
                      std::to_string(file.st_size) + " " + std::to_string(file.st_mtim.tv_sec));
}

}  // namespace

UserBuild read_user_build() {
  const fs::path folder = library_folder();
  const Params settings = Params::from_json(read_file(folder / "ivory-build.json"));
  UserBuild build;
  build.compiler = settings.at("compiler").as_string();
  build.manifest_program = from(folder, settings.at("manifest_program"));
  build.compile_flags = strings(settings.at("compile_flags"));
  for (const Params& include : settings.at("include_directories").elements())
    build.compile_flags.push_back("-I" + from(folder, include));
  for (const Params& include : settings.at("system_include_directories").elements()) {
    build.compile_flags.emplace_back("-isystem");
    build.compile_flags.push_back(include.as_string());
  }
  build.link_flags = strings(settings.at("link_flags"));
  build.link_flags.insert(build.link_flags.end(),
                          {"-L" + folder.string(), "-Wl,-rpath," + folder.string(), "-Wl,--as-needed"});
  for (const Params& library : settings.at("libraries").elements())
    build.link_flags.push_back("-l" + library.as_string());
  build.identity = identity_of(build, strings(settings.at("packages")));
  return build;
}

}  // namespace ivory
