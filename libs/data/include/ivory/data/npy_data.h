// NpyData: samples from NumPy's files.
#pragma once
#include <filesystem>
#include <string>

#include <ivory/data/data.h>
#include <ivory/data/folds.h>

namespace ivory {

struct NpyDataOptions {
  // An .npz archive, of which input, target, fold, index and group then name arrays (the first two are
  // "input" and "target" unless said otherwise, "fold" and "index" are taken when there). Empty: the others
  // are .npy files.
  std::filesystem::path path = {};
  std::string input = {}, target = {}, fold = {}, index = {}, group = {};
  FoldOptions folds = {};    // when there is no fold array
  bool standardize = false;  // by mean and deviation of each number over the fold's training part
  double scale = 1;          // inputs are divided by it; they become float32 then (float64 stays)
};

// Dtypes and shapes are those of the files, but for a scaled or standardized input.
// Errors of init(): kInvalidArgument naming file and array; kNotFound.
class NpyData : public Data {
 public:
  explicit NpyData(NpyDataOptions options);

  // {"scale": …} and, when standardized, mean and deviation; null when inputs stay as they are.
  [[nodiscard]] Params fit(std::span<const std::int64_t> rows) const override;
  [[nodiscard]] Array prepare(const Array& inputs, const Params& fitted) const override;

 protected:
  void init() override;

 private:
  NpyDataOptions options_;
};

}  // namespace ivory
