// MLflow's search language and page tokens. The first byte of the input chooses: r runs, e experiments, o an
// order, t a page token, p a pattern and its text (parted by a newline). What can be read is also looked up,
// by SQL and in memory, with the same answer.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/tracking/open_store.h>
#include <ivory/tracking/search.h>

namespace {
using namespace ivory::tracking;

void require(bool holds) {
  if (!holds) std::abort();
}

// Runs that differ in what filters ask for.
class Runs {
 public:
  Runs() : store(open_store("sqlite:///fuzz.db", {.working_directory = folder_.path()})) {
    experiment = store->create_experiment("e", {}, {{"t", "x"}});
    for (int i = 0; i < 6; ++i) {
      CreateRun create{.experiment_id = experiment, .name = "r" + std::to_string(i), .start_time_ms = 10 + i};
      if (i % 2 == 0) create.params = {{"a", std::string(1, static_cast<char>('x' + i))}, {"b c", "B"}};
      if (i % 3 != 0) create.tags = {{"t", "%_" + std::to_string(i)}};
      const auto run = store->create_run(create);
      if (i > 0) store->log_metric(run.run_id, {"m", i * 0.5 - 1, 1, 1});
      if (i > 3)
        store->log_inputs(run.run_id, {{{"d", "1", "s", "{}", "", ""}, {{"mlflow.data.context", "c"}}}}, {});
    }
    all = store->list_runs({.experiment_ids = {experiment}, .with_inputs = true});
  }

 private:
  ivory::TemporaryFolder folder_;

 public:
  std::shared_ptr<TrackingStore> store;
  std::string experiment;
  std::vector<RunRecord> all;
};

const Runs& runs() {
  static const Runs kRuns;
  return kRuns;
}

std::vector<std::string> ids_of(const std::vector<RunRecord>& found) {
  std::vector<std::string> ids;
  for (const auto& run : found) ids.push_back(run.run_id);
  return ids;
}

void check_runs(const SearchRuns& search) {
  std::vector<RunRecord> found;
  const auto conditions = parse_run_filter(search.filter);
  std::copy_if(runs().all.begin(), runs().all.end(), std::back_inserter(found),
               [&](const RunRecord& run) { return matches(run, conditions); });
  sort_records(found, parse_run_order(search.order_by));
  require(ids_of(runs().store->search_runs(search).items) == ids_of(found));
}

void check_experiments(std::string_view filter) {
  std::vector<std::string> found, sql;
  const auto conditions = parse_experiment_filter(filter);
  for (const auto& experiment : runs().store->list_experiments()) {
    if (matches(experiment, conditions)) found.push_back(experiment.id);
  }
  for (const auto& experiment : runs().store->search_experiments({.filter = std::string(filter)}).items)
    sql.push_back(experiment.id);
  std::sort(found.begin(), found.end());
  std::sort(sql.begin(), sql.end());
  require(found == sql);
}

void check(char kind, const std::string& text) {
  const std::string& experiment = runs().experiment;
  if (kind == 'r') check_runs({.experiment_ids = {experiment}, .filter = text});
  if (kind == 'o') check_runs({.experiment_ids = {experiment}, .order_by = {text}});
  if (kind == 'e') check_experiments(text);
  if (kind == 't') {
    const std::int64_t offset = parse_page_token(text);
    require(offset >= 0 && parse_page_token(make_page_token(offset)) == offset);
  }
  if (kind == 'p') {
    const auto line = std::min(text.find('\n'), text.size());
    require(matches_pattern(text, "%", false));
    (void)matches_pattern(std::string_view(text).substr(line), text.substr(0, line), true);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    check(text.front(), text.substr(1));
  } catch (const ivory::Error& error) {
    require(error.code() == ivory::ErrorCode::kInvalidArgument);
  }
  return 0;
}
