#include <ivory/data/folds.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/rng.h>

namespace ivory {
namespace {

using Rows = std::vector<std::int64_t>;

[[noreturn]] void fail(const std::string& argument, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, argument, message);
}

void check_splits(int n_splits, std::int64_t most, const char* of_what) {
  if (n_splits < 2) fail("n_splits", "n_splits is " + std::to_string(n_splits) + "; expected 2 or more");
  if (n_splits > most) {
    fail("n_splits", "n_splits is " + std::to_string(n_splits) + ", but there are only " +
                         std::to_string(most) + " " + of_what);
  }
}

Rng stream(const ShuffleOptions& options, std::string_view purpose) {
  return Rng({.seed = options.seed, .purpose = purpose});
}

// 0 … n-1 in the order in which samples are dealt out.
Rows dealing_order(std::int64_t n, const ShuffleOptions& options, std::string_view purpose) {
  Rows order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  if (options.shuffle) stream(options, purpose).shuffle(order);
  return order;
}

// Each sample's kind as 0, 1 … in ascending order of value.
struct Codes {
  Rows of;
  std::int64_t count = 0;
};
template <class T>
Codes number_kinds(const std::vector<T>& values) {
  std::vector<T> kinds = values;
  std::sort(kinds.begin(), kinds.end());
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  Codes codes;
  codes.count = static_cast<std::int64_t>(kinds.size());
  for (const auto& value : values)
    codes.of.push_back(std::lower_bound(kinds.begin(), kinds.end(), value) - kinds.begin());
  return codes;
}
Codes codes_of(const Array& values, const char* name) {
  if (values.ndim() == 0 || values.size() != values.rows())
    fail(name, std::string(name) + " must be one a sample, but are " + values.describe());
  if (!is_floating(values.dtype())) return number_kinds(values.to_vector<std::int64_t>());
  const auto reals = values.to_vector<double>();
  const auto nan = std::find_if(reals.begin(), reals.end(), [](double value) { return std::isnan(value); });
  if (nan != reals.end())
    fail(name, "row " + std::to_string(nan - reals.begin()) + " of the " + name + " is missing (NaN)");
  return number_kinds(reals);
}

// Rows by kind, each kind's in dealing order.
Rows sort_by_kind(const Rows& order, const Codes& codes) {
  std::vector<Rows> of_kind(static_cast<std::size_t>(codes.count));
  for (const auto row : order)
    of_kind[static_cast<std::size_t>(codes.of[static_cast<std::size_t>(row)])].push_back(row);
  Rows sorted;
  sorted.reserve(order.size());
  for (const auto& rows : of_kind) sorted.insert(sorted.end(), rows.begin(), rows.end());
  return sorted;
}

// Rows of each kind.
std::vector<Rows> members_of(const Codes& codes) {
  std::vector<Rows> members(static_cast<std::size_t>(codes.count));
  for (std::size_t row = 0; row < codes.of.size(); ++row)
    members[static_cast<std::size_t>(codes.of[row])].push_back(static_cast<std::int64_t>(row));
  return members;
}

Array to_array(const Rows& folds) { return Array::from(folds); }

// Iterative stratification over parts of given shares of the whole.
class IterativeStratifier {
 public:
  IterativeStratifier(const Array& labels, const std::vector<double>& shares, const ShuffleOptions& options,
                      std::string_view purpose)
      : shuffle_(options.shuffle),
        rng_(stream(options, purpose)),
        order_(dealing_order(labels.rows(), options, purpose)) {
    const auto flags = labels.astype(Dtype::kBool);
    const auto present = flags.view<bool>();
    const std::size_t rows = order_.size();
    label_count_ = rows == 0 ? 0 : present.size() / rows;
    labels_of_.resize(rows);
    rows_with_.resize(label_count_);
    for (const auto row : order_) {
      for (std::size_t label = 0; label < label_count_; ++label) {
        if (present[static_cast<std::size_t>(row) * label_count_ + label]) {
          labels_of_[static_cast<std::size_t>(row)].push_back(label);
          rows_with_[label].push_back(row);
        }
      }
    }
    remaining_.resize(label_count_);
    for (std::size_t label = 0; label < label_count_; ++label)
      remaining_[label] = static_cast<std::int64_t>(rows_with_[label].size());
    for (const double share : shares) {
      wanted_.push_back(share * static_cast<double>(rows));
      auto& of_labels = wanted_labels_.emplace_back();
      for (const auto count : remaining_) of_labels.push_back(share * static_cast<double>(count));
    }
    part_.assign(rows, -1);
  }

