// Tracking: the callback by which a run records itself in the tracking store.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/async_logger.h>

namespace ivory {

class Monitor;
class Run;
class RunFolder;
class StateSender;

// Logs the run's whole parameters as the artifact params.yaml, metrics at the end of
// each epoch (with best_score and best_epoch), and the states `current` (each epoch), `best` (when the
// monitor says so) and `test` (after a test) as artifacts.
// On a server, metrics go through a spool (tracking/async_logger.h), so that an outage does not stop the run.
// The states are kept in .ivory/runs/RUN_ID beside the client; those that were saved last are sent while the
// run goes on, all when it ends. Made by Run::set_tracker(). Threads: those of its run.
class Tracking {
 public:
  // For a run that is in the store, RUNNING and of this process.
  Tracking(std::shared_ptr<Tracker> tracker, tracking::RunRecord run);
  ~Tracking();
  Tracking(const Tracking&) = delete;
  Tracking& operator=(const Tracking&) = delete;

  [[nodiscard]] const std::string& run_id() const noexcept { return run_.run_id; }
  [[nodiscard]] const std::string& run_name() const noexcept { return run_.name; }
  [[nodiscard]] const std::string& experiment_id() const noexcept { return run_.experiment_id; }
  // The folder of the run's artifacts.
  [[nodiscard]] std::filesystem::path artifact_folder() const;
  // Writes an artifact.
  void log_file(std::string_view path, std::string_view bytes) const;
  // Writes the artifact params.yaml.
  void log_params_file(const Params& params) const;

  // A start in `mode`, which becomes the tag `ivory.mode`: this process has the run now.
  void begin(std::string_view mode);
  // For a run that goes on, its checkpoint given back: what was logged since is not logged again, and a
  // `best` that was not kept yet is.
  void resume(const Run& run);
  // Saves the state `current`.
  void save_current(const Run& run);

  void on_epoch_end(Run& run);
  void on_test_end(Run& run);
  // The monitor's scores, as they were reported.
  void log_scores(const Monitor& monitor);
  // The tags `pruned` and `pruned_step`.
  void log_pruned(std::int64_t step) const;
  // Ends the run in the store; may be called again after another start.
  void end(tracking::RunStatus status, std::string_view error = {});
  // Leaves its end to another process that goes on with it.
  void leave() noexcept { ended_ = true; }
  [[nodiscard]] bool ended() const noexcept { return ended_; }

 private:
  [[nodiscard]] std::filesystem::path state_folder(std::string_view state) const;
  void save_states(const Run& run, bool as_best);
  void keep_best();
  void note_unsent() const;
  void offer_states();
  void send_states();
  void log(tracking::Batch batch);
  [[nodiscard]] std::unique_ptr<FolderReplacer> replacer_of(const std::string& state) const;
  [[nodiscard]] bool is_logged(const tracking::Metric& point) const;

  std::shared_ptr<Tracker> tracker_;
  tracking::RunRecord run_;
  std::unique_ptr<tracking::ArtifactStore> artifacts_;
  std::unique_ptr<const RunFolder> folder_;  // on a server: where its artifacts are kept until it ends
  std::string mode_;                         // as the store knows it
  bool ended_ = false;
  bool has_error_ = false;                          // the tag of an earlier failure stands in the store
  std::unique_ptr<FolderReplacer> current_, best_;  // while it runs
  // What was logged before the run went on, by key and step.
  std::map<std::pair<std::string, std::int64_t>, std::vector<double>> logged_;
  std::unique_ptr<tracking::AsyncLogger> logger_;  // on a server
  std::unique_ptr<StateSender> sender_;            // on a server, while it runs
};

}  // namespace ivory
