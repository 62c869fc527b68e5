// Compiles the user's sources into one library, and keeps what it made by content.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <ivory/base/params.h>

#include "user_build.h"

namespace ivory {

// A source file that client.yml names.
struct Source {
  std::filesystem::path path;
  std::string shown;  // as the user wrote it
  Params place;       // in client.yml
};

// In the folder .ivory: NAME-PATH.json says which files an object was made from (size, time and hash of the
// source and of each header) and its key; NAME-KEY.o is the object; libNAME-KEY.so and its manifest the
// library. Nothing in the folder changes once it is there, so that whoever has read a manifest may load its
// library later; old ones are removed when new ones come.
class ModuleCache {
 public:
  ModuleCache(std::filesystem::path folder, UserBuild build);

  // The library of these sources; made if it is not there. Processes that ask at once make it once.
  // Errors: kInvalidArgument at the place of the source that does not compile, with the compiler's words.
  [[nodiscard]] std::filesystem::path library_of(const std::vector<Source>& sources) const;

 private:
  // The key of an object that is up to date, or empty.
  [[nodiscard]] std::string find_object(const Source& source) const;
  void compile(const std::vector<const Source*>& sources) const;
  [[nodiscard]] std::string library_key(
      const std::vector<Source>& sources) const;  // empty: something is to be compiled
  [[nodiscard]] std::filesystem::path library_path(const std::vector<Source>& sources,
                                                   const std::string& key) const;
  void link(const std::vector<Source>& sources, const std::filesystem::path& library) const;
  void remove_old(std::size_t objects) const;

  [[nodiscard]] std::filesystem::path record_path(const Source& source) const;
  [[nodiscard]] std::filesystem::path object_path(const Source& source, const std::string& key) const;

  std::filesystem::path folder_;
  UserBuild build_;
};

// Writes the manifest of a built library by a process of its own, so that this one does not load it.
// `shown` is its name in messages. Errors: kInvalidArgument at `place`.
void write_manifest(const UserBuild& build, const std::filesystem::path& library, const std::string& shown,
                    const Params& place);

}  // namespace ivory
