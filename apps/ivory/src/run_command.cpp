// ivory run and ivory chain: train and test.
#include <memory>
#include <optional>
#include <utility>

#include <ivory/base/error.h>

#include "plan_words.h"
#include "runs_command.h"

namespace ivory {
namespace {

class PlannedRunsCommand : public RunsCommand {
 public:
  void declare(Options& options) override {
    options.word("NAME", name_, "the experiment: its parameters are in NAME.yml");
    options.words("KEY=VALUE", words_, "parameters; 0-4, 1,2,5 or 0-1:5 are several values");
    declare_plan(options);
    declare_engine(options);
    options.choice("--mode", mode_, {"train", "test", "both"},
                   "train, test, or both, the test with the best state");
    options.option("--seed", seed_, "N", "seed of all random numbers");
    options.flag("--no-track", no_track_, "record nothing");
  }

  int execute() override {
    ExecutionOptions options = engine_options();
    options.mode = mode_;
    const Client client(directory(), !no_track_);
    const Experiment experiment = client.create_experiment(name_);
    run_plan(client, experiment, make_plan(experiment, words_, seed_), std::move(options));
    return 0;
  }

 protected:
  virtual void declare_plan(Options& options) = 0;
  [[nodiscard]] virtual RunPlan make_plan(const Experiment& experiment, const std::vector<std::string>& words,
                                          std::optional<std::int64_t> seed) const = 0;

 private:
  std::string name_, mode_ = "both";
  std::vector<std::string> words_;
  std::optional<std::int64_t> seed_;
  bool no_track_ = false;
};

class RunCommand final : public PlannedRunsCommand {
 protected:
  void declare_plan(Options& options) override {
    options.option("--repeat", repeat_, "N",
                   "all runs N times, with other random numbers but the same folds");
  }
  [[nodiscard]] RunPlan make_plan(const Experiment& experiment, const std::vector<std::string>& words,
                                  std::optional<std::int64_t> seed) const override {
    return product_plan(experiment, words, seed, repeat_.value_or(1));
  }

 private:
  std::optional<std::int64_t> repeat_;
};

class ChainCommand final : public PlannedRunsCommand {
 protected:
  void declare_plan(Options& options) override {
    options.flag("--no-use-best-param", no_best_, "a parameter that is through has its default again");
  }
  [[nodiscard]] RunPlan make_plan(const Experiment& experiment, const std::vector<std::string>& words,
                                  std::optional<std::int64_t> seed) const override {
    return chain_plan(experiment, words, !no_best_, seed);
  }

 private:
  bool no_best_ = false;
};

}  // namespace

std::unique_ptr<Command> make_run_command() { return std::make_unique<RunCommand>(); }
std::unique_ptr<Command> make_chain_command() { return std::make_unique<ChainCommand>(); }

}  // namespace ivory
