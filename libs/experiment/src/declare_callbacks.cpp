#include "declare_callbacks.h"

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <ivory/experiment/checkpoint.h>
#include <ivory/experiment/early_stopping.h>
#include <ivory/experiment/metric_functions.h>
#include <ivory/experiment/metrics.h>
#include <ivory/experiment/monitor.h>
#include <ivory/experiment/pruning.h>
#include <ivory/experiment/results.h>
#include <ivory/registry/module.h>

namespace ivory {
namespace {

// `auto`, true or false.
using LogitsArg = std::variant<bool, std::string>;
metrics::Logits to_logits(const LogitsArg& arg) {
  const bool* given = std::get_if<bool>(&arg);
  return given != nullptr ? metrics::Logits(*given) : std::nullopt;
}
arg logits_arg() {
  return (arg("logits", "outputs come before softmax or sigmoid; auto: unless they look like probabilities") =
              "auto")
      .choices({"auto", true, false});
}
arg average_arg() {
  return (arg("average", "of the classes; binary: of class 1 alone") = "macro")
      .choices({"macro", "micro", "weighted", "binary"});
}

using Averaged = double (*)(const Array&, const Array&, metrics::Average, metrics::Logits);
void declare_averaged(Module& m, const char* name, const char* help, Averaged function) {
  m.function_help(
      name, help,
      [function](const Array& output, const Array& target, const std::string& average,
                 const LogitsArg& logits) {
        return function(output, target, metrics::parse_average(average), to_logits(logits));
      },
      average_arg(), logits_arg());
}

using Scored = double (*)(const Array&, const Array&, metrics::Logits);
void declare_scored(Module& m, const char* name, const char* help, Scored function) {
  m.function_help(
      name, help,
      [function](const Array& output, const Array& target, const LogitsArg& logits) {
        return function(output, target, to_logits(logits));
      },
      logits_arg());
}

void declare_metric_functions(Module& m) {
  m.function_help("metrics.mse", "Mean squared error.", &metrics::mse);
  m.function_help("metrics.rmse", "Square root of the mean squared error.", &metrics::rmse);
  m.function_help("metrics.mae", "Mean absolute error.", &metrics::mae);
  m.function_help("metrics.r2", "Share of the target's variance that the output explains.", &metrics::r2);
  declare_scored(m, "metrics.accuracy", "Share of samples whose class is predicted.", &metrics::accuracy);
  m.function_help("metrics.top_k", "Share of samples whose class is among the k largest outputs.",
                  &metrics::top_k, arg("k", "how many outputs count") = 5);
  declare_averaged(m, "metrics.f1", "Harmonic mean of precision and recall.", &metrics::f1);
  declare_averaged(m, "metrics.precision", "Share of a class's predictions that are right.",
                   &metrics::precision);
  declare_averaged(m, "metrics.recall", "Share of a class's samples that are predicted.", &metrics::recall);
  declare_scored(m, "metrics.auc", "Area under the ROC curve; more classes than two: each against the rest.",
                 &metrics::auc);
  declare_scored(m, "metrics.log_loss", "Mean negative logarithm of the true class's probability.",
                 &metrics::log_loss);
}

void declare_classes(Module& m) {
  m.type<Results>("ivory.Results", "Keeps index, output and target of training, validation and test.")
      .init<bool>(arg("train", "keep the training part too") = true);
  m.type<Metrics>("ivory.Metrics",
                  "Logs loss, val_loss, lr and the functions given by name: accuracy and val_accuracy.")
      .init<NamedMetrics>(arg("functions", "names with nothing, arguments, or a function").rest("metrics"));
  m.type<Monitor>("ivory.Monitor", "Watches one metric, and says which epoch was the best.")
      .init<std::string, std::string, Params>(
          arg("metric", "as it is logged") = "val_loss",
          (arg("mode", "auto: max for accuracy, auc, f1, r2, precision, recall and top_k, else min") = "auto")
              .choices({"auto", "min", "max"}),
          arg("further", "more metrics to watch, each {metric, mode}; a study has an objective each") =
              Params::list());
  m.type<Pruning>("ivory.Pruning", "Reports a trial's scores to the tuner, and stops a run that is given up.")
      .init<>();
  m.type<EarlyStopping>("ivory.EarlyStopping", "Stops the fit when the monitor's score no longer improves.")
      .init<int, double>(arg("patience", "epochs without improvement that are borne"),
                         arg("min_delta", "what counts as improvement must exceed it") = 0.0);
  m.type<Checkpoint>("ivory.Checkpoint", "How often a run saves its state while an epoch lasts.")
      .init<std::optional<std::int64_t>>(
          arg("every_n_steps", "optimizer steps; nothing: at the end of each epoch alone") = nullptr);
}

}  // namespace

void declare_callbacks(Module& m) {
  declare_classes(m);
  declare_metric_functions(m);
  m.alias("ivory.callbacks.results.Results", "ivory.Results");
  m.alias("ivory.callbacks.metrics.Metrics", "ivory.Metrics");
  m.alias("ivory.callbacks.monitor.Monitor", "ivory.Monitor");
  m.alias("ivory.callbacks.early_stopping.EarlyStopping", "ivory.EarlyStopping");
  m.alias("ivory.callbacks.pruning.Pruning", "ivory.Pruning");
  using Default = std::pair<const char*, const char*>;
  for (const auto& [member, class_name] :
       {Default{"results", "ivory.Results"}, Default{"metrics", "ivory.Metrics"},
        Default{"monitor", "ivory.Monitor"}, Default{"early_stopping", "ivory.EarlyStopping"},
        Default{"checkpoint", "ivory.Checkpoint"}, Default{"pruning", "ivory.Pruning"}})
    m.default_class({.member = member, .class_name = class_name, .library = {}, .def = false});
}

}  // namespace ivory
