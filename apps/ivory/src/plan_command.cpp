// ivory plan: the runs that `ivory run` would start.
#include "command.h"

#include <fmt/format.h>

#include <ivory/experiment/client.h>

#include "plan_words.h"
#include "table.h"

namespace ivory {
namespace {

class PlanCommand : public Command {
 public:
  void declare(Options& options) override {
    options.word("NAME", name_, "the experiment: its parameters are in NAME.yml");
    options.words("KEY=VALUE", words_, "parameters, as for `ivory run`");
    options.option("--seed", seed_, "N", "seed of all random numbers");
  }

  int execute() override {
    const Client client(directory(), false);
    const Experiment experiment = client.create_experiment(name_);
    const RunPlan plan = product_plan(experiment, words_, seed_);
    std::vector<Params> runs;
    for (std::size_t i = 0; i < plan.size(); ++i) {
      runs.push_back(plan.arguments(i));
      static_cast<void>(experiment.resolve_params(runs.back()));  // is checked
    }
    print(json() ? as_json(runs) : as_text(runs));
    return 0;
  }

 private:
  [[nodiscard]] std::string as_json(const std::vector<Params>& runs) const {
    Params document{{"experiment", name_}, {"count", runs.size()}};
    document.set("runs", Params::list(runs));
    return document.to_json(2) + "\n";
  }

  [[nodiscard]] std::string as_text(const std::vector<Params>& runs) const {
    std::vector<std::string> headings{"run"};
    for (const std::string& name : runs.front().keys()) headings.push_back(name);
    Table table(headings);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      std::vector<std::string> cells{std::to_string(i)};
      for (const auto& [name, value] : runs[i].items()) cells.push_back(value.to_text());
      table.add_row(std::move(cells));
    }
    return table.to_text() +
           fmt::format("{} {} of {}\n", runs.size(), runs.size() == 1 ? "run" : "runs", name_);
  }

  std::string name_;
  std::vector<std::string> words_;
  std::optional<std::int64_t> seed_;
};

}  // namespace

std::unique_ptr<Command> make_plan_command() { return std::make_unique<PlanCommand>(); }

}  // namespace ivory
