#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>

#include <ivory/base/error.h>
#include <ivory/tracking/liveness.h>

namespace ivory::tracking {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::uint64_t pid_space() {
  struct stat info{};
  return stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

// The machine's name alone is no proof: many are called "localhost".
std::string host() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  std::string text = std::string(name.data()) + "/" + first_line("/etc/machine-id");
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c <= ' '; }, '_');
  return text;
}

struct ProcessState {
  char state = 0;
  std::uint64_t start_ticks = 0;
};

// From /proc/<pid>/stat; empty if there is no such process.
std::optional<ProcessState> find_process(const std::string& pid) {
  const std::string line = first_line("/proc/" + pid + "/stat");
  // The second field is the command's name in parentheses, which may hold anything.
  const auto after_name = line.rfind(')');
  if (after_name == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(after_name + 1));
  ProcessState process;
  fields >> process.state;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  if (!(fields >> process.start_ticks)) return std::nullopt;
  return process;
}

template <class Number>
bool parse_number(const std::string& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string ProcessIdentity::to_text() const {
  return host + " " + boot_id + " " + std::to_string(pid_space) + " " + std::to_string(pid) + " " +
         std::to_string(start_ticks);
}

std::optional<ProcessIdentity> ProcessIdentity::parse(std::string_view text) {
  std::istringstream words{std::string(text)};
  ProcessIdentity identity;
  std::array<std::string, 3> numbers;
  std::string more;
  words >> identity.host >> identity.boot_id >> numbers[0] >> numbers[1] >> numbers[2];
  if (!words || words >> more) return std::nullopt;
  const bool good = parse_number(numbers[0], identity.pid_space) && parse_number(numbers[1], identity.pid) &&
                    parse_number(numbers[2], identity.start_ticks);
  if (!good || identity.pid <= 0) return std::nullopt;
  return identity;
}

ProcessIdentity this_process() {
  const auto self = find_process("self");
  const std::string boot_id = first_line("/proc/sys/kernel/random/boot_id");
  if (!self || boot_id.empty()) {
    throw Error(ErrorCode::kUnsupported, "the identity of this process cannot be read from /proc");
  }
  return {host(), boot_id, pid_space(), getpid(), self->start_ticks};
}

Liveness liveness_of(const ProcessIdentity& process) {
  const ProcessIdentity here = this_process();
  if (process.host != here.host) return Liveness::kUnknown;
  if (process.boot_id != here.boot_id) return Liveness::kGone;
  if (process.pid_space != here.pid_space) return Liveness::kUnknown;
  const auto found = find_process(std::to_string(process.pid));
  if (!found || found->start_ticks != process.start_ticks) return Liveness::kGone;
  const bool dead = found->state == 'Z' || found->state == 'X';
  return dead ? Liveness::kGone : Liveness::kAlive;
}

bool is_stale(const RunRecord& run) {
  if (run.status != RunStatus::kRunning) return false;
  const std::string* const tag = run.find_tag(kProcessTag);
  if (tag == nullptr) return false;
  const auto process = ProcessIdentity::parse(*tag);
  return process && liveness_of(*process) == Liveness::kGone;
}

std::string_view shown_status(const RunRecord& run) { return is_stale(run) ? "STALE" : to_text(run.status); }

}  // namespace ivory::tracking
