#include "study_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "study_records.h"
#include "table.h"

namespace ivory {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string values_text(const std::vector<double>& values) {
  std::vector<std::string> words;
  for (const double value : values) words.push_back(number_text(value));
  return join(words);
}

}  // namespace

StudyProgressView::StudyProgressView(Options options) : options_(std::move(options)) {}

void StudyProgressView::on_study_begin(const tuning::Study& study) {
  std::int64_t count = options_.n_trials.value_or(0);
  if (options_.n_total) {
    constexpr std::array kEnded{tuning::TrialState::kComplete, tuning::TrialState::kPruned,
                                tuning::TrialState::kFail};
    count =
        std::max<std::int64_t>(*options_.n_total - static_cast<std::int64_t>(study.trials(kEnded).size()), 0);
  }
  table_ = std::make_unique<ProgressTable>(count, options_.limit);
  if (options_.on_begin) options_.on_begin();
  if (study.directions().size() > 1) return;
  const auto best = best_of(study);
  if (!best.empty()) show_best(best.front());
}

void StudyProgressView::show_best(const tuning::FrozenTrial& best) {
  table_->note(fmt::format("best {} {} (trial {})", options_.metric, number_text(best.value()), best.number));
}

void StudyProgressView::on_trial_begin(std::int64_t number, const std::string& /*run_name*/,
                                       const Params& arguments) {
  std::string title = fmt::format("trial {}", number);
  for (const auto& [name, value] : arguments.items())
    if (!options_.fixed.contains(name)) title += " " + name + "=" + param_text(value);
  begun_.insert(number);
  table_->begin(static_cast<std::size_t>(number), std::move(title));
}

void StudyProgressView::on_trial_progress(std::int64_t number, std::size_t fold, std::size_t folds,
                                          const RunProgress& progress) {
  std::string note = folds > 1 ? fmt::format("fold {}/{}", fold + 1, folds) : std::string();
  if (!progress.metric.empty())
    note += fmt::format("{}{} {}", note.empty() ? "" : "  ", progress.metric, number_text(progress.value));
  const auto epochs = static_cast<std::int64_t>(progress.epochs);
  table_->update(static_cast<std::size_t>(number),
                 static_cast<std::int64_t>(fold) * epochs + progress.epochs_done,
                 static_cast<std::int64_t>(folds) * epochs, note);
}

void StudyProgressView::on_trial_end(const tuning::FrozenTrial& trial, const TrialOutcome& outcome,
                                     bool is_best) {
  ++ended_;
  if (trial.state == tuning::TrialState::kFail && failed_++ == 0)
    first_error_ = fmt::format("trial {}: {}", trial.number, first_line(outcome.error));
  if (is_best) show_best(trial);
  if (begun_.erase(trial.number) == 0)
    table_->begin(static_cast<std::size_t>(trial.number), fmt::format("trial {}", trial.number));
  std::int64_t epochs = 0;
  for (const RunOutcome& run : outcome.runs) epochs += run.epochs;
  table_->end(static_cast<std::size_t>(trial.number), epochs, note_of(trial, outcome, is_best));
}

std::string StudyProgressView::note_of(const tuning::FrozenTrial& trial, const TrialOutcome& outcome,
                                       bool is_best) const {
  if (!outcome.error.empty()) return outcome.status + ": " + first_line(outcome.error);
  if (trial.state == tuning::TrialState::kRunning) return "interrupted";
  if (trial.state != tuning::TrialState::kComplete) {
    std::string note(to_text(trial.state));
    if (outcome.pruned_step) note += fmt::format(" after step {}", *outcome.pruned_step);
    return note;
  }
  std::string note =
      (trial.values.size() == 1 ? options_.metric + " " : std::string()) + values_text(trial.values);
  if (outcome.deviations.size() == trial.values.size() && outcome.deviations.size() == 1)
    note += " ± " + number_text(outcome.deviations.front());
  return note + (is_best ? "  best so far" : "");
}

void StudyProgressView::finish() {
  if (table_ != nullptr) table_->finish();
}

}  // namespace ivory
