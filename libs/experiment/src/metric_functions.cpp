#include <ivory/experiment/metric_functions.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/params.h>

namespace ivory::metrics {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kMostClasses = 1'000'000;

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

// Calls f with the numbers as they are when they are reals, else as doubles.
template <class F>
decltype(auto) visit_reals(const Array& array, const F& f) {
  if (array.dtype() == Dtype::kFloat32) return f(array.view<float>());
  const Array doubles = array.astype(Dtype::kFloat64);
  return f(doubles.view<double>());
}

bool has_nan(const Array& array) {
  if (!is_floating(array.dtype())) return false;
  return visit_reals(
      array, [](auto values) { return std::ranges::any_of(values, [](auto v) { return std::isnan(v); }); });
}

void check_rows(const Array& output, const Array& target) {
  if (output.ndim() == 0 || target.ndim() == 0 || output.rows() != target.rows())
    fail("output " + output.describe() + " and target " + target.describe() + " differ in samples");
}

// ---- regression

struct Pair {
  Array output, target;  // float64
  std::size_t rows = 0, columns = 0;
};

Pair make_pair(const Array& output, const Array& target) {
  check_rows(output, target);
  if (output.size() != target.size())
    fail("output " + output.describe() + " and target " + target.describe() + " differ in numbers a sample");
  const auto rows = static_cast<std::size_t>(output.rows());
  return {output.astype(Dtype::kFloat64), target.astype(Dtype::kFloat64), rows,
          rows == 0 ? 0 : static_cast<std::size_t>(output.size()) / rows};
}

// The mean of term(output - target) for each column.
template <class F>
std::vector<double> column_means(const Pair& pair, F term) {
  const auto output = pair.output.view<double>();
  const auto target = pair.target.view<double>();
  std::vector<double> means(pair.columns, 0.0);
  for (std::size_t row = 0; row < pair.rows; ++row) {
    for (std::size_t column = 0; column < pair.columns; ++column) {
      const std::size_t i = row * pair.columns + column;
      means[column] += term(output[i] - target[i]);
    }
  }
  for (double& mean : means) mean /= static_cast<double>(pair.rows);
  return means;
}

double mean_of(const std::vector<double>& values) {
  if (values.empty()) return kNan;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double square(double x) { return x * x; }

// Sum of squared distances from the column's mean.
double spread(const Pair& pair, std::size_t column) {
  const auto target = pair.target.view<double>();
  double mean = 0;
  for (std::size_t row = 0; row < pair.rows; ++row) mean += target[row * pair.columns + column];
  mean /= static_cast<double>(pair.rows);
  double sum = 0;
  for (std::size_t row = 0; row < pair.rows; ++row) sum += square(target[row * pair.columns + column] - mean);
  return sum;
}

// ---- classes

// The class of each sample, >= 0.
std::vector<std::int64_t> target_classes(const Array& target, std::int64_t classes) {
  if (target.size() != target.rows())
    fail("target is " + target.describe() + "; expected one class a sample");
  std::vector<std::int64_t> result = target.to_vector<std::int64_t>();
  const auto check = [&](std::size_t row, bool whole, double value) {
    if (whole && result[row] >= 0 && result[row] < classes) return;
    fail("target of sample " + std::to_string(row) + " is " + real_to_text(value) +
         "; expected a class from 0 to " + std::to_string(classes - 1));
  };
  visit_reals(target, [&](auto values) {
    for (std::size_t row = 0; row < result.size(); ++row) {
      check(row, static_cast<double>(values[row]) == static_cast<double>(result[row]),
            static_cast<double>(values[row]));
    }
  });
  return result;
}

// What an output is to a classifier.
struct Scores {
  const Array& output;
  std::size_t rows = 0;
  std::size_t columns = 0;   // 1: one score of class 1
  bool are_classes = false;  // one integer a sample
  [[nodiscard]] std::int64_t classes() const {
    if (are_classes) return kMostClasses;
    return columns == 1 ? 2 : static_cast<std::int64_t>(columns);
  }
};

Scores scores_of(const Array& output, const Array& target) {
  check_rows(output, target);
  const bool column = output.ndim() == 1 || (output.ndim() == 2 && output.shape()[1] == 1);
  if (!column && (output.ndim() != 2 || output.shape()[1] < 1)) {
    fail("output is " + output.describe() +
         "; expected one score a sample, or one for each class: [n], [n, classes]");
  }
  const std::size_t columns = column ? 1 : static_cast<std::size_t>(output.shape()[1]);
  return {output, static_cast<std::size_t>(output.rows()), columns, column && !is_floating(output.dtype())};
}

Scores real_scores_of(const Array& output, const Array& target) {
  Scores scores = scores_of(output, target);
  if (scores.are_classes) fail("output is " + output.describe() + "; expected scores, not classes");
  return scores;
}

template <class T>
bool look_like_probabilities(std::span<const T> values, std::size_t columns) {
  if (!std::ranges::all_of(values, [](T v) { return v >= 0 && v <= 1; })) return false;
  if (columns == 1) return true;
  for (std::size_t at = 0; at < values.size(); at += columns) {
    const auto row = values.subspan(at, columns);
    if (std::abs(std::accumulate(row.begin(), row.end(), 0.0) - 1.0) > 0.01) return false;
  }
  return true;
}

bool are_logits(const Scores& scores, Logits logits) {
  if (logits) return *logits;
  return visit_reals(scores.output,
                     [&](auto values) { return !look_like_probabilities(values, scores.columns); });
}

// ---- predictions

std::vector<std::int64_t> first_largest(const Scores& scores) {
  std::vector<std::int64_t> result(scores.rows);
  visit_reals(scores.output, [&](auto values) {
    for (std::size_t row = 0; row < scores.rows; ++row) {
      const auto* first = values.data() + row * scores.columns;
      std::size_t best = 0;
      auto largest = first[0];
      for (std::size_t column = 1; column < scores.columns; ++column) {
        const bool larger = first[column] > largest;  // no branch: which it is cannot be guessed
        best = larger ? column : best;
        largest = larger ? first[column] : largest;
      }
      result[row] = static_cast<std::int64_t>(best);
    }
  });
  return result;
}

std::vector<std::int64_t> predict(const Scores& scores, Logits logits) {
  if (scores.are_classes) return target_classes(scores.output, kMostClasses);
  if (scores.columns > 1) return first_largest(scores);
  const double threshold = are_logits(scores, logits) ? 0.0 : 0.5;
  std::vector<std::int64_t> result(scores.rows);
  visit_reals(scores.output, [&](auto values) {
    std::ranges::transform(values, result.begin(),
                           [&](auto v) { return static_cast<double>(v) >= threshold ? 1 : 0; });
  });
  return result;
}

// How often each class was right, predicted, and there.
struct Counts {
  std::vector<double> right, predicted, actual;
  explicit Counts(std::size_t classes) : right(classes), predicted(classes), actual(classes) {}
  [[nodiscard]] std::size_t classes() const noexcept { return right.size(); }
};

Counts count(const std::vector<std::int64_t>& predicted, const std::vector<std::int64_t>& actual) {
  const auto largest = std::max(*std::ranges::max_element(predicted), *std::ranges::max_element(actual));
  Counts counts(static_cast<std::size_t>(std::max<std::int64_t>(largest, 1)) + 1);
  for (std::size_t row = 0; row < actual.size(); ++row) {
    const auto p = static_cast<std::size_t>(predicted[row]);
    const auto a = static_cast<std::size_t>(actual[row]);
    counts.predicted[p] += 1;
    counts.actual[a] += 1;
    if (p == a) counts.right[a] += 1;
  }
  return counts;
}

double ratio(double part, double whole) { return whole == 0 ? 0.0 : part / whole; }

// `value(right, predicted, actual)` of one class, averaged.
template <class F>
double averaged(const Counts& counts, Average average, F value) {
  const auto of = [&](std::size_t k) {
    return value(counts.right[k], counts.predicted[k], counts.actual[k]);
  };
  const auto sum = [](const std::vector<double>& numbers) {
    return std::accumulate(numbers.begin(), numbers.end(), 0.0);
  };
  if (average == Average::kMicro) return value(sum(counts.right), sum(counts.predicted), sum(counts.actual));
  if (average == Average::kBinary) {
    if (counts.classes() > 2) {
      fail("average is binary, but class " + std::to_string(counts.classes() - 1) +
           " occurs; expected classes 0 and 1, or average macro, micro or weighted");
    }
    return of(1);
  }
  double total = 0;
  double weights = 0;
  for (std::size_t k = 0; k < counts.classes(); ++k) {
    const bool occurs = counts.predicted[k] + counts.actual[k] > 0;
    const double weight = average == Average::kWeighted ? counts.actual[k] : static_cast<double>(occurs);
    total += weight * of(k);
    weights += weight;
  }
  return total / weights;
}

template <class F>
double averaged_of(const Array& output, const Array& target, Average average, Logits logits, F value) {
  const Scores scores = scores_of(output, target);
  const auto actual = target_classes(target, scores.classes());
  if (average == Average::kBinary && scores.columns > 2) {
    fail("average is binary, but output is " + output.describe() +
         "; expected two classes, or average macro, micro or weighted");
  }
  if (scores.rows == 0 || has_nan(output)) return kNan;
  return averaged(count(predict(scores, logits), actual), average, value);
}

// ---- probabilities

// log(sum(exp(row))), without overflow.
template <class T>
double log_sum_exp(std::span<const T> row) {
  const double largest = *std::ranges::max_element(row);
  double sum = 0;
  for (const T v : row) sum += std::exp(static_cast<double>(v) - largest);
  return largest + std::log(sum);
}

// The probabilities of each class, one class after the other.
std::vector<std::vector<double>> probabilities(const Scores& scores, bool logits) {
  std::vector<std::vector<double>> result(scores.columns, std::vector<double>(scores.rows));
  visit_reals(scores.output, [&](auto values) {
    for (std::size_t row = 0; row < scores.rows; ++row) {
      const auto all = values.subspan(row * scores.columns, scores.columns);
      const double whole = logits ? log_sum_exp(all) : 0.0;
      for (std::size_t k = 0; k < scores.columns; ++k) {
        const auto value = static_cast<double>(all[k]);
        result[k][row] = logits ? std::exp(value - whole) : value;
      }
    }
  });
  return result;
}

// A score that grows with the probability of class 1 of two.
std::vector<double> binary_scores(const Scores& scores, bool logits) {
  std::vector<double> result(scores.rows);
  visit_reals(scores.output, [&](auto values) {
    for (std::size_t row = 0; row < scores.rows; ++row) {
      const auto all = values.subspan(row * scores.columns, scores.columns);
      result[row] = static_cast<double>(all.back());
      if (logits && scores.columns == 2) result[row] -= static_cast<double>(all.front());
    }
  });
  return result;
}

// By the sum of the positives' ranks (Mann and Whitney), equal scores sharing their mean rank.
double rank_auc(const std::vector<double>& scores, const std::vector<std::int64_t>& actual,
                std::int64_t positive) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return scores[i]; });
  double positives = 0;
  double rank_sum = 0;
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    double here = 0;
    for (; end < order.size() && scores[order[end]] == scores[order[begin]]; ++end)
      if (actual[order[end]] == positive) here += 1;
    rank_sum += here * (static_cast<double>(begin + end) + 1) / 2;
    positives += here;
    begin = end;
  }
  const double negatives = static_cast<double>(scores.size()) - positives;
  if (positives == 0 || negatives == 0) return kNan;
  return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

