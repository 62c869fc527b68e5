// The half of Client that looks at what was tracked.
#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <tuple>
#include <unordered_set>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/progress.h>
#include <ivory/base/range.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/study.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/liveness.h>
#include <ivory/tracking/search.h>
#include <ivory/yaml/yaml.h>

#include "stored_files.h"
#include "task_record.h"
#include "trial_tags.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using tracking::RunQuery;
using tracking::RunRecord;
using tracking::TrackingStore;
using tracking::ViewType;

constexpr std::size_t kIdLength = 32;

// Runs without what they logged.
RunQuery bare(RunQuery query = {}) {
  query.with_metrics = query.with_params = query.with_tags = false;
  return query;
}

std::string experiment_id(const TrackingStore& store, std::string_view name) {
  if (const auto found = store.find_experiment(name)) return found->id;
  std::vector<std::string> names;
  for (const auto& experiment : store.list_experiments(tracking::ViewType::kAll))
    names.push_back(experiment.name);
  throw Error(ErrorCode::kNotFound,
              "the tracking store has no experiment '" + std::string(name) + "'" + did_you_mean(name, names));
}

// Of those that a search names; empty: of all.
std::vector<std::string> experiment_ids(const TrackingStore& store, const RunSearch& search) {
  std::vector<std::string> ids;
  if (!search.name.empty()) ids.push_back(experiment_id(store, search.name));
  for (const std::string& name : search.names) ids.push_back(experiment_id(store, name));
  return ids;
}

// Restricts to an experiment; an empty name does not.
void select_experiment(const TrackingStore& store, std::string_view name, RunQuery& query) {
  if (!name.empty()) query.experiment_ids = {experiment_id(store, name)};
}

void sort_oldest_first(std::vector<RunRecord>& runs) {
  std::ranges::sort(runs, {}, [](const RunRecord& run) {
    return std::tuple(run.start_time, number_of(run.name), std::string_view(run.name),
                      std::string_view(run.run_id));
  });
}

std::vector<std::string> ids_of(const std::vector<RunRecord>& runs) {
  std::vector<std::string> ids;
  ids.reserve(runs.size());
  for (const RunRecord& run : runs) ids.push_back(run.run_id);
  return ids;
}

// ---- conditions on params

bool equals(const Params& value, const Params& logged, const std::string& text) {
  if (value.is_number() && logged.is_number()) return value.as_real() == logged.as_real();
  return value.to_text() == text;
}

bool lies_within(const Range& range, const Params& logged) {
  if (!logged.is_number()) return false;
  const auto [low, high] = std::minmax({range.start().as_real(), range.stop().as_real()});
  return low <= logged.as_real() && logged.as_real() <= high;
}

bool matches(const ParamRange& wanted, const std::string& text) {
  const Params logged = parse_scalar(text);
  if (const Range* range = wanted.find_range()) return lies_within(*range, logged);
  return std::ranges::any_of(wanted.values(),
                             [&](const Params& value) { return equals(value, logged, text); });
}

bool matches(const Ranges& conditions, const RunRecord& run) {
  return std::ranges::all_of(conditions.items(), [&](const NamedRange& condition) {
    const std::string* text = run.find_param(condition.name);
    return text != nullptr && matches(condition.range, *text);
  });
}

// The runs that a search finds, with nothing of what they logged but, where conditions need them, params.
std::vector<RunRecord> find_matching(const TrackingStore& store, const RunSearch& search) {
  if (search.parent_only && search.exclude_parent) return {};
  RunQuery query = bare();
  query.experiment_ids = experiment_ids(store, search);
  query.view = search.view;
  if (search.params.empty()) query.limit = search.max_results;
  query.parent_run_id = search.parent_run_id;
  query.with_params = !search.params.empty();
  if (search.nested_only) query.nesting = tracking::Nesting::kNested;
  if (search.parent_only || search.exclude_parent) query.is_parent = search.parent_only;
  std::vector<RunRecord> runs = store.list_runs(query);
  std::erase_if(runs, [&](const RunRecord& run) { return !matches(search.params, run); });
  sort_oldest_first(runs);
  if (search.max_results && runs.size() > *search.max_results)
    runs.erase(runs.begin(), runs.end() - static_cast<std::ptrdiff_t>(*search.max_results));
  return runs;
}

// ---- the search language

constexpr std::size_t kPage = 1000;

bool uses_language(const RunSearch& search) { return !search.filter.empty() || !search.order_by.empty(); }