  Rows run() {
    while (const auto label = rarest()) deal(rows_with_[*label], label);
    deal(order_, std::nullopt);
    return std::move(part_);
  }

 private:
  [[nodiscard]] std::optional<std::size_t> rarest() const {
    std::optional<std::size_t> best;
    for (std::size_t label = 0; label < label_count_; ++label)
      if (remaining_[label] > 0 && (!best || remaining_[label] < remaining_[*best])) best = label;
    return best;
  }
  void deal(const Rows& rows, std::optional<std::size_t> label) {
    for (const auto row : rows)
      if (part_[static_cast<std::size_t>(row)] < 0) assign(static_cast<std::size_t>(row), choose(label));
  }
  // The part that wants the label most, then samples most, then by lot.
  std::size_t choose(std::optional<std::size_t> label) {
    const auto rank = [&](std::size_t part) {
      return std::pair(label ? wanted_labels_[part][*label] : 0.0, wanted_[part]);
    };
    std::vector<std::size_t> best{0};
    for (std::size_t part = 1; part < wanted_.size(); ++part) {
      if (rank(part) > rank(best.front())) best.clear();
      if (best.empty() || rank(part) == rank(best.front())) best.push_back(part);
    }
    return best[shuffle_ && best.size() > 1 ? rng_.below(best.size()) : 0];
  }
  void assign(std::size_t row, std::size_t part) {
    part_[row] = static_cast<std::int64_t>(part);
    wanted_[part] -= 1;
    for (const auto label : labels_of_[row]) {
      wanted_labels_[part][label] -= 1;
      --remaining_[label];
    }
  }

  bool shuffle_;
  Rng rng_;
  Rows order_;
  std::size_t label_count_ = 0;
  std::vector<std::vector<std::size_t>> labels_of_;
  std::vector<Rows> rows_with_;
  Rows remaining_;
  std::vector<double> wanted_;
  std::vector<std::vector<double>> wanted_labels_;
  Rows part_;
};

void check_labels(const Array& labels) {
  if (labels.ndim() != 2) {
    fail("labels",
         "several labels a sample are wanted, [samples, labels], but they are " + labels.describe());
  }
  if (!is_floating(labels.dtype())) return;
  const auto values = labels.to_vector<double>();
  const auto nan = std::find_if(values.begin(), values.end(), [](double value) { return std::isnan(value); });
  if (nan != values.end()) {
    fail("labels", "row " + std::to_string((nan - values.begin()) / labels.shape()[1]) +
                       " of the labels is missing (NaN)");
  }
}

// The test part: rows in the manner of the split.
class TestPart {
 public:
  TestPart(std::int64_t n, const FoldOptions& options)
      : n_(n),
        shuffle_{options.shuffle, options.seed},
        count_(std::max<std::int64_t>(1, std::llround(static_cast<double>(n) * options.test_fraction))) {}

