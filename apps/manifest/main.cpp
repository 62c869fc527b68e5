// ivory-manifest LIBRARY: writes what a module's library declares beside it, so that YAML can be checked
// without loading its code.
#include <cstdio>
#include <exception>
#include <filesystem>

#include <ivory/base/files.h>
#include <ivory/registry/registry.h>

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fputs("usage: ivory-manifest LIBRARY\n", stderr);
    return 2;
  }
  const std::filesystem::path library = std::filesystem::absolute(argv[1]);
  ivory::write_file(ivory::manifest_path(library), ivory::read_library(library).to_json() + "\n");
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "ivory-manifest: %s\n", error.what());
  return 2;
}
