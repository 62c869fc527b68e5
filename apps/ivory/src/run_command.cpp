// ivory run: trains and tests, a run for each combination of the values given.
#include "command.h"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/tracker.h>

#include "plan_words.h"
#include "recorder.h"
#include "report.h"

namespace ivory {
namespace {

using Clock = std::chrono::steady_clock;

// A name that no member of a parameter file has.
constexpr std::string_view kRecorder = "$recorder";

class RunCommand : public Command {
 public:
  void declare(Options& options) override {
    options.word("NAME", name_, "the experiment: its parameters are in NAME.yml");
    options.words("KEY=VALUE", words_, "parameters; 0-4, 1,2,5 or 0-1:5 are several values");
    options.choice("--mode", mode_, {"train", "test", "both"},
                   "train, test, or both, the test with the best state");
    options.option("--seed", seed_, "N", "seed of all random numbers");
    options.flag("--no-track", no_track_, "record nothing");
  }

  int execute() override {
    const Client client(directory(), !no_track_);
    const Experiment experiment = client.create_experiment(name_);
    const RunPlan plan = product_plan(experiment, words_, seed_);
    const InterruptGuard guard;
    check(client, experiment, plan);
    for (std::size_t i = 0; i < plan.size() && goes_on(); ++i)
      outcomes_.push_back(run_one(experiment, plan, i));
    report(client, plan);
    return 0;
  }

 private:
  // Everything that can be wrong is found before the first run is made.
  void check(const Client& client, const Experiment& experiment, const RunPlan& plan) const {
    if (client.tracker() != nullptr) static_cast<void>(client.tracker()->exists());
    for (std::size_t i = 0; i < plan.size(); ++i) {
      if (interrupted()) throw Interrupted{};
      experiment.check(plan.arguments(i), mode_);
    }
  }

  [[nodiscard]] bool goes_on() const {
    return !interrupted() && (outcomes_.empty() || outcomes_.back().status == "FINISHED");
  }

  [[nodiscard]] RunOutcome run_one(const Experiment& experiment, const RunPlan& plan,
                                   std::size_t index) const {
    const Params arguments = plan.arguments(index);
    const auto recorder = std::make_shared<Recorder>(title(plan, arguments, index));
    const auto begun = Clock::now();
    std::optional<Run> run;
    std::string status = "FINISHED";
    std::string failure;
    try {
      run.emplace(experiment.create_run(arguments));
      run->set(kRecorder, Value::object(recorder));
      run->start(mode_);
    } catch (const Interrupted&) {
      status = "KILLED";
    } catch (const std::exception& error) {
      if (!run && index == 0) throw;  // nothing has begun
      status = "FAILED";
      failure = error.what();
    }
    RunOutcome outcome = recorder->outcome();
    outcome.status = std::move(status);
    outcome.error = std::move(failure);
    outcome.update = arguments;
    outcome.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    if (run) outcome.id = run->id(), outcome.name = run->name();
    return outcome;
  }

  [[nodiscard]] std::string title(const RunPlan& plan, const Params& arguments, std::size_t index) const {
    std::string text = name_;
    if (plan.size() > 1) text += fmt::format(" {}/{}", index + 1, plan.size());
    for (const std::string& parameter : plan.varied())
      text += " " + parameter + "=" + arguments.at(parameter).to_text();
    return text;
  }

  void report(const Client& client, const RunPlan& plan) const {
    if (json()) {
      Params document{{"experiment", name_}};
      if (client.tracker() != nullptr) document.set("tracking_uri", client.tracker()->tracking_uri());
      const Params numbers = report_params(outcomes_);
      for (const auto& [key, value] : numbers.items()) document.set(key, value);
      print(document.to_json(2) + "\n");
    } else if (!outcomes_.empty()) {
      print(report_text(outcomes_, plan.varied()) + (quiet() ? std::string() : hints(client)));
    }
    if (!outcomes_.empty() && outcomes_.back().status == "FAILED") fail(outcomes_.back(), plan);
    if (interrupted()) throw Interrupted{};
  }

  [[nodiscard]] std::string hints(const Client& client) const {
    if (client.tracker() == nullptr) return {};
    const std::string& uri = client.tracker()->tracking_uri();
    return fmt::format(
        "\nRecorded in {}. To see the runs: `ivory search {}`, or `mlflow ui --backend-store-uri {}`.\n", uri,
        name_, uri);
  }

  [[noreturn]] void fail(const RunOutcome& run, const RunPlan& plan) const {
    const std::size_t left = plan.size() - outcomes_.size();
    const std::string name = run.name.empty() ? fmt::format("run {}", outcomes_.size() - 1) : run.name;
    const std::string rest =
        left == 0 ? std::string()
                  : fmt::format("\n{} more {} not started", left, left == 1 ? "run was" : "runs were");
    throw Error(ErrorCode::kInternal, name + " failed: " + run.error + rest);
  }

  std::string name_, mode_ = "both";
  std::vector<std::string> words_;
  std::optional<std::int64_t> seed_;
  bool no_track_ = false;
  std::vector<RunOutcome> outcomes_;
};

}  // namespace

std::unique_ptr<Command> make_run_command() { return std::make_unique<RunCommand>(); }

}  // namespace ivory
