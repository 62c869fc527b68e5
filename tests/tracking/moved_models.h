// A store with logged models, a registry and deleted things, and all that a store holds as a text.
#pragma once
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>
#include <ivory/tracking/transfer.h>

#include "tracking_support.h"

namespace ivory::tracking {

// Experiment digits: a run that trains a logged model, one that tests it, a deleted one; experiment old,
// which is deleted, with a run. Registered model digits with versions 1 (of the run), 3 (of the logged model)
// and 4 (from elsewhere), and a prompt.
class ModelsToMove {
 public:
  explicit ModelsToMove(const TransferEnd& end) : store_(*end.store) {
    experiment = store_.create_experiment("digits");
    train = make_run("train", experiment);
    test = make_run("test", experiment);
    log_model();
    const std::string gone = make_run("gone", experiment);
    store_.log_metric(gone, {"m", 1, 1, 1});
    for (const std::string& run : {train, test, gone})
      store_.update_run(run, {.status = RunStatus::kFinished, .end_time_ms = 9000});
    store_.delete_run(gone);
    const std::string old = store_.create_experiment("old");
    const std::string ancient = make_run("ancient", old);
    store_.update_run(ancient, {.status = RunStatus::kFailed, .end_time_ms = 9000});
    open_artifact_store(store_.get_run(ancient).artifact_uri, Durability::kProcess, end.tracking_uri)
        ->write("a.txt", "ancient");
    store_.delete_experiment(old);
    fill_registry();
  }

  std::string experiment, train, test, model;

 private:
  std::string make_run(const std::string& name, const std::string& id) {
    return store_.create_run({.experiment_id = id, .name = name, .start_time_ms = ++time_}).run_id;
  }

  void log_model() {
    LoggedModels& models = store_.logged_models();
    const LoggedModel made = models.create_logged_model({.experiment_id = experiment,
                                                         .name = "net",
                                                         .model_type = "torch",
                                                         .source_run_id = train,
                                                         .params = {{"depth", "3"}},
                                                         .tags = {{"team", "a"}}});
    model = made.model_id;
    open_artifact_store(made.artifact_uri)->write("MLmodel", "flavors");
    models.finalize_logged_model(model, LoggedModelStatus::kReady);
    store_.log_batch(train, {.model_metrics = {{{"acc", 0.5, 10, 1}, model, "d", "x", train}}});
    store_.log_batch(test, {.model_metrics = {{{"acc", 0.75, 20, 2}, model, "", "", test}}});
    store_.log_outputs(train, {{model, 7}});
    store_.log_inputs(test, {}, {model});
  }

  void fill_registry() {
    ModelRegistry& registry = store_.model_registry();
    registry.create_registered_model("digits", {{"owner", "bob"}}, "tells digits", "");
    registry.create_model_version({.name = "digits",
                                   .source = store_.get_run(train).artifact_uri + "/model",
                                   .run_id = train,
                                   .run_link = "http://here/run",
                                   .description = "the first",
                                   .tags = {{"checked", "yes"}}});
    (void)registry.transition_stage("digits", "1", "Production", false);
    registry.create_model_version({.name = "digits", .source = "/deleted"});
    registry.delete_model_version("digits", "2");
    registry.create_model_version({.name = "digits", .source = "models:/" + model});
    registry.create_model_version({.name = "digits", .source = "s3://elsewhere/model"});
    registry.set_alias("digits", "champion", "3");
    registry.create_registered_model("greeting", {{"mlflow.prompt.is_prompt", "true"}}, "", "");
    registry.create_model_version(
        {.name = "greeting",
         .source = "prompt-template",
         .tags = {{"mlflow.prompt.is_prompt", "true"}, {"mlflow.prompt.text", "Hello {{name}}"}}});
  }

  TrackingStore& store_;
  TimeMs time_ = 1000;
};

inline std::string text_of(const std::vector<KeyValue>& pairs) {
  std::string text;
  for (const KeyValue& pair : pairs)
    if (pair.key != kOriginTag) text += " " + pair.key + "=" + pair.value;
  return text;
}

inline std::string text_of(const RunRecord& run) {
  std::string text = fmt::format("run {} {} {} {} {} in{} out{}", run.name, to_text(run.status),
                                 to_text(run.lifecycle_stage), run.end_time.value_or(0), text_of(run.params),
                                 run.model_inputs.size(), run.model_outputs.size());
  for (const Metric& metric : run.metrics)
    text += fmt::format(" {}={}@{}/{}", metric.key, metric.value, metric.timestamp_ms, metric.step);
  return text + "\n";
}

// What a store holds, by names, without ids and times of its own.
inline std::string names_in(TrackingStore& store) {
  std::vector<std::string> lines;
  for (const ExperimentRecord& experiment : store.list_experiments(ViewType::kAll)) {
    lines.push_back(fmt::format("experiment {} {}\n", experiment.name, to_text(experiment.lifecycle_stage)));
    for (const RunRecord& run :
         store.list_runs({.experiment_ids = {experiment.id}, .view = ViewType::kAll, .with_inputs = true}))
      lines.push_back(text_of(store.get_run(run.run_id)));
    const auto models = store.logged_models().search_logged_models({.experiment_ids = {experiment.id}});
    for (const LoggedModel& model : models.items)
      lines.push_back(fmt::format("logged {} {} {}{} {}\n", model.name, to_text(model.status),
                                  text_of(model.params), text_of(model.tags), model.metrics.size()));
  }
  for (const std::string filter : {"", "tags.`mlflow.prompt.is_prompt` = 'true'"}) {
    for (const RegisteredModel& model :
         store.model_registry().search_registered_models({.filter = filter}).items) {
      std::string line =
          fmt::format("registered {} {}{}", model.name, model.description, text_of(model.tags));
      for (const ModelAlias& alias : model.aliases) line += fmt::format(" {}:{}", alias.alias, alias.version);
      lines.push_back(line + "\n");
    }
    for (const ModelVersion& version : store.model_registry().search_model_versions({.filter = filter}).items)
      lines.push_back(fmt::format("version {} {} {} {}{}\n", version.name, version.version,
                                  version.current_stage, version.description, text_of(version.tags)));
  }
  std::ranges::sort(lines);
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

// Times of the last change of all that has one.
inline std::string times_in(TrackingStore& store) {
  std::string text;
  for (const ExperimentRecord& experiment : store.list_experiments(ViewType::kAll)) {
    text += fmt::format("{} {}\n", experiment.id, experiment.last_update_time.value_or(0));
    const auto models = store.logged_models().search_logged_models({.experiment_ids = {experiment.id}});
    for (const LoggedModel& model : models.items)
      text += fmt::format("{} {}\n", model.model_id, model.last_update_time);
  }
  for (const RegisteredModel& model : store.model_registry().search_registered_models({}).items)
    text += fmt::format("{} {}\n", model.name, model.last_update_time);
  for (const ModelVersion& version : store.model_registry().search_model_versions({}).items)
    text += fmt::format("{} {} {}\n", version.name, version.version, version.last_update_time);
  return text;
}

}  // namespace ivory::tracking
