// The inside of a Blueprint: checked nodes, and how they are made and read.
#pragma once
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/registry/blueprint.h>

#include "nodes.h"

namespace ivory {

// Thrown with the place already in the message, so that outer levels leave it alone.
class PlacedError : public Error {
 public:
  using Error::Error;
};
[[noreturn]] void fail_at(const Params& place, const std::string& message);

// One value as it was checked: how to make it.
struct Blueprint::Node {
  Node();  // not in place: clang would ask for it while the lists below are incomplete
  enum class Kind : std::uint8_t { kData, kNamed, kReference, kList, kMap };
  Kind kind = Kind::kData;
  Params source;                   // as written; its place is for messages
  const ArgType* paths = nullptr;  // kData that holds paths: the argument's type, which says where
  // kNamed
  const TypeInfo* info = nullptr;
  Form form = Form::kClass;
  std::vector<std::pair<const ArgInfo*, Node>> args;  // of `def`: those bound; else one for each argument
  // kReference
  Reference reference;
  // kList, kMap
  std::vector<std::pair<std::string, Node>> parts;

  // A data node that YAML writes as `__default__`: a null that would else mean the key's default class.
  bool default_word = false;

  [[nodiscard]] const Node* find_part(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> part_names() const;
};

struct Blueprint::State {
  State(const Registry& known, Params given, std::string lib, std::filesystem::path folder)
      : registry(known), section(std::move(given)), library(std::move(lib)), directory(std::move(folder)) {}

  const Registry& registry;
  Params section;
  std::string library;
  std::filesystem::path directory;
  std::vector<std::string> names;
  std::vector<Node> nodes;

  [[nodiscard]] const Node* find(std::string_view member) const;

  // Checking. `key` is the member's, argument's or mapping's key, or "layers.0" for an element of a list.
  void check_member(const ParamsItem& item);
  void check_referenced(const std::vector<std::string>& settings) const;
  [[nodiscard]] Node check_value(const std::string& key, const Params& node, const ArgType& type) const;
  [[nodiscard]] Node check_container(const std::string& key, const Params& node, const ArgType& type) const;
  [[nodiscard]] Node check_data(const std::string& key, const Params& node, const ArgType& type) const;
  [[nodiscard]] Node check_named(const std::string& key, const Params& node, Named named) const;
  [[nodiscard]] Node check_path(const std::string& key, const Params& node, const ArgType& type) const;
  [[nodiscard]] Node check_reference(const std::string& key, const Params& node, const ArgType& type) const;
  void check_target(const Node& made, const Node& target, const ArgType& type) const;
  void check_method(const Node& made, const Node& target, const ArgType& type) const;
  [[nodiscard]] Node check_rest(const ArgInfo& rest, const Params& node, const TypeInfo& info) const;
  [[nodiscard]] Node check_rest_item(const ArgInfo& rest, const ParamsItem& item, const TypeInfo& info) const;
  [[nodiscard]] Node check_family(const ArgInfo& rest, const ParamsItem& item, const TypeInfo& info) const;
  [[nodiscard]] std::optional<Node> check_arg(const TypeInfo& info, const ArgInfo& arg, const Params& node,
                                              Form form) const;
  [[nodiscard]] Node check_required(const TypeInfo& info, const ArgInfo& arg, const Params& node) const;
  [[nodiscard]] Node check_default(const ArgInfo& arg, const Params& place) const;

  // Making.
  [[nodiscard]] Value make(const Node& node, const Lookup& lookup) const;
  [[nodiscard]] Value make_named(const Node& node, const Lookup& lookup) const;
  [[nodiscard]] Value make_reference(const Node& node, const Lookup& lookup) const;
  [[nodiscard]] Value bind(const Node& node, const TypeCode& code, const Lookup& lookup) const;

  // Reading.
  [[nodiscard]] static Params resolved(const Node& node);
  static void collect_modules(const Node& node, std::set<std::string>& modules);
  static void collect_references(const Node& node, std::set<std::string>& members);
};

}  // namespace ivory
