// Collection: the results of many runs together: out-of-fold predictions, and tests.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/experiment/results.h>

namespace ivory {

class Tracker;
namespace tracking {
class TrackingStore;
}

enum class Reduction : std::uint8_t {
  kNone,  // one row for each sample and run
  kMean,  // rows of equal index averaged
};
// "none", "mean". Errors: kInvalidArgument with the nearest name.
[[nodiscard]] Reduction parse_reduction(std::string_view name);

// Samples, and who predicted them.
struct CollectedRows {
  Array index;   // int64 [n]
  Array output;  // [n, …]
  Array target;  // [n, …]; no rows if the samples have no targets
  Array fold;    // int64 [n]: of the run; -1 in a mean over several folds, as for test samples, or if unknown
  Array run;     // int64 [n]: position in Collection::runs; -1 in a mean over several
  [[nodiscard]] bool empty() const { return index.empty(); }
  [[nodiscard]] std::int64_t rows() const { return index.rows(); }
  friend bool operator==(const CollectedRows&, const CollectedRows&) = default;
};

struct CollectedRun {
  std::string id, name;           // empty: not tracked
  std::string parent_run_id;      // empty: nobody's
  Params update = Params::map();  // its logged params
  std::int64_t fold = -1;         // -1: it has none
  std::string state;              // which it was taken from: "test", "best", "current"
};

// What models made of samples that they had not seen: `val` holds each validation sample predicted by the
// model whose fold it was (out-of-fold), `test` the test samples, predicted by every model.
// A value type: copies share memory.
struct Collection {
  CollectedRows val, test;
  std::vector<CollectedRun> runs;
};

struct CollectOptions {
  Reduction reduction = Reduction::kNone;
  // Take what there is, though runs of a task are missing.
  bool partial = false;
  // Called after each run with how many are done, of how many.
  std::function<void(std::size_t done, std::size_t count)> progress = nullptr;
  // For runs whose files a server has: which, and whose folder they are fetched into.
  const Tracker* tracker = nullptr;
};

// One run's part of a collection.
struct RunResults {
  CollectedRun run;
  ResultRows val, test;
};

// Puts them together in their order. Errors: kInvalidArgument when dtypes or shapes differ; when a validation
// sample is predicted twice by runs of one task with the same parameters but for the fold, unless they are
// averaged; when a run has validation rows and another none.
[[nodiscard]] Collection collect(std::span<const RunResults> results, const CollectOptions& options = {});

// Of runs in a store, by id; a task stands for its nested runs that are finished, in the order of its plan.
// Each run's state is `test`, else `best`, else `current`; only its results file is read. Errors: as
// collect(); kNotFound for an unknown id, a run that kept no results; kConflict for a task of which runs are
// missing, failed or not finished, with their names, unless `partial`.
[[nodiscard]] Collection collect_results(const tracking::TrackingStore& store,
                                         std::span<const std::string> ids,
                                         const CollectOptions& options = {});

}  // namespace ivory