// Said before a store is asked for, so that it does not need one.
void check_language(const RunSearch& search) {
  static_cast<void>(tracking::parse_run_filter(search.filter));
  static_cast<void>(tracking::parse_run_order(search.order_by));
}

// What a search asks for beyond the language.
class FurtherConditions {
 public:
  FurtherConditions(const TrackingStore& store, const RunSearch& search, const std::vector<std::string>& ids)
      : search_(search) {
    if (!search.parent_only && !search.exclude_parent) return;
    RunQuery query = bare();
    query.experiment_ids = ids;
    query.view = search.view;
    query.is_parent = true;
    for (RunRecord& run : store.list_runs(query)) parents_.insert(std::move(run.run_id));
  }

  [[nodiscard]] bool none() const {
    return search_.params.empty() && search_.parent_run_id.empty() && !search_.nested_only &&
           !search_.parent_only && !search_.exclude_parent;
  }

  [[nodiscard]] bool are_met(const RunRecord& run) const {
    const std::string* const parent = run.find_tag(tracking::kParentRunIdTag);
    if (search_.nested_only && parent == nullptr) return false;
    if (!search_.parent_run_id.empty() && (parent == nullptr || *parent != search_.parent_run_id))
      return false;
    const bool is_parent = parents_.contains(run.run_id);
    if ((search_.parent_only && !is_parent) || (search_.exclude_parent && is_parent)) return false;
    return matches(search_.params, run);
  }

 private:
  const RunSearch& search_;
  std::unordered_set<std::string> parents_;
};

using RunVisit = std::function<void(const RunRecord&)>;

void visit_pages(const TrackingStore& store, const RunSearch& search, const RunVisit& visit) {
  tracking::SearchRuns page_search{.experiment_ids = experiment_ids(store, search),
                                   .filter = search.filter,
                                   .view = search.view,
                                   .order_by = search.order_by};
  if (page_search.experiment_ids.empty()) {
    for (const auto& experiment : store.list_experiments(tracking::ViewType::kAll))
      page_search.experiment_ids.push_back(experiment.id);
  }
  const FurtherConditions further(store, search, page_search.experiment_ids);
  std::size_t left = search.max_results.value_or(std::numeric_limits<std::size_t>::max());
  while (left > 0) {
    page_search.max_results = static_cast<std::int64_t>(further.none() ? std::min(left, kPage) : kPage);
    const tracking::Page<RunRecord> page = store.search_runs(page_search);
    for (const RunRecord& run : page.items) {
      if (left == 0 || !further.are_met(run)) continue;
      --left;
      visit(run);
    }
    if (page.next_page_token.empty()) return;
    page_search.page_token = page.next_page_token;
  }
}

// By ids, the newest first.
void visit_blocks(const TrackingStore& store, const RunSearch& search, const RunVisit& visit) {
  const std::vector<std::string> ids = ids_of(find_matching(store, search));
  for (std::size_t end = ids.size(); end > 0;) {
    const std::size_t begin = end - std::min(end, kPage);
    RunQuery query;
    query.view = search.view;
    query.run_ids.assign(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                         ids.begin() + static_cast<std::ptrdiff_t>(end));
    std::vector<RunRecord> runs = store.list_runs(query);
    sort_oldest_first(runs);
    std::for_each(runs.rbegin(), runs.rend(), visit);
    end = begin;
  }
}

// ---- names

bool is_hex(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kIdLength &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

[[noreturn]] void fail_ambiguous(std::string_view text, const TrackingStore& store,
                                 const std::vector<RunRecord>& runs) {
  constexpr std::size_t kMostNamed = 5;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(runs.size(), kMostNamed); ++i)
    names.push_back(runs[i].run_id.substr(0, 8) + " (" + store.get_experiment(runs[i].experiment_id).name +
                    "/" + runs[i].name + ")");
  if (runs.size() > kMostNamed) names.push_back(std::to_string(runs.size() - kMostNamed) + " more");
  throw Error(ErrorCode::kInvalidArgument,
              "'" + std::string(text) + "' may mean several runs: " + join(names) + "; give more of the id");
}

std::vector<std::string> names_of(const std::vector<RunRecord>& runs) {
  std::vector<std::string> names;
  for (const RunRecord& run : runs) names.push_back(run.name);
  return names;
}

