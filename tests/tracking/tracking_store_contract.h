// What every tracking store promises: tests over any place that a store can lie in. A program that links
// tracking_store_contract_test.cpp instantiates them with its places.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tracking_support.h"

namespace ivory::tracking {

struct OpenPlace {
  std::string uri;                    // relative paths are taken from a folder of the test's own
  std::shared_ptr<void> keeper = {};  // what must live as long as the test: a server
  std::span<const StoreScheme> further = {};
  // MLflow's folders keep infinities, compare a NaN with nothing, and say file:// of where artifacts lie.
  bool is_of_files = false;
  // A server keeps artifacts where it wants to (mlflow-artifacts:) and removes no row for good.
  bool is_remote = false;
};

// `open` gives a new, empty place.
struct StorePlace {
  std::string name;
  std::function<OpenPlace()> open;
};

inline void PrintTo(const StorePlace& place, std::ostream* out) { *out << place.name; }
inline std::string name_of_place(const testing::TestParamInfo<StorePlace>& info) { return info.param.name; }

class TrackingStoreContract : public testing::TestWithParam<StorePlace> {
 protected:
  [[nodiscard]] std::shared_ptr<TrackingStore> open(Access access = Access::kReadWrite) const {
    return open_store(place_.uri,
                      {.working_directory = folder_.path(), .access = access, .further = place_.further});
  }
  RunRecord make_run(const std::string& name = "a-run") {
    return store_->create_run({.experiment_id = experiment_, .name = name});
  }
  RunRecord make_numbered(const std::string& prefix = "run") {
    return store_->create_run({.experiment_id = experiment_, .name_prefix = prefix});
  }
  [[nodiscard]] std::vector<std::string> names(const RunQuery& query) const {
    std::vector<std::string> found;
    for (const auto& run : store_->list_runs(query)) found.push_back(run.name);
    return found;
  }

  TemporaryFolder folder_;
  OpenPlace place_ = GetParam().open();
  std::shared_ptr<TrackingStore> store_ = open();
  std::string experiment_ = store_->create_experiment("contract");
};

}  // namespace ivory::tracking
