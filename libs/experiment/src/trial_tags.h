// Tags by which runs of a study say what they are.
#pragma once
#include <string_view>

namespace ivory::detail {

// Of a run that was given up: "true", and the step after which.
inline constexpr std::string_view kPrunedTag = "pruned";
inline constexpr std::string_view kPrunedStepTag = "pruned_step";
// Of a run whose monitor watches several metrics: the names of those after the first, as a JSON list.
inline constexpr std::string_view kFurtherMonitorsTag = "ivory.monitor.further";
// Of a trial's run: the tuner's study, and the trial's number in it.
inline constexpr std::string_view kStudyNameTag = "study_name";
inline constexpr std::string_view kTrialNumberTag = "trial_number";
// User attribute of the tuner's study, and of each trial.
inline constexpr std::string_view kRunIdAttr = "run_id";
// Of a study's run: what it was asked for, as JSON; "study.json" where that is longer than a tag may be, and
// the artifact of that name has it.
inline constexpr std::string_view kStudyTag = "ivory.study";
inline constexpr const char* kStudyFile = "study.json";

}  // namespace ivory::detail
