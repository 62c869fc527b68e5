// The lines of Optuna's journal: a JSON object each.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/tuning/frozen_trial.h>

namespace ivory::tuning::journal {

enum Op : std::int64_t {
  kCreateStudy = 0,
  kDeleteStudy = 1,
  kStudyUserAttr = 2,
  kStudySystemAttr = 3,
  kCreateTrial = 4,
  kSetParam = 5,
  kSetState = 6,
  kReport = 7,
  kTrialUserAttr = 8,
  kTrialSystemAttr = 9,
};

struct Record {
  std::int64_t op = -1, study_id = -1, trial_id = -1, step = 0;
  std::string worker, study_name, param_name, distribution;
  std::vector<Direction> directions;
  double number = 0;  // param_value_internal, intermediate_value
  std::string key;    // of an attribute
  Params value;
  FrozenTrial trial{.state = TrialState::kRunning};  // state, values and times of a trial; its template
  std::map<std::string, std::string> distributions;
  std::vector<std::pair<std::string, double>> params;
};

// Errors: kInvalidArgument for what is no record.
[[nodiscard]] Record parse_record(std::string_view line);

// Puts a record together: a compact JSON object on a line.
class Line {
 public:
  Line(Op op, std::string_view worker);
  Line& add(std::string_view key, const Params& value);
  Line& reals(std::string_view key, std::span<const double> values);
  [[nodiscard]] std::string end() const { return text_ + "}\n"; }

 private:
  void name(std::string_view key);
  std::string text_;
};

}  // namespace ivory::tuning::journal
