#include <ivory/experiment/collection.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/range.h>
#include <ivory/data/npy.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/liveness.h>
#include <ivory/tracking/tracking_store.h>
#include <ivory/yaml/yaml.h>

#include "stored_files.h"
#include "task_record.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using tracking::RunRecord;

constexpr std::array<std::string_view, 3> kStates{"test", "best", "current"};
constexpr std::int64_t kNone = -1;

// ---- together

std::string name_of(const CollectedRun& run) {
  std::string text = run.name.empty() ? "a run" : run.name;
  if (run.update.empty()) return text;
  text += " (";
  for (const auto& [key, value] : run.update.items())
    text += (text.back() == '(' ? "" : ", ") + key + "=" + value.to_text();
  return text + ")";
}

// Whether every run has targets; none: no run has rows.
std::optional<bool> have_targets(std::span<const RunResults> results, ResultRows RunResults::* part) {
  std::optional<bool> targets;
  for (const RunResults& result : results) {
    const ResultRows& rows = result.*part;
    if (rows.empty()) continue;
    if (targets && *targets == rows.target.empty())
      throw Error(ErrorCode::kInvalidArgument, "some results have targets and others have none");
    targets = !rows.target.empty();
  }
  return targets;
}

CollectedRows join_rows(std::span<const RunResults> results, ResultRows RunResults::* part, bool with_fold) {
  const bool targets = have_targets(results, part).value_or(false);
  std::vector<Array> index, output, target;
  std::vector<std::size_t> positions;  // of the runs that have rows
  for (std::size_t i = 0; i < results.size(); ++i) {
    const ResultRows& rows = results[i].*part;
    if (rows.empty()) continue;
    positions.push_back(i);
    index.push_back(rows.index);
    output.push_back(rows.output);
    if (targets) target.push_back(rows.target);
  }
  if (index.empty()) return {};
  CollectedRows all{concat(index), concat(output), concat(target), {}, {}};
  all.fold = Array::uninitialized(Dtype::kInt64, {all.rows()});
  all.run = Array::uninitialized(Dtype::kInt64, {all.rows()});
  auto fold = all.fold.mutable_view<std::int64_t>().begin();
  auto run = all.run.mutable_view<std::int64_t>().begin();
  for (const std::size_t i : positions) {
    const auto count = (results[i].*part).rows();
    fold = std::fill_n(fold, count, with_fold ? results[i].run.fold : kNone);
    run = std::fill_n(run, count, static_cast<std::int64_t>(i));
  }
  return all;
}

// The position in `index`, which is ascending, of one of its numbers.
std::size_t position(std::span<const std::int64_t> index, std::int64_t number) {
  const auto guess = static_cast<std::uint64_t>(number) - static_cast<std::uint64_t>(index.front());
  if (guess < index.size() && index[guess] == number) return guess;  // samples mostly count from 0
  return static_cast<std::size_t>(std::ranges::lower_bound(index, number) - index.begin());
}

// The value that all rows of an index share, else -1.
Array shared(const Array& values, const Array& row_index, const Array& index) {
  constexpr std::int64_t kUnset = -2;
  const auto numbers = index.view<std::int64_t>();
  const auto rows = row_index.view<std::int64_t>();
  const auto of_rows = values.view<std::int64_t>();
  std::vector<std::int64_t> common(numbers.size(), kUnset);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::int64_t& value = common[position(numbers, rows[row])];
    value = value == kUnset || value == of_rows[row] ? of_rows[row] : kNone;
  }
  return Array::from(common);
}

CollectedRows mean_of(const CollectedRows& rows) {
  if (rows.empty()) return {};
  GroupMean output = group_mean(rows.index, rows.output);
  CollectedRows mean;
  mean.fold = shared(rows.fold, rows.index, output.index);
  mean.run = shared(rows.run, rows.index, output.index);
  if (!rows.target.empty())
    mean.target = group_mean(rows.index, rows.target).mean.astype(rows.target.dtype());
  mean.index = std::move(output.index);
  mean.output = std::move(output.mean);
  return mean;
}

// ---- each validation row once

using Numbers = std::span<const std::int64_t>;