// -log(p) of the true class.
template <class T>
double true_class_loss(std::span<const T> row, std::int64_t actual, bool logits) {
  const auto k = static_cast<std::size_t>(actual);
  if (logits) {
    if (row.size() > 1) return log_sum_exp(row) - static_cast<double>(row[k]);
    const double x = static_cast<double>(row[0]) * (actual == 1 ? -1.0 : 1.0);
    return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
  }
  constexpr double epsilon = std::numeric_limits<T>::epsilon();
  const double p = std::clamp<double>(row.size() > 1 ? row[k] : row[0], epsilon, 1 - epsilon);
  return -std::log(row.size() == 1 && actual == 0 ? 1 - p : p);
}

}  // namespace

Average parse_average(std::string_view text) {
  static const std::vector<std::string> kNames{"macro", "micro", "weighted", "binary"};
  const auto found = std::ranges::find(kNames, text);
  if (found == kNames.end()) {
    throw Error(ErrorCode::kInvalidArgument, "average",
                "average is '" + std::string(text) + "'" + did_you_mean(text, kNames));
  }
  return static_cast<Average>(found - kNames.begin());
}

double mse(const Array& output, const Array& target) {
  return mean_of(column_means(make_pair(output, target), square));
}

double rmse(const Array& output, const Array& target) {
  auto means = column_means(make_pair(output, target), square);
  for (double& mean : means) mean = std::sqrt(mean);
  return mean_of(means);
}

