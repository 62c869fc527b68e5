// Modules that the libraries of this process have announced, by library.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <ivory/registry/module.h>

namespace ivory {

struct Announcement {
  std::string name;
  void (*declare)(Module&) = nullptr;
  std::string library;     // canonical path of the library or program it stands in
  bool on_demand = false;  // the library was loaded by open_library(), not linked
};

// Loads a library of modules. Never closed: objects made by its code may live as long as the process.
// Errors: kInvalidArgument with the loader's words.
void open_library(const std::filesystem::path& library);

[[nodiscard]] std::vector<Announcement> announcements();
// Path of the library or program that holds `address`.
[[nodiscard]] std::string library_of(const void* address);

}  // namespace ivory