// The run of that name in the experiment, or in all if `experiment` is empty.
RunRecord named_run(const TrackingStore& store, std::string_view text, std::string_view experiment,
                    std::string_view name, ViewType view = ViewType::kActiveOnly) {
  RunQuery query{.view = view};
  select_experiment(store, experiment, query);
  const RunQuery all = bare(query);
  query.name = name;
  const std::vector<RunRecord> found = store.list_runs(query);
  if (found.size() == 1) return found.front();
  if (!found.empty()) fail_ambiguous(text, store, found);
  const std::vector<std::string> names = names_of(store.list_runs(all));
  const std::string meant = did_you_mean(name, names, 0);
  throw Error(
      ErrorCode::kNotFound,
      std::string(view == ViewType::kDeletedOnly ? "there is no deleted run '" : "there is no run '") +
          std::string(text) + "'" +
          (meant.empty() ? "; expected an id, the beginning of one, or a name like digits/run#3" : meant));
}

std::optional<RunRecord> find_by_id(const TrackingStore& store, std::string_view text, ViewType view) {
  if (text.size() == kIdLength) return store.find_run(text);
  RunQuery query{.view = view};
  query.id_prefix = text;
  const std::vector<RunRecord> found = store.list_runs(query);
  if (found.size() > 1) fail_ambiguous(text, store, found);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

// ---- states

constexpr std::array<std::string_view, 3> kStates{"test", "best", "current"};

fs::path state_folder(const StoredFiles& files, const RunRecord& run, std::string_view mode) {
  if (!mode.empty() && std::ranges::find(kStates, mode) == kStates.end()) {
    static const std::vector<std::string> kNames(kStates.begin(), kStates.end());
    throw Error(ErrorCode::kInvalidArgument, "mode",
                "the state of a run is test, best or current, not '" + std::string(mode) + "'" +
                    did_you_mean(mode, kNames));
  }
  for (const std::string_view state : kStates) {
    if (!mode.empty() && state != mode) continue;
    if (auto folder = files.find_state(state)) return *std::move(folder);
  }
  throw Error(ErrorCode::kNotFound, run.name + " (" + run.run_id + ") has no saved state" +
                                        (mode.empty() ? std::string() : " '" + std::string(mode) + "'"));
}

bool is_alive(const RunRecord& run) {
  const std::string* tag = run.find_tag(tracking::kProcessTag);
  const auto process = tag == nullptr ? std::nullopt : tracking::ProcessIdentity::parse(*tag);
  return process && tracking::liveness_of(*process) == tracking::Liveness::kAlive;
}

}  // namespace

std::shared_ptr<TrackingStore> Client::find_store() const {
  if (tracker_ == nullptr)
    throw Error(ErrorCode::kUnsupported, "this client has no tracker, so it knows no runs");
  return tracker_->exists() ? tracker_->open_read_only() : nullptr;
}

std::shared_ptr<TrackingStore> Client::store_for_reading() const {
  auto found = find_store();
  if (found == nullptr)
    throw Error(ErrorCode::kNotFound, "there are no runs yet in " + tracker_->shown_uri());
  return found;
}

TrackingStore& Client::store() const {
  static_cast<void>(store_for_reading());
  return tracker_->store();
}

RunRecord Client::resolve_run(std::string_view text, ViewType view) const {
  const auto store = store_for_reading();
  const std::size_t slash = text.rfind('/');
  if (slash != std::string_view::npos)
    return named_run(*store, text, text.substr(0, slash), text.substr(slash + 1), view);
  if (is_hex(text))
    if (auto found = find_by_id(*store, text, view)) return *std::move(found);
  return named_run(*store, text, {}, text, view);
}

// ---- searching

void Client::visit_runs(const RunSearch& search, const RunVisit& visit) const {
  check_language(search);
  const auto store = find_store();
  if (store == nullptr) return;
  if (uses_language(search)) {
    visit_pages(*store, search, visit);
  } else {
    visit_blocks(*store, search, visit);
  }
}

std::vector<RunRecord> Client::search_runs(const RunSearch& search) const {
  std::vector<RunRecord> runs;
  visit_runs(search, [&](const RunRecord& run) { runs.push_back(run); });
  if (search.order_by.empty()) sort_oldest_first(runs);
  return runs;
}

std::vector<std::string> Client::search_run_ids(const RunSearch& search) const {
  if (uses_language(search)) return ids_of(search_runs(search));
  const auto store = find_store();
  return store == nullptr ? std::vector<std::string>() : ids_of(find_matching(*store, search));
}

std::vector<std::string> Client::search_parent_run_ids(std::string_view name, const Ranges& params) const {
  return search_run_ids({.name = std::string(name), .parent_only = true, .params = params});
}

std::vector<std::string> Client::search_nested_run_ids(std::string_view name, const Ranges& params) const {
  return search_run_ids({.name = std::string(name), .nested_only = true, .params = params});
}

