#include "process_token.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace ivory::tuning {
namespace {
std::string first_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

// Processes are told apart by their number within one of these.
std::string machine() {
  std::error_code error;
  const auto space = std::filesystem::read_symlink("/proc/self/ns/pid", error);
  return first_word("/proc/sys/kernel/random/boot_id") + ":" + (error ? "" : space.filename().string());
}

// When the process started, in ticks; empty: there is none, or it has ended and is not yet collected.
std::string start_of(const std::string& process) {
  std::ifstream file("/proc/" + process + "/stat");
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(')');  // the name before may hold blanks
  if (name_end == std::string::npos) return {};
  std::istringstream rest(text.substr(name_end + 1));
  const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  constexpr std::size_t kState = 0, kStart = 19;
  return fields.size() > kStart && fields[kState] != "Z" && fields[kState] != "X" ? fields[kStart] : "";
}
}  // namespace

std::string own_process_token() {
  const std::string process = std::to_string(::getpid());
  return machine() + ":" + process + ":" + start_of(process);
}

std::optional<bool> is_alive(std::string_view token) {
  const std::string here = machine() + ":";
  if (!token.starts_with(here)) return {};
  token.remove_prefix(here.size());
  const auto colon = token.find(':');
  if (colon == std::string_view::npos || token.find_first_not_of("0123456789") != colon) return {};
  return start_of(std::string(token.substr(0, colon))) == token.substr(colon + 1);
}

}  // namespace ivory::tuning
