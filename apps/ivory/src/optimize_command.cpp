// ivory optimize: tunes the parameters of an experiment.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/interrupt.h>
#include <ivory/experiment/study.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tuning/distributions.h>

#include "durations.h"
#include "plan_words.h"
#include "studies_command.h"
#include "study_records.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using SearchSpace = std::vector<std::pair<std::string, tuning::Distribution>>;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

// Errors: kInvalidArgument for a search space that does not go with what the trial had.
void check_space(const tuning::FrozenTrial& earlier, const SearchSpace& space) {
  for (const auto& [name, distribution] : space)
    if (const auto* param = earlier.find_param(name))
      tuning::check_compatible(name, param->distribution, distribution);
}

// A file that could be made.
void check_folder(const std::string& url) {
  for (const std::string_view scheme : {"sqlite:///", "journal:///"}) {
    if (!url.starts_with(scheme)) continue;
    const fs::path folder = fs::path(url.substr(scheme.size(), url.find('?') - scheme.size())).parent_path();
    if (!fs::is_directory(folder))
      throw Error(ErrorCode::kNotFound, "--storage: there is no folder " + folder.string());
  }
}

class OptimizeCommand final : public StudiesCommand {
 public:
  void declare(Options& options) override {
    options.word("NAME", name_, "the experiment: its parameters are in NAME.yml");
    options.words(
        "SUGGEST KEY=VALUE", words_,
        "a suggest function of `objective:`, and parameters: lr=1e-5_1e-1.log is an interval, act=relu,tanh "
        "a choice, epochs=5 is fixed; fold=0-2 makes each trial a cross-validation");
    options.option("--trials", trials_, "N", "so many trials more, of all jobs together");
    options.option("--timeout", timeout_, "TIME", "no trial begins after that: 30s, 10m, 2h");
    options.option("--each", each_, "KEY=VALUES", "a further parameter that each trial sweeps, as folds are");
    options.option("--sampler", sampler_, "NAME",
                   "how parameters are chosen: tpe, auto, gp, cma-es, random …");
    options.option("--pruner", pruner_, "NAME",
                   "which trials are given up: median, hyperband, wilcoxon, nop …");
    options.option("--storage", storage_, "URL",
                   "where the study is kept: sqlite:///FILE, journal:///FILE, postgresql://USER@HOST/NAME");
    options.option("--name", study_name_, "STUDY", "the study: one that is there is gone on with");
    options.flag("--new", new_, "another study, though the same was asked for before");
    options.option("--write", write_, "FILE", "the best parameters, as a parameter file for `ivory run`");
    options.flag("--deterministic", deterministic_, "the same study with any number of jobs");
    options.option("--lag", lag_, "N", "of a deterministic study: how many trials may run at once (8)");
    declare_engine(options);
    options.option("--seed", seed_, "N", "seed of the sampler, and of the runs");
    options.flag("--no-track", no_track_, "record nothing");
  }

  int execute() override {
    const StudyRunOptions options = read_options();
    const Asked asked = check(options);
    const Client client(directory(), !no_track_);
    // Of several shells that begin at once, one begins the study, and the others join it.
    std::optional<FileLock> lock;
    if (!no_track_) lock.emplace(client.directory() / ".ivory" / "optimize.lock");
    const std::string name = study_name_.empty() ? find_same(client, asked) : study_name_;
    Study study = begin(client, name, asked);
    StudyCall call{.asked = asked.recorded, .write = write_, .on_begin = [&] { lock.reset(); }};
    if (!write_.empty()) call.write = client.directory() / write_;
    call.start = [&](const StudyRunOptions& run) { return start(study, asked, name, run); };
    run_study(client, study, options, call);
    return 0;
  }

 private:
  struct Asked {
    TuningWords words;
    Ranges each;
    Params tuner = Params::map();  // arguments of create_study()
    Params recorded = {};          // as the study will record it
    std::vector<tuning::Direction> directions = {};
    SearchSpace space = {};  // of what is given as ranges
  };

