// Files that appear whole or not at all.
#pragma once
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace ivory {

// kProcess: what is written survives the death of the process. kFull: a power cut too (fsync).
enum class Durability { kProcess, kFull };

// Errors of all functions here: kIo (kNotFound for a missing file), naming the path and the reason.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

// Writes aside, then renames over `path`: a reader sees the old file or the new one. Parent folders are made;
// a symbolic link is followed; the permissions of a file that exists are kept. Whatever fails leaves the old
// file and nothing else.
void write_file(const std::filesystem::path& path, std::string_view bytes,
                Durability durability = Durability::kProcess);

// A folder that appears whole: files are written to path(), commit() puts it in place of `target` (which is
// replaced if it exists). Not committed: removed when destroyed. One thread.
// The exchange is one step where the file system can do it (renameat2); elsewhere there is an instant without
// either, and a failure puts the old folder back.
class FolderWriter {
 public:
  explicit FolderWriter(std::filesystem::path target, Durability durability = Durability::kProcess);
  ~FolderWriter();
  FolderWriter(const FolderWriter&) = delete;
  FolderWriter& operator=(const FolderWriter&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return aside_; }
  // A new file of the folder, written in place: nobody looks at it before commit(). Errors: kIo, also if
  // there is one of that name.
  void write(const std::string& name, std::string_view bytes);
  void commit();  // once; path() is gone then

 private:
  std::filesystem::path target_, aside_;
  Durability durability_;
  bool committed_ = false;
};

// Replaces the folder `target` again and again, each time whole, by exchanging it with `spare`, which lies on
// the same file system and belongs to this object: files of the last but one are overwritten where they lie.
// (To make ten files and remove ten others takes ext4 ten times as long.) What has a second name (a hard
// link) is not overwritten: it gets a new file. A spare that a killed process left is used; the destructor
// removes it. A reader who keeps a file of the target open over two commits may see it change. One thread.
class FolderReplacer {
 public:
  FolderReplacer(std::filesystem::path target, std::filesystem::path spare,
                 Durability durability = Durability::kProcess);
  ~FolderReplacer();
  FolderReplacer(const FolderReplacer&) = delete;
  FolderReplacer& operator=(const FolderReplacer&) = delete;

  [[nodiscard]] const std::filesystem::path& target() const noexcept { return target_; }
  // A file of the folder to come.
  void write(const std::string& name, std::string_view bytes);
  // All files of `folder`, under second names; copied where the file system has no links.
  void link_files(const std::filesystem::path& folder);
  // The target has what was written and linked since the last commit, and nothing else.
  void commit();

 private:
  void prepare();
  void remove_others();

  std::filesystem::path target_, spare_;
  Durability durability_;
  std::set<std::string> names_;  // of the folder to come
  bool links_ = false;           // some of them are links
};

// Removes what writers that were killed have left half written right in `folder`, which need not exist.
// Nobody may be writing into it.
void remove_leftovers(const std::filesystem::path& folder);

// A lock between processes, and between objects of one (flock), held while the object lives. The file stays,
// unless who holds the lock removes it.
class FileLock {
 public:
  enum class Mode { kExclusive, kShared };
  // Exclusive; waits for it.
  explicit FileLock(const std::filesystem::path& path);
  // Without waiting: nothing if the lock is held in a way that excludes this.
  [[nodiscard]] static std::unique_ptr<FileLock> try_take(const std::filesystem::path& path,
                                                          Mode mode = Mode::kExclusive);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int descriptor) noexcept : descriptor_(descriptor) {}
  int descriptor_;
};

// A fresh folder under the system's temporary folder, removed with all it holds when destroyed.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

// 64-bit FNV-1a as 16 hex digits: names cached files by their content, no security in it.
[[nodiscard]] std::string content_hash(std::string_view bytes);
// The same of a file, which is read piece by piece.
[[nodiscard]] std::string content_hash_of_file(const std::filesystem::path& path);

}  // namespace ivory
