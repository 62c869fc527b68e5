#include <ivory/registry/module.h>

#include <dlfcn.h>

#include <algorithm>
#include <cassert>
#include <mutex>

#include "announcements.h"

namespace ivory {
namespace {

// Libraries announce their modules from their static initialisers, before main or inside dlopen: the one
// list that must be of the process.
struct Announced {
  std::mutex mutex;
  std::vector<Announcement> list;
};

// Set while open_library() runs on this thread: what is announced then is not linked into the program.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): of a call, not of the process
thread_local bool opening = false;

Announced& announced() {
  static Announced instance;
  return instance;
}

}  // namespace

ArgInfo arg::take(const ArgType& type) && {
  info_.type = type;
  if (!info_.required && !info_.rest && info_.default_value.is_null()) info_.type.nullable = true;
  if (!info_.required && !info_.rest && !accepts(info_.type, info_.default_value)) {
    const bool named =
        info_.default_value.is_string() && (info_.type.wants_object() || info_.type.wants_callable());
    if (!named) {
      throw Error(ErrorCode::kInternal,
                  "argument '" + info_.name + "': its default is no " + info_.type.to_text());
    }
  }
  return std::move(info_);
}

TypeCode& Module::add(std::string name, TypeInfo::Kind kind, std::string help) {
  const auto same = [&](const std::unique_ptr<TypeCode>& type) { return type->info.name == name; };
  if (std::ranges::any_of(types_, same))
    throw Error(ErrorCode::kConflict, "'" + name + "' is declared twice in the module '" + name_ + "'");
  types_.push_back(std::make_unique<TypeCode>());
  TypeInfo& info = types_.back()->info;
  info.name = std::move(name);
  info.kind = kind;
  info.help = std::move(help);
  info.module = name_;
  return *types_.back();
}

Module& Module::alias(std::string other, std::string name) {
  aliases_.emplace_back(std::move(other), std::move(name));
  return *this;
}

Module& Module::default_class(DefaultClass entry) {
  default_classes_.push_back(std::move(entry));
  return *this;
}

Module& Module::process_owned(std::string reason) {
  process_owned_ = std::move(reason);
  return *this;
}

Module& Module::on_process(std::function<void(const ProcessSettings&)> prepare) {
  prepare_ = std::move(prepare);
  return *this;
}

void Module::prepare_process(const ProcessSettings& settings) const {
  if (prepare_) prepare_(settings);
}

std::string library_of(const void* address) {
  Dl_info info{};
  if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code ignored;
  const auto path = std::filesystem::weakly_canonical(info.dli_fname, ignored);
  return ignored ? std::string(info.dli_fname) : path.string();
}

ModuleAnnouncement::ModuleAnnouncement(const char* name, void (*declare)(Module&)) {
  Announced& all = announced();
  const std::scoped_lock lock(all.mutex);
  all.list.push_back({name, declare, library_of(reinterpret_cast<const void*>(declare)), opening});
}

void open_library(const std::filesystem::path& library) {
  const bool outer = std::exchange(opening, true);
  const bool opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr;
  opening = outer;
  if (opened) return;
  const char* reason = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it per thread
  throw Error(ErrorCode::kInvalidArgument, "the module " + library.string() + " cannot be loaded: " +
                                               (reason != nullptr ? reason : "no reason given"));
}

std::vector<Announcement> announcements() {
  Announced& all = announced();
  const std::scoped_lock lock(all.mutex);
  return all.list;
}

}  // namespace ivory
