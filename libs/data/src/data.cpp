#include <ivory/data/data.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string>

#include <ivory/base/error.h>

#include "dispatch.h"

namespace ivory {
namespace {

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

void check_rows(const Array& array, const char* name, std::int64_t rows) {
  if (array.ndim() == 0 || array.rows() != rows) {
    fail("the data have " + std::to_string(rows) + " rows of input, but `" + name + "` is " +
         array.describe());
  }
}

Array to_int64(const Array& array, const char* name) {
  if (array.ndim() != 1 || is_floating(array.dtype()))
    fail(std::string("`") + name + "` must hold one whole number a row, but is " + array.describe());
  return array.astype(Dtype::kInt64);
}

void check_folds(std::span<const std::int64_t> folds) {
  const auto bad = std::find_if(folds.begin(), folds.end(), [](auto f) { return f < -1 || f > 1'000'000; });
  if (bad == folds.end()) return;
  fail("row " + std::to_string(bad - folds.begin()) + " has the fold " + std::to_string(*bad) +
       "; folds count from 0, and -1 marks a test sample");
}

template <class T>
void check_known(std::span<const T> values, std::span<const std::int64_t> folds) {
  const std::size_t width = values.size() / folds.size();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isnan(values[i]) || folds[i / width] == -1) continue;
    fail("row " + std::to_string(i / width) + " has no target (NaN), but fold " +
         std::to_string(folds[i / width]) + "; only test samples (fold -1) may lack one");
  }
}

void check_targets(const Array& target, std::span<const std::int64_t> folds) {
  if (folds.empty()) return;
  if (target.dtype() == Dtype::kFloat32) check_known(target.view<float>(), folds);
  if (target.dtype() == Dtype::kFloat64) check_known(target.view<double>(), folds);
}

// A sample in two folds is trained on by the run that validates it.
void check_leak(std::span<const std::int64_t> index, std::span<const std::int64_t> folds) {
  if (std::is_sorted(index.begin(), index.end(), std::less_equal<>())) return;  // each once
  std::vector<std::size_t> order(index.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](auto row) { return folds[row] == -1; });
  std::sort(order.begin(), order.end(),
            [&](auto a, auto b) { return std::pair(index[a], a) < std::pair(index[b], b); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const auto a = order[i - 1];
    const auto b = order[i];
    if (index[a] != index[b] || folds[a] == folds[b]) continue;
    fail("the sample with index " + std::to_string(index[a]) + " stands in row " + std::to_string(a) +
         " (fold " + std::to_string(folds[a]) + ") and in row " + std::to_string(b) + " (fold " +
         std::to_string(folds[b]) + "): it would be trained on and validated in one run");
  }
}

std::string folds_text(const std::vector<int>& folds) {
  constexpr std::size_t kMostNamed = 20;
  if (folds.empty()) return "the data have none that can be validated";
  if (folds.size() > kMostNamed) {
    return "the data have " + std::to_string(folds.size()) + " folds from " + std::to_string(folds.front()) +
           " to " + std::to_string(folds.back());
  }
  std::vector<std::string> words;
  for (const auto fold : folds) words.push_back(std::to_string(fold));
  return (folds.size() == 1 ? "the data have only fold " : "the data have the folds ") + join(words);
}

}  // namespace

void Data::on_created() {
  if (created_) return;
  init();
  if (input.ndim() == 0) fail("`input` must hold one sample a row, but is " + input.describe());
  const std::int64_t rows = input.rows();
  if (rows == 0) fail("the data have no samples: init() left `input` empty");
  if (index.empty()) index = Array::arange(rows);
  check_rows(index, "index", rows);
  check_rows(target, "target", rows);
  check_rows(fold, "fold", rows);
  index = to_int64(index, "index");
  fold = to_int64(fold, "fold");
  const auto folds = fold.view<std::int64_t>();
  check_folds(folds);
  check_targets(target, folds);
  check_leak(index.view<std::int64_t>(), folds);
  created_ = true;
}

Batch Data::get(std::span<const std::int64_t> rows) const {
  return {index.take(rows), input.take(rows), target.take(rows)};
}

std::vector<int> Data::folds() const {
  std::vector<bool> seen;
  for (const auto value : fold.view<std::int64_t>()) {
    if (value < 0) continue;
    if (static_cast<std::size_t>(value) >= seen.size()) seen.resize(static_cast<std::size_t>(value) + 1);
    seen[static_cast<std::size_t>(value)] = true;
  }
  std::vector<int> folds;
  for (std::size_t f = 0; f < seen.size(); ++f)
    if (seen[f]) folds.push_back(static_cast<int>(f));
  // Nothing comes before the first block of a time series.
  if (time_series && !folds.empty()) folds.erase(folds.begin());
  return folds;
}

std::vector<std::int64_t> Data::rows_of(std::string_view mode, int fold_wanted) const {
  static const std::vector<std::string> kModes{"train", "val", "test"};
  if (std::find(kModes.begin(), kModes.end(), mode) == kModes.end()) {
    throw Error(ErrorCode::kInvalidArgument, "mode",
                "there is no part \"" + std::string(mode) + "\" of the data" + did_you_mean(mode, kModes));
  }
  const std::vector<int> there = folds();
  const auto values = fold.view<std::int64_t>();
  // Samples to predict are all test samples, whatever fold their model was trained for.
  const bool all_test = std::ranges::all_of(values, [](auto value) { return value == -1; });
  if (!all_test && !std::binary_search(there.begin(), there.end(), fold_wanted)) {
    const bool first = time_series && fold_wanted == 0;
    throw Error(
        ErrorCode::kInvalidArgument, "fold",
        (first ? std::string(
                     "fold 0 is the first block of a time series: nothing comes before it to train on; ")
               : "fold " + std::to_string(fold_wanted) + " does not exist; ") +
            folds_text(there));
  }
  std::vector<std::int64_t> rows;
  for (std::size_t row = 0; row < values.size(); ++row) {
    const auto value = values[row];
    const bool train = value >= 0 && (time_series ? value < fold_wanted : value != fold_wanted);
    const bool wanted = mode == "train" ? train : value == (mode == "val" ? fold_wanted : -1);
    if (wanted) rows.push_back(static_cast<std::int64_t>(row));
  }
  if (mode == "train" && rows.empty() && !all_test) {
    throw Error(ErrorCode::kInvalidArgument, "fold",
                "fold " + std::to_string(fold_wanted) + " leaves nothing to train on; " + folds_text(there));
  }
  return rows;
}

Params Data::fit(std::span<const std::int64_t> /*rows*/) const { return {}; }

Array Data::prepare(const Array& inputs, const Params& /*fitted*/) const { return inputs; }

std::shared_ptr<const Data::Prepared> Data::prepared(int fold_wanted) const {
  const std::lock_guard lock(prepared_mutex_);
  if (prepared_ != nullptr && prepared_fold_ == fold_wanted) return prepared_;
  auto made = std::make_shared<Prepared>();
  const std::vector<std::int64_t> train = rows_of("train", fold_wanted);
  if (!train.empty()) made->fitted = fit(train);
  made->input = train.empty() ? input : prepare(input, made->fitted);
  if (made->input.ndim() == 0 || made->input.rows() != size())
    fail("prepare() made " + made->input.describe() + " of " + std::to_string(size()) + " samples");
  prepared_ = std::move(made);
  prepared_fold_ = fold_wanted;
  return prepared_;
}

}  // namespace ivory
