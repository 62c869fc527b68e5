#include <ivory/experiment/tracking.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/experiment/metrics.h>
#include <ivory/experiment/monitor.h>
#include <ivory/experiment/run.h>
#include <ivory/experiment/trainer.h>
#include <ivory/tracking/liveness.h>
#include <ivory/yaml/yaml.h>

#include "run_folder.h"
#include "sent_states.h"
#include "state_sender.h"
#include "trial_tags.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using detail::kPrunedStepTag;
using detail::kPrunedTag;

using tracking::kErrorTag;
using tracking::kModeTag;

std::int64_t epoch_of(const Run& run) {
  const auto trainer = run.find<Trainer>();
  return trainer == nullptr ? 0 : std::max(trainer->epoch(), 0);
}

// What a run logs waits in its spool, and its states in their folder, not here.
constexpr int kMaxRetries = 1;

// As the store keeps it: an infinity is the largest number of its sign.
double stored(double value) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  return std::isnan(value) ? value : std::clamp(value, -kLargest, kLargest);
}

void add_best(const Monitor& monitor, tracking::TimeMs now, std::int64_t step, tracking::Batch& batch) {
  if (monitor.best_epoch() < 0) return;
  batch.metrics.push_back({"best_score", monitor.best_score(), now, step});
  batch.metrics.push_back({"best_epoch", static_cast<double>(monitor.best_epoch()), now, step});
}

bool is_same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

}  // namespace

Tracking::Tracking(std::shared_ptr<Tracker> tracker, tracking::RunRecord run)
    : tracker_(std::move(tracker)),
      run_(std::move(run)),
      artifacts_(
          tracking::open_artifact_store(run_.artifact_uri, tracker_->durability(), tracker_->tracking_uri(),
                                        tracker_->is_remote() ? std::optional(kMaxRetries) : std::nullopt)) {
  if (!artifacts_->local_path()) {
    folder_ = std::make_unique<const RunFolder>(tracker_->directory(), run_.run_id);
    note_unsent();
  }
  if (!tracker_->is_remote()) return;
  logger_ = std::make_unique<tracking::AsyncLogger>(
      tracker_->store(), run_.run_id,
      tracking::AsyncOptions{.spool_folder = tracker_->directory() / ".ivory" / "spool",
                             .tracking_uri = tracker_->tracking_uri(),
                             .durability = tracker_->durability()});
}

Tracking::~Tracking() = default;

void Tracking::note_unsent() const {
  if (folder_ == nullptr) return;
  folder_->write_note({.tracking_uri = tracker_->tracking_uri(),
                       .artifact_uri = run_.artifact_uri,
                       .process = tracking::this_process().to_text(),
                       .is_sent = false});
}

fs::path Tracking::artifact_folder() const { return state_folder({}); }

fs::path Tracking::state_folder(std::string_view state) const {
  if (folder_ != nullptr) return folder_->artifacts() / state;
  return artifacts_->local_path(state).value_or(fs::path());  // there is one, else there were a folder
}

void Tracking::log_file(std::string_view path, std::string_view bytes) const {
  artifacts_->write(path, bytes);
  if (folder_ != nullptr) write_file(folder_->artifacts() / path, bytes, tracker_->durability());
}

void Tracking::log_params_file(const Params& params) const { log_file("params.yaml", to_yaml(params)); }

void Tracking::begin(std::string_view mode) {
  tracking::TrackingStore& store = tracker_->store();
  tracking::Batch batch;
  if (mode != mode_) batch.tags.push_back({std::string(kModeTag), std::string(mode)});
  if (ended_) batch.tags.push_back({std::string(tracking::kProcessTag), tracking::this_process().to_text()});
  if (!batch.tags.empty()) store.log_batch(run_.run_id, batch);
  if (ended_) store.update_run(run_.run_id, {.status = tracking::RunStatus::kRunning});
  if (ended_) note_unsent();
  if (has_error_) store.delete_tag(run_.run_id, kErrorTag);
  mode_ = mode;
  ended_ = has_error_ = false;
}

void Tracking::resume(const Run& run) {
  const auto monitor = run.find<Monitor>();
  if (monitor != nullptr && monitor->is_best() && fs::exists(state_folder("current"))) keep_best();
  if (logger_ != nullptr) logger_->flush();  // what a process that was killed could not send
  for (const tracking::Metric& latest : run_.metrics) {
    for (tracking::Metric& point : tracker_->store().metric_history(run_.run_id, latest.key))
      logged_[{std::move(point.key), point.step}].push_back(point.value);
  }
}

bool Tracking::is_logged(const tracking::Metric& point) const {
  const auto found = logged_.find({point.key, point.step});
  return found != logged_.end() && std::ranges::any_of(found->second, [&](double value) {
           return is_same(value, stored(point.value));
         });
}

