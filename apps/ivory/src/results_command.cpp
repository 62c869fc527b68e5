// ivory results: what the models of runs made of samples they had not seen.
#include "command.h"

#include <fmt/format.h>

#include <ivory/base/error.h>
#include <ivory/experiment/client.h>

#include "rows_file.h"

namespace ivory {
namespace {

class ResultsCommand : public Command {
 public:
  void declare(Options& options) override {
    options.words("RUN", runs_, "runs or tasks: digits/task#0, digits/run#3, the beginning of an id");
    options.choice("--part", part_, {"val", "test"}, "validation samples (out-of-fold), or test samples");
    options.option(
        "--reduction", reduction_, "NAME",
        "mean: rows of one sample averaged; none: a row for each model (default: none, test mean)");
    options.option("-o,--output", output_, "FILE", "a .csv, .npy or .npz file; none: CSV to standard output");
  }

  int execute() override {
    if (runs_.empty())
      throw Error(ErrorCode::kInvalidArgument, "say whose results: `ivory results digits/task#0 -o oof.csv`");
    if (!output_.empty()) check_rows_path(output_);
    const Reduction reduction = reduction_.empty() ? (part_ == "test" ? Reduction::kMean : Reduction::kNone)
                                                   : parse_reduction(reduction_);
    const Client client(directory());
    const Collection collection = client.load_results(runs_, reduction, !quiet() && !json());
    const CollectedRows& rows = part_ == "test" ? collection.test : collection.val;
    if (rows.empty())
      throw Error(ErrorCode::kNotFound,
                  part_ == "test" ? "the runs have tested no samples" : "the runs have validated no samples");
    const RowsTable table = table_of(rows, collection.runs.size());
    if (output_.empty()) {
      print(rows_csv(table));
      return 0;
    }
    write_rows(output_, table);
    print(summary(rows.rows(), collection));
    return 0;
  }

 private:
  // -1 throughout says nothing.
  static bool tells(const Array& numbers) {
    for (const std::int64_t number : numbers.view<std::int64_t>())
      if (number >= 0) return true;
    return false;
  }

  static RowsTable table_of(const CollectedRows& rows, std::size_t runs) {
    RowsTable table{{{"index", rows.index}}};
    if (tells(rows.fold)) table.columns.push_back({"fold", rows.fold});
    if (runs > 1 && tells(rows.run)) table.columns.push_back({"run", rows.run});
    table.columns.push_back({"target", rows.target});
    table.columns.push_back({"output", rows.output});
    return table;
  }

  [[nodiscard]] std::string summary(std::int64_t rows, const Collection& collection) const {
    if (json()) {
      Params runs = Params::list();
      for (const CollectedRun& run : collection.runs)
        runs.push_back(Params{{"id", run.id}, {"name", run.name}, {"fold", run.fold}, {"state", run.state}});
      Params document{{"file", output_.string()}, {"part", part_}, {"rows", rows}};
      document.set("runs", std::move(runs));
      return document.to_json(2) + "\n";
    }
    return fmt::format("{} rows of {} samples, from {} {}: {}\n", rows,
                       part_ == "test" ? "test" : "validation", collection.runs.size(),
                       collection.runs.size() == 1 ? "run" : "runs", output_.string());
  }

  std::vector<std::string> runs_;
  std::string part_ = "val", reduction_;
  std::filesystem::path output_;
};

}  // namespace

std::unique_ptr<Command> make_results_command() { return std::make_unique<ResultsCommand>(); }

}  // namespace ivory
