#include <ivory/base/range.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <ivory/base/error.h>

#include "scalar.h"

namespace ivory {
namespace {

constexpr double kMostValues = 1e7;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

void check_number(const Params& value, std::string_view name) {
  if (!value.is_number()) {
    refuse(at_place(value, "a range's " + std::string(name) + " must be a number, found " +
                               std::string(Params::kind_name(value.kind()))));
  }
  if (!std::isfinite(value.as_real())) {
    refuse(at_place(value, "a range's " + std::string(name) + " must be finite, found " + value.to_text()));
  }
}

std::string describe(const Params& start, const Params& stop) {
  return "from " + start.to_text() + " to " + stop.to_text();
}

void check_count(double count) {
  if (count > kMostValues) refuse("the range has too many values: at most ten million are possible");
}

// Rounds off the last digits, in which 0.1 + 2 * 0.1 differs from 0.3.
double neat(double value) {
  constexpr int kDigits = 14;
  std::array<char, 40> buffer{};
  const auto* end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                  std::chars_format::scientific, kDigits - 1)
                        .ptr;
  double rounded = value;
  std::from_chars(buffer.data(), end, rounded);
  return rounded;
}

// `count` values of which the first is exactly `start`, and the last exactly `stop` if it comes near.
template <class At>
std::vector<double> sample(std::size_t count, double start, double stop, const At& at) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = neat(at(static_cast<double>(i)));
  values.front() = start;
  const double near = 1e-9 * std::max(std::abs(stop), std::abs(stop - start));
  if (count > 1 && std::abs(values.back() - stop) <= near) values.back() = stop;
  return values;
}

std::vector<double> sample_num(double start, double stop, std::int64_t num, bool log) {
  check_count(static_cast<double>(num));
  const auto last = static_cast<double>(std::max<std::int64_t>(num - 1, 1));
  const double ratio = log ? std::log10(stop / start) : 0;
  return sample(static_cast<std::size_t>(num), start, stop, [&](double i) {
    const double share = i / last;
    return log ? start * std::pow(10.0, ratio * share) : start * (1 - share) + stop * share;
  });
}

// A hair more than the quotient, so that a stop reached but for rounding is included.
std::size_t count_steps(double quotient) {
  check_count(quotient);
  return static_cast<std::size_t>(std::floor(quotient * (1 + 1e-12) + 1e-9)) + 1;
}

std::vector<double> sample_log(double start, double stop, double step) {
  return sample(count_steps(std::log10(stop / start) / step), start, stop,
                [&](double i) { return start * std::pow(10.0, i * step); });
}

std::vector<double> sample_linear(double start, double stop, double step) {
  return sample(count_steps(stop / step - start / step), start, stop,
                [&](double i) { return start + i * step; });
}

// In whole numbers: nothing is lost beyond 2^53.
std::vector<Params> step_integers(std::int64_t start, std::int64_t stop, std::int64_t step) {
  const auto unsigned_of = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  const auto width =
      step > 0 ? unsigned_of(stop) - unsigned_of(start) : unsigned_of(start) - unsigned_of(stop);
  const auto stride = step > 0 ? unsigned_of(step) : 0 - unsigned_of(step);
  const auto steps = width / stride;
  check_count(static_cast<double>(steps) + 1);
  std::vector<Params> values;
  values.reserve(steps + 1);
  for (std::uint64_t i = 0; i <= steps; ++i) {
    values.emplace_back(static_cast<std::int64_t>(unsigned_of(start) + i * unsigned_of(step)));
  }
  return values;
}

