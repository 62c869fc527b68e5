#include <ivory/tracking/run_context.h>

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/log.h>
#include <ivory/tracking/liveness.h>

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

std::string user_name() {
  // The order of Python's getpass.getuser. Nothing in Ivory changes the environment while threads run.
  for (const char* variable : {"LOGNAME", "USER", "LNAME", "USERNAME"}) {
    const char* name = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
    if (name != nullptr && *name != '\0') return name;
  }
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return entry.pw_name;
  return "unknown";
}

std::string program_name() {
  std::error_code none;
  const fs::path path = fs::read_symlink("/proc/self/exe", none);
  return none ? std::string("ivory") : path.string();
}

std::string first_line(const fs::path& file) {
  const std::string text = read_file(file);
  return text.substr(0, text.find_first_of("\r\n"));
}

// The git folder of the work tree that holds `directory`.
std::optional<fs::path> git_folder(fs::path directory) {
  for (directory = fs::weakly_canonical(directory);; directory = directory.parent_path()) {
    fs::path git = directory / ".git";
    if (fs::is_directory(git)) return git;
    if (fs::is_regular_file(git)) {  // a linked work tree: "gitdir: PATH"
      const std::string line = first_line(git);
      if (line.starts_with("gitdir: ")) return directory / line.substr(8);
    }
    if (directory == directory.parent_path()) return std::nullopt;
  }
}

// The value of `reference` in the text of packed-refs: lines of "hash name".
std::optional<std::string> packed(const std::string& refs, const std::string& reference) {
  const std::size_t at = refs.find(" " + reference + "\n");
  if (at == std::string::npos || at < 40) return std::nullopt;
  return refs.substr(at - 40, 40);
}

std::optional<std::string> git_commit(const fs::path& directory) {
  try {
    const auto git = git_folder(directory);
    if (!git) return std::nullopt;
    std::string head = first_line(*git / "HEAD");
    if (!head.starts_with("ref: ")) return head;
    const std::string reference = head.substr(5);
    fs::path common = *git;
    if (fs::exists(*git / "commondir")) common = *git / first_line(*git / "commondir");
    if (fs::exists(common / reference)) return first_line(common / reference);
    if (fs::exists(common / "packed-refs")) return packed(read_file(common / "packed-refs"), reference);
  } catch (const std::exception& error) {  // a repository that cannot be read only costs its tag
    log_debug(std::string("the git commit is not known: ") + error.what());
  }
  return std::nullopt;
}

}  // namespace

std::vector<KeyValue> run_context_tags(const fs::path& directory) {
  std::vector<KeyValue> tags{{std::string(kUserTag), user_name()},
                             {std::string(kSourceNameTag), program_name()},
                             {std::string(kSourceTypeTag), "LOCAL"},
                             {std::string(kProcessTag), this_process().to_text()}};
  if (auto commit = git_commit(directory))
    tags.push_back({std::string(kSourceGitCommitTag), *std::move(commit)});
  return tags;
}

}  // namespace ivory::tracking
