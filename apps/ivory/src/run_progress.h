// What the command shows of runs while they go on.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <ivory/base/progress.h>
#include <ivory/base/progress_table.h>
#include <ivory/experiment/execution.h>

namespace ivory {

// A bar for one run, a table for several.
class RunProgressView final : public ExecutionEvents {
 public:
  // `title` stands before the bar. In the table, runs have the values of the `varied` parameters beside their
  // names.
  RunProgressView(std::string title, std::size_t runs, std::vector<std::string> varied);
  void on_run_begin(std::size_t index, const std::string& name, const Params& arguments) override;
  void on_run_progress(std::size_t index, const RunProgress& progress) override;
  void on_run_end(std::size_t index, const RunOutcome& outcome) override;
  // Takes it off the terminal, before the report.
  void finish();

 private:
  std::string title_;
  std::vector<std::string> varied_;
  std::unique_ptr<Progress> bar_;  // from the first progress on
  std::unique_ptr<ProgressTable> table_;
};

}  // namespace ivory
