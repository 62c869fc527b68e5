// Logged models on their way from one store to another.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/transfer.h>

#include "transfer_map.h"

namespace ivory::tracking {

// What is passed in outlives it. One thread.
class ModelTransfer {
 public:
  // Gives what stands for a run in the target, making it if need be; null for one that is not moved.
  using BeginRun = std::function<const RunRecord*(const std::string& run_id)>;
  ModelTransfer(const TransferEnd& from, const TransferEnd& to, TransferMap& map, TransferReport& report,
                BeginRun begin_run);

  // First for all experiments: reads their models. True if there are any.
  bool read_source(const std::string& experiment_id);
  // Then, for each: what of them the experiment of the target has. True if it lacks one.
  bool read_target(const std::string& experiment_id, const std::string& target_id);
  // The model that stands for this one, made if need be; none if its experiment was never moved.
  [[nodiscard]] std::optional<std::string> find_or_make(const std::string& model_id);
  // All models of the experiments that were read, with all they have.
  void complete();

 private:
  void make(const LoggedModel& model);
  bool complete(const LoggedModel& model, const LoggedModel& there);
  bool copy_metrics(const LoggedModel& model, const LoggedModel& there);
  [[nodiscard]] std::optional<std::string> find_moved_before(const std::string& model_id) const;

  const TransferEnd& from_;
  const TransferEnd& to_;
  TransferMap& map_;
  TransferReport& report_;
  BeginRun begin_run_;
  std::map<std::string, LoggedModel> source_;       // by id
  std::map<std::string, LoggedModel> there_;        // of the target, by the id of what it stands for
  std::map<std::string, std::string> experiments_;  // ids, by old ones
  std::set<std::string> made_;                      // old ids
};

}  // namespace ivory::tracking
