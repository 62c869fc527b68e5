// The user's own classes: sources that Ivory compiles and caches, and libraries that are built already.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/registry/registry.h>

namespace ivory {

// Adds to the registry what `modules` of client.yml lists: `rectangle.cpp` is compiled with the flags that
// Ivory was built with, and kept by content under DIRECTORY/.ivory; `librectangle.so` is taken as it is (its
// manifest is written if it has none, or an older one). Sources are linked into one library, so one may use
// what another defines. Two processes at once compile once.
// Errors: kNotFound for a missing file, kInvalidArgument for one that does not compile (with the compiler's
// words) or declares nothing, all at the place in client.yml.
void add_user_modules(Registry& registry, const Params& modules, const std::filesystem::path& directory);

}  // namespace ivory
