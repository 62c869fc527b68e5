// Files that are being uploaded, and what is left of them when the server is killed.
#pragma once
#include <chrono>
#include <filesystem>
#include <string_view>
#include <thread>
#include <vector>

namespace ivory::server {

inline constexpr std::string_view kUploadPrefix = ".ivory-upload.";

// A file beside its place, which it takes when it is whole. It is locked (flock) as long as the object lives,
// by which other servers of the same folder know that it is in work. Errors: kIo; StoreError
// kInvalidParameterValue where a file stands in the place of a folder.
class UploadFile {
 public:
  // Makes the folders on the way.
  explicit UploadFile(std::filesystem::path target);
  // Removes it unless it has taken its place.
  ~UploadFile();
  UploadFile(const UploadFile&) = delete;
  UploadFile& operator=(const UploadFile&) = delete;

  void write(std::string_view bytes);
  void sync_to_disk() const;
  void take_place();

 private:
  std::filesystem::path target_, aside_;
  int descriptor_;
  bool placed_ = false;
};

// Removes the uploads below `root` that nobody holds and that have not grown for `age`; links are not
// followed. Those on a file system without locks stay: nobody can tell. `stop` ends it early.
void remove_abandoned_uploads(const std::filesystem::path& root, std::chrono::milliseconds age,
                              const std::stop_token& stop = {});

// Removes, once, `wait` after it was made, the uploads that servers that were killed have left below `roots`.
class UploadSweeper {
 public:
  UploadSweeper(std::vector<std::filesystem::path> roots, std::chrono::milliseconds wait);

 private:
  std::jthread thread_;
};

}  // namespace ivory::server
