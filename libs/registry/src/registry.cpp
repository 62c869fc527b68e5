#include <ivory/registry/registry.h>

#include <algorithm>
#include <map>
#include <mutex>

#include <ivory/base/error.h>
#include <ivory/base/files.h>

#include "announcements.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;

// Class paths of the original whose counterpart comes from a module that may be absent.
constexpr std::pair<std::string_view, std::string_view> kModulesOfPrefixes[] = {
    {"ivory.torch.", "torch"},      {"torch.", "torch"},
    {"ivory.sklearn.", "opencv"},   {"sklearn.", "opencv"},
    {"ivory.lightgbm.", "xgboost"}, {"lightgbm.", "xgboost"},
    {"xgboost.", "xgboost"},
};

std::unique_ptr<Module> declare(const Announcement& announcement) {
  auto module = std::make_unique<Module>(announcement.name);
  announcement.declare(*module);
  return module;
}

std::vector<std::unique_ptr<Module>> declarations_in(const fs::path& library) {
  const std::string path = fs::weakly_canonical(library).string();
  std::vector<std::unique_ptr<Module>> modules;
  for (const Announcement& announcement : announcements())
    if (announcement.library == path) modules.push_back(declare(announcement));
  if (modules.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        library.string() + " declares no module; expected IVORY_MODULE(name, m) { … } in one of its sources");
  }
  return modules;
}

Manifest merged(const std::vector<std::unique_ptr<Module>>& modules) {
  Manifest all = Manifest::of(*modules.front());
  for (std::size_t i = 1; i < modules.size(); ++i) {
    const Manifest next = Manifest::of(*modules[i]);
    all.types.insert(all.types.end(), next.types.begin(), next.types.end());
    all.aliases.insert(all.aliases.end(), next.aliases.begin(), next.aliases.end());
    all.default_classes.insert(all.default_classes.end(), next.default_classes.begin(),
                               next.default_classes.end());
    if (all.process_owned.empty()) all.process_owned = next.process_owned;
  }
  return all;
}

}  // namespace

Manifest read_library(const fs::path& library) {
  const fs::path path = fs::absolute(library);  // a bare name would be searched for elsewhere
  open_library(path);
  Manifest manifest = merged(declarations_in(path));
  manifest.hash = content_hash(read_file(path));
  return manifest;
}

struct Registry::State {
  struct Source {
    Manifest manifest;
    fs::path library;                              // empty: linked into the process
    std::vector<std::unique_ptr<Module>> modules;  // once loaded
  };
  struct Entry {
    const TypeInfo* info;
    Source* source;
  };

  std::vector<std::unique_ptr<Source>> sources;
  std::map<std::string, Entry, std::less<>> entries;
  std::map<std::string, std::string, std::less<>> aliases;
  std::mutex loading;

  void add(std::unique_ptr<Source> source) {
    const Manifest& manifest = source->manifest;
    for (const TypeInfo& info : manifest.types) check_free(info.name, info.name, manifest.module);
    for (const auto& [other, name] : manifest.aliases) check_free(other, name, manifest.module);
    for (const TypeInfo& info : manifest.types) entries.emplace(info.name, Entry{&info, source.get()});
    for (const auto& [other, name] : manifest.aliases) aliases.emplace(other, name);
    sources.push_back(std::move(source));
  }

  // `name` is free, or another name for `target` already.
  void check_free(const std::string& name, const std::string& target, const std::string& module) const {
    const auto entry = entries.find(name);
    const auto alias = aliases.find(name);
    const bool taken = entry != entries.end() || (alias != aliases.end() && alias->second != target);
    if (!taken) return;
    const auto& owner = entry != entries.end() ? entry : entries.find(alias->second);
    const std::string other =
        owner == entries.end() ? "another" : "'" + owner->second.source->manifest.module + "'";
    throw Error(ErrorCode::kConflict,
                "'" + name + "' is declared by the module " + other + " and again by '" + module + "'");
  }

  void add_linked() {
    for (const Announcement& announcement : announcements()) {
      if (announcement.on_demand) continue;
      auto source = std::make_unique<Source>();
      source->modules.push_back(declare(announcement));
      source->manifest = Manifest::of(*source->modules.front());
      add(std::move(source));
    }
  }

  // A program may link a module that lies beside the libraries.
  static bool linked(const fs::path& library) {
    const std::string path = fs::weakly_canonical(library).string();
    return std::ranges::any_of(announcements(),
                               [&](const Announcement& a) { return !a.on_demand && a.library == path; });
  }

  void add_library(const fs::path& library) {
    auto source = std::make_unique<Source>();
    source->library = fs::absolute(library);  // the process may move
    const fs::path manifest = manifest_path(source->library);
    const std::string text = read_file(manifest);
    try {
      source->manifest = Manifest::from_json(text);
    } catch (const Error& error) {
      throw Error(ErrorCode::kInvalidArgument, manifest.string() + ": " + error.what());
    }
    add(std::move(source));
  }

