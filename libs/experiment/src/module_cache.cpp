#include "module_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <thread>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/log.h>
#include <ivory/registry/registry.h>

#include "child_process.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLibrariesKept = 8;

// What stat() says of a file; a file that is as it was then need not be read again.
struct Stamp {
  std::int64_t size = -1;
  std::int64_t time_ns = 0;
  friend bool operator==(const Stamp&, const Stamp&) = default;
};

Stamp stamp_of(const fs::path& path) {
  struct stat file{};
  if (stat(path.c_str(), &file) != 0) return {};
  return {file.st_size, file.st_mtim.tv_sec * std::int64_t{1'000'000'000} + file.st_mtim.tv_nsec};
}

// An output of a program that is running, removed whatever happens.
class AsideFile {
 public:
  explicit AsideFile(fs::path path) : path_(std::move(path)) {}
  ~AsideFile() {
    std::error_code none;
    if (!path_.empty()) fs::remove(path_, none);
  }
  AsideFile(AsideFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  AsideFile& operator=(AsideFile&&) = delete;
  AsideFile(const AsideFile&) = delete;
  AsideFile& operator=(const AsideFile&) = delete;
  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

void rename_file(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::rename(from, to, failed);
  if (failed) throw Error(ErrorCode::kIo, "cannot put " + to.string() + " in place: " + failed.message());
}

fs::path with_suffix(const fs::path& path, std::string_view suffix) {
  return path.string() + std::string(suffix);
}

// Files that a Makefile rule names after its colon: "a.o: a.cpp b.h \" with escaped blanks.
std::vector<std::string> prerequisites(const std::string& rule) {
  std::vector<std::string> files;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) files.push_back(std::exchange(word, {}));
  };
  for (std::size_t i = rule.find(": ") + 1; i < rule.size(); ++i) {
    const char next = i + 1 < rule.size() ? rule[i + 1] : '\0';
    if (rule[i] == '\\' && next == '\n') {
      ++i;
      end_word();
    } else if ((rule[i] == '\\' && (next == ' ' || next == '#')) || (rule[i] == '$' && next == '$')) {
      word += rule[++i];
    } else if (rule[i] == ' ' || rule[i] == '\n') {
      end_word();
    } else {
      word += rule[i];
    }
  }
  end_word();
  return files;
}

// A program's words, without the line break at their end.
std::string words_in(const fs::path& output) {
  std::string words = read_file(output);
  while (words.ends_with('\n')) words.pop_back();
  return words;
}

std::string replaced(std::string text, const std::string& part, const std::string& by) {
  for (std::size_t at = text.find(part); !part.empty() && at != std::string::npos;
       at = text.find(part, at + by.size()))
    text.replace(at, part.size(), by);
  return text;
}

void remove_all_but_newest(const fs::path& folder, std::string_view ending, std::size_t kept) {
  std::vector<std::pair<std::int64_t, fs::path>> files;
  for (const auto& file : fs::directory_iterator(folder))
    if (file.path().string().ends_with(ending))
      files.emplace_back(stamp_of(file.path()).time_ns, file.path());
  std::ranges::sort(files, std::greater());
  for (std::size_t i = kept; i < files.size(); ++i) {
    std::error_code none;
    fs::remove(files[i].second, none);
    fs::remove(manifest_path(files[i].second), none);
  }
}

// One source being compiled: its object, dependencies and the compiler's words lie aside until it is done.
class Compilation {
 public:
  Compilation(const Source& source, const UserBuild& build, const fs::path& aside)
      : source_(&source),
        object_(aside),
        rule_(with_suffix(aside, ".d")),
        words_(with_suffix(aside, ".txt")) {
    std::vector<std::string> command{build.compiler};
    command.insert(command.end(), build.compile_flags.begin(), build.compile_flags.end());
    if (isatty(STDERR_FILENO) != 0) command.emplace_back("-fdiagnostics-color=always");
    command.insert(command.end(), {"-MMD", "-MF", rule_.path().string(), "-c", source.path.string(), "-o",
                                   object_.path().string()});
    // Headers of the system are left out of the rule: they change with the compiler or a package, which the
    // identity of the build knows.
    log_info("compiling " + source.shown);
    process_ = std::make_unique<ChildProcess>(command, words_.path());
    begun_ = stamp_of(words_.path());
  }

  [[nodiscard]] const Source& source() const noexcept { return *source_; }
  [[nodiscard]] const fs::path& object() const noexcept { return object_.path(); }
  [[nodiscard]] std::vector<std::string> files() const { return prerequisites(read_file(rule_.path())); }
  // A file written since may not be what the compiler saw.
  [[nodiscard]] bool seen(const Stamp& file) const noexcept { return file.time_ns <= begun_.time_ns; }
  void wait() {
    const bool done = process_->wait() == 0;
    const std::string words = words_in(words_.path());
    if (!done)
      throw Error(ErrorCode::kInvalidArgument,
                  at_place(source_->place, source_->shown + " does not compile:\n" + words));
    if (!words.empty()) log_warning(source_->shown + ":\n" + words);
  }

 private:
  const Source* source_;
  AsideFile object_, rule_, words_;
  Stamp begun_;
  std::unique_ptr<ChildProcess> process_;  // ended before the files go
};

// The key of an object: what it was made with, and every file that went in.
std::string key_of(const UserBuild& build, const Params& files) {
  std::string text = build.identity;
  for (const Params& file : files.elements())
    text += "\n" + file.at("path").as_string() + " " + file.at("hash").as_string();
  return content_hash(text);
}

bool is_unchanged(const Params& file) {
  const fs::path path = file.at("path").as_string();
  const Stamp now = stamp_of(path);
  if (now == Stamp{file.at("size").as_int(), file.at("time_ns").as_int()}) return true;
  return now.size == file.at("size").as_int() && content_hash(read_file(path)) == file.at("hash").as_string();
}

Params record_of(const Compilation& compilation, const UserBuild& build) {
  Params files = Params::list();
  bool seen = true;
  for (const std::string& path : compilation.files()) {
    const Stamp stamp = stamp_of(path);
    seen = seen && compilation.seen(stamp);
    files.push_back({{"path", path},
                     {"size", stamp.size},
                     {"time_ns", stamp.time_ns},
                     {"hash", content_hash(read_file(path))}});
  }
  Params record = Params::map();
  record.set("key", key_of(build, files));
  record.set("current", seen);  // or it is compiled again the next time
  record.set("files", std::move(files));
  return record;
}

}  // namespace

ModuleCache::ModuleCache(fs::path folder, UserBuild build)
    : folder_(std::move(folder)), build_(std::move(build)) {}

fs::path ModuleCache::record_path(const Source& source) const {
  return folder_ /
         (source.path.stem().string() + "-" + content_hash(source.path.string() + build_.identity) + ".json");
}

fs::path ModuleCache::object_path(const Source& source, const std::string& key) const {
  return folder_ / (source.path.stem().string() + "-" + key + ".o");
}

std::string ModuleCache::find_object(const Source& source) const {
  const fs::path path = record_path(source);
  if (!fs::exists(path)) return {};
  const Params record = Params::from_json(read_file(path));
  if (!record.at("current").as_bool()) return {};
  if (!std::ranges::all_of(record.at("files").elements(), is_unchanged)) return {};
  return record.at("key").as_string();
}

std::string ModuleCache::library_key(const std::vector<Source>& sources) const {
  std::string text = build_.identity;
  for (const Source& source : sources) {
    const std::string key = find_object(source);
    if (key.empty()) return {};
    text += "\n" + key;
  }
  return content_hash(text);
}

fs::path ModuleCache::library_path(const std::vector<Source>& sources, const std::string& key) const {
  return folder_ / ("lib" + sources.front().path.stem().string() + "-" + key + ".so");
}

fs::path ModuleCache::library_of(const std::vector<Source>& sources) const {
  const auto find_library = [&]() -> fs::path {
    const std::string key = library_key(sources);
    const fs::path path = library_path(sources, key);
    return !key.empty() && fs::exists(path) ? path : fs::path();
  };
  if (fs::path found = find_library(); !found.empty()) return found;
  const FileLock lock(folder_ / "lock");
  if (fs::path found = find_library(); !found.empty()) return found;  // made while this process waited

  std::vector<const Source*> stale;
  for (const Source& source : sources) {
    const std::string key = find_object(source);
    if (key.empty() || !fs::exists(object_path(source, key))) stale.push_back(&source);
  }
  compile(stale);
  // A file that is being edited has no key yet: then the objects are taken as they came.
  std::string key = library_key(sources);
  if (key.empty())
    key = content_hash(build_.identity + std::to_string(stamp_of(folder_ / "lock").time_ns) +
                       std::to_string(getpid()));
  fs::path library = library_path(sources, key);
  if (!fs::exists(library)) link(sources, library);
  remove_old(sources.size());
  return library;
}

void ModuleCache::compile(const std::vector<const Source*>& sources) const {
  const std::size_t at_once = std::max(1U, std::thread::hardware_concurrency());
  std::deque<Compilation> running;
  const auto finish_oldest = [&] {
    Compilation& oldest = running.front();
    oldest.wait();
    const Params record = record_of(oldest, build_);
    rename_file(oldest.object(), object_path(oldest.source(), record.at("key").as_string()));
    write_file(record_path(oldest.source()), record.to_json(1) + "\n");
    running.pop_front();
  };
  for (const Source* source : sources) {
    if (running.size() == at_once) finish_oldest();
    running.emplace_back(*source, build_, with_suffix(record_path(*source), ".new"));
  }
  while (!running.empty()) finish_oldest();
}

void ModuleCache::link(const std::vector<Source>& sources, const fs::path& library) const {
  const AsideFile aside(with_suffix(library, ".new"));
  const AsideFile words(with_suffix(library, ".txt"));
  const AsideFile manifest(manifest_path(aside.path()));
  std::vector<std::string> names;
  std::vector<std::string> command{build_.compiler, "-shared", "-o", aside.path().string()};
  for (const Source& source : sources) {
    const Params record = Params::from_json(read_file(record_path(source)));
    command.push_back(object_path(source, record.at("key").as_string()).string());
    names.push_back(source.shown);
  }
  command.insert(command.end(), build_.link_flags.begin(), build_.link_flags.end());
  const std::string shown = join(names);
  if (ChildProcess(command, words.path()).wait() != 0)
    throw Error(ErrorCode::kInvalidArgument,
                at_place(sources.front().place, shown + " cannot be linked:\n" + words_in(words.path())));
  write_manifest(build_, aside.path(), shown, sources.front().place);
  rename_file(manifest.path(), manifest_path(library));
  rename_file(aside.path(), library);  // last: what is there has its manifest
}

void ModuleCache::remove_old(std::size_t objects) const {
  remove_all_but_newest(folder_, ".so", kLibrariesKept);
  remove_all_but_newest(folder_, ".o", objects * kLibrariesKept);
}

void write_manifest(const UserBuild& build, const fs::path& library, const std::string& shown,
                    const Params& place) {
  const TemporaryFolder folder;
  const fs::path output = folder.path() / "words";
  const int status = ChildProcess({build.manifest_program.string(), library.string()}, output).wait();
  if (status == 0) return;
  std::string words = replaced(words_in(output), library.string(), shown);
  words = replaced(std::move(words), "ivory-manifest: ", "");
  if (status > 128)
    words = shown + " cannot be loaded: its code was ended by signal " + std::to_string(status - 128) + "\n" +
            words;
  throw Error(ErrorCode::kInvalidArgument, at_place(place, words));
}

}  // namespace ivory
