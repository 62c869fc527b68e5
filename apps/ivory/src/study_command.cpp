// ivory study: the studies of the tuner in a storage, looked at, changed, and driven from other languages.
#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>

#include <fmt/format.h>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/range.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/tuner.h>
#include <ivory/tuning/importance.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "command.h"
#include "study_records.h"
#include "table.h"

namespace ivory {
namespace {
namespace fs = std::filesystem;
using tuning::Direction;
using tuning::Distribution;
using tuning::FrozenTrial;
using tuning::Study;
using tuning::TrialState;

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

std::vector<std::string> split_commas(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    parts.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// Looking at a file that is not there should not make one.
void check_file_exists(const std::string& url) {
  for (const std::string_view scheme : {"sqlite:///", "journal:///"}) {
    if (!url.starts_with(scheme)) continue;
    const fs::path path = url.substr(scheme.size(), url.find('?') - scheme.size());
    if (fs::exists(path)) return;
    std::vector<std::string> names;
    std::error_code none;
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    for (const auto& entry : fs::directory_iterator(folder, none)) {
      const std::string extension = entry.path().extension();
      if (extension == ".db" || extension == ".log" || extension == path.extension())
        names.push_back(entry.path().filename());
    }
    throw Error(ErrorCode::kNotFound,
                "there is no file " + path.string() + did_you_mean(path.filename().string(), names));
  }
}

double parse_value(const std::string& text) {
  const Params value = parse_scalar(text);
  if (!value.is_int() && !value.is_real()) fail("a value is a number, not '" + text + "'");
  return value.is_int() ? static_cast<double>(value.as_int()) : value.as_real();
}

// NAME=RANGE or NAME=A,B,C.
std::pair<std::string, Distribution> parse_parameter(const std::string& word) {
  const auto equals = word.find('=');
  const std::string name = word.substr(0, equals), text = word.substr(equals + 1);
  if (name.empty() || text.empty())
    fail("'" + word + "' should be NAME=LOW_HIGH (as lr=1e-5_1e-1.log, units=16_256) or NAME=A,B,C");
  if (const auto range = find_range(text)) {
    if (range->num() != 0)
      fail("'" + word + "': a parameter has a step (LOW_HIGH_STEP), not a number of values");
    const Params& low = range->start();
    const Params& high = range->stop();
    const bool has_step = range->step() != Params(1);
    if (low.is_int() && high.is_int() && range->step().is_int())
      return {name, Distribution::ints(low.as_int(), high.as_int(),
                                       {.step = range->step().as_int(), .log = range->log()})};
    std::optional<double> step;
    if (has_step)
      step = range->step().is_int() ? static_cast<double>(range->step().as_int()) : range->step().as_real();
    const auto real = [](const Params& value) {
      return value.is_int() ? static_cast<double>(value.as_int()) : value.as_real();
    };
    return {name, Distribution::floats(real(low), real(high), {.step = step, .log = range->log()})};
  }
  std::vector<Params> choices;
  for (const auto& choice : split_commas(text)) choices.push_back(parse_scalar(choice));
  return {name, Distribution::categorical(std::move(choices))};
}

std::shared_ptr<const tuning::Sampler> make_sampler(const std::string& name,
                                                    std::optional<std::int64_t> seed) {
  std::vector<std::string> names;
  for (const auto& entry : tuning::sampler_table()) {
    if (entry.name == name)
      return entry.make(seed ? static_cast<std::uint64_t>(*seed) : std::random_device()());
    names.emplace_back(entry.name);
  }
  throw Error(ErrorCode::kNotFound, "no sampler '" + name + "'" + did_you_mean(name, names));
}

class StudyCommand : public Command {
 public:
  void declare(Options& options) override {
    options.word("ACTION", action_,
                 "list, show, best, trials, importance, export, create, delete, copy, ask or tell");
    options.words(
        "STUDY", words_,
        "the study (none: the only one there is); then, of copy the new name, of ask the parameters "
        "(lr=1e-5_1e-1.log, units=16_256, act=relu,tanh), of tell the trial's number");
    options.option(
        "--storage", storage_, "URL",
        "sqlite:///FILE, journal:///FILE or postgresql://USER@HOST/NAME; none: that of the tuner in "
        "client.yml, else sqlite:///optuna.db");
    options.option("--to", to_, "URL", "copy: the storage of the copy; the same unless given");
    options.option("-o,--output", output_, "FILE", "export: a .csv or .json file, not standard output");
    options.flag("--csv", csv_, "a line a study or trial, for other programs");
    options.option("--direction", direction_, "LIST",
                   "create: minimize, maximize, or one of them for each objective");
    options.option("--sampler", sampler_, "NAME", "ask: tpe unless given");
    options.option("--seed", seed_, "N", "ask: of the sampler; importance: of the forest");
    options.option("--value", value_, "LIST", "tell: the objective's value, or values");
    options.choice("--state", state_, {"complete", "pruned", "fail"}, "tell: how the trial ended");
    options.choice("--evaluator", evaluator_, {"ped-anova", "fanova", "mdi"}, "importance: how it is judged");
  }

  int execute() override {
    struct Action {
      std::string_view name;
      void (StudyCommand::*run)();
    };
    static constexpr std::array kActions{Action{"list", &StudyCommand::list},
                                         Action{"show", &StudyCommand::show},
                                         Action{"best", &StudyCommand::best},
                                         Action{"trials", &StudyCommand::trials},
                                         Action{"importance", &StudyCommand::importance},
                                         Action{"export", &StudyCommand::export_trials},
                                         Action{"create", &StudyCommand::create},
                                         Action{"delete", &StudyCommand::remove},
                                         Action{"copy", &StudyCommand::copy},
                                         Action{"ask", &StudyCommand::ask},
                                         Action{"tell", &StudyCommand::tell}};
    const auto action = std::ranges::find(kActions, action_, &Action::name);
    if (action == kActions.end()) {
      std::vector<std::string> names;
      for (const auto& each : kActions) names.emplace_back(each.name);
      fail("ivory study has no action '" + action_ + "'" + did_you_mean(action_, names));
    }
    if (csv_ && json()) fail("--csv and --json exclude each other");
    if (storage_.empty()) storage_ = make_tuner(Client(directory(), false))->url();
    if (directory() != ".") fs::current_path(directory());  // relative URLs start there
    if (action_ != "create") check_file_exists(storage_);
    (this->*action->run)();
    return 0;
  }

 private:
  // The study that the first word names.
  std::string take_name() {
    if (words_.empty()) return {};
    std::string name = words_.front();
    words_.erase(words_.begin());
    return name;
  }
  void expect_no_more_words() const {
    if (!words_.empty()) fail("ivory study " + action_ + " takes no '" + words_.front() + "'");
  }
  [[nodiscard]] Study load(const std::string& name) const {
    return tuning::load_study(
        {.storage = storage_, .study_name = name, .sampler = make_sampler(sampler_, seed_)});
  }
  Study load_only() {
    const std::string name = take_name();
    expect_no_more_words();
    return load(name);
  }

  void list() {
    expect_no_more_words();
    const auto summaries = tuning::get_all_study_summaries(storage_);
    if (json()) {
      Params all = Params::list();
      for (const auto& summary : summaries) all.push_back(summary_record(summary));
      return print(all.to_json(2) + "\n");
    }
    Table table({"study", "direction", "trials", "complete", "running", "best value", "started"});
    for (const auto& summary : summaries) {
      const auto count = [&](TrialState state) {
        const auto found = summary.n_by_state.find(state);
        return found == summary.n_by_state.end() ? std::string("0") : std::to_string(found->second);
      };
      table.add_row({summary.study_name, directions_text(summary.directions),
                     std::to_string(summary.n_trials), count(TrialState::kComplete),
                     count(TrialState::kRunning),
                     summary.best_trial ? number_text(summary.best_trial->value()) : "",
                     utc_text(summary.datetime_start).substr(0, 19)});
    }
    print(csv_                ? table.to_csv()
          : summaries.empty() ? "There are no studies yet in " + storage_ + ".\n"
                              : table.to_text());
  }

  void show() {
    const Study study = load_only();
    if (json()) return print(study_record(study).to_json(2) + "\n");
    std::map<TrialState, std::int64_t> counts;
    for (const auto& trial : study.trials()) ++counts[trial.state];
    std::string text = fmt::format("{}  {}\n", study.study_name(), directions_text(study.directions()));
    std::vector<std::string> states;
    for (const auto& [state, count] : counts) states.push_back(fmt::format("{} {}", count, to_text(state)));
    text += fmt::format("{} trials{}{}\n", study.size(), states.empty() ? "" : ": ", join(states));
    const Params attrs = study.user_attrs();
    for (const auto& [key, value] : attrs.items()) text += fmt::format("{}: {}\n", key, value.to_text());
    const auto front = best_of(study);
    if (!front.empty()) text += "\n" + text_of(study, front);
    print(text);
  }

  void best() {
    const Study study = load_only();
    const auto found = study.directions().size() > 1 ? study.best_trials() : std::vector{study.best_trial()};
    show_trials(study, found);
  }
  void trials() {
    const Study study = load_only();
    show_trials(study, study.trials());
  }
  void show_trials(const Study& study, const std::vector<FrozenTrial>& all) const {
    if (json()) {
      Params list = Params::list();
      for (const auto& trial : all) list.push_back(trial_record(trial));
      return print(list.to_json(2) + "\n");
    }
    print(csv_ ? trials_csv(all, study.directions().size()) : text_of(study, all));
  }
  static std::string text_of(const Study& study, const std::vector<FrozenTrial>& all) {
    return trials_text(all, objective_names(study.metric_names(), study.directions().size()));
  }
  void importance() {
    const Study study = load_only();
    tuning::ImportanceOptions options;
    const std::uint64_t seed = seed_ ? static_cast<std::uint64_t>(*seed_) : 0;
    if (evaluator_ == "fanova") options.evaluator = tuning::make_fanova_evaluator({.seed = seed});
    if (evaluator_ == "mdi") options.evaluator = tuning::make_mdi_evaluator({.seed = seed});
    const auto found = tuning::get_param_importances(study, options);
    if (json()) {
      Params map = Params::map();
      for (const auto& [name, value] : found) map.set(name, value);
      return print(map.to_json(2) + "\n");
    }
    Table table({"parameter", "importance"});
    for (const auto& [name, value] : found)
      table.add_row({name, csv_ ? real_to_text(value) : number_text(value)});
    print(csv_ ? table.to_csv() : table.to_text());
  }

  void export_trials() {
    const Study study = load_only();
    const std::string extension = output_.extension();
    if (!output_.empty() && extension != ".csv" && extension != ".json")
      fail("a study is exported to a .csv or .json file, not " + output_.string());
    const bool as_json = output_.empty() ? json() : extension == ".json";
    const std::string text = as_json ? study_record(study).to_json(2) + "\n"
                                     : trials_csv(study.trials(), study.directions().size());
    output_.empty() ? print(text) : write_file(output_, text);
  }

  void create() {
    const std::string name = take_name();
    expect_no_more_words();
    std::vector<Direction> directions;
    for (const auto& word : split_commas(direction_.empty() ? "minimize" : direction_))
      directions.push_back(tuning::parse_direction(word));
    const Study study =
        tuning::create_study({.directions = directions, .storage = storage_, .study_name = name});
    print(study.study_name() + "\n");
  }
  void remove() {
    const std::string name = take_name();
    if (name.empty()) fail("ivory study delete needs the study's name");
    expect_no_more_words();
    tuning::delete_study(name, storage_);
  }
  void copy() {
    const std::string from = take_name(), to = take_name();
    expect_no_more_words();
    if (to_.empty() && to.empty()) fail("a copy in the same storage needs a name: ivory study copy OLD NEW");
    tuning::copy_study(from, storage_, to_.empty() ? storage_ : to_, to);
  }

  void ask() {
    std::string name;
    if (!words_.empty() && words_.front().find('=') == std::string::npos) name = take_name();
    std::vector<std::pair<std::string, Distribution>> space;
    for (const auto& word : words_) {
      if (word.find('=') == std::string::npos) fail("'" + word + "' should be NAME=LOW_HIGH or NAME=A,B,C");
      try {
        space.push_back(parse_parameter(word));
      } catch (const Error& error) {
        fail("the parameter " + word + ": " + error.what());
      }
    }
    Study study = load(name);
    const auto trial = study.ask(space);
    print(Params{{"number", trial->number()}, {"params", trial->params()}}.to_json() + "\n");
  }

  void tell() {
    if (words_.empty() || words_.size() > 2) fail("ivory study tell [STUDY] NUMBER --value V");
    const std::string word = words_.back();
    std::int64_t number = 0;
    const auto end = std::from_chars(word.data(), word.data() + word.size(), number).ptr;
    if (end != word.data() + word.size()) fail("the number of a trial is expected, not '" + word + "'");
    Study study = load(words_.size() == 2 ? words_.front() : "");
    std::vector<double> values;
    if (!value_.empty()) {
      for (const auto& text : split_commas(value_)) values.push_back(parse_value(text));
    }
    if (values.empty() && state_.empty()) fail("ivory study tell needs --value, or --state pruned or fail");
    tuning::TellOptions options;
    if (!state_.empty()) options.state = tuning::parse_trial_state(state_);
    const FrozenTrial trial = study.tell(number, values, options);
    if (json()) return print(trial_record(trial).to_json(2) + "\n");
    std::vector<std::string> told;
    for (const double value : trial.values) told.push_back(number_text(value));
    print(fmt::format("trial {}: {}{}{}\n", trial.number, to_text(trial.state), told.empty() ? "" : " ",
                      join(told)));
  }

  std::string action_, storage_, to_, direction_, sampler_ = "tpe", value_, state_, evaluator_ = "ped-anova";
  std::vector<std::string> words_;
  fs::path output_;
  bool csv_ = false;
  std::optional<std::int64_t> seed_;
};

}  // namespace

std::unique_ptr<Command> make_study_command() { return std::make_unique<StudyCommand>(); }

}  // namespace ivory
