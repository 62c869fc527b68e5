// A file of lines that many processes append to, on NFS as well.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "journal.h"

namespace ivory::tuning::journal {

// A word that nobody else has.
[[nodiscard]] std::string random_word();

using LineReader = std::function<void(std::string_view line)>;

// Appends, and reads what is new without a lock. Threads: one at a time.
class JournalFile {
 public:
  JournalFile(std::filesystem::path path, const JournalOptions& options);

  // Appends a line, only if `still` then holds; false: it did not. `apply` is called with each whole line
  // since the last call, this one at the end. `is_end`: it has to be as safe as the journal's durability
  // says.
  //
  // On a file system of this machine a line is one write, which no other write divides: only what depends on
  // the lines before it, and repairs, need Optuna's lock.
  bool append(const std::string& line, bool is_end, const LineReader& apply,
              const std::function<bool()>& still = {});
  // Calls `apply` with each whole line since the last call. A file that is not there has none.
  void read_new(const LineReader& apply);
  [[nodiscard]] std::string where() const { return path_.string() + ":" + std::to_string(line_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  enum class Tail : std::uint8_t {
    kWhole,  // writes only after a whole line
    kAny,    // removes an unfinished one: its writer was killed, and nobody was told that it is there
  };
  bool append_now(const std::string& line, bool is_end, const LineReader& apply,
                  const std::function<bool()>& still, Tail tail);
  void lock_against_repair(int file) const;
  off_t read_lines(int file, const LineReader& apply);
  void pass_line(std::string_view line, const LineReader& apply);
  void write_line(int file, std::string_view line, bool is_end) const;
  [[nodiscard]] off_t size_of(int file) const;

  std::filesystem::path path_;
  JournalOptions options_;
  bool is_local_;
  std::string owner_ = random_word();
  off_t offset_ = 0;
  std::int64_t line_ = 0;
};

}  // namespace ivory::tuning::journal
