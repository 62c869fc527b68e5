// The classes of this library that YAML can name.
#include <ivory/registry/module.h>

#include <ivory/experiment/run.h>
#include <ivory/experiment/study.h>
#include <ivory/experiment/task.h>
#include <ivory/experiment/tracker.h>

#include "declare_callbacks.h"
#include "declare_tuning.h"

namespace ivory {
namespace {

Durability parse_durability(const std::string& name) {
  return name == "full" ? Durability::kFull : Durability::kProcess;
}

std::shared_ptr<Run> make_run(const std::optional<std::string>& library, std::int64_t seed,
                              std::int64_t repeat, int threads) {
  Params section{{"seed", seed}, {"repeat", repeat}, {"threads", threads}};
  if (library) section.set("library", *library);
  Params params = Params::map();
  params.set("run", std::move(section));
  return std::make_shared<Run>(std::move(params));
}

std::shared_ptr<Task> make_task(const std::optional<std::string>& library) {
  Params section = Params::map();
  if (library) section.set("library", *library);
  Params params = Params::map();
  params.set("task", std::move(section));
  return std::make_shared<Task>(std::move(params));
}

std::shared_ptr<Study> make_study(const std::optional<std::string>& library) {
  Params section = Params::map();
  if (library) section.set("library", *library);
  Params params = Params::map();
  params.set("study", std::move(section));
  return std::make_shared<Study>(std::move(params));
}

}  // namespace

IVORY_MODULE(experiment, m) {
  m.type<Run>("ivory.Run",
              "One training and/or test. Its arguments are keys of the parameter file beside the members.")
      .factory(&make_run, arg("library", "module whose default classes are used: torch") = nullptr,
               arg("seed", "of every random number of the run") = 0,
               arg("repeat", "number of the repetition: changes what training draws, not the folds") = 0,
               arg("threads", "threads a learner computes with; changes the last digits of its sums") = 1);
  for (const char* alias : {"ivory.core.run.Run", "ivory.torch.run.Run"}) m.alias(alias, "ivory.Run");
  m.type<Task>("ivory.Task", "A parent run that makes many: a product or a chain of parameters.")
      .factory(&make_task, arg("library", "module whose default classes are used: torch") = nullptr);
  m.alias("ivory.core.run.Task", "ivory.Task");
  m.type<Study>("ivory.Study", "A task that tunes: each of its runs is a trial.")
      .factory(&make_study, arg("library", "module whose default classes are used: torch") = nullptr);
  m.alias("ivory.core.run.Study", "ivory.Study");
  m.type<Tracker>("ivory.Tracker", "The tracking store of a client.")
      .factory(
          [](const std::string& uri, const std::string& durability) {
            return std::make_shared<Tracker>(uri, parse_durability(durability));
          },
          arg("tracking_uri", "sqlite:///relative.db or sqlite:////absolute.db") =
              std::string(tracking::kDefaultTrackingUri),
          (arg("durability", "full: what was logged survives a power cut too") = "process")
              .choices({"process", "full"}));
  m.alias("ivory.core.tracker.Tracker", "ivory.Tracker");
  m.default_class({.member = "tracker", .class_name = "ivory.Tracker", .library = "", .def = false});
  declare_callbacks(m);
  declare_tuning(m);
}

}  // namespace ivory
