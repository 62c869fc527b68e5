// ivory plan: the runs that `ivory run` or `ivory chain` would start.
#include "command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/trainer.h>

#include "plan_words.h"
#include "table.h"

namespace ivory {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// A member that ends the run after its first epoch, and knows how long that took.
class Stopwatch {
 public:
  void on_fit_begin(Run& /*run*/) { begun_ = Clock::now(); }
  void on_epoch_end(Run& run) {
    epoch_ = Clock::now() - begun_;
    run.stop("one epoch is timed");
  }
  [[nodiscard]] Seconds epoch() const noexcept { return epoch_; }

 private:
  Clock::time_point begun_;
  Seconds epoch_{};
};

struct Estimate {
  Seconds epoch{};
  Seconds total{};
};

std::string time_text(Seconds time) {
  const auto s = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (s < 60) return fmt::format("{:.3g} s", time.count());
  return s < 3600 ? fmt::format("{} min {} s", s / 60, s % 60)
                  : fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

class PlanCommand : public Command {
 public:
  void declare(Options& options) override {
    options.word("NAME", name_, "the experiment: its parameters are in NAME.yml");
    options.words("KEY=VALUE", words_, "parameters, as for `ivory run`");
    options.option("--seed", seed_, "N", "seed of all random numbers");
    options.option("--repeat", repeat_, "N", "all runs N times");
    options.flag("--chain", chain_, "those of `ivory chain`");
    options.flag("--no-use-best-param", no_best_, "of a chain: a parameter that is through has its default");
    options.flag("--time", time_, "how long it would take: times one epoch of the first run");
    options.option("-j,--jobs", jobs_, "N", "runs at once, for --time");
  }

  int execute() override {
    const Client client(directory(), false);
    const Experiment experiment = client.create_experiment(name_);
    const RunPlan plan = make_plan(experiment);
    std::vector<Params> runs;
    for (std::size_t i = 0; i < plan.size(); ++i) {
      runs.push_back(plan.arguments(i));
      static_cast<void>(experiment.resolve_params(runs.back()));  // is checked
    }
    const auto estimate = time_ ? std::optional(time(experiment, plan)) : std::nullopt;
    print(json() ? as_json(runs, estimate) : as_text(plan, runs, estimate));
    return 0;
  }

 private:
  [[nodiscard]] RunPlan make_plan(const Experiment& experiment) const {
    if (const std::int64_t jobs = jobs_.value_or(1); jobs < 1)
      throw Error(ErrorCode::kInvalidArgument, fmt::format("--jobs takes 1 or more, found {}", jobs));
    if (!chain_) return product_plan(experiment, words_, seed_, repeat_.value_or(1));
    if (repeat_)
      throw Error(ErrorCode::kInvalidArgument, "a chain is not repeated: --repeat goes without --chain");
    return chain_plan(experiment, words_, !no_best_, seed_);
  }

  // Every run lasts its epochs, each as long as the timed one; runs are taken up in order by whoever is free.
  [[nodiscard]] Estimate time(const Experiment& experiment, const RunPlan& plan) const {
    Estimate estimate;
    estimate.epoch = time_epoch(experiment, plan.arguments(0));
    for (std::size_t k = 0; k < plan.stage_count(); ++k) {
      std::vector<Seconds> workers(static_cast<std::size_t>(jobs_.value_or(1)));
      const RunPlan::Stage stage = plan.stage(k);
      for (std::size_t i = stage.first; i < stage.last; ++i)
        *std::ranges::min_element(workers) += epochs_of(experiment, plan.arguments(i)) * estimate.epoch;
      estimate.total += *std::ranges::max_element(workers);
    }
    return estimate;
  }

  [[nodiscard]] Seconds time_epoch(const Experiment& experiment, const Params& arguments) const {
    Run run = experiment.create_run(arguments);
    static_cast<void>(trainer_of(run));
    const auto stopwatch = std::make_shared<Stopwatch>();
    run.set("$stopwatch", Value::object(stopwatch));
    run.start("train");
    return stopwatch->epoch();
  }

  [[nodiscard]] int epochs_of(const Experiment& experiment, const Params& arguments) const {
    return trainer_of(experiment.create_run(arguments))->epochs();
  }

  [[nodiscard]] std::shared_ptr<Trainer> trainer_of(const Run& run) const {
    if (auto trainer = run.find<Trainer>(); trainer != nullptr && trainer->epochs() > 0) return trainer;
    throw Error(ErrorCode::kUnsupported, name_ + " has no trainer with epochs that could be timed");
  }

  [[nodiscard]] std::string as_json(const std::vector<Params>& runs,
                                    const std::optional<Estimate>& estimate) const {
    Params document{{"experiment", name_}, {"count", runs.size()}};
    if (estimate)
      document.set("time", {{"epoch_seconds", estimate->epoch.count()},
                            {"seconds", estimate->total.count()},
                            {"jobs", jobs_.value_or(1)}});
    document.set("runs", Params::list(runs));
    return document.to_json(2) + "\n";
  }

  // What a chain will know only when an earlier parameter is through.
  [[nodiscard]] static std::string cell(const RunPlan& plan, const std::vector<Params>& runs,
                                        std::size_t index, const std::string& name) {
    if (const Params* value = runs[index].find(name)) return value->to_text();
    if (plan.kind() != RunPlan::Kind::kChain || !plan.use_best_param()) return {};
    for (std::size_t k = 0; k < plan.stage_count(); ++k)
      if (plan.axes()[k].name == name) return index >= plan.stage(k).last ? "best" : "";
    return {};
  }

  [[nodiscard]] std::string as_text(const RunPlan& plan, const std::vector<Params>& runs,
                                    const std::optional<Estimate>& estimate) const {
    std::vector<std::string> names;
    for (const Params& run : runs)
      for (const std::string& name : run.keys())
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    std::vector<std::string> headings{"run"};
    headings.insert(headings.end(), names.begin(), names.end());
    Table table(headings);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      std::vector<std::string> cells{std::to_string(i)};
      for (const std::string& name : names) cells.push_back(cell(plan, runs, i, name));
      table.add_row(std::move(cells));
    }
    std::string text = table.to_text();
    text += fmt::format("{} {} of {}\n", runs.size(), runs.size() == 1 ? "run" : "runs", name_);
    if (estimate)
      text += fmt::format("One epoch took {}: {} at most with --jobs {}\n", time_text(estimate->epoch),
                          time_text(estimate->total), jobs_.value_or(1));
    return text;
  }

  std::string name_;
  std::vector<std::string> words_;
  std::optional<std::int64_t> seed_, repeat_, jobs_;
  bool chain_ = false, no_best_ = false, time_ = false;
};

}  // namespace

std::unique_ptr<Command> make_plan_command() { return std::make_unique<PlanCommand>(); }

}  // namespace ivory