  [[nodiscard]] Rows any() const {
    const Rows order = dealing_order(n_, shuffle_, kPurpose);
    return {order.end() - count_, order.end()};
  }
  [[nodiscard]] Rows latest() const {
    Rows rows(static_cast<std::size_t>(count_));
    std::iota(rows.begin(), rows.end(), n_ - count_);
    return rows;
  }
  // Evenly spaced over the rows sorted by label: of each label the same share, within one.
  [[nodiscard]] Rows stratified(const Array& labels) const {
    const Rows order = sort_by_kind(dealing_order(n_, shuffle_, kPurpose), codes_of(labels, "labels"));
    Rows rows;
    for (std::int64_t p = 0; p < n_; ++p)
      if ((p + 1) * count_ / n_ > p * count_ / n_) rows.push_back(order[static_cast<std::size_t>(p)]);
    return rows;
  }
  [[nodiscard]] Rows multilabel(const Array& labels) const {
    const double share = static_cast<double>(count_) / static_cast<double>(n_);
    const Rows part = IterativeStratifier(labels, {share, 1 - share}, shuffle_, kPurpose).run();
    Rows rows;
    for (std::size_t row = 0; row < part.size(); ++row)
      if (part[row] == 0) rows.push_back(static_cast<std::int64_t>(row));
    return rows;
  }
  // Whole groups, one by one, as long as that comes nearer to the count.
  [[nodiscard]] Rows grouped(const Array& groups) const {
    const auto members = members_of(codes_of(groups, "groups"));
    Rows order = dealing_order(static_cast<std::int64_t>(members.size()), shuffle_, kPurpose);
    std::reverse(order.begin(), order.end());  // not shuffled: the last groups
    Rows rows;
    for (const auto group : order) {
      const auto& some = members[static_cast<std::size_t>(group)];
      const auto before = count_ - static_cast<std::int64_t>(rows.size());
      const auto after = before - static_cast<std::int64_t>(some.size());
      if (rows.empty() || std::abs(after) < std::abs(before))
        rows.insert(rows.end(), some.begin(), some.end());
    }
    return rows;
  }

 private:
  static constexpr std::string_view kPurpose = "test";
  std::int64_t n_;
  ShuffleOptions shuffle_;
  std::int64_t count_;
};

Rows test_rows(std::int64_t n, const FoldOptions& options, const Array& labels, const Array& groups) {
  if (!(options.test_fraction >= 0 && options.test_fraction < 1)) {
    fail("test_fraction", "test_fraction is " + std::to_string(options.test_fraction) +
                              "; expected 0 or more and less than 1");
  }
  if (options.test_fraction == 0) return {};
  const TestPart part(n, options);
  switch (options.split) {
    case Split::kStratified:
      return labels.ndim() == 2 && labels.shape()[1] > 1 ? part.multilabel(labels) : part.stratified(labels);
    case Split::kGroup:
      return part.grouped(groups);
    case Split::kTimeSeries:
      return part.latest();
    case Split::kKFold:
      break;
  }
  return part.any();
}

Array split_rows(std::int64_t n, const FoldOptions& options, const Array& labels, const Array& groups) {
  const ShuffleOptions shuffle{options.shuffle, options.seed};
  switch (options.split) {
    case Split::kStratified:
      return labels.ndim() == 2 && labels.shape()[1] > 1
                 ? multilabel_stratified_k_fold(labels, options.n_splits, shuffle)
                 : stratified_k_fold(labels, options.n_splits, shuffle);
    case Split::kGroup:
      return group_k_fold(groups, options.n_splits, shuffle);
    case Split::kTimeSeries:
      return time_series_fold(n, options.n_splits);
    case Split::kKFold:
      break;
  }
  return k_fold(n, options.n_splits, shuffle);
}

void check_length(const Array& values, std::int64_t n, const char* name) {
  if (values.ndim() == 0 || values.rows() != n) {
    fail(name, std::string(name) + " are " + values.describe() + ", but there are " + std::to_string(n) +
                   " samples");
  }
}

}  // namespace

Array k_fold(std::int64_t n, int n_splits, ShuffleOptions options) {
  check_splits(n_splits, n, "samples");
  const Rows order = dealing_order(n, options, "folds");
  Rows folds(order.size());
  std::size_t at = 0;
  for (int fold = 0; fold < n_splits; ++fold) {
    for (std::int64_t i = 0; i < n / n_splits + (fold < n % n_splits ? 1 : 0); ++i)
      folds[static_cast<std::size_t>(order[at++])] = fold;
  }
  return to_array(folds);
}