// The first number that stands in the lists twice.
std::optional<std::int64_t> find_doubled(const std::vector<Numbers>& lists) {
  std::size_t count = 0;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  std::int64_t largest = std::numeric_limits<std::int64_t>::min();
  for (const Numbers list : lists) {
    count += list.size();
    const auto [low, high] = std::ranges::minmax(list);
    least = std::min(least, low);
    largest = std::max(largest, high);
  }
  const auto width = static_cast<std::uint64_t>(largest) - static_cast<std::uint64_t>(least);
  constexpr std::uint64_t kBitsPerNumber = 64;
  if (width / kBitsPerNumber < count) {  // a bit for each is no larger than the lists themselves, and quicker
    std::vector<bool> seen(width + 1);
    for (const Numbers list : lists) {
      for (const std::int64_t number : list) {
        const auto at = static_cast<std::uint64_t>(number) - static_cast<std::uint64_t>(least);
        if (seen[at]) return number;
        seen[at] = true;
      }
    }
    return std::nullopt;
  }
  std::vector<std::int64_t> all;
  all.reserve(count);
  for (const Numbers list : lists) all.insert(all.end(), list.begin(), list.end());
  std::ranges::sort(all);
  const auto found = std::ranges::adjacent_find(all);
  return found == all.end() ? std::nullopt : std::optional(*found);
}

bool is_fold(std::string_view name) noexcept { return name == "fold" || name.ends_with(".fold"); }

// Runs of one task that differ in the fold alone have one key.
std::string key_of(const CollectedRun& run) {
  std::map<std::string, std::string> sorted;
  for (const auto& [name, value] : run.update.items())
    if (!is_fold(name)) sorted.emplace(name, value.to_text());
  std::string key = run.parent_run_id;
  for (const auto& [name, value] : sorted) key.append(1, '\0').append(name).append(1, '\0').append(value);
  return key;
}

[[noreturn]] void fail_doubled(std::span<const RunResults> results, std::span<const std::size_t> group,
                               std::int64_t number) {
  std::string runs;
  for (const std::size_t i : group) {
    const Array index = results[i].val.index;
    const auto rows = index.view<std::int64_t>();
    if (std::ranges::find(rows, number) != rows.end())
      runs += (runs.empty() ? "" : ", ") + name_of(results[i].run);
  }
  throw Error(ErrorCode::kInvalidArgument, "the validation sample " + std::to_string(number) +
                                               " is predicted more than once with the same "
                                               "parameters, by " +
                                               runs + "; give other runs, or average them (reduction mean)");
}

void check_once(std::span<const RunResults> results) {
  std::unordered_map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < results.size(); ++i)
    if (!results[i].val.empty()) groups[key_of(results[i].run)].push_back(i);
  for (const auto& [key, group] : groups) {
    std::vector<Numbers> lists;
    for (const std::size_t i : group) lists.push_back(results[i].val.index.view<std::int64_t>());
    if (const auto doubled = find_doubled(lists)) fail_doubled(results, group, *doubled);
  }
}

// A run without validation rows among others that have some leaves a gap in what is predicted.
void check_all_validated(std::span<const RunResults> results) {
  const auto has_rows = [](const RunResults& result) { return !result.val.empty(); };
  if (std::ranges::none_of(results, has_rows)) return;
  const auto without = std::ranges::find_if_not(results, has_rows);
  if (without == results.end()) return;
  throw Error(ErrorCode::kInvalidArgument,
              name_of(without->run) + " has no validation rows, but other runs have; leave it out");
}

}  // namespace

Reduction parse_reduction(std::string_view name) {
  if (name == "none") return Reduction::kNone;
  if (name == "mean") return Reduction::kMean;
  static const std::vector<std::string> kNames{"none", "mean"};
  throw Error(ErrorCode::kInvalidArgument, "reduction",
              "reduction is none or mean, not '" + std::string(name) + "'" + did_you_mean(name, kNames));
}

Collection collect(std::span<const RunResults> results, const CollectOptions& options) {
  if (!options.partial) check_all_validated(results);
  if (options.reduction == Reduction::kNone) check_once(results);
  Collection all;
  for (const RunResults& result : results) all.runs.push_back(result.run);
  all.val = join_rows(results, &RunResults::val, true);
  all.test = join_rows(results, &RunResults::test, false);
  if (options.reduction == Reduction::kMean) {
    all.val = mean_of(all.val);
    all.test = mean_of(all.test);
  }
  return all;
}

// ---- from a store