// The points of a step that was reached before a kill are there already, at another time.
void Tracking::log(tracking::Batch batch) {
  if (!logged_.empty())
    std::erase_if(batch.metrics, [this](const tracking::Metric& point) { return is_logged(point); });
  if (batch.metrics.empty()) return;
  if (logger_ == nullptr) {
    tracker_->store().log_batch(run_.run_id, batch);
  } else {
    logger_->log_batch(std::move(batch));
    logger_->flush();
  }
}

void Tracking::offer_states() {
  if (folder_ == nullptr) return;
  if (sender_ == nullptr) sender_ = std::make_unique<StateSender>(*artifacts_, *folder_, run_.name);
  sender_->offer();
}

// What cannot be sent stays beside the client.
void Tracking::send_states() {
  sender_.reset();
  if (folder_ == nullptr) return;
  try {
    StatesUpload(*artifacts_).finish(folder_->artifacts());
    auto note = folder_->find_note();
    if (!note) return;
    note->is_sent = true;
    folder_->write_note(*note);
  } catch (const Error& error) {
    log_warning(run_.name + ": " + error.what() + "; its states stay in " + artifact_folder().string() +
                " until `ivory sync`");
  }
}

// What it exchanges the state with lies beside the artifacts, so that nobody takes it for one.
std::unique_ptr<FolderReplacer> Tracking::replacer_of(const std::string& state) const {
  const fs::path spare = artifact_folder().parent_path() / (".ivory-" + state + ".tmp");
  return std::make_unique<FolderReplacer>(state_folder(state), spare, tracker_->durability());
}

void Tracking::save_current(const Run& run) { save_states(run, false); }

void Tracking::save_states(const Run& run, bool as_best) {
  {
    const auto lock = sender_ == nullptr ? std::unique_lock<std::mutex>() : sender_->hold();
    if (current_ == nullptr) current_ = replacer_of("current");
    run.save(*current_);
    if (as_best) keep_best();
  }
  offer_states();
}

// `current` under a second name, without its bytes.
void Tracking::keep_best() {
  if (best_ == nullptr) best_ = replacer_of("best");
  best_->link_files(state_folder("current"));
  best_->commit();
}

void Tracking::log_scores(const Monitor& monitor) {
  tracking::Batch batch;
  const tracking::TimeMs now = tracking::now_ms();
  const std::int64_t step = monitor.epoch();
  batch.metrics.push_back({monitor.metric(), monitor.score(), now, step});
  for (const Monitor::Watched& watched : monitor.further())
    batch.metrics.push_back({watched.metric, watched.score, now, step});
  add_best(monitor, now, step, batch);
  log(std::move(batch));
}

void Tracking::on_epoch_end(Run& run) {
  tracking::Batch batch;
  const tracking::TimeMs now = tracking::now_ms();
  const std::int64_t epoch = epoch_of(run);
  const auto monitor = run.find<Monitor>();
  if (const auto metrics = run.find<Metrics>())
    for (const auto& [key, value] : metrics->record()) batch.metrics.push_back({key, value, now, epoch});
  if (monitor != nullptr) add_best(*monitor, now, epoch, batch);
  log(std::move(batch));
  save_states(run, monitor != nullptr && monitor->is_best());
}

void Tracking::on_test_end(Run& run) {
  tracking::Batch batch;
  const tracking::TimeMs now = tracking::now_ms();
  if (const auto metrics = run.find<Metrics>())
    for (const auto& [key, value] : metrics->test_record())
      batch.metrics.push_back({key, value, now, epoch_of(run)});
  log(std::move(batch));
  run.save(state_folder("test"));
}

void Tracking::log_pruned(std::int64_t step) const {
  tracker_->store().log_batch(run_.run_id, {.tags = {{std::string(kPrunedTag), "true"},
                                                     {std::string(kPrunedStepTag), std::to_string(step)}}});
}

void Tracking::end(tracking::RunStatus status, std::string_view error) {
  current_.reset();
  best_.reset();
  has_error_ = !error.empty();
  if (logger_ != nullptr) {
    send_states();
    tracking::RunUpdate update{.status = status, .end_time_ms = tracking::now_ms()};
    if (has_error_) update.tags.push_back({std::string(kErrorTag), std::string(error)});
    logger_->update(update);
    ended_ = true;
    return;
  }
  if (has_error_) tracker_->store().set_tag(run_.run_id, {std::string(kErrorTag), std::string(error)});
  tracker_->store().update_run(run_.run_id, {.status = status, .end_time_ms = tracking::now_ms()});
  ended_ = true;
}

}  // namespace ivory
