// Where what a run logs waits while its server does not answer.
#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

// An artifact to be sent: a file of this machine and its place among the run's artifacts.
struct PendingArtifact {
  std::filesystem::path file;
  std::string folder;
};

using SpoolRecord = std::variant<Batch, RunUpdate, PendingArtifact>;

struct SpoolContents {
  std::string tracking_uri;
  std::string run_id;
  std::vector<SpoolRecord> records;
  std::size_t whole_bytes = 0;  // what comes after is torn or damaged
};

// Reads the text of a spool file: a line a record, each with the hash of its JSON before it. Whatever the
// bytes are, the whole lines at the beginning are read and the rest is left. Errors: kInvalidArgument when
// not even the first line, which tells server and run, is whole.
[[nodiscard]] SpoolContents parse_spool(std::string_view bytes);

// The spool of one run: a file that is only appended to, FOLDER/RUN_ID.spool, made by the first record and
// removed when all is sent. While the object has the file, no one else takes it (flock), and the lock ends
// with the process. One thread at a time. Errors: kIo; an append that fails (a full disk) leaves the file as
// it was.
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
  [[nodiscard]] SpoolContents read() const;
  void clear();

 private:
  void open();
  void write_line(std::string_view json);

  std::filesystem::path path_;
  std::string tracking_uri_, run_id_;
  Durability durability_;
  int descriptor_ = -1;
  std::uintmax_t size_ = 0;
};

// Sends records in their order. Twice the same comes to the same, so that one that broke off may simply be
// begun again. Errors: those of the store; kIo means that the rest can be sent later.
void send_records(TrackingStore& store, const SpoolContents& contents);

struct SyncReport {
  std::size_t runs = 0;               // sent whole, their files removed
  std::size_t busy = 0;               // of runs that go on: they send themselves
  std::vector<std::string> failures;  // "FILE: reason"; refused ones are kept as FILE.refused
};

// Sends all that waits in a folder, each to its own server. A folder that is not there holds nothing.
SyncReport sync_spools(const std::filesystem::path& folder);

}  // namespace ivory::tracking
