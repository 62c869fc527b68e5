// Predict: what trained models make of new samples.
#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/data/array.h>
#include <ivory/experiment/run.h>

namespace ivory {

class Client;

struct Predictions {
  Array index;                            // int64 [n]: 0, 1 …, the samples' places in the file
  Array output;                           // [n, …]
  std::vector<std::string> classes = {};  // their names, where each output is a score of one
  // The class of the highest score of row i. `classes` is not empty.
  [[nodiscard]] const std::string& class_of(std::int64_t row) const;
};

// Samples of `file` go through the run's own test part: made inputs by what its Data has learned from its
// training part (Data::prepare), changed by its transform, put into batches by its loader, and evaluated by
// its trainer. `file` is a CSV file with the input columns of the run's CsvData (further ones are ignored),
// or, for any other Data, with as many columns of numbers as a sample has, in their order; or an .npy file of
// inputs as the run's Data holds them.
// `run` has its trained state and no tracker; afterwards its samples are those of the file.
// Errors: kInvalidArgument for a file that does not fit, with file and column, and for a run without data;
//   kNotFound; whatever the run's members throw.
[[nodiscard]] Predictions predict(Run& run, const std::filesystem::path& file);

// The mean over the outputs of several runs: those of a cross-validation, say. Each state is the run's first
// of `test`, `best`, `current`. Errors: also those of Client::load_run, and kInvalidArgument for runs whose
// outputs differ in shape, or when there are no runs.
[[nodiscard]] Predictions predict(const Client& client, std::span<const std::string> run_ids,
                                  const std::filesystem::path& file);

}  // namespace ivory
