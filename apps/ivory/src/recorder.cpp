#include "recorder.h"

#include <cmath>

#include <ivory/experiment/monitor.h>
#include <ivory/experiment/run.h>
#include <ivory/experiment/trainer.h>

#include "table.h"

namespace ivory {

void Recorder::take_training(const Run& run) {
  if (const auto metrics = run.find<Metrics>(); metrics != nullptr && !metrics->record().empty())
    outcome_.metrics = metrics->record();
  if (const auto trainer = run.find<Trainer>()) outcome_.epochs = trainer->epoch() + 1;
  const auto monitor = run.find<Monitor>();
  if (monitor == nullptr || monitor->best_epoch() < 0) return;
  outcome_.monitor = monitor->metric();
  outcome_.maximize = monitor->mode() == "max";
  outcome_.best_score = monitor->best_score();
  outcome_.best_epoch = monitor->best_epoch();
}

void Recorder::show(const Run& run) {
  const auto trainer = run.find<Trainer>();
  if (trainer == nullptr) return;
  if (!progress_) progress_.emplace(title_, trainer->epochs());
  std::string note;
  if (const auto monitor = run.find<Monitor>(); monitor != nullptr && !std::isnan(monitor->score())) {
    note = monitor->metric() + " " + number_text(monitor->score());
  } else if (!outcome_.metrics.empty()) {
    note = outcome_.metrics.front().first + " " + number_text(outcome_.metrics.front().second);
  }
  progress_->update(trainer->epoch() + 1, note);
}

void Recorder::on_epoch_end(Run& run) {
  take_training(run);
  show(run);
}

void Recorder::on_fit_end(Run& run) {
  take_training(run);
  if (progress_) progress_->finish();
}

void Recorder::on_test_end(Run& run) {
  if (const auto metrics = run.find<Metrics>()) outcome_.test = metrics->test_record();
}

}  // namespace ivory
