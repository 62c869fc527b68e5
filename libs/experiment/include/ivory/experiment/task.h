// Task: a parent run that makes many runs: cross-validations, sweeps.
#pragma once
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/experiment/collection.h>
#include <ivory/experiment/metrics.h>
#include <ivory/experiment/ranges.h>
#include <ivory/experiment/run.h>
#include <ivory/experiment/run_plan.h>

namespace ivory {

class TaskRuns;

//   Task task = client.create_task("digits");
//   for (Run& run : task.product({{"fold", Range(0, 4)}})) run.start("both");
//
// A task is itself a run of the tracking store, task#0; its runs are nested under it by MLflow's parent tag
// and carry their number in its plan as the tag `ivory.index`. Its ranges are its tags, its plan is the
// artifact task.json and the tag `ivory.task` (which says "task.json" when the plan is longer than a tag may
// be). It is ended with its last run: FINISHED, also when the loop over its runs is left by `break`; FAILED
// when the loop is left by an exception, KILLED after Ctrl-C. Then it holds the mean and the sample standard
// deviation over its finished runs of what each logged last: `val_loss_mean`, `val_loss_std` …
//
// Its members are those of the section `task` of the parameter file and one named `task`, its state: the
// plan, how far it has come, and the scores. state_dict(), load_state_dict(), save() and load() mean these,
// and start() runs only members of its own.
//
// Threads: one thread uses a task. It can be moved, but not while there is a TaskRuns of it.
class Task : public Run {
 public:
  // Directly: nested runs are made from the sections of `params` ({"experiment": …, "run": …}) with the
  // built-in classes and those of libraries.
  explicit Task(Params params = {}, NamedValues instances = {});

  // A nested run. Errors: those of Creator::create_run().
  [[nodiscard]] Run create_run(const Params& args = {}) const;
  void set_tracker(std::shared_ptr<Tracker> tracker, std::string_view name = "task",
                   const RunOrigin& origin = {});

  // One nested run for each element of the product, the whole `repeat` times; a repeat changes what training
  // draws, not the folds. `further` are more of `params`. Lazy: a run is made when the loop comes to it.
  // Errors: kInvalidArgument as for RunPlan, and for names and values that do not fit the experiment, before
  // anything is made.
  [[nodiscard]] TaskRuns product(const Ranges& params = {}, std::int64_t repeat = 1,
                                 const Ranges& further = {});
  // For each parameter in turn one run a value, the others at their defaults or, with `use_best_param`, at
  // the value that scored best by the run's monitor.
  [[nodiscard]] TaskRuns chain(const Ranges& params = {}, bool use_best_param = true,
                               const Ranges& further = {});
  // What is left of the plan: of a task whose state was loaded, or whose loop was left.
  [[nodiscard]] TaskRuns runs();

  // Out-of-fold rows of its finished runs, and the test rows. Errors: those of collect_results(), and
  // kConflict while runs of the plan are missing.
  [[nodiscard]] Collection results(Reduction reduction = Reduction::kNone) const;
  // Means and deviations over the finished runs, as they are logged on the task at its end.
  [[nodiscard]] MetricRecord summary() const;

  // ---- for whoever runs the plan himself (engines)
  // Null before the first product or chain.
  [[nodiscard]] const RunPlan* plan() const noexcept;
  // Makes it the plan of this task and records it: the task is RUNNING, of this process. The plan that it has
  // already stays, with its scores. Runs of an earlier plan stay its runs.
  void begin(const RunPlan& plan);
  // For the run `index` of the plan: its parent, and its number, which counts on over plans.
  [[nodiscard]] RunOrigin origin(std::size_t index) const;
  // The index in the plan of a nested run by its tag; none for runs of earlier plans or made by create_run().
  [[nodiscard]] std::optional<std::size_t> find_index(const tracking::RunRecord& run) const;
  // Scores of the runs of the plan that are finished; NaN for one without a monitor.
  [[nodiscard]] const RunScores& scores() const noexcept;
  void add_score(std::size_t index, const RunScore& score);
  // Logs the summary, and ends the task in the store.
  void finish(tracking::RunStatus status = tracking::RunStatus::kFinished);

 protected:
  // `section` is the one of its own: "task", "study".
  Task(std::shared_ptr<const Workshop> workshop, Params params, NamedValues instances,
       std::string_view section = "task");
  [[nodiscard]] tracking::TrackingStore* find_store() const;

 private:
  friend class Creator;
  friend class TaskRuns;
  struct State;
  struct Finished;
  void check_plan(const RunPlan& plan) const;
  [[nodiscard]] TaskRuns make_runs(const RunPlan& plan, bool anew);
  void take(std::size_t index, const Run& run);
  void record_plan();
  void take_recorded();

  std::shared_ptr<State> state_;                           // the member `task`
  std::vector<std::shared_ptr<const Finished>> finished_;  // kept here if nothing is tracked
};

// The runs of a task, one at a time: a single-pass range. A run lives until the next one is asked for.
// The task must outlive it, and stay where it is.
class TaskRuns {
 public:
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = Run;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(TaskRuns& runs) noexcept : runs_(&runs) {}
    [[nodiscard]] Run& operator*() const { return runs_->current(); }
    [[nodiscard]] Run* operator->() const { return &runs_->current(); }
    Iterator& operator++() {
      runs_->next();
      return *this;
    }
    void operator++(int) { runs_->next(); }
    friend bool operator==(const Iterator& at, std::default_sentinel_t) noexcept { return at.runs_->done(); }

   private:
    TaskRuns* runs_;
  };

  TaskRuns(TaskRuns&& other) noexcept;
  TaskRuns& operator=(TaskRuns&&) = delete;
  TaskRuns(const TaskRuns&) = delete;
  TaskRuns& operator=(const TaskRuns&) = delete;
  // Ends the task, if the loop has not come to its end.
  ~TaskRuns();

  // Makes the first run. A second call goes on where the first has come to.
  [[nodiscard]] Iterator begin();
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }
  // Runs in all, those that are done included.
  [[nodiscard]] std::size_t size() const noexcept { return plan_.size(); }
  [[nodiscard]] const RunPlan& plan() const noexcept { return plan_; }
  // True after the last run.
  [[nodiscard]] bool done() const noexcept { return index_ >= plan_.size(); }
  // Of the present run.
  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  [[nodiscard]] const Params& arguments() const noexcept { return arguments_; }

 private:
  friend class Task;
  TaskRuns(Task& task, RunPlan plan, bool anew);
  [[nodiscard]] Run& current() { return *run_; }
  void next();
  void leave();
  void make();

  Task* task_;  // null: moved from
  RunPlan plan_;
  std::size_t index_ = 0;
  Params arguments_ = Params::map();
  std::unique_ptr<Run> run_;
  bool anew_;  // not what is left of the task's present plan
  bool begun_ = false;
  int exceptions_;  // in flight when it was made
};

}  // namespace ivory
