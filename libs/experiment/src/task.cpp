#include <ivory/experiment/task.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/base/log.h>
#include <ivory/data/data_loaders.h>
#include <ivory/data/datasets.h>
#include <ivory/experiment/monitor.h>
#include <ivory/experiment/run_outcome.h>
#include <ivory/experiment/tracker.h>
#include <ivory/experiment/tracking.h>
#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/liveness.h>

#include "run_recorder.h"
#include "state_values.h"
#include "task_record.h"

namespace ivory {
namespace {

constexpr const char* kMember = "task";
constexpr const char* kRecorder = "$recorder";  // a name that no member of a parameter file has
constexpr std::size_t kLongestTag = 8000;       // in characters, which are bytes at most

std::shared_ptr<const Workshop> default_workshop(const Params& params) {
  if (!params.contains("run")) return nullptr;
  auto workshop = std::make_shared<Workshop>();
  workshop->registry = std::make_shared<Registry>();
  workshop->directory = std::filesystem::current_path().string();
  return workshop;
}

// A loop over runs, and the numbers that each logged last: those of a mean.
using Numbers = std::map<std::string, std::vector<double>>;

void add_numbers(Numbers& numbers, const MetricRecord& record) {
  for (const auto& [name, value] : record) numbers[name].push_back(value);
}

MetricRecord summarize(const Numbers& numbers) {
  MetricRecord summary;
  for (const auto& [name, values] : numbers) {
    const auto count = static_cast<double>(values.size());
    double sum = 0, squares = 0;
    for (const double value : values) sum += value;
    const double mean = sum / count;
    for (const double value : values) squares += (value - mean) * (value - mean);
    summary.emplace_back(name + "_mean", mean);
    if (values.size() > 1) summary.emplace_back(name + "_std", std::sqrt(squares / (count - 1)));
  }
  return summary;
}

bool is_summed_up(std::string_view metric) noexcept { return metric != "best_epoch"; }

std::int64_t fold_of(const Run& run) {
  const auto datasets = run.find<Datasets>();
  if (datasets != nullptr) return datasets->fold();
  const auto loaders = run.find<DataLoaders>();
  return loaders == nullptr ? -1 : loaders->datasets()->fold();
}

}  // namespace

// The member `task`.
struct Task::State {
  std::unique_ptr<const NumberedPlan> plan;  // null before the first
  RunScores scores;

  // Goes over to a plan; the numbers of its runs follow those of the plans before.
  void change(const RunPlan& next) {
    const std::size_t first = plan != nullptr ? plan->first_index + plan->plan.size() : 0;
    plan = std::make_unique<const NumberedPlan>(NumberedPlan{next, first});
    scores.clear();
  }

  [[nodiscard]] Params state_dict() const {
    Params list = Params::list();
    for (const auto& [index, score] : scores)
      list.push_back(Params::list({index, score.best_score, score.maximize}));
    Params state = plan != nullptr ? plan->to_params() : Params::map();
    state.set("scores", std::move(list));
    return state;
  }

