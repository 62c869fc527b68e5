// Where what a run logs waits while its server does not answer.
#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

// An artifact to be sent: a file of this machine and the folder of the run's artifacts that it belongs into.
struct PendingArtifact {
  std::filesystem::path file;  // relative: to SpoolContents::files
  std::string folder;
};

struct PendingInputs {
  std::vector<DatasetInput> datasets;
};

using SpoolRecord = std::variant<Batch, RunUpdate, PendingArtifact, PendingInputs>;

struct SpoolContents {
  std::string tracking_uri;
  std::string run_id;
  std::vector<SpoolRecord> records;
  std::filesystem::path files;  // where artifacts lie that wait; set by Spool::read()
  std::size_t whole_bytes = 0;  // what comes after is torn or damaged
};

// Reads the text of a spool file: a line a record, each with the hash of its JSON before it. Whatever the
// bytes are, the whole lines at the beginning are read and the rest is left. Errors: kInvalidArgument when
// not even the first line, which tells server and run, is whole.
[[nodiscard]] SpoolContents parse_spool(std::string_view bytes);

// The spool of one run: a file that is only appended to, FOLDER/RUN_ID.spool, made by the first record and
// removed when all is sent, with copies of the artifacts that wait in the folder RUN_ID.files beside it.
// While the object has the file, no one else takes it (flock), and the lock ends with the process. One thread
// at a time. Errors: kIo; an append that fails (a full disk) leaves the file as it was.
class Spool {
 public:
  // Takes up what a process that was killed left there.
  Spool(const std::filesystem::path& folder, std::string_view tracking_uri, std::string_view run_id,
        Durability durability = Durability::kProcess);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  // When it returns, the record survives the death of the process (a power cut, too, under kFull).
  void append(const SpoolRecord& record);
  // A copy of a file of this machine; errors as of ArtifactStore::log_artifact(), too.
  void append_file(const std::filesystem::path& file, std::string_view folder);
  // Of all files in a folder and its subfolders; errors as of ArtifactStore::log_artifacts(), too.
  void append_files(const std::filesystem::path& source, std::string_view folder);
  // Bytes that become the artifact `path`; errors as of ArtifactStore::write(), too.
  void append_bytes(std::string_view path, std::string_view bytes);
  [[nodiscard]] SpoolContents read() const;
  void clear();
  // As the store refuses some of it: kept as FILE.refused (FILE.refused2 …) with its artifacts, and this
  // spool is empty. Returns the new name.
  std::filesystem::path set_aside();

 private:
  void open();
  void write_line(std::string_view json);
  [[nodiscard]] std::filesystem::path files() const;
  [[nodiscard]] std::string new_file_folder() const;
  void append_copied(const PendingArtifact& artifact);

  std::filesystem::path path_;
  std::string tracking_uri_, run_id_;
  Durability durability_;
  int descriptor_ = -1;
  std::uintmax_t size_ = 0;
};

// Sends records in their order. Twice the same comes to the same, so that one that broke off may simply be
// begun again. `max_retries` as of open_artifact_store(). Errors: those of the stores; kIo at once, and means
// that the rest can be sent later. What they refuse for good takes nothing with it: the first is thrown when
// all others are sent.
void send_records(TrackingStore& store, const SpoolContents& contents, std::optional<int> max_retries = {});

struct SyncReport {
  std::size_t runs = 0;               // sent whole, their files removed
  std::size_t busy = 0;               // of runs that go on: they send themselves
  std::vector<std::string> failures;  // "FILE: reason"; those with what is refused are kept: FILE.refused
};

// Sends all that waits in a folder, each to its own server. A folder that is not there holds nothing.
SyncReport sync_spools(const std::filesystem::path& folder);

}  // namespace ivory::tracking
