// Whether the process that made a run still lives.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <ivory/tracking/entities.h>

namespace ivory::tracking {

// One process, told from every other that ever had its number. Kept as the tag `ivory.process` of a run.
struct ProcessIdentity {
  std::string host;             // name and machine id
  std::string boot_id;          // of the kernel: another after each start of the machine
  std::uint64_t pid_space = 0;  // the pid namespace (containers share a kernel, not numbers)
  std::int64_t pid = 0;
  std::uint64_t start_ticks = 0;  // since boot
  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;

  // As the tag's value: five words.
  [[nodiscard]] std::string to_text() const;
  // Empty for a text that is none.
  [[nodiscard]] static std::optional<ProcessIdentity> parse(std::string_view text);
};

// The calling process. Errors: kUnsupported where /proc does not tell.
[[nodiscard]] ProcessIdentity this_process();

enum class Liveness {
  kAlive,
  kGone,
  kUnknown,  // another host, or another container: nobody here can tell
};
[[nodiscard]] Liveness liveness_of(const ProcessIdentity& process);

// A run that says RUNNING while the process in its tag is gone: shown as STALE. A run without the tag (made
// by another tool) or of another host is never stale.
[[nodiscard]] bool is_stale(const RunRecord& run);
// What a listing shows: the status's name, or "STALE".
[[nodiscard]] std::string_view shown_status(const RunRecord& run);

}  // namespace ivory::tracking
