// Folds: which part of a cross-validation each sample is validated in.
#pragma once
#include <cstdint>
#include <string_view>

#include <ivory/data/array.h>

namespace ivory {

// Every function gives int64 [n] with values 0 … n_splits-1 for n samples, the same for the same arguments on
// every machine. What is random is drawn by Philox from (seed, "folds"), never from a run's repeat: a repeat
// changes what training draws, not the folds.
// Errors: kInvalidArgument about "n_splits" below 2 or more than there are samples (groups), about what may
// not be NaN, and for lengths that differ.
struct ShuffleOptions {
  bool shuffle = true;  // false: in the order of the samples
  std::uint64_t seed = 0;
};

// Sizes differ by at most one, the first folds being the larger. Not shuffled: consecutive blocks.
[[nodiscard]] Array k_fold(std::int64_t n, int n_splits, ShuffleOptions options = {});

// Of each label, and in all, the folds' counts differ by at most one. `labels`: [n], any dtype, no NaN.
[[nodiscard]] Array stratified_k_fold(const Array& labels, int n_splits, ShuffleOptions options = {});

// Iterative stratification (Sechidis, Tsoumakas, Vlahavas: On the Stratification of Multi-Label Data, ECML
// PKDD 2011): the rarest label first, each sample where most of it is still wanted. `labels`: [n, labels],
// zero or not. Keeps each label's share near that of the whole; with one label a sample, within one.
[[nodiscard]] Array multilabel_stratified_k_fold(const Array& labels, int n_splits,
                                                 ShuffleOptions options = {});

// A group's samples are all in one fold: the largest group first, each into the smallest fold, so sizes
// differ by at most the largest group. `groups`: [n], any dtype, no NaN. Shuffled: groups of one size change
// places.
[[nodiscard]] Array group_k_fold(const Array& groups, int n_splits, ShuffleOptions options = {});

// Samples in order of time in n_splits+1 consecutive blocks, 0 … n_splits: block 0 is only trained on, the
// others are validated (set Data::time_series). As scikit-learn's TimeSeriesSplit: blocks of n/(n_splits+1)
// samples, the first one longer by the remainder.
[[nodiscard]] Array time_series_fold(std::int64_t n, int n_splits);

// How to split, as in YAML: "kfold", "stratified", "group", "time_series".
enum class Split : std::uint8_t { kKFold, kStratified, kGroup, kTimeSeries };
// Errors: kInvalidArgument about "split" with the nearest name.
[[nodiscard]] Split parse_split(std::string_view name);

struct FoldOptions {
  Split split = Split::kKFold;
  int n_splits = 5;
  bool shuffle = true;
  std::uint64_t seed = 0;
  double test_fraction = 0;  // of all samples, set apart as fold -1 before the rest is split
};

// Folds 0 … and -1 for the test part, which is chosen in the manner of the split: at random (not shuffled:
// the last samples), the same share of each label, whole groups, the latest samples. `labels` is looked at
// for kStratified ([n]: labels, [n, m]: several labels), `groups` for kGroup. Errors: also kInvalidArgument
// about "test_fraction" not in [0, 1).
[[nodiscard]] Array make_folds(std::int64_t n, const FoldOptions& options, const Array& labels = {},
                               const Array& groups = {});

}  // namespace ivory
