// ivory predict: trained models on new data.
#include "command.h"

#include <fmt/format.h>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/predict.h>

#include "rows_file.h"

namespace ivory {
namespace {

class PredictCommand : public Command {
 public:
  void declare(Options& options) override {
    options.word("RUN", run_,
                 "a run, or a task: the mean over its models; digits/run#3 or the beginning of an id");
    options.word("FILE", file_, "a CSV file with the input columns, or an .npy file of inputs");
    options.option("-o,--output", output_, "FILE", "a .csv, .npy or .npz file; none: CSV to standard output");
  }

  int execute() override {
    if (!output_.empty()) check_rows_path(output_);
    const Client client(directory());
    const std::vector<std::string> ids = models(client);
    const InterruptGuard guard;
    const Predictions predictions = predict(client, ids, file_);
    const RowsTable table = table_of(predictions);
    if (output_.empty()) {
      print(rows_csv(table));
      return 0;
    }
    write_rows(output_, table);
    print(summary(predictions.index.rows(), ids.size()));
    return 0;
  }

 private:
  // A task's runs that are finished, or the run itself.
  [[nodiscard]] std::vector<std::string> models(const Client& client) const {
    const tracking::RunRecord run = client.resolve_run(run_);
    const std::vector<std::string> nested = client.get_nested_run_ids(run.run_id);
    if (nested.empty()) return {run.run_id};
    std::vector<std::string> finished;
    for (const std::string& id : nested)
      if (client.resolve_run(id).status == tracking::RunStatus::kFinished) finished.push_back(id);
    if (finished.empty()) throw Error(ErrorCode::kConflict, "no run of " + run.name + " is finished");
    return finished;
  }

  static RowsTable table_of(const Predictions& predictions) {
    RowsTable table{{{"index", predictions.index}, {"output", predictions.output}}, "prediction", {}};
    if (predictions.classes.empty()) return table;
    for (std::int64_t row = 0; row < predictions.index.rows(); ++row)
      table.labels.push_back(predictions.class_of(row));
    return table;
  }

  [[nodiscard]] std::string summary(std::int64_t samples, std::size_t count) const {
    if (json()) {
      const Params document{{"file", output_.string()}, {"samples", samples}, {"models", count}};
      return document.to_json(2) + "\n";
    }
    return fmt::format("{} samples, {}: {}\n", samples,
                       count == 1 ? std::string("one model") : fmt::format("the mean of {} models", count),
                       output_.string());
  }

  std::string run_, file_;
  std::filesystem::path output_;
};

}  // namespace

std::unique_ptr<Command> make_predict_command() { return std::make_unique<PredictCommand>(); }

}  // namespace ivory