  // What to do about an unknown name.
  [[nodiscard]] std::string hint(std::string_view name) const {
    const auto* const known = std::ranges::find_if(
        kModulesOfPrefixes, [&](const auto& entry) { return name.starts_with(entry.first); });
    if (known != std::end(kModulesOfPrefixes) && find_source(known->second) == nullptr)
      return "; the module '" + std::string(known->second) + "', which declares it, is not installed";
    std::vector<std::string> names;
    for (const auto& [other, entry] : entries) names.push_back(other);
    for (const auto& [other, target] : aliases) names.push_back(other);
    if (std::string near = did_you_mean(name, names, 0); !near.empty()) return near;
    const std::string prefix(name.substr(0, name.find('.') + 1));
    const bool foreign = !prefix.empty() && std::ranges::none_of(names, [&](const std::string& other) {
      return other.starts_with(prefix);
    });
    return foreign ? "; no module declares names that begin with '" + prefix + "'"
                   : "; `ivory types` lists what there is";
  }

  [[nodiscard]] Source* find_source(std::string_view module) const {
    for (const auto& source : sources)
      if (source->manifest.module == module) return source.get();
    return nullptr;
  }

  void load(Source& source) {
    const std::scoped_lock lock(loading);
    if (!source.modules.empty()) return;
    open_library(source.library);
    auto modules = declarations_in(source.library);
    Manifest declared = merged(modules);
    declared.hash = source.manifest.hash;
    if (declared.to_json() != source.manifest.to_json()) {
      throw Error(
          ErrorCode::kInvalidArgument,
          source.library.string() + " declares something else than its manifest says; build it again");
    }
    source.modules = std::move(modules);
  }
};

Registry::Registry() : state_(std::make_unique<State>()) {
  state_->add_linked();
  const fs::path here = fs::path(library_of(reinterpret_cast<const void*>(&read_library))).parent_path();
  constexpr std::string_view kEnding = ".manifest.json";
  std::error_code none;
  std::vector<fs::path> found;
  for (const auto& file : fs::directory_iterator(here, none)) {
    const std::string name = file.path().filename().string();
    if (name.starts_with("libivory-") && name.ends_with(kEnding))
      found.push_back(here / name.substr(0, name.size() - kEnding.size()));
  }
  std::ranges::sort(found);
  for (const fs::path& library : found)
    if (!State::linked(library)) state_->add_library(library);
}

Registry::~Registry() = default;

void Registry::add_library(const fs::path& library) { state_->add_library(library); }

const TypeInfo* Registry::find(std::string_view name) const {
  const auto alias = state_->aliases.find(name);
  const auto entry =
      state_->entries.find(alias == state_->aliases.end() ? name : std::string_view(alias->second));
  return entry == state_->entries.end() ? nullptr : entry->second.info;
}

const TypeInfo& Registry::get(std::string_view name, const Params& place) const {
  if (const TypeInfo* info = find(name)) return *info;
  throw Error(ErrorCode::kInvalidArgument,
              at_place(place, "unknown class or function '" + std::string(name) + "'" + state_->hint(name)));
}

const TypeCode& Registry::code(const TypeInfo& info) const {
  State::Source& source = *state_->entries.at(info.name).source;
  state_->load(source);
  for (const auto& module : source.modules)
    for (const auto& type : module->types())
      if (type->info.name == info.name) return *type;
  throw Error(ErrorCode::kInvalidArgument, "'" + info.name + "' is in the manifest of " +
                                               source.library.string() +
                                               " but not in its code; build it again");
}

std::vector<const TypeInfo*> Registry::list(std::string_view prefix) const {
  std::vector<const TypeInfo*> infos;
  for (const auto& [name, entry] : state_->entries)
    if (name.starts_with(prefix)) infos.push_back(entry.info);
  return infos;
}

std::vector<std::string> Registry::aliases(std::string_view name) const {
  std::vector<std::string> others;
  for (const auto& [other, target] : state_->aliases)
    if (target == name) others.push_back(other);
  return others;
}

const DefaultClass* Registry::default_class(std::string_view member, std::string_view library) const {
  const DefaultClass* core = nullptr;
  for (const auto& source : state_->sources) {
    for (const DefaultClass& entry : source->manifest.default_classes) {
      if (entry.member != member) continue;
      if (!library.empty() && entry.library == library) return &entry;
      if (entry.library.empty() && core == nullptr) core = &entry;
    }
  }
  return core;
}

std::vector<std::string> Registry::default_members(std::string_view library) const {
  std::vector<std::string> members;
  for (const auto& source : state_->sources)
    for (const DefaultClass& entry : source->manifest.default_classes)
      if (entry.library.empty() || entry.library == library) members.push_back(entry.member);
  std::ranges::sort(members);
  members.erase(std::ranges::unique(members).begin(), members.end());
  return members;
}

bool Registry::has_module(std::string_view module) const { return state_->find_source(module) != nullptr; }

std::vector<std::string> Registry::modules() const {
  std::vector<std::string> names;
  for (const auto& source : state_->sources) names.push_back(source->manifest.module);
  return names;
}

std::string Registry::process_owned(std::string_view module) const {
  const State::Source* source = state_->find_source(module);
  return source == nullptr ? std::string() : source->manifest.process_owned;
}

void Registry::prepare_process(const std::vector<std::string>& modules,
                               const ProcessSettings& settings) const {
  for (const auto& source : state_->sources) {
    if (std::ranges::find(modules, source->manifest.module) == modules.end()) continue;
    state_->load(*source);
    for (const auto& module : source->modules) module->prepare_process(settings);
  }
}

}  // namespace ivory
