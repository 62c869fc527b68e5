#include "journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <thread>
#include <unordered_map>

#include <ivory/base/error.h>

#include "full_reports.h"
#include "json.h"
#include "time_text.h"

namespace ivory::tuning {
namespace {
namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

enum Op : std::int64_t {
  kCreateStudy = 0,
  kDeleteStudy = 1,
  kStudyUserAttr = 2,
  kStudySystemAttr = 3,
  kCreateTrial = 4,
  kSetParam = 5,
  kSetState = 6,
  kReport = 7,
  kTrialUserAttr = 8,
  kTrialSystemAttr = 9,
};

[[noreturn]] void fail_io(const fs::path& path, const std::string& doing) {
  throw Error(ErrorCode::kIo, "cannot " + doing + " " + path.string() + ": " +
                                  std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
}

// Closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::string random_word() {
  std::random_device device;
  std::string word;
  for (int i = 0; i < 32; ++i) word += "0123456789abcdef"[device() & 15U];
  return word;
}

// Optuna's lock: whoever can make the symbolic link has it.
class LinkLock {
 public:
  // `owner`: a word that no other who may hold the lock has.
  LinkLock(const fs::path& file, std::string_view owner, milliseconds grace)
      : link_(file.string() + ".lock"), aside_(link_ + std::string(owner) + ".rename") {
    constexpr milliseconds kLongestPause{20};
    milliseconds pause{1};
    auto unchanged_since = steady_clock::now();
    timespec seen{};
    while (::symlink(file.c_str(), link_.c_str()) != 0) {
      if (errno != EEXIST) fail_io(link_, "make the lock");
      std::this_thread::sleep_for(pause);
      pause = std::min(2 * pause, kLongestPause);
      const timespec now = changed();
      if (now.tv_sec != seen.tv_sec || now.tv_nsec != seen.tv_nsec) {
        seen = now;
        unchanged_since = steady_clock::now();
      } else if (steady_clock::now() - unchanged_since >= grace) {
        take_away();
        unchanged_since = steady_clock::now();
      }
    }
  }
  ~LinkLock() { ::unlink(link_.c_str()); }
  LinkLock(const LinkLock&) = delete;
  LinkLock& operator=(const LinkLock&) = delete;

 private:
  // The link's own time: each holder makes it anew.
  [[nodiscard]] timespec changed() const {
    struct stat info{};
    return ::lstat(link_.c_str(), &info) == 0 ? info.st_mtim : timespec{};
  }
  // Renamed first: of two that take over one stale lock only one succeeds.
  void take_away() const noexcept {
    if (::rename(link_.c_str(), aside_.c_str()) == 0) ::unlink(aside_.c_str());
  }
  std::string link_, aside_;
};

struct Record {
  std::int64_t op = -1, study_id = -1, trial_id = -1, step = 0;
  std::string worker, study_name, param_name, distribution;
  std::vector<Direction> directions;
  double number = 0;  // param_value_internal, intermediate_value
  std::string key;    // of an attribute
  Params value;
  FrozenTrial trial{.state = TrialState::kRunning};  // state, values and times of a trial; its template
  std::map<std::string, std::string> distributions;
  std::vector<std::pair<std::string, double>> params;
};

void read_attr(json::Reader& reader, Record& record) {
  reader.object([&](const std::string& key) {
    record.key = key;
    record.value = reader.value();
  });
}

void read_reals(json::Reader& reader, std::vector<double>& values) {
  if (!reader.try_null()) reader.list([&] { values.push_back(reader.real()); });
}

std::optional<Time> read_time(json::Reader& reader) {
  if (reader.try_null()) return {};
  return parse_time(reader.string());
}

std::int64_t parse_step(const std::string& text) {
  std::int64_t step = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), step).ptr;
  if (text.empty() || end != text.data() + text.size())
    throw Error(ErrorCode::kInvalidArgument, "a step is an integer, not '" + text + "'");
  return step;
}