  void load_state_dict(const Params& state) {
    std::unique_ptr<const NumberedPlan> loaded;
    if (state.contains("plan"))
      loaded = std::make_unique<const NumberedPlan>(NumberedPlan::from_params(state));
    RunScores finished;
    for (const Params& score : state.at("scores").elements()) {
      const std::int64_t index = score.at(std::size_t{0}).as_int();
      if (loaded == nullptr || index < 0 || static_cast<std::size_t>(index) >= loaded->plan.size())
        throw Error(ErrorCode::kInvalidArgument, "there is no run " + std::to_string(index) + " in the plan");
      finished[static_cast<std::size_t>(index)] = {detail::real_of(score.at(1)), score.at(2).as_bool()};
    }
    plan = std::move(loaded);
    scores = std::move(finished);
  }
};

struct Task::Finished {
  RunResults results;
  RunOutcome outcome;
};

Task::Task(std::shared_ptr<const Workshop> workshop, Params params, NamedValues instances,
           std::string_view section)
    : Run(std::move(params), std::move(instances)), state_(std::make_shared<State>()) {
  workshop_ = workshop != nullptr ? std::move(workshop) : default_workshop(params_);
  if (!params_.contains(section)) params_.set(section, Params::map());
  set(kMember, Value::object(state_));
}

Task::Task(Params params, NamedValues instances) : Task(nullptr, std::move(params), std::move(instances)) {}

Run Task::create_run(const Params& args) const {
  return Creator::create_run(args, "run", {.parent_run_id = id_});
}

tracking::TrackingStore* Task::find_store() const {
  return find<Tracking>() == nullptr ? nullptr : &tracker()->store();
}

void Task::set_tracker(std::shared_ptr<Tracker> tracker, std::string_view name, const RunOrigin& origin) {
  if (workshop_ != nullptr && workshop_->tracker != tracker) {  // nested runs go where their task does
    auto workshop = std::make_shared<Workshop>(*workshop_);
    workshop->tracker = tracker;
    workshop_ = std::move(workshop);
  }
  Run::set_tracker(std::move(tracker), name, origin);
  if (!origin.run_id.empty()) take_recorded();
}

// Goes on where the process that had it stopped.
void Task::take_recorded() {
  const auto recorded = find_plan(find_store()->get_run(id_), tracker()->tracking_uri());
  if (!recorded) return;
  state_->plan = std::make_unique<const NumberedPlan>(*recorded);
  for (const tracking::RunRecord& run : nested_runs(*find_store(), id_, true))
    if (const auto index = find_index(run); index && run.status == tracking::RunStatus::kFinished)
      state_->scores[*index] = score_of(run);
}

const RunPlan* Task::plan() const noexcept { return state_->plan == nullptr ? nullptr : &state_->plan->plan; }

void Task::begin(const RunPlan& plan) {
  if (state_->plan == nullptr || state_->plan->plan != plan) state_->change(plan);
  record_plan();
}

void Task::record_plan() {
  tracking::TrackingStore* const store = find_store();
  if (store == nullptr) return;
  const RunPlan& plan = state_->plan->plan;
  const std::string text = state_->plan->to_params().to_json();
  find<Tracking>()->log_file(kTaskFile, text + "\n");
  tracking::RunUpdate update{.status = tracking::RunStatus::kRunning};
  const auto tag = [&](std::string_view key, std::string value) {
    update.tags.push_back({std::string(key), std::move(value)});
  };
  for (const auto& [name, value] : plan.fixed().items()) tag(name, value.to_text());
  for (const Axis& axis : plan.axes()) tag(axis.name, Params::list(axis.values).to_text());
  if (plan.repeat() > 1) tag("repeat", std::to_string(plan.repeat()));
  tag(tracking::kTaskTag, text.size() <= kLongestTag ? text : kTaskFile);
  tag(tracking::kProcessTag, tracking::this_process().to_text());
  store->update_run(id_, update);
}

RunOrigin Task::origin(std::size_t index) const {
  return {.parent_run_id = id_, .index = (state_->plan == nullptr ? 0 : state_->plan->first_index) + index};
}

std::optional<std::size_t> Task::find_index(const tracking::RunRecord& run) const {
  return state_->plan == nullptr ? std::nullopt : state_->plan->find_index(run);
}

const RunScores& Task::scores() const noexcept { return state_->scores; }

void Task::add_score(std::size_t index, const RunScore& score) { state_->scores[index] = score; }

// ---- its runs

TaskRuns Task::product(const Ranges& params, std::int64_t repeat, const Ranges& further) {
  Ranges all = params;
  all.add(further);
  auto [axes, fixed] = all.split();
  return make_runs(RunPlan::product(std::move(axes), repeat, fixed), true);
}

TaskRuns Task::chain(const Ranges& params, bool use_best_param, const Ranges& further) {
  Ranges all = params;
  all.add(further);
  auto [axes, fixed] = all.split();
  return make_runs(RunPlan::chain(std::move(axes), use_best_param, fixed), true);
}

TaskRuns Task::runs() {
  if (plan() == nullptr)
    throw Error(ErrorCode::kConflict,
                "the task has no plan yet; expected product() or chain() before runs()");
  return make_runs(*plan(), false);
}

TaskRuns Task::make_runs(const RunPlan& plan, bool anew) {
  check_plan(plan);
  return {*this, plan, anew};
}

// Names and kinds of values; what constructors say of a value is found when its run is made.
void Task::check_plan(const RunPlan& plan) const {
  static_cast<void>(create_params(plan.fixed()));
  for (const Axis& axis : plan.axes()) {
    for (const Params& value : axis.values) {
      Params arguments = plan.fixed();
      arguments.set(axis.name, value);
      if (axis.name.find(':') == std::string::npos) static_cast<void>(create_params(arguments));
    }
  }
  if (plan.kind() == RunPlan::Kind::kProduct) static_cast<void>(create_params(plan.arguments(0)));
}

void Task::take(std::size_t index, const Run& run) {
  if (!run.finished()) return;
  const auto monitor = run.find<Monitor>();
  add_score(index,
            monitor == nullptr ? RunScore{} : RunScore{monitor->best_score(), monitor->mode() == "max"});
  const Value* const recorder = run.dict().find(kRecorder);
  if (recorder == nullptr) return;
  auto finished = std::make_shared<Finished>();
  finished->outcome = recorder->share<RunRecorder>()->outcome();
  finished->results.run.update = run.update();
  finished->results.run.fold = fold_of(run);
  if (const auto results = run.find<Results>()) {
    finished->results.val = results->val();
    finished->results.test = results->test();
  }
  finished_.push_back(std::move(finished));
}

MetricRecord Task::summary() const {
  Numbers numbers;
  if (const tracking::TrackingStore* store = find_store()) {
    for (const tracking::RunRecord& run : nested_runs(*store, id_, true)) {
      if (run.status != tracking::RunStatus::kFinished) continue;
      for (const tracking::Metric& metric : run.metrics)
        if (is_summed_up(metric.key)) numbers[metric.key].push_back(metric.value);
    }
  }
  for (const auto& finished : finished_) {
    add_numbers(numbers, finished->outcome.metrics);
    add_numbers(numbers, finished->outcome.test);
    if (const auto& score = finished->outcome.best_score) numbers["best_score"].push_back(*score);
  }
  return summarize(numbers);
}

Collection Task::results(Reduction reduction) const {
  const CollectOptions options{.reduction = reduction, .tracker = tracker().get()};
  if (const tracking::TrackingStore* store = find_store()) {
    const std::vector<std::string> ids{id_};
    return collect_results(*store, ids, options);
  }
  std::vector<RunResults> results;
  for (const auto& finished : finished_) results.push_back(finished->results);
  return collect(results, options);
}

void Task::finish(tracking::RunStatus status) {
  tracking::TrackingStore* const store = find_store();
  if (store == nullptr) return;
  tracking::Batch batch;
  const tracking::TimeMs now = tracking::now_ms();
  for (const auto& [name, value] : summary()) batch.metrics.push_back({name, value, now, 0});
  // One that was killed between this and its end has them already.
  std::erase_if(batch.metrics, [&](const tracking::Metric& metric) {
    return std::ranges::any_of(store->metric_history(id_, metric.key), [&](const tracking::Metric& logged) {
      const bool both_nan = std::isnan(logged.value) && std::isnan(metric.value);
      return logged.step == metric.step && (both_nan || logged.value == metric.value);
    });
  });
  if (!batch.metrics.empty()) store->log_batch(id_, batch);
  find<Tracking>()->end(status);
}

// ---- TaskRuns

TaskRuns::TaskRuns(Task& task, RunPlan plan, bool anew)
    : task_(&task), plan_(std::move(plan)), anew_(anew), exceptions_(std::uncaught_exceptions()) {}

TaskRuns::TaskRuns(TaskRuns&& other) noexcept
    : task_(std::exchange(other.task_, nullptr)),
      plan_(std::move(other.plan_)),
      index_(other.index_),
      arguments_(std::move(other.arguments_)),
      run_(std::move(other.run_)),
      anew_(other.anew_),
      begun_(other.begun_),
      exceptions_(other.exceptions_) {}

TaskRuns::~TaskRuns() {
  if (task_ == nullptr || !begun_ || done()) return;
  try {
    leave();
    const bool failed = std::uncaught_exceptions() > exceptions_;
    task_->finish(interrupted() ? tracking::RunStatus::kKilled
                  : failed      ? tracking::RunStatus::kFailed
                                : tracking::RunStatus::kFinished);
  } catch (const std::exception& error) {
    log_warning("the end of " + task_->name() + " could not be recorded: " + error.what());
  }
}

TaskRuns::Iterator TaskRuns::begin() {
  if (!begun_) {
    if (anew_) task_->state_->change(plan_);
    task_->begin(plan_);
    begun_ = true;
    make();
  }
  return Iterator(*this);
}

// The present run is over, and goes.
void TaskRuns::leave() {
  if (run_ != nullptr) task_->take(index_, *run_);
  run_.reset();
}

void TaskRuns::next() {
  leave();
  ++index_;
  make();
}

// The next run that is not finished; after the last, the task ends.
void TaskRuns::make() {
  while (!done() && task_->scores().contains(index_)) ++index_;
  if (done()) return task_->finish();
  arguments_ = plan_.arguments(index_, task_->scores());
  const Creator& creator = *task_;
  run_ = std::make_unique<Run>(creator.create_run(arguments_, "run", task_->origin(index_)));
  if (task_->find_store() == nullptr)
    run_->set(kRecorder, Value::object(std::make_shared<RunRecorder>(nullptr)));
}

}  // namespace ivory
