// The states of a run that goes on, on a server.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <ivory/tracking/artifact_store.h>

namespace ivory {

// What states/manifest.json of a run says: which files the states `current` and `best` consist of, each kept
// as states/HASH-SIZE. It is replaced as one file, after all that it names has come and before what it names
// no more goes: what it names is whole, whenever whoever wrote it died. A run that has ended has the folders
// `current`, `best` and `test`, and no manifest; while there is one, those folders may be half sent.
struct SentStates {
  using Files = std::map<std::string, std::string>;  // HASH-SIZE by the name of the file
  std::map<std::string, Files, std::less<>> states;
  friend bool operator==(const SentStates&, const SentStates&) = default;
};

// None if the run has no manifest. Errors: kInvalidArgument for one that is none.
[[nodiscard]] std::optional<SentStates> find_sent_states(const tracking::ArtifactStore& artifacts);

using FileFilter = std::function<bool(std::string_view name)>;
// Copies files of a state into a folder, which exists. False if the run has no such state. Errors: those of
// the store.
bool download_state(const tracking::ArtifactStore& artifacts, std::string_view state,
                    const std::filesystem::path& to, const FileFilter& wanted);

// Sends states. One thread.
class StatesUpload {
 public:
  // The store lives longer.
  explicit StatesUpload(tracking::ArtifactStore& artifacts) : artifacts_(artifacts) {}

  // `folder` has the states `current` and `best`, which nobody changes meanwhile. Between two files it asks
  // whether to go on. True if the manifest on the server says something new now. Errors: those of the store;
  // the manifest is as it was then.
  bool send(const std::filesystem::path& folder, const std::function<bool()>& goes_on);
  // All of a run that has ended, as the artifacts that they are; the manifest goes.
  void finish(const std::filesystem::path& folder);

 private:
  void take_stock();
  void write_manifest(const SentStates& states);
  void remove_others();

  tracking::ArtifactStore& artifacts_;
  bool has_stock_ = false;
  std::set<std::string> objects_;     // under states/ on the server
  std::optional<SentStates> latest_;  // the manifest there
};

}  // namespace ivory
