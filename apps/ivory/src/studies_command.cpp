#include "studies_command.h"

#include <fmt/format.h>

#include <exception>
#include <optional>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/base/log.h>
#include <ivory/experiment/monitor.h>
#include <ivory/experiment/tracker.h>

#include "study_progress.h"
#include "study_records.h"
#include "study_report.h"
#include "table.h"

namespace ivory {
namespace {

bool is_failed_run(const std::exception& error) {
  return dynamic_cast<const TrialFailed*>(&error) != nullptr;
}

std::string metric_of(const Study& study) {
  return study.create_instance("monitor").share<Monitor>()->metric();
}

// What all trials of a study have alike.
Params fixed_of(const Params& asked) {
  Params fixed = Params::map();
  for (const Params& item : asked.at("params").elements())
    if (const Params* value = item.find("value"); value != nullptr && !value->is_list())
      fixed.set(item.at("name").as_string(), *value);
  return fixed;
}

StudyProgressView::Options view_options(const Study& study, const StudyRunOptions& options,
                                        const Params& asked) {
  StudyProgressView::Options shown{.n_trials = options.n_trials, .limit = options.timeout};
  const Params& total = asked.at("n_total");
  if (!options.n_trials && !total.is_null()) shown.n_total = total.as_int();
  shown.fixed = fixed_of(asked);
  shown.metric = metric_of(study);
  return shown;
}

std::string short_name(const Study& study) {
  return study.params().at("experiment").at("name").as_string() + "/" + study.name();
}

void tell_resume(const Study& study) {
  if (!study.id().empty()) log_info(fmt::format("To go on: `ivory resume {}`", short_name(study)));
}

// The study as the storage has it; none if nothing was begun, or it was in memory.
std::optional<tuning::Study> stored_study(Study& study) {
  const Params asked = study.recorded();
  if (asked.is_null() || study.tuner().storage().empty()) return std::nullopt;
  return study.tuner().find_study(asked.at("study_name").as_string());
}

std::string comment_of(const Study& study, const tuning::Study& tuned) {
  const auto best = tuned.best_trial();
  return fmt::format("{} as trial {} of {} had it: {} {}",
                     study.params().at("experiment").at("name").as_string(), best.number, tuned.study_name(),
                     metric_of(study), number_text(best.value()));
}

}  // namespace

StudyRunOptions StudiesCommand::study_options() const {
  ExecutionOptions execution = engine_options();
  StudyRunOptions options;
  options.n_jobs = static_cast<std::int64_t>(execution.jobs);
  options.engine = execution.engine;
  options.worker_command = std::move(execution.worker_command);
  options.catch_exceptions = &is_failed_run;
  return options;
}

void StudiesCommand::run_study(const Client& client, Study& study, StudyRunOptions options,
                               const StudyCall& call) const {
  const InterruptGuard guard;
  StudyProgressView::Options shown = view_options(study, options, call.asked);
  shown.on_begin = call.on_begin;
  StudyProgressView view(std::move(shown));
  options.events = &view;
  const auto finish = [&](const tuning::Study& tuned) {
    view.finish();
    const bool write = !call.write.empty() && !best_of(tuned).empty();
    if (write)
      write_parameter_file(call.write,
                           client.create_experiment(short_name(study).substr(0, short_name(study).find('/'))),
                           best_arguments(study, tuned), comment_of(study, tuned));
    report_study(client, study, tuned, write ? call.write : std::filesystem::path());
  };
  try {
    finish(call.start(options));
  } catch (const Interrupted&) {
    if (const auto stored = stored_study(study)) finish(*stored);
    tell_resume(study);
    throw;
  } catch (...) {
    view.finish();
    throw;
  }
  if (view.failed() == 0) return;
  if (view.failed() == view.ended())
    throw Error(ErrorCode::kInternal, "every trial failed; the first: " + view.first_error());
  log_warning(
      fmt::format("{} of {} trials failed; the first: {}", view.failed(), view.ended(), view.first_error()));
}

void StudiesCommand::report_study(const Client& client, Study& study, const tuning::Study& tuned,
                                  const std::filesystem::path& written) const {
  const std::string experiment = study.params().at("experiment").at("name").as_string();
  const std::string storage = study.tuner().url();
  if (json()) {
    Params document{{"experiment", experiment}};
    if (client.tracker() != nullptr) {
      document.set("tracking_uri", client.tracker()->shown_uri());
      document.set("study", {{"id", study.id()}, {"name", study.name()}});
    }
    document.set("storage", storage);
    if (!written.empty()) document.set("file", written.string());
    const Params numbers = study_report(tuned);
    for (const auto& [key, value] : numbers.items()) document.set(key, value);
    return print(document.to_json(2) + "\n");
  }
  std::string text = study_text(tuned, metric_of(study));
  if (!written.empty())
    text += fmt::format("\nWritten to {}: `ivory run {}` trains it.\n", written.string(),
                        written.stem().string());
  if (!quiet() && !storage.empty())
    text += fmt::format("\nThe study {} is in {}", tuned.study_name(), storage);
  if (!quiet() && client.tracker() != nullptr)
    text += fmt::format(",\nits runs are nested under {} in {}: `ivory search {} --nested`.\n",
                        short_name(study), client.tracker()->shown_uri(), experiment);
  print(text);
}

}  // namespace ivory
