// Searches over SQL: the rows of a page of runs or experiments.
#pragma once
#include <ivory/storage/connection.h>
#include <ivory/tracking/search.h>

#include "run_rows.h"

namespace ivory::tracking {

// A search whose texts have been read.
struct RunSearch {
  explicit RunSearch(const SearchRuns& search);

  std::vector<std::int64_t> experiments;
  ViewType view;
  std::vector<SearchCondition> conditions;
  std::vector<SearchOrder> order;
  std::int64_t offset;
  std::int64_t max_results;
};

// On SQLite the order in which tables are gone through is chosen here, by what is there; PostgreSQL has
// statistics for that.
[[nodiscard]] Page<RunRecord> search_runs(storage::Connection& connection, const RunSearch& search,
                                          const RunParts& parts, bool has_own_indexes);

[[nodiscard]] Page<ExperimentRecord> search_experiments(storage::Connection& connection,
                                                        const SearchExperiments& search);

}  // namespace ivory::tracking