std::string Client::get_run_id(std::string_view name, std::int64_t number, std::string_view kind) const {
  const auto store = store_for_reading();
  if (number >= 0) {
    const std::string run = std::string(kind) + "#" + std::to_string(number);
    return named_run(*store, std::string(name) + "/" + run, name, run).run_id;
  }
  RunQuery query = bare();
  select_experiment(*store, name, query);
  std::vector<RunRecord> runs = store->list_runs(query);
  const std::string prefix = std::string(kind) + "#";
  std::erase_if(runs,
                [&](const RunRecord& run) { return !run.name.starts_with(prefix) || !number_of(run.name); });
  if (static_cast<std::size_t>(-number) > runs.size())
    throw Error(ErrorCode::kNotFound, "there is no " + prefix + std::to_string(number) + " of '" +
                                          std::string(name) + "', which has " + std::to_string(runs.size()) +
                                          " of them");
  std::ranges::sort(runs, {}, [](const RunRecord& run) { return number_of(run.name); });
  return runs[runs.size() - static_cast<std::size_t>(-number)].run_id;
}

std::vector<std::string> Client::get_run_ids(std::string_view name, std::string_view kind,
                                             const ParamRange& numbers) const {
  std::vector<std::string> ids;
  for (const Params& number : numbers.values()) ids.push_back(get_run_id(name, number.as_int(), kind));
  return ids;
}

std::vector<std::string> Client::get_nested_run_ids(std::string_view run) const {
  return ids_of(nested_runs(*store_for_reading(), resolve_run(run).run_id, false));
}

std::string Client::get_parent_run_id(std::string_view run) const {
  const RunRecord record = resolve_run(run);
  const std::string* parent = record.find_tag(tracking::kParentRunIdTag);
  return parent == nullptr ? std::string() : *parent;
}

std::string Client::get_run_name(std::string_view run) const { return resolve_run(run).name; }

// ---- loading

Params Client::load_params(std::string_view run) const {
  const RunRecord record = resolve_run(run);
  const StoredFiles files(*tracker_, record);
  const auto file = files.find_file("params.yaml");
  if (!file) throw Error(ErrorCode::kNotFound, record.name + " (" + record.run_id + ") has no params.yaml");
  return read_yaml(*file);
}

Experiment Client::stored_experiment(const RunRecord& run, bool tracked) const {
  const std::string name = store_for_reading()->get_experiment(run.experiment_id).name;
  return {make_workshop(name, tracked), load_params(run.run_id)};
}

Run Client::load_run(std::string_view run, std::string_view mode) const {
  const RunRecord record = resolve_run(run);
  if (record.find_tag(tracking::kTaskTag) != nullptr)
    throw Error(ErrorCode::kInvalidArgument,
                record.name + " is a task: load the runs that are nested under it, or use resume_task()");
  const StoredFiles files(*tracker_, record);
  const fs::path state = state_folder(files, record, mode);
  Run loaded = stored_experiment(record, false).create_run();
  loaded.load_state_dict(loaded.load(state));
  return loaded;
}

Value Client::load_instance(std::string_view run, std::string_view instance_name,
                            std::string_view mode) const {
  const RunRecord record = resolve_run(run);
  const StoredFiles files(*tracker_, record);
  const fs::path state = state_folder(files, record, mode);
  auto [instance, members] = stored_experiment(record, false).make_instance(instance_name, {}, "run");
  Run made({}, std::move(members));
  made.load_state_dict(made.load(state));
  return instance;
}

Task Client::resume_task(std::string_view task) const {
  const RunRecord record = resolve_run(task);
  const RunOrigin origin{.run_id = record.run_id};
  // A task killed before its params.yaml was written is made from the file of today.
  if (!StoredFiles(*tracker_, record).find_file("params.yaml"))
    return create_experiment(store_for_reading()->get_experiment(record.experiment_id).name)
        .create_task({}, origin);
  return stored_experiment(record, true).create_task({}, origin);
}

Study Client::resume_study(std::string_view study) const {
  const RunRecord record = resolve_run(study);
  if (record.find_tag(detail::kStudyTag) == nullptr && !record.name.starts_with("study#"))
    throw Error(ErrorCode::kInvalidArgument, record.name + " is no study");
  const RunOrigin origin{.run_id = record.run_id};
  // One killed before its params.yaml was written is made from the files of today.
  if (!StoredFiles(*tracker_, record).find_file("params.yaml"))
    return create_experiment(store_for_reading()->get_experiment(record.experiment_id).name)
        .create_study({}, origin);
  return stored_experiment(record, true).create_study({}, origin);
}

