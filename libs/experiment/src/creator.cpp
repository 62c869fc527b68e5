#include <ivory/experiment/creator.h>

#include <algorithm>
#include <array>

#include <ivory/base/error.h>
#include <ivory/base/rng.h>
#include <ivory/experiment/run.h>
#include <ivory/experiment/study.h>
#include <ivory/experiment/task.h>
#include <ivory/experiment/tracker.h>
#include <ivory/registry/overrides.h>

#include "run_row.h"

namespace ivory {
namespace {

// The class that a section is of.
const TypeInfo& class_of(const Registry& registry, std::string_view section) {
  return registry.get(section == "task" ? "ivory.Task" : section == "study" ? "ivory.Study" : "ivory.Run");
}

// Keys of a section that are no members: what its class takes, and what is filled in.
std::vector<std::string> setting_names(const TypeInfo& entity) {
  std::vector<std::string> names = entity.arg_names();
  names.insert(names.end(), {"class", "name", "id"});
  return names;
}

void check_settings(const Registry& registry, const TypeInfo& entity, const Params& section) {
  for (const auto& [key, value] : section.items()) {
    if (key == "class" && registry.get(value.as_string(), value).name != entity.name)
      throw Error(ErrorCode::kInvalidArgument,
                  at_place(value, "expected the class " + entity.name + ", found " + value.as_string()));
    const ArgInfo* arg = entity.find_arg(key);
    if (arg == nullptr || accepts(arg->type, value)) continue;
    throw Error(ErrorCode::kInvalidArgument,
                at_place(value, "'" + key + "' takes " + arg->type.to_text() + ", found " + value.to_text()));
  }
}

std::string library_of_section(const Params& section) {
  const Params* library = section.find("library");
  return library != nullptr && library->is_string() ? library->as_string() : std::string();
}

std::int64_t setting(const Params& section, std::string_view key, std::int64_t fallback) {
  const Params* value = section.find(key);
  return value == nullptr ? fallback : value->as_int();
}

Members make_members(const Blueprint& blueprint) {
  Members members;
  const auto lookup = [&](std::string_view name) { return members.at(name); };
  for (const std::string& name : blueprint.names()) members.set(name, blueprint.make(name, lookup));
  return members;
}

// Makes what is asked for and, on the way, what it refers to.
class LazyMembers {
 public:
  explicit LazyMembers(const Blueprint& blueprint) : blueprint_(blueprint) {}
  Value make(std::string_view path) {
    return path.find('.') == std::string_view::npos ? member(path) : make_part(path);
  }
  [[nodiscard]] const NamedValues& made() const noexcept { return made_.items(); }

