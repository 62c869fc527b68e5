// CsvData: samples from a CSV file.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <ivory/data/csv.h>
#include <ivory/data/data.h>
#include <ivory/data/folds.h>

namespace ivory {

// What a target is. kAuto: classes if it is text, or whole numbers of which each of 0, 1 … largest occurs.
enum class TargetTask : std::uint8_t { kAuto, kClassification, kRegression };
// Errors: kInvalidArgument about "task" with the nearest name.
[[nodiscard]] TargetTask parse_task(std::string_view name);

struct CsvDataOptions {
  std::filesystem::path path = {};            // relative to the working directory
  std::vector<std::string> target = {};       // columns to predict; at least one
  std::vector<std::string> inputs = {};       // columns in this order; none: all that are nothing else
  std::vector<std::string> exclude = {};      // columns to leave out
  std::vector<std::string> categorical = {};  // columns of text that look like numbers
  std::string index = {};                     // column of whole numbers that names the samples; none: 0, 1 …
  std::string group = {};                     // column, for Split::kGroup; not an input
  std::filesystem::path test = {};            // a second file, of test samples; it may lack the target
  FoldOptions folds = {};
  TargetTask task = TargetTask::kAuto;
  bool standardize = false;  // numeric inputs, by mean and deviation of the fold's training part
  double scale = 1;          // numeric inputs are divided by it first
  Shape shape = {};          // of one sample's input; none: [columns]
  char separator = ',';
};

// input: float32 [n, columns] or [n, shape…]; a missing value is NaN; text is its category's place in byte
//   order, as is.
// target: classification, one column: int64 [n], the place in classes(). Several columns of 0 and 1: float32
//   [n, columns]. Regression: float32 [n, columns].
// index: the row's number, test file after training file. fold: as FoldOptions say; the test file is -1.
// Errors of init(): kInvalidArgument as "path:line: column 'x': …" or about the argument at fault; kNotFound.
class CsvData : public Data {
 public:
  explicit CsvData(CsvDataOptions options);

  // The names of the classes, numbers in ascending order, text in byte order; empty for regression.
  [[nodiscard]] const std::vector<std::string>& classes() const noexcept { return classes_; }
  [[nodiscard]] const std::vector<std::string>& input_columns() const noexcept { return input_columns_; }

  // Everything that new rows need to become inputs: columns, categories, classes, scale, shape and, when
  // standardized, mean and deviation.
  [[nodiscard]] Params fit(std::span<const std::int64_t> rows) const override;
  [[nodiscard]] Array prepare(const Array& inputs, const Params& fitted) const override;

 protected:
  void init() override;

 private:
  CsvDataOptions options_;
  std::vector<std::string> classes_, input_columns_;
  std::vector<std::vector<std::string>> categories_;  // of each input column; empty: numbers
};

// Inputs of another file, made as those of the CsvData whose fit() gave `fitted` (which need not exist any
// more), ready for the model; further columns are ignored. Text that was not seen is a missing value.
[[nodiscard]] Array read_csv_inputs(const std::filesystem::path& path, const Params& fitted);

}  // namespace ivory