std::vector<Params> to_params(const std::vector<double>& values, bool integral) {
  constexpr double kTooLarge = 9223372036854775808.0;  // 2^63
  std::vector<Params> made;
  made.reserve(values.size());
  for (const double value : values) {
    const double rounded = std::round(value);
    const bool fits = rounded >= -kTooLarge && rounded < kTooLarge;
    Params next = integral && fits ? Params(static_cast<std::int64_t>(rounded)) : Params(value);
    if (integral && !made.empty() && made.back() == next) continue;
    made.push_back(std::move(next));
  }
  return made;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool take_separator(std::string_view& text) {
  if (!text.starts_with('-') && !text.starts_with('_')) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Params> take_number(std::string_view& text) {
  const auto length = number_length(text);
  if (length == 0) return std::nullopt;
  auto number = parse_number(text.substr(0, length));
  text.remove_prefix(length);
  return number;
}

// Of `a-b:num`, the num.
std::int64_t parse_num(std::string_view text) {
  std::int64_t num = 0;
  const auto* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, num);
  if (result.ec != std::errc() || result.ptr != end || num < 1) {
    refuse("the number of values after ':' must be a positive integer, found '" + std::string(text) + "'");
  }
  return num;
}

struct RangeWord {
  std::optional<Range> range;
  bool step_given = false;
};

RangeWord read_range(std::string_view text) {
  const bool log = text.ends_with(".log");
  if (log) text.remove_suffix(4);
  const auto start = take_number(text);
  if (!start || !take_separator(text)) return {};
  const auto stop = take_number(text);
  if (!stop) return {};
  if (text.empty()) return {Range(*start, *stop, 1, 0, log)};
  if (text.starts_with(':')) return {Range(*start, *stop, 1, parse_num(text.substr(1)), log), true};
  if (!take_separator(text)) return {};
  const auto step = take_number(text);
  if (!step || !text.empty()) return {};
  return {Range(*start, *stop, *step, 0, log), true};
}

RangeWord read_range_word(std::string_view text) {
  try {
    return read_range(text);
  } catch (const Error& error) {
    refuse("'" + std::string(text) + "': " + error.what());
  }
}

// Walks over a word and knows what is inside quotes and brackets. A quote opens only where a value begins, so
// that the apostrophe of "don't" is none.
class Nesting {
 public:
  // True if `c` stands outside of everything.
  bool pass(char c) {
    if (quote_ != 0) {
      pass_quoted(c);
      return false;
    }
    const bool begins = begins_;
    if (c != ' ') begins_ = c == ',' || c == '[' || c == '{' || c == ':';
    if (begins && (c == '"' || c == '\'')) {
      quote_ = c;
      return false;
    }
    if (c == '[' || c == '{') ++depth_;
    const bool outside = depth_ == 0;
    if ((c == ']' || c == '}') && depth_ > 0) --depth_;
    return outside;
  }
  [[nodiscard]] bool closed() const { return depth_ == 0 && quote_ == 0; }

 private:
  void pass_quoted(char c) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\' && quote_ == '"') {
      escaped_ = true;
    } else if (c == quote_) {
      quote_ = 0;
    }
  }

  char quote_ = 0;
  bool escaped_ = false;
  bool begins_ = true;
  int depth_ = 0;
};

// The parts between commas that stand outside of quotes and brackets.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  Nesting nesting;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!nesting.pass(text[i]) || text[i] != ',') continue;
    parts.push_back(trim(text.substr(begin, i - begin)));
    begin = i + 1;
  }
  if (!nesting.closed()) refuse("'" + std::string(text) + "': a quote or a bracket is left open");
  parts.push_back(trim(text.substr(begin)));
  return parts;
}

enum class Brackets { kText, kGroup, kList };

void append_values(std::vector<Params>& values, std::string_view text, Brackets brackets, int depth);

void append_bracketed(std::vector<Params>& values, std::string_view text, Brackets brackets, int depth) {
  constexpr int kDeepest = 200;
  if (depth >= kDeepest) refuse("brackets are nested deeper than " + std::to_string(kDeepest));
  const auto inner = trim(text.substr(1, text.size() - 2));
  std::vector<Params> elements;
  if (!inner.empty()) append_values(elements, inner, brackets, depth + 1);
  if (brackets == Brackets::kList) {
    values.push_back(Params::list(std::move(elements)));
    return;
  }
  if (elements.empty()) refuse("'" + std::string(text) + "' holds no value");
  std::move(elements.begin(), elements.end(), std::back_inserter(values));
}

