// What came of a study, for people and for programs.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include <ivory/base/params.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/study.h>
#include <ivory/tuning/study.h>

namespace ivory {

// The best trials (at most ten), how many there are of each state, the best parameters as YAML, and the
// importance of each parameter. `metric` names the value of one objective.
[[nodiscard]] std::string study_text(const tuning::Study& study, const std::string& metric);
// {"study_name", "directions", "n_trials", "n_by_state", "best": the best trial, or a list of several
// objectives' best ones, or null, "importance": {NAME: share}, "trials": […]}.
[[nodiscard]] Params study_report(const tuning::Study& study);

// The parameters of the best trial's runs: what was fixed, and of what was suggested that which a run has.
// Errors: kConflict if no trial is complete.
[[nodiscard]] Params best_arguments(const Study& study, const tuning::Study& tuned);

// A parameter file of the experiment with these arguments; the comment says where they are from.
void write_parameter_file(const std::filesystem::path& path, const Experiment& experiment,
                          const Params& arguments, const std::string& comment);

}  // namespace ivory
