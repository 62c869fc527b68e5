// Experiment: a named set of runs with one parameter file.
#pragma once
#include <memory>
#include <string>

#include <ivory/experiment/creator.h>

namespace ivory {

// Made by Client::create_experiment. Copies share the registry and the tracker.
class Experiment : public Creator {
 public:
  // `params` is what the parameter file says. Errors: kInvalidArgument for sections that do not exist.
  Experiment(std::shared_ptr<const Workshop> workshop, const Params& params);
  // The same experiment, as its file was when `params` were kept: the params.yaml of a run.
  [[nodiscard]] Experiment with_params(const Params& params) const { return {workshop_, params}; }
};

}  // namespace ivory
