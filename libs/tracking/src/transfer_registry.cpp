#include "transfer_registry.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <tuple>

#include <nlohmann/json.hpp>

#include <ivory/base/files.h>

#include "model_rules.h"

namespace ivory::tracking {
namespace {

// Before the origin of a version that may not have its number yet.
constexpr std::string_view kUnfinished = "unfinished ";

// A search hides prompts unless it asks for them, and then it finds nothing else.
std::vector<std::string> filters() { return {"", "tags.`" + std::string(kPromptTag) + "` = 'true'"}; }

template <class T, class F>
std::vector<T> all_pages(const F& search) {
  std::vector<T> all;
  for (std::string& filter : filters()) {
    SearchModels query{.filter = std::move(filter)};
    do {
      Page<T> page = search(query);
      std::ranges::move(page.items, std::back_inserter(all));
      query.page_token = std::move(page.next_page_token);
    } while (!query.page_token.empty());
  }
  return all;
}

// None where the store has no registry.
std::vector<RegisteredModel> models_in(const ModelRegistry& registry) {
  try {
    return all_pages<RegisteredModel>(
        [&](const SearchModels& search) { return registry.search_registered_models(search); });
  } catch (const StoreError& error) {
    if (!is_not_kept(error)) throw;
    return {};
  }
}

// A version comes after those that its source may name.
std::vector<ModelVersion> versions_in(const ModelRegistry& registry) {
  auto versions = all_pages<ModelVersion>(
      [&](const SearchModels& search) { return registry.search_model_versions(search); });
  std::ranges::sort(versions, {}, [](const ModelVersion& version) {
    return std::tuple(version.creation_time, version.name, parse_model_version(version.version));
  });
  return versions;
}

// Names and numbers are the same in many stores: the time, the run and the place tell the versions apart.
std::string origin_of(const ModelVersion& version) {
  const std::string* const origin = find_tag(version.tags, kOriginTag);
  if (origin != nullptr) return *origin;
  return version.name + "/" + version.version + "/" + std::to_string(version.creation_time) + "/" +
         content_hash(version.run_id + " " + version.source);
}

// "SCHEME" + head + tail of a URI, with the tail from the first '/' on; nothing for another scheme.
struct Parts {
  std::string head;
  std::string tail;
};
std::optional<Parts> parts_of(std::string_view uri, std::string_view scheme) {
  if (!uri.starts_with(scheme)) return std::nullopt;
  uri.remove_prefix(scheme.size());
  const std::size_t end = std::min(uri.find('/'), uri.size());
  return Parts{std::string(uri.substr(0, end)), std::string(uri.substr(end))};
}

// [{"name": "m", "version": 1}, …]; empty if the model has no such tag, or it says something else.
nlohmann::json listed_versions(const LoggedModel& model) {
  const std::string* const tag = find_tag(model.tags, kModelVersionsTag);
  auto list = nlohmann::json::parse(tag == nullptr ? "[]" : *tag, nullptr, false);
  return list.is_array() ? list : nlohmann::json::array();
}

bool lists(const nlohmann::json& list, const std::string& name, const std::string& number) {
  return std::ranges::any_of(list, [&](const nlohmann::json& entry) {
    if (!entry.is_object() || !entry.contains("name") || !entry.contains("version")) return false;
    const nlohmann::json& version = entry["version"];
    const bool is_number =
        version.is_number_integer() && std::to_string(version.get<std::int64_t>()) == number;
    return entry["name"] == name && (is_number || version == number);
  });
}

}  // namespace

bool RegistryTransfer::comes_from_moved(const ModelVersion& version) const {
  if (map_.runs.contains(version.run_id) || map_.models.contains(version.model_id)) return true;
  if (map_.places.find(version.source)) return true;
  const auto part = parts_of(version.source, "models:/");
  if (part) return map_.models.contains(part->head);
  const auto run = parts_of(version.source, "runs:/");
  return run && map_.runs.contains(run->head);
}

// Whether anything was lacking.
bool RegistryTransfer::make_or_complete(const RegisteredModel& model) {
  const auto found = models_there_.find(model.name);
  if (found == models_there_.end()) {
    models_there_.emplace(model.name, to_.create_registered_model(model.name, model.tags, model.description,
                                                                  model.deployment_job_id));
    return true;
  }
  const RegisteredModel& there = found->second;
  const auto tags = lacking(model.tags, there.tags);
  for (const KeyValue& tag : tags) to_.set_registered_model_tag(model.name, tag);
  const bool described = model.description.empty() || model.description == there.description;
  if (!described) (void)to_.update_registered_model(model.name, {.description = model.description});
  return !tags.empty() || !described;
}

// Where the files of a version lie there.
std::string RegistryTransfer::source_of(const ModelVersion& version) const {
  if (const auto run = parts_of(version.source, "runs:/")) {
    const auto moved = map_.runs.find(run->head);
    return moved == map_.runs.end() ? version.source : "runs:/" + moved->second.run_id + run->tail;
  }
  if (const auto model = parts_of(version.source, "models:/")) {
    const auto moved = map_.models.find(model->head);
    if (moved != map_.models.end()) return "models:/" + moved->second + model->tail;
    const auto number =
        numbers_.find({model->head, model->tail.empty() ? std::string() : model->tail.substr(1)});
    if (number != numbers_.end()) return "models:/" + model->head + "/" + number->second;
    // What it names is not moved: its files are where they were.
    const std::string place = from_.download_uri(version.name, version.version);
    return map_.places.find(place).value_or(place);
  }
  return map_.places.find(version.source).value_or(version.source);
}

// Under its own number if that is to be had, so that models:/NAME/NUMBER stays the same: those of versions
// that were deleted are used up. Until the number is right it is marked as unfinished: the next transfer goes
// on with what one left that was killed.
ModelVersion RegistryTransfer::make_version(const ModelVersion& version) const {
  const std::string unfinished = std::string(kUnfinished) + origin_of(version);
  const auto run = map_.runs.find(version.run_id);
  const auto model = map_.models.find(version.model_id);
  const CreateModelVersion create{.name = version.name,
                                  .source = source_of(version),
                                  .run_id = run == map_.runs.end() ? version.run_id : run->second.run_id,
                                  .run_link = version.run_link,
                                  .description = version.description,
                                  .model_id = model == map_.models.end() ? "" : model->second,
                                  .tags = with_origin(version.tags, unfinished)};
  const auto left = versions_there_.find({version.name, unfinished});
  ModelVersion made = left == versions_there_.end() ? to_.create_model_version(create) : left->second;
  while (parse_model_version(made.version) < parse_model_version(version.version)) {
    to_.delete_model_version(made.name, made.version);
    made = to_.create_model_version(create);
  }
  to_.set_model_version_tag(made.name, made.version, {std::string(kOriginTag), origin_of(version)});
  return made;
}

// Whether anything was lacking.
bool RegistryTransfer::complete_version(const ModelVersion& version, const ModelVersion& there) {
  const auto tags = lacking(without_origin(version.tags), there.tags);
  for (const KeyValue& tag : tags) to_.set_model_version_tag(there.name, there.version, tag);
  const bool described = version.description.empty() || version.description == there.description;
  if (!described) (void)to_.update_model_version(there.name, there.version, version.description);
  const bool staged = version.current_stage.empty() || version.current_stage == there.current_stage;
  if (!staged) (void)to_.transition_stage(there.name, there.version, version.current_stage, false);
  return !tags.empty() || !described || !staged;
}

// A logged model that lists this version lists what stands for it there. Whether that was lacking.
bool RegistryTransfer::note_at_model(const ModelVersion& version, const std::string& number) {
  std::string model_id = version.model_id;
  if (const auto model = parts_of(version.source, "models:/"); model && model_id.empty())
    model_id = model->head;
  const auto moved = map_.models.find(model_id);
  if (moved == map_.models.end()) return false;
  const auto source = models_from_.find_logged_model(model_id);
  if (!source || !lists(listed_versions(*source), version.name, version.version)) return false;
  nlohmann::json list = listed_versions(models_to_.get_logged_model(moved->second));
  if (lists(list, version.name, number)) return false;
  list.push_back({{"name", version.name}, {"version", parse_model_version(number)}});
  (void)models_to_.set_logged_model_tags(moved->second, {{std::string(kModelVersionsTag), list.dump()}});
  return true;
}

void RegistryTransfer::copy_version(const ModelVersion& version) {
  const std::pair key(version.name, origin_of(version));
  const bool is_new = !versions_there_.contains(key);
  if (is_new) versions_there_.emplace(key, make_version(version));
  const ModelVersion& there = versions_there_.at(key);
  const bool completed = complete_version(version, there);
  const bool changed = note_at_model(version, there.version) || completed;
  numbers_[{version.name, version.version}] = there.version;
  TransferCounts& counts = report_.model_versions;
  ++(is_new ? counts.made : changed ? counts.completed : counts.present);
}

// Whether anything was lacking.
bool RegistryTransfer::copy_aliases(const RegisteredModel& model) {
  const std::vector<ModelAlias>& there = models_there_.at(model.name).aliases;
  bool changed = false;
  for (const ModelAlias& alias : from_.get_registered_model(model.name).aliases) {
    const auto number = numbers_.find({model.name, alias.version});
    if (number == numbers_.end()) continue;  // of a version that is not moved
    const ModelAlias wanted{alias.alias, number->second};
    if (std::ranges::find(there, wanted) != there.end()) continue;
    to_.set_alias(model.name, wanted.alias, wanted.version);
    changed = true;
  }
  return changed;
}

// What the target refuses is reported and left out; true if it was not.
template <class F>
bool RegistryTransfer::attempt(const std::string& what, const F& copy) {
  try {
    copy();
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    report_.refused.push_back(what + ": " + error.what());
    return false;
  }
}

void RegistryTransfer::read_target() {
  for (RegisteredModel& model : models_in(to_)) {
    const std::string name = model.name;
    models_there_.emplace(name, std::move(model));
  }
  for (ModelVersion& version : versions_in(to_)) {
    std::pair key(version.name, origin_of(version));
    versions_there_.emplace(std::move(key), std::move(version));
  }
}

void RegistryTransfer::run(bool only_moved) {
  std::vector<RegisteredModel> models = models_in(from_);
  if (models.empty()) return;
  std::vector<ModelVersion> versions = versions_in(from_);
  if (only_moved) {
    std::erase_if(versions, [this](const ModelVersion& version) { return !comes_from_moved(version); });
    std::erase_if(models, [&](const RegisteredModel& model) {
      return std::ranges::find(versions, model.name, &ModelVersion::name) == versions.end();
    });
  }
  if (models.empty()) return;
  read_target();
  std::set<std::string> made;
  std::set<std::string> changed;
  std::erase_if(models, [&](const RegisteredModel& model) {
    const bool is_new = !models_there_.contains(model.name);
    return !attempt(model.name, [&] {
      if (make_or_complete(model)) (is_new ? made : changed).insert(model.name);
    });
  });
  for (const ModelVersion& version : versions) {
    if (std::ranges::find(models, version.name, &RegisteredModel::name) != models.end())
      (void)attempt(version.name + " " + version.version, [&] { copy_version(version); });
  }
  TransferCounts& counts = report_.registered_models;
  for (const RegisteredModel& model : models) {
    if (copy_aliases(model)) changed.insert(model.name);
    ++(made.contains(model.name)      ? counts.made
       : changed.contains(model.name) ? counts.completed
                                      : counts.present);
  }
}

}  // namespace ivory::tracking
