// The metrics that YAML names without a class path: `metrics: {accuracy: , top_k: {k: 3}}`.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include <ivory/data/array.h>

// Definitions are scikit-learn's unless said otherwise; each is also declared as `metrics.NAME`.
//
// Regression takes output and target of as many numbers a row each: [n] and [n, 1] go together.
// Classification takes classes 0, 1 … as target, [n] or [n, 1], integers or reals that are whole, and as
// output
//   [n, C]         a logit or a probability for each class; the class is the first of the largest
//   [n] or [n, 1]  one score of class 1 against class 0; class 1 from probability 0.5 (logit 0) on. Integers
//                  are no scores but the classes themselves.
// Logits (before softmax or sigmoid; logarithms of probabilities are logits too) are told from probabilities
// by their values unless `logits` says which they are: probabilities lie in [0, 1], and the C of a row add
// up to 1 within 1 %.
//
// Results are NaN when there are no samples or an output is NaN, and where the value is undefined.
// Errors: kInvalidArgument, with shapes or the row at fault, for arrays that do not fit. Threads: any.
namespace ivory::metrics {

enum class Average : std::uint8_t { kMacro, kMicro, kWeighted, kBinary };
// Errors: kInvalidArgument about the argument "average".
[[nodiscard]] Average parse_average(std::string_view text);

// Means over all numbers; rmse and r2 of several columns are the mean of the columns'.
[[nodiscard]] double mse(const Array& output, const Array& target);
[[nodiscard]] double rmse(const Array& output, const Array& target);
[[nodiscard]] double mae(const Array& output, const Array& target);
// NaN for fewer than two samples. A constant target: 1 when met exactly, else 0.
[[nodiscard]] double r2(const Array& output, const Array& target);

using Logits = std::optional<bool>;  // none: told by the values

[[nodiscard]] double accuracy(const Array& output, const Array& target, Logits logits = {});
// Share of samples whose class is among the k largest. Of equal outputs the first counts as larger, so top_k
// with k = 1 is accuracy (scikit-learn takes the last). Needs [n, C]. Errors: kInvalidArgument about "k" < 1.
[[nodiscard]] double top_k(const Array& output, const Array& target, int k = 5);

// Averages: macro over the classes that occur in target or prediction, weighted by their number in the
// target, micro over all samples, or the value of class 1 alone (binary). 0 where nothing was predicted or
// there was nothing to find.
[[nodiscard]] double precision(const Array& output, const Array& target, Average average = Average::kMacro,
                               Logits logits = {});
[[nodiscard]] double recall(const Array& output, const Array& target, Average average = Average::kMacro,
                            Logits logits = {});
[[nodiscard]] double f1(const Array& output, const Array& target, Average average = Average::kMacro,
                        Logits logits = {});

// Area under the ROC curve; of more than two classes, the mean of each against the rest by its probability.
// Classes that do not occur are passed over; NaN when only one occurs.
[[nodiscard]] double auc(const Array& output, const Array& target, Logits logits = {});
// Mean negative logarithm of the probability of the true class. Given probabilities are kept away from 0 and
// 1 by the output's machine epsilon.
[[nodiscard]] double log_loss(const Array& output, const Array& target, Logits logits = {});

}  // namespace ivory::metrics
