#include "run_progress.h"

#include <utility>

#include "table.h"

namespace ivory {
namespace {

std::string note_of(const RunProgress& progress) {
  return progress.metric.empty() ? std::string() : progress.metric + " " + number_text(progress.value);
}

std::string note_of(const RunOutcome& outcome) {
  if (!outcome.error.empty())
    return outcome.status + ": " + outcome.error.substr(0, outcome.error.find('\n'));
  if (!outcome.finished()) return outcome.status;
  return outcome.best_score ? "best " + outcome.monitor + " " + number_text(*outcome.best_score)
                            : std::string();
}

}  // namespace

RunProgressView::RunProgressView(std::string title, std::size_t runs, std::vector<std::string> varied)
    : title_(std::move(title)), varied_(std::move(varied)) {
  if (runs > 1) table_ = std::make_unique<ProgressTable>(static_cast<std::int64_t>(runs));
}

void RunProgressView::on_run_begin(std::size_t index, const std::string& name, const Params& arguments) {
  if (table_ == nullptr) return;
  std::string title = name.empty() ? std::to_string(index) : name;
  for (const std::string& parameter : varied_)
    if (const Params* value = arguments.find(parameter)) title += " " + parameter + "=" + value->to_text();
  table_->begin(index, std::move(title));
}

void RunProgressView::on_run_progress(std::size_t index, const RunProgress& progress) {
  if (table_ != nullptr)
    return table_->update(index, progress.epochs_done, progress.epochs, note_of(progress));
  if (bar_ == nullptr) bar_ = std::make_unique<Progress>(title_, progress.epochs);
  bar_->update(progress.epochs_done, note_of(progress));
}

void RunProgressView::on_run_end(std::size_t index, const RunOutcome& outcome) {
  if (table_ != nullptr) table_->end(index, outcome.epochs, note_of(outcome));
}

void RunProgressView::finish() {
  bar_.reset();
  table_.reset();
}

}  // namespace ivory