// True if the key is one of a trial's.
bool read_trial_field(json::Reader& reader, const std::string& key, Record& record) {
  FrozenTrial& trial = record.trial;
  if (key == "state") {
    const std::int64_t state = reader.integer();
    if (state < 0 || state > 4)
      throw Error(ErrorCode::kInvalidArgument, "unknown trial state " + std::to_string(state));
    trial.state = static_cast<TrialState>(state);
  } else if (key == "value") {  // a template's only value stands here
    if (!reader.try_null()) trial.values = {reader.real()};
  } else if (key == "values") {
    read_reals(reader, trial.values);
  } else if (key == "datetime_start") {
    trial.datetime_start = read_time(reader);
  } else if (key == "datetime_complete") {
    trial.datetime_complete = read_time(reader);
  } else if (key == "user_attrs") {
    trial.user_attrs = reader.value();
  } else if (key == "system_attrs") {
    trial.system_attrs = reader.value();
  } else if (key == "distributions") {
    reader.object([&](const std::string& name) { record.distributions[name] = reader.string(); });
  } else if (key == "params") {
    reader.object([&](const std::string& name) { record.params.emplace_back(name, reader.real()); });
  } else if (key == "intermediate_values") {
    reader.object(
        [&](const std::string& step) { trial.intermediate_values[parse_step(step)] = reader.real(); });
  } else {
    return false;
  }
  return true;
}

Record parse_record(std::string_view line) {
  json::Reader reader(line);
  Record record;
  reader.object([&](const std::string& key) {
    if (key == "op_code") {
      record.op = reader.integer();
    } else if (key == "worker_id") {
      record.worker = reader.string();
    } else if (key == "study_id") {
      record.study_id = reader.integer();
    } else if (key == "trial_id") {
      record.trial_id = reader.integer();
    } else if (key == "step") {
      record.step = reader.integer();
    } else if (key == "study_name") {
      record.study_name = reader.string();
    } else if (key == "param_name") {
      record.param_name = reader.string();
    } else if (key == "distribution") {
      record.distribution = reader.string();
    } else if (key == "directions") {
      reader.list([&] {
        record.directions.push_back(reader.integer() == 2 ? Direction::kMaximize : Direction::kMinimize);
      });
    } else if (key == "param_value_internal" || key == "intermediate_value") {
      record.number = reader.real();
    } else if (key == "user_attr" || key == "system_attr") {
      read_attr(reader, record);
    } else if (!read_trial_field(reader, key, record)) {
      reader.skip();
    }
  });
  reader.end();
  return record;
}

// Puts a record together: a compact JSON object on a line.
class Line {
 public:
  Line(Op op, std::string_view worker) {
    text_ = R"({"op_code":)" + std::to_string(op) + R"(,"worker_id":)";
    json::append_string(text_, worker);
  }
  Line& add(std::string_view key, const Params& value) {
    name(key);
    json::append(text_, value, json::Style::kCompact);
    return *this;
  }
  Line& reals(std::string_view key, std::span<const double> values) {
    if (values.empty()) return add(key, nullptr);
    name(key);
    char before = '[';
    for (const double value : values) {
      text_ += before;
      json::append_real(text_, value);
      before = ',';
    }
    text_ += ']';
    return *this;
  }
  [[nodiscard]] std::string end() const { return text_ + "}\n"; }

 private:
  void name(std::string_view key) {
    text_ += ',';
    json::append_string(text_, key);
    text_ += ':';
  }
  std::string text_;
};

// Whether the file system is one whose appends are atomic and whose sizes are never stale.
bool lies_on_this_machine(const fs::path& file) {
  constexpr std::array<std::uint32_t, 6> kLocal{0xEF53,       // ext2, ext3, ext4
                                                0x58465342,   // XFS
                                                0x9123683E,   // Btrfs
                                                0x01021994,   // tmpfs
                                                0x794C7630,   // overlay
                                                0x2FC12FC1};  // ZFS
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  struct statfs info{};
  return ::statfs(folder.c_str(), &info) == 0 &&
         std::ranges::find(kLocal, static_cast<std::uint32_t>(info.f_type)) != kLocal.end();
}

using LineReader = std::function<void(std::string_view line)>;