double mae(const Array& output, const Array& target) {
  return mean_of(column_means(make_pair(output, target), [](double x) { return std::abs(x); }));
}

double r2(const Array& output, const Array& target) {
  const Pair pair = make_pair(output, target);
  if (pair.rows < 2) return kNan;
  auto values = column_means(pair, square);
  for (std::size_t column = 0; column < values.size(); ++column) {
    const double residual = values[column] * static_cast<double>(pair.rows);
    const double total = spread(pair, column);
    if (total == 0 && !std::isnan(residual)) {
      values[column] = residual == 0 ? 1.0 : 0.0;
    } else {
      values[column] = 1 - residual / total;
    }
  }
  return mean_of(values);
}

double accuracy(const Array& output, const Array& target, Logits logits) {
  const Scores scores = scores_of(output, target);
  const auto actual = target_classes(target, scores.classes());
  if (scores.rows == 0 || has_nan(output)) return kNan;
  const auto predicted = predict(scores, logits);
  std::int64_t right = 0;
  for (std::size_t row = 0; row < actual.size(); ++row)
    right += static_cast<std::int64_t>(predicted[row] == actual[row]);
  return static_cast<double>(right) / static_cast<double>(scores.rows);
}

double top_k(const Array& output, const Array& target, int k) {
  if (k < 1)
    throw Error(ErrorCode::kInvalidArgument, "k", "k is " + std::to_string(k) + "; expected 1 or more");
  const Scores scores = scores_of(output, target);
  if (scores.columns < 2)
    fail("output is " + output.describe() + "; expected a score for each class: [n, classes]");
  const auto actual = target_classes(target, scores.classes());
  if (scores.rows == 0 || has_nan(output)) return kNan;
  std::int64_t hits = 0;
  visit_reals(output, [&](auto values) {
    for (std::size_t row = 0; row < scores.rows; ++row) {
      const auto all = values.subspan(row * scores.columns, scores.columns);
      const auto wanted = static_cast<std::size_t>(actual[row]);
      std::ptrdiff_t before = std::ranges::count_if(all, [&](auto v) { return v > all[wanted]; });
      before += std::ranges::count(all.first(wanted), all[wanted]);
      hits += static_cast<std::int64_t>(before < k);
    }
  });
  return static_cast<double>(hits) / static_cast<double>(scores.rows);
}

