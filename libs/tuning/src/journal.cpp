#include "journal.h"

#include <algorithm>
#include <functional>
#include <unordered_map>

#include <ivory/base/error.h>

#include "full_reports.h"
#include "journal_file.h"
#include "journal_record.h"
#include "time_text.h"

namespace ivory::tuning {
namespace {
namespace fs = std::filesystem;
using journal::Op;
using enum journal::Op;
using journal::JournalFile;
using journal::Line;
using journal::LineReader;
using journal::parse_record;
using journal::random_word;
using journal::Record;

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
