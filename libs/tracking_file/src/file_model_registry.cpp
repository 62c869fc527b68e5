#include "file_model_registry.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/tracking/model_search.h>
#include <ivory/tracking/store_error.h>

#include "file_layout.h"
#include "model_rules.h"
#include "validation.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAliasesFolder = "aliases";
constexpr std::string_view kVersionStart = "version-";
constexpr std::string_view kCreated = "creation_timestamp";
constexpr std::string_view kUpdated = "last_updated_timestamp";
constexpr std::string_view kStage = "current_stage";

std::int64_t number_of(const ModelVersion& version) { return parse_model_version(version.version); }

std::optional<std::int64_t> number_of_folder(std::string_view name) {
  const std::string_view digits = name.substr(std::min(name.size(), kVersionStart.size()));
  const bool fits = name.substr(0, kVersionStart.size()) == kVersionStart && !digits.empty() &&
                    digits.size() < 19 && digits.find_first_not_of("0123456789") == std::string_view::npos;
  if (!fits) return std::nullopt;
  return parse_model_version(digits);
}

ModelVersion read_version(const fs::path& folder, const Params& meta) {
  ModelVersion version;
  version.name = folder.parent_path().filename().string();
  version.version = std::to_string(number_of_folder(folder.filename().string()).value_or(0));
  version.creation_time = find_integer_field(meta, kCreated).value_or(0);
  version.last_update_time = find_integer_field(meta, kUpdated).value_or(0);
  version.user_id = text_field(meta, "user_id");
  version.current_stage = text_field(meta, kStage);
  version.description = text_field(meta, "description");
  version.source = text_field(meta, "source");
  version.run_id = text_field(meta, "run_id");
  version.run_link = text_field(meta, "run_link");
  version.status = text_field(meta, "status");
  version.status_message = text_field(meta, "status_message");
  version.model_id = text_field(meta, "model_id");
  version.tags = FileTree::values(folder / kTagsFolder);
  for (const KeyValue& alias : FileTree::values(folder.parent_path() / kAliasesFolder)) {
    if (alias.value == version.version) version.aliases.push_back(alias.key);
  }
  return version;
}

// The newest of each stage, in the order that the stages came into use.
std::vector<ModelVersion> latest_of(const std::vector<ModelVersion>& versions) {
  std::vector<ModelVersion> latest;
  for (const ModelVersion& version : versions) {
    const auto same = std::find_if(latest.begin(), latest.end(), [&](const ModelVersion& other) {
      return other.current_stage == version.current_stage;
    });
    if (same == latest.end()) {
      latest.push_back(version);
    } else {
      *same = version;
    }
  }
  return latest;
}

std::int64_t largest_number(const fs::path& model) {
  std::int64_t largest = 0;
  for (const std::string& name : FileTree::folders(model))
    largest = std::max(largest, number_of_folder(name).value_or(0));
  return largest;
}

}  // namespace

fs::path FileModelRegistry::models_folder() const { return tree_.root() / kModelsFolder; }

std::optional<FileModelRegistry::Entry> FileModelRegistry::find_model(std::string_view name) const {
  const fs::path folder = models_folder() / name;
  auto meta = FileTree::find_meta(folder);
  if (!meta) return std::nullopt;
  return Entry{folder, *std::move(meta)};
}

FileModelRegistry::Entry FileModelRegistry::get_model(std::string_view name) const {
  check_registered_model_name(name);
  auto model = find_model(name);
  if (!model) fail_no_registered_model(name);
  return *std::move(model);
}

FileModelRegistry::Entry FileModelRegistry::get_version(std::string_view name,
                                                        std::string_view version) const {
  check_registered_model_name(name);
  const std::int64_t number = parse_model_version(version);
  const fs::path folder = models_folder() / name / (std::string(kVersionStart) + std::to_string(number));
  auto meta = FileTree::find_meta(folder);
  if (!meta || text_field(*meta, kStage) == kStageDeleted) fail_no_model_version(name, version);
  return {folder, *std::move(meta)};
}

// By number; deleted ones are left out.
std::vector<ModelVersion> FileModelRegistry::versions_of(const fs::path& model) {
  std::vector<ModelVersion> versions;
  for (const std::string& name : FileTree::folders(model)) {
    if (!number_of_folder(name)) continue;
    const auto meta = FileTree::find_meta(model / name);
    if (meta && text_field(*meta, kStage) != kStageDeleted)
      versions.push_back(read_version(model / name, *meta));
  }
  std::sort(versions.begin(), versions.end(),
            [](const ModelVersion& a, const ModelVersion& b) { return number_of(a) < number_of(b); });
  return versions;
}

