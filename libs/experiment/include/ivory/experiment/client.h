// Client: the entry point. Owns a working directory, the registry of what YAML can name, and a tracker.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/experiment/collection.h>
#include <ivory/experiment/experiment.h>
#include <ivory/experiment/ranges.h>
#include <ivory/experiment/run.h>
#include <ivory/experiment/task.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory {

// Which runs. Conditions are joined by "and"; what is empty does not restrict.
// The defaults let designated initializers leave a member out without a warning.
// NOLINTBEGIN(readability-redundant-member-init)
struct RunSearch {
  std::string name = {};           // of the experiment
  std::string parent_run_id = {};  // nested right under this run
  bool parent_only = false;        // tasks, and whatever has nested runs
  bool nested_only = false;        // nested under some run
  bool exclude_parent = false;     // no tasks, nothing that has nested runs
  // By logged param: equal to the value, one of the list, from start to stop of the Range. Numbers are
  // compared as numbers. A run that has not logged the param is not found.
  Ranges params = {};
  std::vector<std::string> names = {};  // of further experiments
  // MLflow's search language (docs/search-language.md): "metrics.loss < 0.3 AND params.optimizer = 'adam'",
  // {"metrics.loss ASC"}.
  std::string filter = {};
  std::vector<std::string> order_by = {};
  tracking::ViewType view = tracking::ViewType::kActiveOnly;
  std::optional<std::size_t> max_results = {};  // the first of `order_by`, else the newest
};
// NOLINTEND(readability-redundant-member-init)

// Reads client.yml (or client.yaml) of the directory, if there is one:
//
//   modules: [rectangle.cpp]      # the user's classes: sources, or built libraries
//   tracker:                      # class ivory.Tracker
//     tracking_uri: sqlite:///mlflow.db
//   tuner:                        # class ivory.Tuner, for studies
//     storage: sqlite:///optuna.db
//   objective:                    # class ivory.Objective: suggest functions by name
//     lr: rectangle.suggest_lr
//
// A file study.yml may hold `tuner` and `objective` too, and then goes before client.yml.
//
// Threads: const methods from any thread.
class Client : public Entity {
 public:
  // Errors: kNotFound for a directory that does not exist; kInvalidArgument for a client.yml that is wrong or
  // a module that does not compile.
  explicit Client(const std::filesystem::path& directory = ".", bool tracker = true);
  // For what was recorded alone: no module is compiled or loaded, so it works while the user's classes do
  // not; nothing can be made of them. Errors: as above, but for the modules.
  [[nodiscard]] static Client of_records(const std::filesystem::path& directory = ".");

  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
  [[nodiscard]] const Registry& registry() const noexcept { return *registry_; }
  // Null without tracking.
  [[nodiscard]] const std::shared_ptr<Tracker>& tracker() const noexcept { return tracker_; }

  // The experiment of NAME.yml or NAME.yaml in the directory. Errors: kNotFound with the nearest name.
  [[nodiscard]] Experiment create_experiment(std::string_view name) const;
  [[nodiscard]] Run create_run(std::string_view name, const Params& args = {}) const;
  [[nodiscard]] Task create_task(std::string_view name, const Params& args = {}) const;
  // Include study.h for what it gives.
  [[nodiscard]] Study create_study(std::string_view name, const Params& args = {}) const;
  [[nodiscard]] Value create_instance(std::string_view name, std::string_view instance_name,
                                      const Params& args = {}) const;
  // Names of the parameter files in the directory, sorted.
  [[nodiscard]] std::vector<std::string> experiment_names() const;

  // ---- runs that were tracked. Wherever an id is asked for, resolve_run() says what else will do.
  // Errors of all: kUnsupported without a tracker; kNotFound for a run that is not there; those of the store.

  // The run that `text` means: an id, the beginning of one, or a short name, "digits/run#3", "digits/task#0".
  // Among those of `view`; by its whole id any is found. Errors: kNotFound with the nearest name;
  // kInvalidArgument for a beginning or a name that several runs share (naming them), or a text of neither
  // form.
  [[nodiscard]] tracking::RunRecord resolve_run(
      std::string_view text, tracking::ViewType view = tracking::ViewType::kActiveOnly) const;

  // Ids of the runs, the oldest first unless `order_by` says more; deleted ones are left out unless `view`
  // asks for them. Errors: kNotFound for an experiment that the store does not have; kInvalidArgument for a
  // filter or an order that is none.
  [[nodiscard]] std::vector<std::string> search_run_ids(const RunSearch& search = {}) const;
  // Of tasks, and of whatever has nested runs.
  [[nodiscard]] std::vector<std::string> search_parent_run_ids(std::string_view name = {},
                                                               const Ranges& params = {}) const;
  [[nodiscard]] std::vector<std::string> search_nested_run_ids(std::string_view name = {},
                                                               const Ranges& params = {}) const;
  // The same with all of each run.
  [[nodiscard]] std::vector<tracking::RunRecord> search_runs(const RunSearch& search = {}) const;
  // The same one by one, read from the store page by page: many runs need little memory. Without `order_by`
  // the newest is the first.
  void visit_runs(const RunSearch& search,
                  const std::function<void(const tracking::RunRecord&)>& visit) const;

