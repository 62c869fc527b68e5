// What the commands that run studies share.
#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include <ivory/experiment/study.h>

#include "runs_command.h"

namespace ivory {

class StudiesCommand : public RunsCommand {
 protected:
  // The defaults let designated initializers leave a member out without a warning.
  // NOLINTBEGIN(readability-redundant-member-init)
  struct StudyCall {
    Params asked = {};                    // what the study is asked for, as Study::recorded() has it
    std::filesystem::path write = {};     // a parameter file for the best parameters; empty: none
    std::function<void()> on_begin = {};  // once the study is there
    std::function<tuning::Study(const StudyRunOptions&)> start = {};
  };
  // NOLINTEND(readability-redundant-member-init)

  // Engine, jobs, and going on after a failed run. Errors: those of engine_options().
  [[nodiscard]] StudyRunOptions study_options() const;
  // Runs the study with what it shows meanwhile, and prints what came of it, also after Ctrl-C and errors.
  // Errors: those of Study::optimize(); kInternal if every trial failed; Interrupted.
  void run_study(const Client& client, Study& study, StudyRunOptions options, const StudyCall& call) const;

 private:
  void report_study(const Client& client, Study& study, const tuning::Study& tuned,
                    const std::filesystem::path& written) const;
};

}  // namespace ivory