RegisteredModel FileModelRegistry::read_model(const Entry& entry) {
  RegisteredModel model;
  model.name = entry.folder.filename().string();
  model.creation_time = find_integer_field(entry.meta, kCreated).value_or(0);
  model.last_update_time = find_integer_field(entry.meta, kUpdated).value_or(0);
  model.description = text_field(entry.meta, "description");
  model.deployment_job_id = text_field(entry.meta, "deployment_job_id");
  model.tags = FileTree::values(entry.folder / kTagsFolder);
  for (const KeyValue& alias : FileTree::values(entry.folder / kAliasesFolder))
    model.aliases.push_back({alias.key, alias.value});
  model.latest_versions = latest_of(versions_of(entry.folder));
  return model;
}

void FileModelRegistry::touch(const fs::path& folder, TimeMs now) const {
  auto meta = FileTree::find_meta(folder);
  if (!meta) return;
  meta->set(kUpdated, now);
  tree_.write_meta(folder, *meta);
}

RegisteredModel FileModelRegistry::create_registered_model(std::string_view name,
                                                           const std::vector<KeyValue>& tags,
                                                           std::string_view description,
                                                           std::string_view deployment_job_id) {
  check_registered_model_name(name);
  check_text(description, "the description of a registered model");
  check_text(deployment_job_id, "the deployment job of a registered model");
  for (const KeyValue& tag : tags) check_model_tag(tag);
  const FileLock lock = tree_.lock();
  if (const auto taken = find_model(name))
    fail_name_taken(name, is_prompt(FileTree::values(taken->folder / kTagsFolder)), is_prompt(tags));
  const TimeMs now = now_ms();
  Params meta = Params::map();
  meta.set("aliases", Params::map());
  meta.set(kCreated, now);
  meta.set("deployment_job_id", text_or_null(deployment_job_id));
  meta.set("deployment_job_state", Params());
  meta.set("description", description);
  meta.set(kUpdated, now);
  meta.set("name", name);
  const fs::path folder = models_folder() / name;
  for (const KeyValue& tag : tags) tree_.write_value(folder / kTagsFolder, tag);
  tree_.write_meta(folder, meta);
  return read_model({folder, meta});
}

RegisteredModel FileModelRegistry::update_registered_model(std::string_view name,
                                                           const RegisteredModelUpdate& update) {
  if (update.description) check_text(*update.description, "the description of a registered model");
  if (update.deployment_job_id)
    check_text(*update.deployment_job_id, "the deployment job of a registered model");
  const FileLock lock = tree_.lock();
  Entry model = get_model(name);
  if (update.description) model.meta.set("description", *update.description);
  if (update.deployment_job_id) model.meta.set("deployment_job_id", text_or_null(*update.deployment_job_id));
  model.meta.set(kUpdated, now_ms());
  tree_.write_meta(model.folder, model.meta);
  return read_model(model);
}

RegisteredModel FileModelRegistry::rename_registered_model(std::string_view name, std::string_view new_name) {
  check_registered_model_name(new_name, "new_name");
  const FileLock lock = tree_.lock();
  Entry model = get_model(name);
  if (name != new_name && find_model(new_name)) {
    throw StoreError(Refusal::kResourceAlreadyExists,
                     "Registered Model (name=" + std::string(new_name) + ") already exists.");
  }
  const TimeMs now = now_ms();
  const fs::path target = models_folder() / new_name;
  std::error_code error;
  fs::rename(model.folder, target, error);
  if (error) throw Error(ErrorCode::kIo, "cannot move '" + model.folder.string() + "': " + error.message());
  for (const ModelVersion& version : versions_of(target)) {
    const fs::path folder = target / (std::string(kVersionStart) + version.version);
    auto meta = FileTree::find_meta(folder).value_or(Params::map());
    meta.set("name", new_name);
    meta.set(kUpdated, now);
    tree_.write_meta(folder, meta);
  }
  model.meta.set("name", new_name);
  model.meta.set(kUpdated, now);
  tree_.write_meta(target, model.meta);
  return read_model({target, model.meta});
}

