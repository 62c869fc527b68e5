// ivory show: the parameters of one run, resolved.
#include "command.h"

#include <ivory/base/error.h>
#include <ivory/experiment/client.h>
#include <ivory/yaml/yaml.h>

#include "plan_words.h"

namespace ivory {
namespace {

class ShowCommand : public Command {
 public:
  void declare(Options& options) override {
    options.word("NAME", name_, "the experiment: its parameters are in NAME.yml");
    options.words("KEY=VALUE", words_, "parameters, one value each");
    options.option("--seed", seed_, "N", "seed of all random numbers");
  }

  int execute() override {
    const Client client(directory(), false);
    const Experiment experiment = client.create_experiment(name_);
    const RunPlan plan = product_plan(experiment, words_, seed_);
    if (plan.size() > 1)
      throw Error(ErrorCode::kInvalidArgument, "`ivory show` shows one run, and " + join(plan.varied()) +
                                                   " would make several; `ivory plan` lists them");
    const Params params = experiment.resolve_params(plan.arguments(0));
    print(json() ? params.to_json(2) + "\n" : to_yaml(params));
    return 0;
  }

 private:
  std::string name_;
  std::vector<std::string> words_;
  std::optional<std::int64_t> seed_;
};

}  // namespace

std::unique_ptr<Command> make_show_command() { return std::make_unique<ShowCommand>(); }

}  // namespace ivory
