// What the command shows of a study while it goes on.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ivory/base/progress_table.h>
#include <ivory/experiment/study.h>

namespace ivory {

// A line for each trial under way, and one for all with the best so far and the time that is left.
class StudyProgressView final : public StudyEvents {
 public:
  struct Options {
    std::optional<std::int64_t> n_trials = {};  // so many more …
    std::optional<std::int64_t> n_total = {};   // … or as many in all; neither: as the time allows
    std::optional<std::chrono::duration<double>> limit = {};
    Params fixed = Params::map();         // not shown beside the trials
    std::string metric = "value";         // of one objective
    std::function<void()> on_begin = {};  // once the study is there
  };
  explicit StudyProgressView(Options options);
  void on_study_begin(const tuning::Study& study) override;
  void on_trial_begin(std::int64_t number, const std::string& run_name, const Params& arguments) override;
  void on_trial_progress(std::int64_t number, std::size_t fold, std::size_t folds,
                         const RunProgress& progress) override;
  void on_trial_end(const tuning::FrozenTrial& trial, const TrialOutcome& outcome, bool is_best) override;
  // Takes it off the terminal, before the report.
  void finish();

  // Of the trials that ended: how many, and those whose run failed, the first one's error.
  [[nodiscard]] std::int64_t ended() const noexcept { return ended_; }
  [[nodiscard]] std::int64_t failed() const noexcept { return failed_; }
  [[nodiscard]] const std::string& first_error() const noexcept { return first_error_; }

 private:
  void show_best(const tuning::FrozenTrial& best);
  [[nodiscard]] std::string note_of(const tuning::FrozenTrial& trial, const TrialOutcome& outcome,
                                    bool is_best) const;

  Options options_;
  std::unique_ptr<ProgressTable> table_;  // from the study's begin on
  std::set<std::int64_t> begun_;
  std::int64_t ended_ = 0, failed_ = 0;
  std::string first_error_;
};

}  // namespace ivory