void FileModelRegistry::delete_registered_model(std::string_view name) {
  const FileLock lock = tree_.lock();
  const Entry model = get_model(name);
  std::error_code error;
  // The first, so that what is left by one who is killed on the way is no model.
  fs::remove(model.folder / "meta.yaml", error);
  if (!error) fs::remove_all(model.folder, error);
  if (error) throw Error(ErrorCode::kIo, "cannot remove '" + model.folder.string() + "': " + error.message());
}

RegisteredModel FileModelRegistry::get_registered_model(std::string_view name) const {
  return read_model(get_model(name));
}

Page<RegisteredModel> FileModelRegistry::search_registered_models(const SearchModels& search) const {
  const std::int64_t max_results = registered_model_results(search);
  const auto conditions = parse_registered_model_filter(search.filter);
  const auto order = parse_registered_model_order(search.order_by);
  const std::int64_t offset = parse_page_token(search.page_token);
  std::vector<RegisteredModel> models;
  for (const std::string& name : FileTree::folders(models_folder())) {
    const auto entry = find_model(name);
    if (!entry) continue;
    RegisteredModel model = read_model(*entry);
    if (matches(model, conditions)) models.push_back(std::move(model));
  }
  sort_records(models, order);
  return page_of(std::move(models), offset, max_results);
}

std::vector<ModelVersion> FileModelRegistry::latest_versions(std::string_view name,
                                                             const std::vector<std::string>& stages) const {
  std::vector<std::string_view> wanted;
  for (const std::string& stage : stages) wanted.push_back(canonical_stage(stage));
  auto latest = latest_of(versions_of(get_model(name).folder));
  std::erase_if(latest, [&](const ModelVersion& version) {
    return !wanted.empty() && std::find(wanted.begin(), wanted.end(), version.current_stage) == wanted.end();
  });
  return latest;
}

void FileModelRegistry::set_registered_model_tag(std::string_view name, const KeyValue& tag) {
  check_model_tag(tag);
  const FileLock lock = tree_.lock();
  const Entry model = get_model(name);
  tree_.write_value(model.folder / kTagsFolder, tag);
  touch(model.folder, now_ms());
}

void FileModelRegistry::delete_registered_model_tag(std::string_view name, std::string_view key) {
  check_key(key, "tag");
  const FileLock lock = tree_.lock();
  const Entry model = get_model(name);
  if (FileTree::remove_value(model.folder / kTagsFolder, key)) touch(model.folder, now_ms());
}

ModelVersion FileModelRegistry::create_model_version(const CreateModelVersion& create) {
  check_new_model_version(create);
  const ModelOrigin origin = origin_of(create, *this, logged_models_);
  const FileLock lock = tree_.lock();
  const Entry model = get_model(create.name);
  const std::int64_t number = largest_number(model.folder) + 1;
  const TimeMs now = now_ms();
  Params meta = Params::map();
  meta.set(kCreated, now);
  meta.set(kStage, kStageNone);
  meta.set("deployment_job_state", Params());
  meta.set("description", create.description);
  meta.set(kUpdated, now);
  meta.set("model_id", text_or_null(create.model_id));
  meta.set("name", create.name);
  meta.set("run_id", text_or_null(origin.run_id));
  meta.set("run_link", text_or_null(create.run_link));
  meta.set("source", create.source);
  meta.set("status", "READY");
  meta.set("status_message", Params());
  meta.set("storage_location", origin.location);
  meta.set("user_id", Params());
  meta.set("version", number);
  const fs::path folder = model.folder / (std::string(kVersionStart) + std::to_string(number));
  for (const KeyValue& tag : create.tags) tree_.write_value(folder / kTagsFolder, tag);
  tree_.write_meta(folder, meta);
  touch(model.folder, now);
  return read_version(folder, meta);
}

ModelVersion FileModelRegistry::update_model_version(std::string_view name, std::string_view version,
                                                     std::string_view description) {
  check_text(description, "the description of a model version");
  const FileLock lock = tree_.lock();
  Entry entry = get_version(name, version);
  entry.meta.set("description", description);
  entry.meta.set(kUpdated, now_ms());
  tree_.write_meta(entry.folder, entry.meta);
  return read_version(entry.folder, entry.meta);
}