  // The id of run#`number`, task#`number` … of an experiment; a negative number counts from the last one.
  [[nodiscard]] std::string get_run_id(std::string_view name, std::int64_t number = 0,
                                       std::string_view kind = "run") const;
  //   client.get_run_ids("digits", "task", Range(0, 1));
  [[nodiscard]] std::vector<std::string> get_run_ids(std::string_view name, std::string_view kind,
                                                     const ParamRange& numbers) const;
  // In the order of the task's plan.
  [[nodiscard]] std::vector<std::string> get_nested_run_ids(std::string_view run) const;
  // Empty if the run is nobody's.
  [[nodiscard]] std::string get_parent_run_id(std::string_view run) const;
  // "run#0".
  [[nodiscard]] std::string get_run_name(std::string_view run) const;

  // What params.yaml of the run says: {"experiment": …, "run": …}. Errors: kNotFound if it has none.
  [[nodiscard]] Params load_params(std::string_view run) const;
  // The run made again from its params.yaml, with the state of `mode`: "test", "best" or "current", empty for
  // the first of these that exists. It has the id and the name, but records nothing. Errors: kNotFound if it
  // has no such state.
  [[nodiscard]] Run load_run(std::string_view run, std::string_view mode = {}) const;
  // One member alone, by dotted name, with its state; the members that it refers to by `$` are made with
  // theirs.
  [[nodiscard]] Value load_instance(std::string_view run, std::string_view instance_name,
                                    std::string_view mode = {}) const;
  // The task, taken over for this process as a RUNNING one, with its plan and the scores of its finished
  // runs; runs() gives what is left.
  [[nodiscard]] Task resume_task(std::string_view task) const;
  // The study, taken over for this process as a RUNNING one. Others may work on it at the same time; trials
  // of processes that live are theirs. Errors: kInvalidArgument for a run that is no study.
  [[nodiscard]] Study resume_study(std::string_view study) const;
  // The study whose tuner's study has that name, in the storage of the experiment's tuner (`args` as for
  // create_study()): by the user attribute `run_id`, taken over as by resume_study(), but with the files and
  // `args` of today. Nothing if there is no such study, or its run is not in this tracking store.
  [[nodiscard]] std::optional<Study> find_study(std::string_view name, const std::string& study_name,
                                                const Params& args = {}) const;
  // Out-of-fold and test rows of runs; a task stands for its nested runs. `verbose` shows progress.
  // Errors: those of collect_results().
  [[nodiscard]] Collection load_results(const std::vector<std::string>& runs,
                                        Reduction reduction = Reduction::kNone, bool verbose = false) const;

  // The counts that these give may be of no interest. NOLINTBEGIN(modernize-use-nodiscard)
  // Logs params that older runs of the experiment lack, with these values. Gives the number of runs changed.
  std::size_t update_params(std::string_view name, const Params& defaults) const;
  // Nests the runs under `parent`.
  void set_parent_run_id(const std::vector<std::string>& runs, std::string_view parent) const;
  // Ends a run that says RUNNING, as FINISHED; others are left as they are.
  void set_terminated(std::string_view run) const;
  // All that say RUNNING of the experiment, or of all. Gives their number. Runs whose process lives are left
  // alone.
  std::size_t set_terminated_all(std::string_view name = {}) const;
  // Removes for good, rows and artifacts, the runs of the experiment, or of all, that were deleted longer ago
  // than `age`. Gives their number. Errors: kUnsupported for a store behind a server, which keeps all.
  std::size_t remove_deleted_runs(std::string_view name = {}, std::chrono::milliseconds age = {}) const;
  // NOLINTEND(modernize-use-nodiscard)

 private:
  enum class Modules { kAdded, kLeftOut };
  Client(const std::filesystem::path& directory, bool tracker, Modules modules);
  // Null if there is no store yet.
  [[nodiscard]] std::shared_ptr<tracking::TrackingStore> find_store() const;
  [[nodiscard]] std::shared_ptr<tracking::TrackingStore> store_for_reading() const;
  [[nodiscard]] tracking::TrackingStore& store() const;
  [[nodiscard]] std::shared_ptr<Workshop> make_workshop(std::string_view experiment, bool tracked) const;
  // What the run was made from.
  [[nodiscard]] Experiment stored_experiment(const tracking::RunRecord& run, bool tracked) const;

  std::filesystem::path directory_;
  std::shared_ptr<Registry> registry_;
  std::shared_ptr<Tracker> tracker_;
};

[[nodiscard]] Client create_client(const std::filesystem::path& directory = ".", bool tracker = true);
// Of the default client, in the process's working directory.
[[nodiscard]] Experiment create_experiment(std::string_view name);
[[nodiscard]] Run create_run(std::string_view name, const Params& args = {});
[[nodiscard]] Task create_task(std::string_view name, const Params& args = {});
[[nodiscard]] Study create_study(std::string_view name, const Params& args = {});

}  // namespace ivory