namespace {

CollectedRun described(const RunRecord& run) {
  CollectedRun text;
  text.id = run.run_id;
  text.name = run.name;
  if (const std::string* parent = run.find_tag(tracking::kParentRunIdTag)) text.parent_run_id = *parent;
  for (const auto& [key, value] : run.params) text.update.set(key, parse_scalar(value));
  for (const auto& [key, value] : text.update.items())
    if (is_fold(key) && value.is_int()) text.fold = value.as_int();
  return text;
}

// The first whole number of that name in a tree, in the order of the file.
const Params* find_number(const Params& tree, std::string_view name) {
  if (!tree.is_map()) return nullptr;
  for (const auto& [key, value] : tree.items()) {
    if (key == name && value.is_int()) return &value;
    if (const Params* found = find_number(value, name)) return found;
  }
  return nullptr;
}

// Of a run that was given none: as its parameter file had it.
std::int64_t written_fold(const StoredFiles& files) {
  const auto file = files.find_file("params.yaml");
  if (!file) return kNone;
  const Params params = read_yaml(*file);
  const Params* section = params.find("run");
  const Params* fold = section == nullptr ? nullptr : find_number(*section, "fold");
  return fold == nullptr ? kNone : fold->as_int();
}

// The first of the states that exists.
std::pair<std::string_view, fs::path> find_state(const RunRecord& run, const StoredFiles& files) {
  for (const std::string_view state : kStates)
    if (const auto folder = files.find_state(state, StoredFiles::Part::kArrays)) return {state, *folder};
  throw Error(ErrorCode::kNotFound, run.name + " (" + run.run_id + ") has saved no state: there is none of " +
                                        "test, best and current in " + run.artifact_uri);
}

// results.npz, or the one archive of arrays if the member has another name.
fs::path find_results(const RunRecord& run, const fs::path& folder) {
  fs::path usual = folder / "results.npz";
  if (fs::exists(usual)) return usual;
  std::vector<fs::path> archives;
  for (const auto& file : fs::directory_iterator(folder))
    if (file.path().extension() == ".npz") archives.push_back(file.path());
  if (archives.size() == 1) return archives.front();
  throw Error(ErrorCode::kNotFound, run.name + " (" + run.run_id +
                                        ") has kept no results: there is no results.npz in " +
                                        folder.string() + "; has it a member `results`?");
}

[[noreturn]] void fail_file(const fs::path& file, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, file.string() + ": " + message);
}

void check_rows(const ResultRows& rows, const fs::path& file, const std::string& part) {
  if (rows.index.ndim() != 1 || (!rows.empty() && rows.index.dtype() != Dtype::kInt64))
    fail_file(file, part + "_index is " + rows.index.describe() + "; expected int64 [n]");
  const auto fits = [&](const Array& array) { return array.ndim() > 0 && array.rows() == rows.rows(); };
  if (!fits(rows.output) || !(rows.target.empty() || fits(rows.target)))
    fail_file(file, part + " has " + std::to_string(rows.rows()) + " samples, but outputs " +
                        rows.output.describe() + " and targets " + rows.target.describe());
}

Array* find_array(RunResults& results, std::string_view name) {
  for (auto [part, rows] : {std::pair("val_", &results.val), std::pair("test_", &results.test)}) {
    if (!name.starts_with(part)) continue;
    const std::string_view field = name.substr(std::string_view(part).size());
    if (field == "index") return &rows->index;
    if (field == "output") return &rows->output;
    if (field == "target") return &rows->target;
  }
  return nullptr;
}

RunResults read_results(const Tracker& tracker, const RunRecord& run) {
  RunResults results{.run = described(run), .val = {}, .test = {}};
  const StoredFiles files(tracker, run);
  const auto [state, folder] = find_state(run, files);
  if (results.run.fold == kNone) results.run.fold = written_fold(files);
  results.run.state = state;
  const fs::path file = find_results(run, folder);
  const auto wanted = [](std::string_view name) { return !name.starts_with("train_"); };
  for (NamedArray& array : read_npz(file, wanted)) {
    Array* const place = find_array(results, array.name);
    if (place == nullptr) fail_file(file, "unknown array '" + array.name + "'");
    *place = std::move(array.array);
  }
  check_rows(results.val, file, "val");
  check_rows(results.test, file, "test");
  return results;
}

bool is_finished(const RunRecord& run) noexcept { return run.status == tracking::RunStatus::kFinished; }

