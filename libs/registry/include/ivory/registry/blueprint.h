// A section of a parameter file checked against the declarations, ready to be made.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/registry/registry.h>

namespace ivory {

// The members of a run: objects (`class:`), callables (`def:`), results (`call:`) and plain values, in order.
// Checking reads manifests only; making loads code.
//
// Ownership: keeps a copy of the section; the registry must outlive it. Threads: const methods from any.
// Errors: kInvalidArgument "file:line: …" with what was found, what was expected and the nearest name.
class Blueprint {
 public:
  // `settings` are keys of the section that are no members ("seed"). Relative paths among the arguments start
  // from `directory` (the process's, if empty).
  Blueprint(const Registry& registry, Params section, std::string library,
            const std::vector<std::string>& settings = {}, std::filesystem::path directory = {});
  ~Blueprint();
  Blueprint(const Blueprint&) = delete;
  Blueprint& operator=(const Blueprint&) = delete;
  Blueprint(Blueprint&&) noexcept;
  Blueprint& operator=(Blueprint&&) noexcept;

  [[nodiscard]] const std::vector<std::string>& names() const noexcept;
  // The section with every class named and every default filled in. It reads back as the same blueprint.
  [[nodiscard]] Params resolved() const;
  // Modules whose code is needed to make the members.
  [[nodiscard]] std::vector<std::string> modules() const;
  // The declaration of a member's class; null for a plain value or a callable.
  [[nodiscard]] const TypeInfo* find_class(std::string_view member) const;

  // Makes one member; `lookup` gives members made earlier, for `$`.
  // Errors: those of the constructor, with the place of the argument in YAML.
  using Lookup = std::function<Value(std::string_view member)>;
  [[nodiscard]] Value make(std::string_view member, const Lookup& lookup) const;
  // The same for an object within a member: "datasets.data". Errors: kNotFound.
  [[nodiscard]] Value make_part(std::string_view path, const Lookup& lookup) const;

 private:
  struct Node;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ivory
