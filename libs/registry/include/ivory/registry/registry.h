// Everything that YAML can name: what is linked into the process, and what manifests say of libraries that
// are loaded only when their code is needed.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/registry/module.h>
#include <ivory/registry/type_info.h>

namespace ivory {

// What a module's library declares, without its code. Written as JSON beside the library when it is built.
struct Manifest {
  std::string module;         // "torch"
  std::string process_owned;  // why runs may not share a process; empty: they may
  std::string hash;           // content hash of the library
  std::vector<TypeInfo> types;
  std::vector<std::pair<std::string, std::string>> aliases;
  std::vector<DefaultClass> default_classes;

  [[nodiscard]] static Manifest of(const Module& module);
  [[nodiscard]] std::string to_json() const;
  // Errors: kInvalidArgument for text that is no manifest of this version of Ivory.
  [[nodiscard]] static Manifest from_json(std::string_view text);
};

// Loads the library and returns its manifest. Errors: kInvalidArgument if it cannot be loaded or declares no
// module.
[[nodiscard]] Manifest read_library(const std::filesystem::path& library);
// "libx.so" -> "libx.so.manifest.json".
[[nodiscard]] std::filesystem::path manifest_path(const std::filesystem::path& library);

// Threads: built by one thread; then every const method may be called from any.
class Registry {
 public:
  // Knows the modules linked into this process, and those whose manifests lie beside Ivory's own libraries.
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Adds a library by the manifest beside it; it is loaded when code of it is first asked for.
  // Errors: kNotFound without a manifest, kConflict if a name is declared already.
  void add_library(const std::filesystem::path& library);

  // The declaration of a name or of an alias of it.
  [[nodiscard]] const TypeInfo* find(std::string_view name) const;
  // The same. Errors: kInvalidArgument at `place`, with the nearest name or the module that is missing.
  [[nodiscard]] const TypeInfo& get(std::string_view name, const Params& place = {}) const;
  // The code behind a declaration; loads its library. Errors: kInvalidArgument if it cannot be loaded or is
  // another than its manifest says.
  [[nodiscard]] const TypeCode& code(const TypeInfo& info) const;
  // Declarations whose name begins with `prefix`, sorted by name.
  [[nodiscard]] std::vector<const TypeInfo*> list(std::string_view prefix = {}) const;
  // Further names of a declaration.
  [[nodiscard]] std::vector<std::string> aliases(std::string_view name) const;

  // What a member of that name is when YAML gives no class: the library's entry, then the core's.
  [[nodiscard]] const DefaultClass* default_class(std::string_view member, std::string_view library) const;
  [[nodiscard]] std::vector<std::string> default_members(std::string_view library) const;
  [[nodiscard]] bool has_module(std::string_view module) const;
  [[nodiscard]] std::vector<std::string> modules() const;
  // Why runs that use that module may not share a process; empty if they may.
  [[nodiscard]] std::string process_owned(std::string_view module) const;

  // Loads these modules and tells each of them the settings.
  void prepare_process(const std::vector<std::string>& modules, const ProcessSettings& settings) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ivory