  [[nodiscard]] StudyRunOptions read_options() const {
    StudyRunOptions options = study_options();
    if (trials_ && *trials_ < 1) refuse(fmt::format("--trials takes 1 or more, found {}", *trials_));
    options.n_trials = trials_;
    if (!timeout_.empty())
      options.timeout = parse_duration(timeout_, "--timeout", "a time such as 30s, 10m or 2h");
    if (!options.n_trials && !options.timeout)
      refuse("say how long: --trials 100, or --timeout 10m, or both");
    if (no_track_ && (!storage_.empty() || !study_name_.empty()))
      refuse("--no-track records nothing: it goes without --storage and --name");
    if (new_ && !study_name_.empty()) refuse("--new begins another study: it goes without --name");
    if (lag_ && !deterministic_) refuse("--lag is of a deterministic study: it goes with --deterministic");
    if (!write_.empty() && write_.extension() != ".yml" && write_.extension() != ".yaml")
      refuse("--write: a parameter file ends in .yml, found '" + write_.string() + "'");
    return options;
  }

  // What the options say, on top of the files.
  [[nodiscard]] Params tuner_arguments(const Params& files) const {
    Params tuner = files.is_map() ? Params(files) : Params::map();
    const Params before(tuner);
    if (no_track_) tuner.set("storage", "");
    if (!storage_.empty()) tuner.set("storage", storage_);
    if (!sampler_.empty()) tuner.set("sampler", sampler_);
    if (seed_ || deterministic_) tuner.set("sampler", seeded(tuner.find("sampler")));
    if (!pruner_.empty()) tuner.set("pruner", pruner_);
    if (!study_name_.empty()) tuner.set("load_if_exists", true);
    if (deterministic_) tuner.set("deterministic", true);
    if (lag_) tuner.set("lag", *lag_);
    return tuner == before ? Params::map() : Params{{"tuner", std::move(tuner)}};
  }

  // A sampler without a seed of its own gets the study's.
  [[nodiscard]] Params seeded(const Params* sampler) const {
    Params described = sampler == nullptr || sampler->is_null() ? Params("tpe") : Params(*sampler);
    if (!described.is_map()) described = Params{{"class", described}};
    if (seed_ || !described.contains("seed")) described.set("seed", seed_.value_or(0));
    return described;
  }

  // Whatever would fail fails here, in a study that records nothing.
  [[nodiscard]] Asked check(const StudyRunOptions& options) const {
    const Client client(directory(), false);
    const Experiment experiment = client.create_experiment(name_);
    Asked asked{.words = tuning_words(experiment, words_, seed_), .each = swept_words(experiment, each_)};
    const Params files = experiment.create_study().params().at("study");
    asked.tuner = tuner_arguments(files.contains("tuner") ? files.at("tuner") : Params());
    Study study = experiment.create_study(asked.tuner);
    const Tuner tuner = study.tuner();
    TunerOptions in_memory = tuner.options();
    in_memory.storage.clear();
    study.set_tuner(std::make_shared<Tuner>(in_memory));
    StudyRunOptions nothing = options;
    nothing.n_trials = 0;
    const tuning::Study tuned = start(study, asked, study_name_, nothing);
    asked.recorded = study.recorded();
    asked.directions = tuned.directions();
    asked.space = Objective::distributions(tuned_ranges(asked.words));
    if (!write_.empty()) check_write(experiment, tuned);
    if (!no_track_) check_stored(tuner, asked);
    return asked;
  }

  static tuning::Study start(Study& study, const Asked& asked, const std::string& name,
                             const StudyRunOptions& options) {
    StudyRunOptions run = options;
    run.each = asked.each;
    run.study_name = name;
    return asked.words.suggest.empty() ? study.optimize(asked.words.params, run)
                                       : study.optimize(asked.words.suggest, asked.words.params, run);
  }

  static Ranges tuned_ranges(const TuningWords& words) {
    Ranges tuned;
    for (const NamedRange& item : words.params.items())
      if (item.name != "fold" && !item.name.ends_with(".fold")) tuned.add(item);
    return tuned;
  }