Array stratified_k_fold(const Array& labels, int n_splits, ShuffleOptions options) {
  const Codes codes = codes_of(labels, "labels");
  const auto n = static_cast<std::int64_t>(codes.of.size());
  check_splits(n_splits, n, "samples");
  const Rows order = sort_by_kind(dealing_order(n, options, "folds"), codes);
  const auto k = static_cast<std::size_t>(n_splits);
  Rows folds(order.size());
  // Dealing the sorted rows round gives every count within one, of a label and in all; a label's rows then go
  // to the folds block by block, so that without shuffling neighbours stay together.
  for (std::size_t begin = 0; begin < order.size();) {
    const auto kind = codes.of[static_cast<std::size_t>(order[begin])];
    std::size_t end = begin;
    while (end < order.size() && codes.of[static_cast<std::size_t>(order[end])] == kind) ++end;
    std::vector<std::size_t> counts(k, 0);
    for (std::size_t p = begin; p < end; ++p) ++counts[p % k];
    std::size_t at = begin;
    for (std::size_t fold = 0; fold < k; ++fold) {
      for (std::size_t i = 0; i < counts[fold]; ++i)
        folds[static_cast<std::size_t>(order[at++])] = static_cast<std::int64_t>(fold);
    }
    begin = end;
  }
  return to_array(folds);
}

Array multilabel_stratified_k_fold(const Array& labels, int n_splits, ShuffleOptions options) {
  check_labels(labels);
  check_splits(n_splits, labels.rows(), "samples");
  const std::vector<double> shares(static_cast<std::size_t>(n_splits), 1.0 / n_splits);
  return to_array(IterativeStratifier(labels, shares, options, "folds").run());
}

Array group_k_fold(const Array& groups, int n_splits, ShuffleOptions options) {
  const Codes codes = codes_of(groups, "groups");
  check_splits(n_splits, codes.count, "groups");
  const auto members = members_of(codes);
  const Rows dealt = dealing_order(codes.count, options, "folds");
  std::vector<std::pair<std::int64_t, std::size_t>> order;  // minus the size, place: the largest first
  for (std::size_t place = 0; place < dealt.size(); ++place) {
    order.emplace_back(-static_cast<std::int64_t>(members[static_cast<std::size_t>(dealt[place])].size()),
                       place);
  }
  std::sort(order.begin(), order.end());
  std::vector<std::size_t> sizes(static_cast<std::size_t>(n_splits), 0);
  Rows folds(codes.of.size());
  for (const auto& [size, place] : order) {
    const Rows& some = members[static_cast<std::size_t>(dealt[place])];
    const auto smallest = std::min_element(sizes.begin(), sizes.end());
    *smallest += some.size();
    for (const auto row : some) folds[static_cast<std::size_t>(row)] = smallest - sizes.begin();
  }
  return to_array(folds);
}

Array time_series_fold(std::int64_t n, int n_splits) {
  check_splits(n_splits, std::max<std::int64_t>(0, n - 1), "samples after the first");
  const std::int64_t block = n / (n_splits + 1);
  const std::int64_t first = n - block * n_splits;
  Rows folds(static_cast<std::size_t>(n), 0);
  for (std::int64_t row = first; row < n; ++row)
    folds[static_cast<std::size_t>(row)] = 1 + (row - first) / block;
  return to_array(folds);
}

Split parse_split(std::string_view name) {
  const std::vector<std::string> names{"kfold", "stratified", "group", "time_series"};
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    fail("split", "there is no split \"" + std::string(name) + "\"" + did_you_mean(name, names));
  return static_cast<Split>(found - names.begin());
}

Array make_folds(std::int64_t n, const FoldOptions& options, const Array& labels, const Array& groups) {
  if (options.split == Split::kStratified) check_length(labels, n, "labels");
  if (options.split == Split::kGroup) check_length(groups, n, "groups");
  Rows folds(static_cast<std::size_t>(n), 0);
  for (const auto row : test_rows(n, options, labels, groups)) folds[static_cast<std::size_t>(row)] = -1;
  Rows rest;
  for (std::int64_t row = 0; row < n; ++row)
    if (folds[static_cast<std::size_t>(row)] == 0) rest.push_back(row);
  const auto pick = [&](const Array& values, Split split) {
    return options.split == split ? values.take(rest) : Array();
  };
  const Array split = split_rows(static_cast<std::int64_t>(rest.size()), options,
                                 pick(labels, Split::kStratified), pick(groups, Split::kGroup));
  const auto values = split.view<std::int64_t>();
  for (std::size_t i = 0; i < rest.size(); ++i) folds[static_cast<std::size_t>(rest[i])] = values[i];
  return to_array(folds);
}

}  // namespace ivory