double precision(const Array& output, const Array& target, Average average, Logits logits) {
  return averaged_of(output, target, average, logits, [](double right, double predicted, double /*actual*/) {
    return ratio(right, predicted);
  });
}

double recall(const Array& output, const Array& target, Average average, Logits logits) {
  return averaged_of(output, target, average, logits,
                     [](double right, double /*predicted*/, double actual) { return ratio(right, actual); });
}

double f1(const Array& output, const Array& target, Average average, Logits logits) {
  return averaged_of(output, target, average, logits, [](double right, double predicted, double actual) {
    return ratio(2 * right, predicted + actual);
  });
}

double auc(const Array& output, const Array& target, Logits logits) {
  const Scores scores = real_scores_of(output, target);
  const auto actual = target_classes(target, scores.classes());
  if (scores.rows == 0 || has_nan(output)) return kNan;
  const bool are = are_logits(scores, logits);
  if (scores.columns <= 2) return rank_auc(binary_scores(scores, are), actual, 1);
  const auto of_class = probabilities(scores, are);
  std::vector<double> areas;
  for (std::size_t k = 0; k < scores.columns; ++k) {
    const double area = rank_auc(of_class[k], actual, static_cast<std::int64_t>(k));
    if (!std::isnan(area)) areas.push_back(area);
  }
  return mean_of(areas);
}

double log_loss(const Array& output, const Array& target, Logits logits) {
  const Scores scores = real_scores_of(output, target);
  const auto actual = target_classes(target, scores.classes());
  if (scores.rows == 0 || has_nan(output)) return kNan;
  const bool are = are_logits(scores, logits);
  double sum = 0;
  visit_reals(output, [&](auto values) {
    using T = typename decltype(values)::value_type;
    for (std::size_t row = 0; row < scores.rows; ++row)
      sum += true_class_loss<T>(values.subspan(row * scores.columns, scores.columns), actual[row], are);
  });
  return sum / static_cast<double>(scores.rows);
}

}  // namespace ivory::metrics