std::string state_of(const RunRecord& run) {
  return name_of(described(run)) + " is " + std::string(tracking::shown_status(run));
}

[[noreturn]] void fail_incomplete(const RunRecord& task, const std::vector<std::string>& missing) {
  throw Error(ErrorCode::kConflict, task.name + " (" + task.run_id + ") is not complete: " + join(missing) +
                                        "; resume it, or take what there is");
}

// What a task lacks, for people.
std::vector<std::string> missing_runs(const RunRecord& task, std::span<const RunRecord> nested,
                                      std::string_view tracking_uri) {
  std::vector<std::string> missing;
  const auto plan = find_plan(task, tracking_uri);
  if (!plan) {
    for (const RunRecord& run : nested)
      if (!is_finished(run)) missing.push_back(state_of(run));
    return missing;
  }
  constexpr std::size_t kMostNamed = 5;
  std::map<std::size_t, const RunRecord*> by_index;
  for (const RunRecord& run : nested)
    if (const auto index = plan->find_index(run); index && (!by_index.contains(*index) || is_finished(run)))
      by_index[*index] = &run;
  std::size_t count = 0;
  for (std::size_t index = 0; index < plan->plan.size(); ++index) {
    const auto found = by_index.find(index);
    if (found != by_index.end() && is_finished(*found->second)) continue;
    if (++count > kMostNamed) continue;
    missing.push_back(found == by_index.end() ? "run " + std::to_string(index + 1) + " of " +
                                                    std::to_string(plan->plan.size()) + " was not made"
                                              : state_of(*found->second));
  }
  if (count > kMostNamed) missing.push_back(std::to_string(count - kMostNamed) + " more");
  return missing;
}

std::string tracking_uri_of(const CollectOptions& options) {
  return options.tracker == nullptr ? std::string() : options.tracker->tracking_uri();
}

void add_nested(const tracking::TrackingStore& store, const RunRecord& task, const CollectOptions& options,
                std::vector<RunRecord>& runs) {
  std::vector<RunRecord> nested = nested_runs(store, task.run_id, false);
  if (!options.partial)
    if (const auto missing = missing_runs(task, nested, tracking_uri_of(options)); !missing.empty())
      fail_incomplete(task, missing);
  for (RunRecord& run : nested)
    if (is_finished(run)) runs.push_back(std::move(run));
}

// The runs of the ids in their order, each once; a parent stands for its runs.
std::vector<RunRecord> find_runs(const tracking::TrackingStore& store, std::span<const std::string> ids,
                                 const CollectOptions& options) {
  tracking::RunQuery query;
  query.run_ids = {ids.begin(), ids.end()};
  query.view = tracking::ViewType::kAll;
  query.with_metrics = false;
  std::unordered_map<std::string, RunRecord> by_id;
  for (RunRecord& run : store.list_runs(query)) by_id.emplace(run.run_id, std::move(run));
  query.is_parent = true;
  query.with_params = query.with_tags = false;
  std::vector<std::string> parents;
  for (const RunRecord& run : store.list_runs(query)) parents.push_back(run.run_id);

  std::vector<RunRecord> runs;
  for (const std::string& id : ids) {
    const auto found = by_id.find(id);
    if (found == by_id.end()) throw Error(ErrorCode::kNotFound, "Run with id=" + id + " not found");
    if (std::ranges::find(parents, id) != parents.end()) {
      add_nested(store, found->second, options, runs);
    } else {
      runs.push_back(found->second);
    }
  }
  std::unordered_map<std::string_view, int> seen;
  std::vector<RunRecord> once;
  for (const RunRecord& run : runs)
    if (++seen[run.run_id] == 1) once.push_back(run);
  return once;
}

}  // namespace

Collection collect_results(const tracking::TrackingStore& store, std::span<const std::string> ids,
                           const CollectOptions& options) {
  const std::vector<RunRecord> runs = find_runs(store, ids, options);
  const Tracker local;  // where nobody says more, files are where the store says that they are
  const Tracker& tracker = options.tracker == nullptr ? local : *options.tracker;
  std::vector<RunResults> results;
  results.reserve(runs.size());
  for (const RunRecord& run : runs) {
    results.push_back(read_results(tracker, run));
    if (options.progress) options.progress(results.size(), runs.size());
  }
  return collect(results, options);
}

}  // namespace ivory