  void check_write(const Experiment& experiment, const tuning::Study& tuned) const {
    if (tuned.directions().size() > 1)
      refuse("--write: of several metrics there are no best parameters, but a front");
    std::error_code none;
    if (fs::equivalent(directory() / write_, experiment.source_name(), none))
      refuse("--write: " + write_.string() + " is the experiment's own file; give another");
  }

  // A storage that can serve, and if the study is there already: one that goes with what is asked for.
  void check_stored(const Tuner& tuner, const Asked& asked) const {
    const Client client(directory());
    const std::string name = study_name_.empty() ? find_same(client, asked) : study_name_;
    check_folder(tuner.url());
    const auto study = name.empty() ? std::nullopt : tuner.find_study(name);
    if (name.empty()) static_cast<void>(tuner.study_names());
    if (!study) return;
    if (study->directions() != asked.directions)
      refuse(fmt::format("the study '{}' in {} is to {}, and the monitor of {} to {}; give another --name",
                         name, tuner.storage(), directions_text(study->directions()), name_,
                         directions_text(asked.directions)));
    check_experiment(client, *study);
    try {
      for (const tuning::FrozenTrial& trial : study->trials())
        if (trial.state != tuning::TrialState::kWaiting) check_space(trial, asked.space);
    } catch (const Error& error) {
      refuse(fmt::format("the study '{}' has another search space: {}; give another --name", name,
                         error.what()));
    }
  }

  // A study of that name may be another experiment's.
  void check_experiment(const Client& client, const tuning::Study& study) const {
    const auto run = run_of(client, study);
    if (!run) return;
    const std::string experiment =
        client.tracker()->open_read_only()->get_experiment(run->experiment_id).name;
    if (experiment != name_)
      refuse(fmt::format("the study '{}' is of the experiment '{}', not of '{}'; give another --name",
                         study.study_name(), experiment, name_));
  }

  // The study's run in this tracking store.
  static std::optional<tracking::RunRecord> run_of(const Client& client, const tuning::Study& study) {
    const Params attrs = study.user_attrs();
    const Params* id = attrs.find("run_id");
    if (id == nullptr || !id->is_string() || !client.tracker()->exists()) return std::nullopt;
    return client.tracker()->open_read_only()->find_run(id->as_string());
  }

  // The name of the latest study that was asked for the same; empty: none.
  [[nodiscard]] std::string find_same(const Client& client, const Asked& asked) const {
    if (new_ || no_track_) return {};
    const std::string& first = asked.recorded.at("study_name").as_string();
    const std::string stem = first.substr(0, first.rfind('#') + 1);
    Study probe = Client(directory(), false).create_study(name_, asked.tuner);
    std::vector<std::string> names = probe.tuner().study_names();
    std::ranges::reverse(names);
    for (const std::string& name : names) {
      if (!name.starts_with(stem)) continue;
      const auto study = probe.tuner().find_study(name);
      const auto run = study ? run_of(client, *study) : std::nullopt;
      if (run && run->lifecycle_stage == tracking::LifecycleStage::kActive &&
          is_same(recorded_request(*run, client.tracker()->tracking_uri()), asked.recorded))
        return name;
    }
    return {};
  }

  static bool is_same(const Params& earlier, const Params& asked) {
    if (earlier.is_null()) return false;
    return std::ranges::all_of(std::array{"suggest", "params", "each", "mode"}, [&](const char* key) {
      return Params::from_json(earlier.at(key).to_json()) == Params::from_json(asked.at(key).to_json());
    });
  }

  [[nodiscard]] Study begin(const Client& client, const std::string& name, const Asked& asked) const {
    auto found = name.empty() ? std::nullopt : client.find_study(name_, name, asked.tuner);
    return found ? std::move(*found) : client.create_study(name_, asked.tuner);
  }

  std::string name_, timeout_, sampler_, pruner_, storage_, study_name_;
  std::vector<std::string> words_, each_;
  fs::path write_;
  std::optional<std::int64_t> trials_, lag_, seed_;
  bool new_ = false, deterministic_ = false, no_track_ = false;
};

}  // namespace

std::unique_ptr<Command> make_optimize_command() { return std::make_unique<OptimizeCommand>(); }

}  // namespace ivory
