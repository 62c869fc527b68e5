// What a RunQuery asks for, of a store that only knows MLflow's search language.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

// A value in quotes, as the search language reads it; none if it holds both kinds of quotes.
[[nodiscard]] std::optional<std::string> quoted_value(std::string_view value);

// The filters of as many searches, which together find at least all that the query wants.
[[nodiscard]] std::vector<std::string> filters_of(const RunQuery& query);

// Whether a run is wanted. `parents` are the ids of all runs that have nested ones; looked at if
// query.is_parent is set.
[[nodiscard]] bool is_wanted(const RunRecord& run, const RunQuery& query,
                             const std::set<std::string>& parents);

// Whether filters_of() says all that the query asks for.
[[nodiscard]] bool is_exact(const RunQuery& query);

}  // namespace ivory::tracking