std::optional<Study> Client::find_study(std::string_view name, const std::string& study_name,
                                        const Params& args) const {
  const Experiment experiment = create_experiment(name);
  const auto tuner = experiment.create_instance("tuner", args, "study").share<Tuner>();
  tuner->set_directory(directory_);
  const auto tuned = tuner->find_study(study_name);
  if (!tuned || tracker_ == nullptr) return std::nullopt;
  const auto store = find_store();
  if (store == nullptr) return std::nullopt;
  const Params attrs = tuned->user_attrs();
  const Params* run = attrs.find(detail::kRunIdAttr);
  const auto record = run == nullptr ? std::nullopt : store->find_run(run->as_string());
  if (!record || record->lifecycle_stage == tracking::LifecycleStage::kDeleted) return std::nullopt;
  return experiment.create_study(args, {.run_id = record->run_id});
}

Collection Client::load_results(const std::vector<std::string>& runs, Reduction reduction,
                                bool verbose) const {
  std::vector<std::string> ids;
  for (const std::string& run : runs) ids.push_back(resolve_run(run).run_id);
  CollectOptions options{.reduction = reduction, .tracker = tracker_.get()};
  std::optional<Progress> progress;
  if (verbose) {
    options.progress = [&](std::size_t done, std::size_t count) {
      if (!progress) progress.emplace("results", static_cast<std::int64_t>(count));
      progress->update(static_cast<std::int64_t>(done), {});
    };
  }
  Collection all = collect_results(*store_for_reading(), ids, options);
  if (progress) progress->finish();
  return all;
}

// ---- changing

std::size_t Client::update_params(std::string_view name, const Params& defaults) const {
  TrackingStore& changed = store();
  RunQuery query = bare();
  query.with_params = true;
  query.is_parent = false;
  select_experiment(changed, name, query);
  std::size_t count = 0;
  for (const RunRecord& run : changed.list_runs(query)) {
    tracking::Batch batch;
    for (const auto& [key, value] : defaults.items())
      if (run.find_param(key) == nullptr) batch.params.push_back({key, value.to_text()});
    if (batch.params.empty()) continue;
    changed.log_batch(run.run_id, batch);
    ++count;
  }
  return count;
}

void Client::set_parent_run_id(const std::vector<std::string>& runs, std::string_view parent) const {
  const std::string id = resolve_run(parent).run_id;
  std::vector<std::string> ids;
  for (const std::string& run : runs) {
    ids.push_back(resolve_run(run).run_id);
    if (ids.back() == id)
      throw Error(ErrorCode::kInvalidArgument, std::string(parent) + " cannot be nested under itself");
  }
  for (const std::string& run : ids) store().set_tag(run, {std::string(tracking::kParentRunIdTag), id});
}

void Client::set_terminated(std::string_view run) const {
  const RunRecord record = resolve_run(run);
  if (record.status != tracking::RunStatus::kRunning) return;
  store().update_run(record.run_id,
                     {.status = tracking::RunStatus::kFinished, .end_time_ms = tracking::now_ms()});
}

std::size_t Client::set_terminated_all(std::string_view name) const {
  TrackingStore& changed = store();
  RunQuery query;
  query.status = tracking::RunStatus::kRunning;
  query.with_metrics = query.with_params = false;
  select_experiment(changed, name, query);
  std::size_t count = 0;
  for (const RunRecord& run : changed.list_runs(query)) {
    if (is_alive(run)) continue;
    changed.update_run(run.run_id,
                       {.status = tracking::RunStatus::kFinished, .end_time_ms = tracking::now_ms()});
    ++count;
  }
  return count;
}

std::size_t Client::remove_deleted_runs(std::string_view name, std::chrono::milliseconds age) const {
  if (tracker_ != nullptr && tracker_->is_remote())
    throw Error(ErrorCode::kUnsupported,
                "runs cannot be removed for good over a server: nothing is removed from " +
                    tracker_->shown_uri() + "; do it where the server's store lies");
  TrackingStore& changed = store();
  RunQuery query = bare();
  query.view = tracking::ViewType::kDeletedOnly;
  if (age.count() > 0) query.deleted_before = tracking::now_ms() - age.count();
  select_experiment(changed, name, query);
  const std::vector<RunRecord> runs = changed.list_runs(query);
  // Artifacts first: a run whose row still stands is found again after a death in between.
  for (const RunRecord& run : runs) {
    StoredFiles(*tracker_, run).remove_all();
    changed.purge_run(run.run_id);
  }
  return runs.size();
}

}  // namespace ivory