 private:
  Value make_part(std::string_view path) {
    return blueprint_.make_part(path, [this](std::string_view name) { return member(name); });
  }
  Value member(std::string_view name) {
    if (const Value* made = made_.find(name)) return *made;
    Value value = make_part(name);
    made_.set(name, value);
    return value;
  }
  const Blueprint& blueprint_;
  Members made_;
};

// What the parameter file says, on top of what is there for all; with a tuner in any case.
Params whole_study_section(const Params& defaults, const Params* own) {
  Params section = defaults.is_map() ? Params(defaults) : Params::map();
  if (own != nullptr)
    for (const auto& [key, value] : own->items()) section.set(key, value);
  if (!section.contains("tuner")) section.set("tuner", Params());
  return section;
}

// What is made from a task is not that task.
void forget_identities(Params& params, std::string_view name) {
  for (const std::string_view section : {"task", "study"}) {
    Params* other = section == name ? nullptr : params.find(section);
    if (other == nullptr || !other->is_map()) continue;
    const bool named = other->erase("name");
    if ((other->erase("id") || named) && other->empty()) params.erase(section);
  }
}

}  // namespace

struct Creator::Plan {
  Params params, update;
  Blueprint blueprint;
  ProcessSettings process;
};

const Workshop& Creator::workshop() const {
  if (workshop_ == nullptr)
    throw Error(ErrorCode::kUnsupported,
                "this run was made directly from instances; it has no parameter file to make others from");
  return *workshop_;
}

std::pair<Params, Params> Creator::create_params(const Params& args, std::string_view name) const {
  const Params* section = params_.find(name);
  static const Params kEmpty = Params::map();
  if (name == "task" && (section == nullptr || section->is_null()))
    section = &kEmpty;  // needs no file's word
  const Params study = name == "study" ? whole_study_section(workshop().study, section) : Params();
  if (name == "study") section = &study;
  if (section == nullptr)
    throw Error(ErrorCode::kInvalidArgument, "there is no section '" + std::string(name) +
                                                 "' in the parameters" + did_you_mean(name, params_.keys()));
  Overridden overridden = apply_overrides(*workshop().registry, library_of_section(*section), *section, args);
  Params params = params_;
  params.set(name, std::move(overridden.params));
  forget_identities(params, name);
  return {std::move(params), std::move(overridden.update)};
}

Creator::Plan Creator::plan(const Params& args, std::string_view name) const {
  auto [params, update] = create_params(args, name);
  const Registry& registry = *workshop().registry;
  const Params& section = params.at(name);
  const TypeInfo& entity = class_of(registry, name);
  check_settings(registry, entity, section);
  Blueprint blueprint(registry, section, library_of_section(section), setting_names(entity),
                      workshop().directory);
  ProcessSettings process;
  process.seed = derive_seed({.seed = static_cast<std::uint64_t>(setting(section, "seed", 0)),
                              .repeat = static_cast<std::uint64_t>(setting(section, "repeat", 0)),
                              .purpose = "init"});
  process.threads = static_cast<int>(setting(section, "threads", 1));
  return {std::move(params), std::move(update), std::move(blueprint), process};
}

void Creator::fill(Run& run, Plan& made, std::string_view name,
                   const std::vector<std::string>& modules) const {
  if (const Params* section = run.params().find(name)) {  // made again from what a run has left
    if (const Params* id = section->find("id")) run.id_ = id->as_string();
    if (const Params* given = section->find("name")) run.name_ = given->as_string();
  }
  run.update_ = std::move(made.update);
  run.modules_ = modules;
  run.source_name_ = workshop().source_name;
  run.workshop_ = workshop_;
}

Run Creator::create_run(const Params& args, std::string_view name, const RunOrigin& origin) const {
  if (name == "task" || name == "study")
    throw Error(ErrorCode::kInvalidArgument, "create_run() makes runs; a " + std::string(name) +
                                                 " is made by create_" + std::string(name) + "()");
  Plan made = plan(args, name);
  const std::vector<std::string> modules = made.blueprint.modules();
  workshop().registry->prepare_process(modules, made.process);
  Run run(std::move(made.params), make_members(made.blueprint).items());
  fill(run, made, name, modules);
  if (workshop().tracker != nullptr) run.set_tracker(workshop().tracker, name, origin);
  return run;
}

Task Creator::create_task(const Params& args, const RunOrigin& origin) const {
  constexpr std::string_view kName = "task";
  Plan made = plan(args, kName);
  const std::vector<std::string> modules = made.blueprint.modules();
  workshop().registry->prepare_process(modules, made.process);
  Task task(workshop_, std::move(made.params), make_members(made.blueprint).items());
  fill(task, made, kName, modules);
  if (workshop().tracker != nullptr) task.set_tracker(workshop().tracker, kName, origin);
  return task;
}

Study Creator::create_study(const Params& args, const RunOrigin& origin) const {
  constexpr std::string_view kName = "study";
  Plan made = plan(args, kName);
  const std::vector<std::string> modules = made.blueprint.modules();
  workshop().registry->prepare_process(modules, made.process);
  Study study(workshop_, std::move(made.params), make_members(made.blueprint).items());
  if (!origin.run_id.empty()) made.update = Params::map();  // what it was begun with stays
  fill(study, made, kName, modules);
  if (workshop().tracker != nullptr) study.set_tracker(workshop().tracker, kName, origin);
  return study;
}

tracking::RunRecord Creator::reserve_run(const Params& args, std::string_view name,
                                         const RunOrigin& origin) const {
  if (workshop().tracker == nullptr)
    throw Error(ErrorCode::kUnsupported, "a run can only be reserved in a tracking store");
  const auto [params, update] = create_params(args, name);
  return create_row(*workshop().tracker, experiment_of(params), name, update, origin);
}

Value Creator::create_instance(std::string_view instance_name, const Params& args,
                               std::string_view name) const {
  return make_instance(instance_name, args, name).first;
}

std::pair<Value, NamedValues> Creator::make_instance(std::string_view instance_name, const Params& args,
                                                     std::string_view name) const {
  const Plan made = plan(args, name);
  workshop().registry->prepare_process(made.blueprint.modules(), made.process);
  LazyMembers members(made.blueprint);
  Value instance = members.make(instance_name);
  return {std::move(instance), members.made()};
}

Params Creator::resolve_params(const Params& args, std::string_view name) const {
  Plan made = plan(args, name);
  made.params.set(name, made.blueprint.resolved());
  return std::move(made.params);
}

void Creator::check(const Params& args, std::string_view mode, std::string_view name) const {
  const Plan made = plan(args, name);
  workshop().registry->prepare_process(made.blueprint.modules(), made.process);
  Run run(made.params, make_members(made.blueprint).items());
  run.mode_ = mode == "test" ? "test" : "train";
  run.create_callbacks();
  check_hook(run, made.params.at(name), Hook::kInitBegin);
  check_hook(run, made.params.at(name), Hook::kInitEnd);
}

void Creator::load_modules(const Params& args, std::string_view name) const {
  const Plan made = plan(args, name);
  workshop().registry->prepare_process(made.blueprint.modules(), made.process);
}

std::string Creator::process_owned(const Params& args, std::string_view name) const {
  for (const std::string& module : plan(args, name).blueprint.modules())
    if (const std::string reason = workshop().registry->process_owned(module); !reason.empty())
      return module + ": " + reason;
  return {};
}

void Creator::check_hook(Run& run, const Params& section, Hook hook) {
  for (const Run::Callback& callback : run.callbacks_[static_cast<std::size_t>(hook)]) {
    try {
      callback.call(callback.object, run);
    } catch (const Error& error) {
      const Params* place = section.find(callback.member);
      if (const Params* argument = place == nullptr ? nullptr : place->find(error.argument()))
        place = argument;
      throw Error(error.code(), place == nullptr ? error.what() : at_place(*place, error.what()));
    }
  }
}

Params Creator::present_value(std::string_view parameter, const Params& place) const {
  const Params& section = params_.at("run");
  return ivory::present_value(*workshop().registry, library_of_section(section), section, parameter, place);
}

}  // namespace ivory