// The file: appends, and reads what is new without a lock.
class JournalFile {
 public:
  JournalFile(fs::path path, const JournalOptions& options)
      : path_(std::move(path)), options_(options), is_local_(lies_on_this_machine(path_)) {}

  // Appends a line, only if `still` then holds; false: it did not. `apply` is called with each whole line
  // since the last call, this one at the end. `is_end`: it has to be as safe as the journal's durability
  // says.
  //
  // On a file system of this machine a line is one write, which no other write divides: only what depends on
  // the lines before it, and repairs, need Optuna's lock.
  template <class F>
  bool append(const std::string& line, bool is_end, const F& apply, const std::function<bool()>& still = {}) {
    if (is_local_ && !still && append_now(line, is_end, apply, still, Tail::kWhole)) return true;
    const LinkLock lock(path_, owner_, options_.lock_grace);
    return append_now(line, is_end, apply, still, Tail::kAny);
  }
  // Calls `apply` with each whole line since the last call. A file that is not there has none.
  template <class F>
  void read_new(const F& apply) {
    const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() >= 0) {
      read_lines(file.get(), apply);
    } else if (errno != ENOENT) {
      fail_io(path_, "open");
    }
  }
  [[nodiscard]] std::string where() const { return path_.string() + ":" + std::to_string(line_); }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  enum class Tail : std::uint8_t {
    kWhole,  // writes only after a whole line
    kAny,    // removes an unfinished one: its writer was killed, and nobody was told that it is there
  };
  template <class F>
  bool append_now(const std::string& line, bool is_end, const F& apply, const std::function<bool()>& still,
                  Tail tail) {
    bool is_next = false;
    {
      const Descriptor file(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
      if (file.get() < 0) fail_io(path_, "open");
      if (is_local_) lock_against_repair(file.get());
      const off_t size = read_lines(file.get(), apply);
      if (still && !still()) return false;
      if (size != offset_) {
        if (tail == Tail::kWhole) return false;
        if (::ftruncate(file.get(), offset_) != 0) fail_io(path_, "repair");
      }
      write_line(file.get(), line, is_end);
      // Optuna may have written meanwhile.
      is_next = ::lseek(file.get(), 0, SEEK_CUR) == offset_ + static_cast<off_t>(line.size());
    }
    if (is_next) {
      pass_line(std::string_view(line).substr(0, line.size() - 1), apply);
    } else {
      read_new(apply);
    }
    return true;
  }
  // Until the descriptor is closed.
  void lock_against_repair(int file) const {
    while (::flock(file, LOCK_EX) != 0) {
      if (errno != EINTR) fail_io(path_, "lock");
    }
  }
  // The whole lines after those that have been read; returns the size of the file.
  template <class F>
  off_t read_lines(int file, const F& apply) {
    const off_t size = size_of(file);
    if (size == offset_) return size;
    if (size < offset_)
      throw Error(ErrorCode::kIo, path_.string() + " has become shorter while it was in use");
    std::string text(static_cast<std::size_t>(size - offset_), '\0');
    std::size_t have = 0;
    while (have < text.size()) {
      const auto got =
          ::pread(file, text.data() + have, text.size() - have, offset_ + static_cast<off_t>(have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail_io(path_, "read");
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    std::string_view rest(text.data(), have);
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      const std::string_view line = rest.substr(0, end);
      rest.remove_prefix(end + 1);
      pass_line(line, apply);
    }
    return size;
  }
  template <class F>
  void pass_line(std::string_view line, const F& apply) {
    offset_ += static_cast<off_t>(line.size() + 1);
    ++line_;
    apply(line);
  }
  void write_line(int file, std::string_view line, bool is_end) const {
    while (!line.empty()) {
      const auto written = ::write(file, line.data(), line.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail_io(path_, "write to");
      line.remove_prefix(static_cast<std::size_t>(written));
    }
    if (is_end && options_.durability == Durability::kFull && ::fdatasync(file) != 0)
      fail_io(path_, "write to");
  }
  [[nodiscard]] off_t size_of(int file) const {
    struct stat info{};
    if (::fstat(file, &info) != 0) fail_io(path_, "look at");
    return info.st_size;
  }
  fs::path path_;
  JournalOptions options_;
  bool is_local_;
  std::string owner_ = random_word();
  off_t offset_ = 0;
  std::int64_t line_ = 0;
};

// All studies of the file by id, and where each trial belongs. Ids are counted in the order of the file.
struct Catalog {
  struct Study {
    std::string name;
    std::vector<Direction> directions;
    bool deleted = false;
    std::int64_t trials = 0;
  };
  struct TrialPlace {
    std::int64_t study, number;
  };
  std::vector<Study> studies;
  std::vector<TrialPlace> trials;

  [[nodiscard]] Study* find(std::int64_t id) {
    const bool known = id >= 0 && id < static_cast<std::int64_t>(studies.size());
    return known && !studies[static_cast<std::size_t>(id)].deleted ? &studies[static_cast<std::size_t>(id)]
                                                                   : nullptr;
  }
  [[nodiscard]] bool has(std::string_view name) const {
    return std::ranges::any_of(studies,
                               [&](const Study& study) { return !study.deleted && study.name == name; });
  }
};

class JournalBackend final : public Backend {
 public:
  JournalBackend(const fs::path& path, const JournalOptions& options, std::int64_t study)
      : file_(path, options), study_(study), worker_(random_word() + "-0") {}

  [[nodiscard]] bool is_shared() const override { return true; }
  void refresh(History& history) override { file_.read_new(replayer(history)); }
  std::int64_t add(History& history, const FrozenTrial& trial) override {
    write(history, creation(trial), true);
    return created_;
  }
  bool add_as(History& history, std::int64_t number, const FrozenTrial& trial) override {
    const std::string line = creation(trial).end();
    return file_.append(line, trial.state != TrialState::kRunning, replayer(history),
                        [&] { return history.size() == number; });
  }
  std::int64_t add_running(History& history, Time start) override {
    write(history, Line(kCreateTrial, worker_).add("study_id", study_).add("datetime_start", to_iso(start)));
    return created_;
  }
  bool start(History& history, std::int64_t number, Time start) override {
    started_ = false;
    write(history, trial_line(kSetState, history, number)
                       .add("state", static_cast<int>(TrialState::kRunning))
                       .add("values", nullptr)
                       .add("datetime_start", to_iso(start)));
    return started_;
  }
  void set_param(History& history, std::int64_t number, std::string_view name,
                 const Distribution& distribution, double internal) override {
    write(history, trial_line(kSetParam, history, number)
                       .add("param_name", name)
                       .add("param_value_internal", internal)
                       .add("distribution", distribution.to_json()));
  }
  void report(History& history, std::int64_t number, std::int64_t step, double value) override {
    write(history, trial_line(kReport, history, number).add("step", step).add("intermediate_value", value));
  }
  void set_trial_attr(History& history, std::int64_t number, bool system, std::string_view key,
                      const Params& value) override {
    Params attr = Params::map();
    attr[key] = value;
    write(history, trial_line(system ? kTrialSystemAttr : kTrialUserAttr, history, number)
                       .add(system ? "system_attr" : "user_attr", attr));
  }
  bool exchange_trial_attr(History& history, std::int64_t number, std::string_view key,
                           const Params& expected, const Params& value) override {
    Params attr = Params::map();
    attr[key] = value;
    const std::string line = trial_line(kTrialSystemAttr, history, number).add("system_attr", attr).end();
    return file_.append(line, false, replayer(history),
                        [&] { return has_trial_attr(history, number, key, expected); });
  }
  void finish(History& history, std::int64_t number, TrialState state, std::span<const double> values,
              Time complete) override {
    write(history,
          trial_line(kSetState, history, number)
              .add("state", static_cast<int>(state))
              .reals("values", values)
              .add("datetime_complete", to_iso(complete)),
          true);
  }
  void set_study_attr(History& history, bool system, std::string_view key, const Params& value) override {
    Params attr = Params::map();
    attr[key] = value;
    write(history, Line(system ? kStudySystemAttr : kStudyUserAttr, worker_)
                       .add("study_id", study_)
                       .add(system ? "system_attr" : "user_attr", attr));
  }

 private:
  [[nodiscard]] Line creation(const FrozenTrial& whole) const {
    const FrozenTrial trial = with_reports_as_attrs(whole);
    Params distributions = Params::map(), params = Params::map(), reports = Params::map();
    for (const auto& param : trial.params) {
      distributions[param.name] = param.distribution.to_json();
      params[param.name] = param.internal;
    }
    for (const auto& [step, value] : trial.intermediate_values) reports[std::to_string(step)] = value;
    Line line(kCreateTrial, worker_);
    line.add("study_id", study_).add("datetime_start", time_or_null(trial.datetime_start));
    if (trial.datetime_complete) line.add("datetime_complete", to_iso(*trial.datetime_complete));
    line.add("state", static_cast<int>(trial.state)).add("value", nullptr).reals("values", trial.values);
    line.add("distributions", distributions).add("params", params).add("user_attrs", trial.user_attrs);
    line.add("system_attrs", trial.system_attrs).add("intermediate_values", reports);
    return line;
  }
  static Params time_or_null(const std::optional<Time>& time) {
    return time ? Params(to_iso(*time)) : Params();
  }
  Line trial_line(Op op, const History& history, std::int64_t number) const {
    Line line(op, worker_);
    line.add("trial_id", history.trial(number).trial_id);
    return line;
  }
  // Written first, then replayed with what others wrote before it: the replay tells whether it held.
  void write(History& history, const Line& line, bool is_end = false) {
    file_.append(line.end(), is_end, replayer(history));
  }
  LineReader replayer(History& history) {
    return [this, &history](std::string_view line) { replay(history, line); };
  }

  void replay(History& history, std::string_view text) {
    Record record;
    try {
      record = parse_record(text);
    } catch (const Error& error) {
      throw Error(ErrorCode::kInvalidArgument, file_.where() + ": " + error.what());
    }
    try {
      apply(history, record);
    } catch (const Error&) {
      // What does not hold when it is replayed is passed over by all but the one who wrote it.
      if (record.worker == worker_) throw;
    }
  }

  void apply(History& history, const Record& record) {
    switch (record.op) {
      case kCreateStudy:
        if (!catalog_.has(record.study_name))
          catalog_.studies.push_back({record.study_name, record.directions});
        return;
      case kDeleteStudy:
        if (auto* study = catalog_.find(record.study_id)) study->deleted = true;
        return;
      case kCreateTrial:
        create_trial(history, record);
        return;
      case kStudyUserAttr:
      case kStudySystemAttr:
        if (record.study_id == study_)
          history.set_study_attr(record.op == kStudySystemAttr, record.key, record.value);
        return;
      default:
        break;
    }
    if (record.trial_id < 0 || record.trial_id >= static_cast<std::int64_t>(catalog_.trials.size())) return;
    const auto [study, number] = catalog_.trials[static_cast<std::size_t>(record.trial_id)];
    if (study == study_) apply_to_trial(history, number, record);
  }

  void create_trial(History& history, const Record& record) {
    auto* study = catalog_.find(record.study_id);
    if (!study) return;
    const std::int64_t number = study->trials++, id = static_cast<std::int64_t>(catalog_.trials.size());
    catalog_.trials.push_back({record.study_id, number});
    if (record.study_id != study_) return;
    FrozenTrial trial = record.trial;
    trial.trial_id = id;
    for (const auto& [name, internal] : record.params) {
      const auto json = record.distributions.find(name);
      if (json != record.distributions.end())
        trial.params.push_back({name, distribution(json->second), internal});
    }
    if (trial.user_attrs.is_null()) trial.user_attrs = Params::map();
    if (trial.system_attrs.is_null()) trial.system_attrs = Params::map();
    history.add(trial);
    if (record.worker == worker_) created_ = number;
  }

  void apply_to_trial(History& history, std::int64_t number, const Record& record) {
    switch (record.op) {
      case kSetParam:
        history.set_param(number, record.param_name, distribution(record.distribution), record.number);
        break;
      case kReport:
        history.report(number, record.step, record.number);
        break;
      case kTrialUserAttr:
      case kTrialSystemAttr:
        history.set_trial_attr(number, record.op == kTrialSystemAttr, record.key, record.value);
        break;
      case kSetState:
        if (record.trial.state == TrialState::kRunning) {
          const bool held = history.start(number, record.trial.datetime_start.value_or(Time{}));
          if (record.worker == worker_) started_ = held;
        } else if (is_finished(record.trial.state)) {
          history.finish(number, record.trial.state, record.trial.values,
                         record.trial.datetime_complete.value_or(Time{}));
        }
        break;
      default:
        break;  // of a later version
    }
  }

  const Distribution& distribution(const std::string& json) {
    const auto known = distributions_.find(json);
    if (known != distributions_.end()) return known->second;
    return distributions_.emplace(json, Distribution::from_json(json)).first->second;
  }

  JournalFile file_;
  std::int64_t study_;
  std::string worker_;
  Catalog catalog_;
  std::unordered_map<std::string, Distribution> distributions_;  // by their JSON
  std::int64_t created_ = -1;  // number of the trial that this writer made last
  bool started_ = false;       // whether the waiting trial it took last is its own
};

class JournalStore final : public TrialStore {
 public:
  JournalStore(const fs::path& path, const JournalOptions& options)
      : file_(path, options), options_(options), worker_(random_word() + "-0") {
    if (fs::is_directory(path))
      throw Error(ErrorCode::kInvalidArgument, path.string() + " is a folder, not a journal");
  }
  [[nodiscard]] std::vector<StoredStudy> studies() override {
    sync();
    std::vector<StoredStudy> found;
    for (std::size_t id = 0; id < catalog_.studies.size(); ++id) {
      const auto& study = catalog_.studies[id];
      if (!study.deleted) found.push_back({static_cast<std::int64_t>(id), study.name, study.directions});
    }
    return found;
  }
  void create_study(const std::string& name, const std::vector<Direction>& directions) override {
    std::vector<int> numbers;
    for (const Direction direction : directions) numbers.push_back(static_cast<int>(direction));
    conflict_ = false;
    file_.append(Line(kCreateStudy, worker_).add("study_name", name).add("directions", numbers).end(), true,
                 reader());
    if (conflict_)
      throw Error(ErrorCode::kConflict, "the study '" + name + "' exists in " + file_.path().string());
  }
  void delete_study(const StoredStudy& study) override {
    file_.append(Line(kDeleteStudy, worker_).add("study_id", study.id).end(), true, reader());
  }
  [[nodiscard]] std::unique_ptr<Backend> open(const StoredStudy& study) override {
    return std::make_unique<JournalBackend>(file_.path(), options_, study.id);
  }

 private:
  void sync() { file_.read_new(reader()); }
  LineReader reader() {
    return [this](std::string_view line) { read_line(line); };
  }
  void read_line(std::string_view line) {
    // Most lines are about trials: they are not taken apart.
    constexpr std::string_view kOp = "\"op_code\":";
    const auto at = line.find(kOp);
    const auto digit = at == std::string_view::npos ? at : line.find_first_not_of(' ', at + kOp.size());
    if (digit == std::string_view::npos || (line[digit] != '0' && line[digit] != '1')) return;
    const Record record = parse_record(line);
    if (record.op == kCreateStudy) {
      const bool exists = catalog_.has(record.study_name);
      if (exists && record.worker == worker_) conflict_ = true;
      if (!exists) catalog_.studies.push_back({record.study_name, record.directions});
    } else if (record.op == kDeleteStudy) {
      if (auto* study = catalog_.find(record.study_id)) study->deleted = true;
    }
  }
  JournalFile file_;
  JournalOptions options_;
  std::string worker_;
  Catalog catalog_;
  bool conflict_ = false;
};
}  // namespace

std::unique_ptr<TrialStore> open_journal(const fs::path& path, const JournalOptions& options) {
  return std::make_unique<JournalStore>(path, options);
}

}  // namespace ivory::tuning