ModelVersion FileModelRegistry::transition_stage(std::string_view name, std::string_view version,
                                                 std::string_view stage, bool archive_existing) {
  const std::string_view wanted = transition_target(stage, archive_existing);
  const FileLock lock = tree_.lock();
  Entry entry = get_version(name, version);
  const TimeMs now = now_ms();
  for (const ModelVersion& other : versions_of(entry.folder.parent_path())) {
    Entry place = get_version(name, other.version);
    if (!archive_existing || other.current_stage != wanted || place.folder == entry.folder) continue;
    place.meta.set(kStage, kStageArchived);
    place.meta.set(kUpdated, now);
    tree_.write_meta(place.folder, place.meta);
  }
  entry.meta.set(kStage, wanted);
  entry.meta.set(kUpdated, now);
  tree_.write_meta(entry.folder, entry.meta);
  touch(entry.folder.parent_path(), now);
  return read_version(entry.folder, entry.meta);
}

// Its number is not given again, and its tags stay, as MLflow leaves it.
void FileModelRegistry::delete_model_version(std::string_view name, std::string_view version) {
  const FileLock lock = tree_.lock();
  Entry entry = get_version(name, version);
  const TimeMs now = now_ms();
  const fs::path aliases = entry.folder.parent_path() / kAliasesFolder;
  for (const std::string& alias : read_version(entry.folder, entry.meta).aliases)
    (void)FileTree::remove_value(aliases, alias);
  entry.meta.set(kStage, kStageDeleted);
  entry.meta.set(kUpdated, now);
  tree_.write_meta(entry.folder, entry.meta);
  touch(entry.folder.parent_path(), now);
}

ModelVersion FileModelRegistry::get_model_version(std::string_view name, std::string_view version) const {
  const Entry entry = get_version(name, version);
  return read_version(entry.folder, entry.meta);
}

Page<ModelVersion> FileModelRegistry::search_model_versions(const SearchModels& search) const {
  const std::int64_t max_results = model_version_results(search);
  const auto conditions = parse_model_version_filter(search.filter);
  const auto order = parse_model_version_order(search.order_by);
  const std::int64_t offset = parse_page_token(search.page_token);
  std::vector<ModelVersion> found;
  for (const std::string& name : FileTree::folders(models_folder())) {
    for (ModelVersion& version : versions_of(models_folder() / name)) {
      if (matches(version, conditions)) found.push_back(std::move(version));
    }
  }
  sort_records(found, order);
  return page_of(std::move(found), offset, max_results);
}

std::string FileModelRegistry::download_uri(std::string_view name, std::string_view version) const {
  const Entry entry = get_version(name, version);
  const std::string location = text_field(entry.meta, "storage_location");
  return location.empty() ? text_field(entry.meta, "source") : location;
}

void FileModelRegistry::set_model_version_tag(std::string_view name, std::string_view version,
                                              const KeyValue& tag) {
  check_model_tag(tag);
  const FileLock lock = tree_.lock();
  tree_.write_value(get_version(name, version).folder / kTagsFolder, tag);
}

void FileModelRegistry::delete_model_version_tag(std::string_view name, std::string_view version,
                                                 std::string_view key) {
  check_key(key, "tag");
  const FileLock lock = tree_.lock();
  (void)FileTree::remove_value(get_version(name, version).folder / kTagsFolder, key);
}

void FileModelRegistry::set_alias(std::string_view name, std::string_view alias, std::string_view version) {
  check_registered_model_name(name);
  check_alias(alias);
  check_alias_is_free(alias);
  const FileLock lock = tree_.lock();
  const Entry entry = get_version(name, version);
  const std::string number = std::to_string(parse_model_version(version));
  tree_.write_value(entry.folder.parent_path() / kAliasesFolder, {std::string(alias), number});
  touch(entry.folder.parent_path(), now_ms());
}

void FileModelRegistry::delete_alias(std::string_view name, std::string_view alias) {
  check_alias(alias);
  const FileLock lock = tree_.lock();
  const Entry model = get_model(name);
  if (FileTree::remove_value(model.folder / kAliasesFolder, alias)) touch(model.folder, now_ms());
}

ModelVersion FileModelRegistry::get_version_by_alias(std::string_view name, std::string_view alias) const {
  check_alias(alias);
  const Entry model = get_model(name);
  if (is_latest_alias(alias)) {
    auto latest = latest_of(versions_of(model.folder));
    if (latest.empty()) fail_no_latest_version(name);
    return std::move(latest.front());
  }
  const auto version = FileTree::find_value(model.folder / kAliasesFolder, alias);
  if (!version) fail_no_alias(alias);
  return get_model_version(name, *version);
}

}  // namespace ivory::tracking
