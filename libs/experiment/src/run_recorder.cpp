#include "run_recorder.h"

#include <cmath>

#include <ivory/experiment/monitor.h>
#include <ivory/experiment/run.h>
#include <ivory/experiment/trainer.h>

namespace ivory {

void RunRecorder::take_training(const Run& run) {
  if (const auto metrics = run.find<Metrics>(); metrics != nullptr && !metrics->record().empty())
    outcome_.metrics = metrics->record();
  if (const auto trainer = run.find<Trainer>()) outcome_.epochs = trainer->epoch() + 1;
  const auto monitor = run.find<Monitor>();
  if (monitor == nullptr || monitor->best_epoch() < 0) return;
  outcome_.monitor = monitor->metric();
  outcome_.maximize = monitor->mode() == "max";
  outcome_.best_score = monitor->best_score();
  outcome_.best_epoch = monitor->best_epoch();
  outcome_.further_scores.clear();
  for (const Monitor::Watched& watched : monitor->further())
    outcome_.further_scores.push_back(watched.at_best);
}

void RunRecorder::tell(const Run& run) const {
  const auto trainer = run.find<Trainer>();
  if (trainer == nullptr || !listener_) return;
  RunProgress progress;
  progress.epochs_done = trainer->epoch() + 1;
  progress.epochs = trainer->epochs();
  if (const auto monitor = run.find<Monitor>(); monitor != nullptr && !std::isnan(monitor->score())) {
    progress.metric = monitor->metric();
    progress.value = monitor->score();
  } else if (!outcome_.metrics.empty()) {
    progress.metric = outcome_.metrics.front().first;
    progress.value = outcome_.metrics.front().second;
  }
  listener_(progress);
}

void RunRecorder::on_init_end(Run& run) {
  if (run.mode() == "train") take_training(run);
}

void RunRecorder::on_epoch_end(Run& run) {
  take_training(run);
  tell(run);
}

void RunRecorder::on_fit_end(Run& run) { take_training(run); }

void RunRecorder::finish(const Run& run) {
  if (!outcome_.best_score) take_training(run);
}

void RunRecorder::on_test_end(Run& run) {
  if (const auto metrics = run.find<Metrics>()) outcome_.test = metrics->test_record();
}

}  // namespace ivory
