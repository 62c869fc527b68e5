#include "sent_states.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/params.h>

namespace ivory {
namespace {

namespace fs = std::filesystem;
using tracking::ArtifactInfo;
using tracking::ArtifactStore;

constexpr const char* kFolder = "states";
constexpr const char* kManifest = "states/manifest.json";
constexpr std::array<const char*, 2> kWhileRunning{"current", "best"};

std::string name_in(std::string_view path) { return fs::path(path).filename().string(); }

std::string place_of(const std::string& object) { return std::string(kFolder) + "/" + object; }

// What a manifest says becomes the name of a file here.
std::string checked_name(const std::string& name) {
  if (!name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos) return name;
  throw Error(ErrorCode::kInvalidArgument, std::string(kManifest) + ": '" + name + "' is no name of a file");
}

SentStates parse_manifest(const std::string& text) {
  SentStates manifest;
  const Params states = Params::from_json(text);
  for (const auto& [state, files] : states.items())
    for (const auto& [file, object] : files.items())
      manifest.states[checked_name(state)][checked_name(file)] = checked_name(object.as_string());
  return manifest;
}

std::string manifest_text(const SentStates& manifest) {
  Params states = Params::map();
  for (const auto& [state, files] : manifest.states) {
    Params map = Params::map();
    for (const auto& [file, object] : files) map.set(file, object);
    states.set(state, std::move(map));
  }
  return states.to_json(1) + "\n";
}

// The files right in a folder by their names, with their sizes.
std::map<std::string, std::int64_t> files_in(const ArtifactStore& artifacts, std::string_view folder) {
  std::map<std::string, std::int64_t> files;
  for (const ArtifactInfo& info : artifacts.list(folder))
    if (!info.is_folder) files[name_in(info.path)] = info.size_bytes.value_or(-1);
  return files;
}

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder, error)) files.push_back(file.path());
  if (error && error != std::errc::no_such_file_or_directory)
    throw Error(ErrorCode::kIo, "cannot read the folder '" + folder.string() + "': " + error.message());
  return files;
}

void download_files(const ArtifactStore& artifacts, const SentStates::Files& files, const fs::path& to,
                    const FileFilter& wanted) {
  for (const auto& [file, object] : files)
    if (wanted(file)) artifacts.download(place_of(object), to / file);
}

bool download_folder(const ArtifactStore& artifacts, std::string_view state, const fs::path& to,
                     const FileFilter& wanted) {
  const auto files = files_in(artifacts, state);
  for (const auto& [file, size] : files)
    if (wanted(file)) artifacts.download(std::string(state) + "/" + file, to / file);
  return !files.empty();
}

}  // namespace

std::optional<SentStates> find_sent_states(const ArtifactStore& artifacts) {
  if (!files_in(artifacts, kFolder).contains(name_in(kManifest))) return std::nullopt;
  try {
    return parse_manifest(artifacts.read(kManifest));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    return std::nullopt;  // the run has ended meanwhile
  }
}

bool download_state(const ArtifactStore& artifacts, std::string_view state, const fs::path& to,
                    const FileFilter& wanted) {
  constexpr int kMostTries = 10;
  for (int tries = 1;; ++tries) {
    const auto manifest = find_sent_states(artifacts);
    if (!manifest) return download_folder(artifacts, state, to, wanted);
    const auto found = manifest->states.find(state);
    if (found == manifest->states.end()) return false;
    try {
      download_files(artifacts, found->second, to, wanted);
      return true;
    } catch (const Error& error) {
      // The run goes on, and what the manifest named has been replaced.
      if (error.code() != ErrorCode::kNotFound || tries == kMostTries) throw;
      for (const fs::path& file : files_of(to)) fs::remove(file);
    }
  }
}

// A file that the server's machine died over may be too short.
void StatesUpload::take_stock() {
  if (has_stock_) return;
  objects_.clear();
  for (const auto& [name, size] : files_in(artifacts_, kFolder))
    if (name.ends_with("-" + std::to_string(size))) objects_.insert(name);
  latest_ = find_sent_states(artifacts_);
  has_stock_ = true;
}

void StatesUpload::write_manifest(const SentStates& states) {
  artifacts_.write(kManifest, manifest_text(states));
  latest_ = states;
}

void StatesUpload::remove_others() {
  if (!latest_) return;
  std::set<std::string> named;
  for (const auto& [state, files] : latest_->states)
    for (const auto& [file, object] : files) named.insert(object);
  for (auto object = objects_.begin(); object != objects_.end();) {
    if (named.contains(*object)) {
      ++object;
      continue;
    }
    artifacts_.remove(place_of(*object));
    object = objects_.erase(object);
  }
}

bool StatesUpload::send(const fs::path& folder, const std::function<bool()>& goes_on) {
  take_stock();
  const TemporaryFolder names;  // files are sent under the names that they have
  SentStates states;
  for (const char* const state : kWhileRunning) {
    for (const fs::path& file : files_of(folder / state)) {
      const std::string object =
          content_hash_of_file(file) + "-" + std::to_string(static_cast<std::int64_t>(fs::file_size(file)));
      states.states[state][file.filename().string()] = object;
      if (objects_.contains(object)) continue;
      if (!goes_on()) return false;
      const fs::path link = names.path() / object;
      fs::create_symlink(fs::absolute(file), link);
      artifacts_.log_artifact(link, kFolder);
      objects_.insert(object);
    }
  }
  if (states.states.empty() || latest_ == states) return false;
  write_manifest(states);
  remove_others();
  return true;
}

void StatesUpload::finish(const fs::path& folder) {
  const std::vector<fs::path> entries = files_of(folder);
  // Files were sent when they were written.
  if (std::ranges::none_of(entries, [](const fs::path& entry) { return fs::is_directory(entry); })) return;
  take_stock();
  // From now on the folders are half sent, until they are whole.
  if (!latest_) write_manifest({});
  artifacts_.log_artifacts(folder);
  for (const fs::path& state : entries) {
    if (!fs::is_directory(state)) continue;
    const std::string name = state.filename().string();
    for (const auto& [file, size] : files_in(artifacts_, name))
      if (!fs::exists(state / file)) artifacts_.remove(name + "/" + file);
  }
  artifacts_.remove(kManifest);
  artifacts_.remove(kFolder);
  latest_.reset();
  objects_.clear();
}

}  // namespace ivory