void append_expanded(std::vector<Params>& values, std::string_view part) {
  const auto [range, step_given] = read_range_word(part);
  if (!range) {
    values.push_back(parse_scalar(part));
    return;
  }
  auto expanded = range->values();
  if (expanded.size() == 1 && !step_given && !range->log() && range->start() != range->stop()) {
    refuse("'" + std::string(part) + "' needs a step or a number of values, as in " + std::string(part) +
           ":5");
  }
  std::move(expanded.begin(), expanded.end(), std::back_inserter(values));
}

void append_text(std::vector<Params>& values, std::string_view part) {
  auto quoted = find_quoted(part);
  values.push_back(quoted ? Params(std::move(*quoted)) : Params(part));
}

void append_values(std::vector<Params>& values, std::string_view text, Brackets brackets, int depth) {
  for (const auto part : split(text)) {
    if (part.empty()) refuse("'" + std::string(text) + "': a value is missing between commas");
    if (brackets == Brackets::kText) {
      append_text(values, part);
    } else if (part.size() > 1 && part.front() == '[' && part.back() == ']') {
      append_bracketed(values, part, brackets, depth);
    } else {
      append_expanded(values, part);
    }
    check_count(static_cast<double>(values.size()));
  }
}

Brackets brackets_for(const Params& present) {
  if (present.is_null() || !present.is_scalar()) return Brackets::kList;
  if (!present.is_string()) return Brackets::kGroup;
  const auto& text = present.as_string();
  return text.starts_with('$') || text == "__default__" ? Brackets::kList : Brackets::kText;
}

}  // namespace

Range::Range(Params start, Params stop, Params step, std::int64_t num, bool log)
    : start_(std::move(start)), stop_(std::move(stop)), step_(std::move(step)), num_(num), log_(log) {
  check_number(start_, "start");
  check_number(stop_, "stop");
  check_number(step_, "step");
  const double width = stop_.as_real() - start_.as_real();
  if (num_ < 0) refuse("a range's num must not be negative, found " + std::to_string(num_));
  if (step_.as_real() == 0) refuse("a range's step must not be 0");
  if (log_ && (start_.as_real() <= 0 || stop_.as_real() <= 0)) {
    refuse("a logarithmic range needs positive numbers, found " + describe(start_, stop_));
  }
  if (num_ == 0 && width != 0 && (width > 0) != (step_.as_real() > 0)) {
    refuse("a step of " + step_.to_text() + " does not lead " + describe(start_, stop_));
  }
  if (num_ == 0 && log_ && width < 0)
    refuse("a logarithmic range without num must rise, found " + describe(start_, stop_));
}

bool Range::integral() const {
  return start_.is_int() && stop_.is_int() && (num_ > 0 || log_ || step_.is_int());
}

std::vector<Params> Range::values() const {
  const double start = start_.as_real();
  const double stop = stop_.as_real();
  if (num_ > 0) return to_params(sample_num(start, stop, num_, log_), integral());
  if (start_ == stop_) return {start_};
  if (log_) return to_params(sample_log(start, stop, step_.as_real()), integral());
  if (integral()) return step_integers(start_.as_int(), stop_.as_int(), step_.as_int());
  return to_params(sample_linear(start, stop, step_.as_real()), false);
}

std::optional<Range> find_range(std::string_view text) { return read_range_word(trim(text)).range; }

std::vector<Params> parse_values(std::string_view text, const Params& present) {
  const auto word = trim(text);
  if (word.empty()) refuse("a value is missing");
  std::vector<Params> values;
  append_values(values, word, brackets_for(present), 0);
  return values;
}

}  // namespace ivory
