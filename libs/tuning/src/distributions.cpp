#include <ivory/tuning/distributions.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ranges>

#include <ivory/base/error.h>
#include <ivory/base/log.h>

#include "json.h"

namespace ivory::tuning {
namespace {
__extension__ using Wide = __int128;
constexpr double kLargestInt = 9007199254740992.0;  // 2^53

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

std::string bounds_text(double low, double high) {
  return "low=" + real_to_text(low) + " and high=" + real_to_text(high);
}

// The shortest decimal that reads back as the double: digits * 10^exponent.
struct Decimal {
  Wide digits = 0;
  int exponent = 0;
};

Decimal shortest_decimal(double value) {
  std::array<char, 40> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific).ptr;
  Decimal decimal;
  bool fraction = false, negative = false;
  const char* at = buffer.data();
  for (; at != end && *at != 'e'; ++at) {
    if (*at == '-') {
      negative = true;
    } else if (*at == '.') {
      fraction = true;
    } else {
      decimal.digits = decimal.digits * 10 + (*at - '0');
      if (fraction) --decimal.exponent;
    }
  }
  int exponent = 0;
  const char* first = at + 1 + (at[1] == '+' ? 1 : 0);
  std::from_chars(first, end, exponent);
  decimal.exponent += exponent;
  if (negative) decimal.digits = -decimal.digits;
  return decimal;
}

double decimal_to_double(Wide digits, int exponent) {
  const bool negative = digits < 0;
  if (negative) digits = -digits;
  std::string text;
  for (; digits > 0; digits /= 10)
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(digits % 10)));
  text = (negative ? "-" : "") + (text.empty() ? std::string("0") : text) + "e" + std::to_string(exponent);
  return std::strtod(text.c_str(), nullptr);
}

// The last value low + k * step that is not above high, exact in decimals (0.1 is a tenth) where they fit.
double last_reached(double low, double high, double step) {
  std::array<Decimal, 3> decimals{shortest_decimal(low), shortest_decimal(high), shortest_decimal(step)};
  const int least = std::min({decimals[0].exponent, decimals[1].exponent, decimals[2].exponent});
  for (auto& decimal : decimals) {
    if (decimal.digits == 0) decimal.exponent = least;
    if (decimal.exponent - least > 21)
      return low + std::floor((high - low) / step) * step;  // beyond 128 bits
    for (; decimal.exponent > least; --decimal.exponent) decimal.digits *= 10;
  }
  const Wide rest = (decimals[1].digits - decimals[0].digits) % decimals[2].digits;
  return rest == 0 ? high : decimal_to_double(decimals[1].digits - rest, least);
}

bool same_choice(const Params& a, const Params& b) {
  if (a == b) return true;
  return a.is_number() && b.is_number() && a.as_real() == b.as_real();
}

struct Parts {
  std::string name;
  Params attributes;
};

Parts split(const Params& root) {
  if (!root.is_map()) fail("a distribution should be a JSON object");
  if (const Params* name = root.find("name"); name && name->is_string()) {
    const Params* attributes = root.find("attributes");
    if (!attributes || !attributes->is_map())
      fail("the distribution '" + name->as_string() + "' has no attributes");
    return {name->as_string(), *attributes};
  }
  if (const Params* type = root.find("type"); type && type->is_string()) return {type->as_string(), root};
  fail(R"(a distribution needs a "name" with "attributes", or a "type")");
}

const Params& get_number(const Parts& parts, std::string_view key) {
  const Params* value = parts.attributes.find(key);
  if (!value || !value->is_number())
    fail("the distribution '" + parts.name + "' needs the number '" + std::string(key) + "'");
  return *value;
}

double real_of(const Parts& parts, std::string_view key) { return get_number(parts, key).as_real(); }

std::int64_t int_of(const Parts& parts, std::string_view key, std::optional<std::int64_t> otherwise = {}) {
  const Params* found = parts.attributes.find(key);
  if ((!found || found->is_null()) && otherwise) return *otherwise;
  const Params& value = get_number(parts, key);
  const double real = value.as_real();
  if (real != std::floor(real) || std::abs(real) > kLargestInt)
    fail("'" + std::string(key) + "' of the distribution '" + parts.name + "' should be an integer, found " +
         value.to_text());
  return static_cast<std::int64_t>(real);
}

bool bool_of(const Parts& parts, std::string_view key) {
  const Params* value = parts.attributes.find(key);
  if (!value || value->is_null()) return false;
  if (!value->is_bool())
    fail("'" + std::string(key) + "' of the distribution '" + parts.name + "' should be true or false");
  return value->as_bool();
}

std::optional<double> step_of(const Parts& parts) {
  const Params* value = parts.attributes.find("step");
  if (!value || value->is_null()) return {};
  return real_of(parts, "step");
}
}  // namespace

Distribution Distribution::floats(double low, double high, const FloatOptions& options) {
  if (!std::isfinite(low) || !std::isfinite(high))
    fail("the bounds of a float must be finite; got " + bounds_text(low, high));
  if (options.log && options.step)
    fail("a float with log=true takes no step; got step=" + real_to_text(*options.step));
  if (low > high) fail("a float needs low <= high; got " + bounds_text(low, high));
  if (options.log && low <= 0) fail("a float with log=true needs low > 0; got " + bounds_text(low, high));
  if (options.step && !(*options.step > 0 && std::isfinite(*options.step)))
    fail("a float needs step > 0; got step=" + real_to_text(*options.step));
  Distribution result;
  result.kind_ = DistributionKind::kFloat;
  result.log_ = options.log;
  result.low_ = low;
  result.high_ = options.step ? last_reached(low, high, *options.step) : high;
  result.step_ = options.step.value_or(0);
  if (result.high_ != high) {
    log_warning("step " + real_to_text(result.step_) + " from " + real_to_text(low) + " does not reach " +
                real_to_text(high) + "; the last value is " + real_to_text(result.high_));
  }
  return result;
}

Distribution Distribution::ints(std::int64_t low, std::int64_t high, const IntOptions& options) {
  const std::string bounds = "low=" + std::to_string(low) + " and high=" + std::to_string(high);
  if (low > high) fail("an int needs low <= high; got " + bounds);
  if (options.step < 1) fail("an int needs step >= 1; got step=" + std::to_string(options.step));
  if (options.log && options.step != 1)
    fail("an int with log=true needs step=1; got step=" + std::to_string(options.step));
  if (options.log && low < 1) fail("an int with log=true needs low >= 1; got " + bounds);
  if (static_cast<double>(low) < -kLargestInt || static_cast<double>(high) > kLargestInt)
    fail("the bounds of an int must lie within 2^53; got " + bounds);
  Distribution result;
  result.kind_ = DistributionKind::kInt;
  result.log_ = options.log;
  result.low_ = static_cast<double>(low);
  result.high_ = static_cast<double>(high - (high - low) % options.step);
  result.step_ = static_cast<double>(options.step);
  if (result.high_ != static_cast<double>(high)) {
    log_warning("step " + std::to_string(options.step) + " from " + std::to_string(low) + " does not reach " +
                std::to_string(high) + "; the last value is " +
                std::to_string(static_cast<std::int64_t>(result.high_)));
  }
  return result;
}

Distribution Distribution::categorical(std::vector<Params> choices) {
  if (choices.empty()) fail("a categorical parameter needs at least one choice");
  for (const auto& choice : choices) {
    if (!choice.is_scalar())
      fail("a choice should be null, a bool, an integer, a real or a string; got " + choice.to_text());
  }
  for (std::size_t i = 1; i < choices.size(); ++i) {
    if (std::find(choices.begin(), choices.begin() + static_cast<std::ptrdiff_t>(i), choices[i]) !=
        choices.begin() + static_cast<std::ptrdiff_t>(i))
      fail("the choice " + choices[i].to_text() + " is given twice");
  }
  Distribution result;
  result.kind_ = DistributionKind::kCategorical;
  result.high_ = static_cast<double>(choices.size() - 1);
  result.choices_ = std::make_shared<const std::vector<Params>>(std::move(choices));
  return result;
}

const std::vector<Params>& Distribution::choices() const noexcept {
  static const std::vector<Params> kNone;
  return choices_ ? *choices_ : kNone;
}

bool Distribution::is_single() const noexcept { return low_ == high_ || (step_ > 0 && high_ - low_ < step_); }

bool Distribution::contains(double internal) const noexcept {
  if (!(internal >= low_ && internal <= high_)) return false;
  if (is_categorical()) return internal == std::floor(internal);
  if (step_ == 0) return true;
  const double k = (internal - low_) / step_;
  return std::abs(k - std::round(k)) < 1e-8;
}

double Distribution::to_internal(const Params& value) const {
  if (is_categorical()) {
    const auto exact = std::find(choices_->begin(), choices_->end(), value);
    const auto found = exact != choices_->end()
                           ? exact
                           : std::find_if(choices_->begin(), choices_->end(),
                                          [&](const Params& choice) { return same_choice(choice, value); });
    if (found == choices_->end()) fail(value.to_text() + " is not " + to_text());
    return static_cast<double>(found - choices_->begin());
  }
  if (!value.is_number()) fail("expected a number for a " + to_text() + ", found " + value.to_text());
  const double real = value.as_real();
  if (std::isnan(real)) fail("NaN is no value for a " + to_text());
  if (is_int() && real != std::floor(real))
    fail("expected an integer for an " + to_text() + ", found " + value.to_text());
  if (log_ && real <= 0) fail("expected a number above 0 for a " + to_text() + ", found " + value.to_text());
  return real;
}

Params Distribution::to_external(double internal) const {
  switch (kind_) {
    case DistributionKind::kFloat:
      return internal;
    case DistributionKind::kInt:
      return static_cast<std::int64_t>(std::llround(internal));
    case DistributionKind::kCategorical:
      break;
  }
  if (!contains(internal)) fail(real_to_text(internal) + " is no index into " + to_text());
  return (*choices_)[static_cast<std::size_t>(internal)];
}

std::string Distribution::to_json() const {
  std::string out;
  const auto number = [&](double value) {
    if (is_int()) {
      out += std::to_string(static_cast<std::int64_t>(value));
    } else {
      json::append_real(out, value);
    }
  };
  if (is_categorical()) {
    out = R"({"name": "CategoricalDistribution", "attributes": {"choices": )";
    json::append(out, Params::list(*choices_));
    return out + "}}";
  }
  if (is_float()) {
    out = R"({"name": "FloatDistribution", "attributes": {"step": )";
    if (step_ == 0) {
      out += "null";
    } else {
      number(step_);
    }
    out += R"(, "low": )";
    number(low_);
    out += R"(, "high": )";
    number(high_);
    return out + R"(, "log": )" + (log_ ? "true}}" : "false}}");
  }
  out = std::string(R"({"name": "IntDistribution", "attributes": {"log": )") + (log_ ? "true" : "false") +
        R"(, "step": )";
  number(step_);
  out += R"(, "low": )";
  number(low_);
  out += R"(, "high": )";
  number(high_);
  return out + "}}";
}

Distribution Distribution::from_json(std::string_view text) {
  const Parts parts = split(json::read(text));
  const std::string& name = parts.name;
  if (name == "FloatDistribution" || name == "float")
    return floats(real_of(parts, "low"), real_of(parts, "high"),
                  {.step = step_of(parts), .log = bool_of(parts, "log")});
  if (name == "IntDistribution" || name == "int")
    return ints(int_of(parts, "low"), int_of(parts, "high"),
                {.step = int_of(parts, "step", 1), .log = bool_of(parts, "log")});
  if (name == "CategoricalDistribution" || name == "categorical") {
    const Params* choices = parts.attributes.find("choices");
    if (!choices || !choices->is_list()) fail("the distribution '" + name + "' needs a list of choices");
    return categorical(choices->elements());
  }
  if (name == "UniformDistribution") return floats(real_of(parts, "low"), real_of(parts, "high"));
  if (name == "LogUniformDistribution")
    return floats(real_of(parts, "low"), real_of(parts, "high"), {.log = true});
  if (name == "DiscreteUniformDistribution")
    return floats(real_of(parts, "low"), real_of(parts, "high"), {.step = real_of(parts, "q")});
  if (name == "IntUniformDistribution")
    return ints(int_of(parts, "low"), int_of(parts, "high"), {.step = int_of(parts, "step", 1)});
  if (name == "IntLogUniformDistribution")
    return ints(int_of(parts, "low"), int_of(parts, "high"), {.log = true});
  const std::vector<std::string> known{"FloatDistribution", "IntDistribution", "CategoricalDistribution"};
  fail("unknown distribution '" + name + "'" + did_you_mean(name, known));
}

std::string Distribution::to_text() const {
  if (is_categorical()) return "one of " + Params::list(*choices_).to_text();
  std::string text = (is_int() ? "int in [" : "float in [") + to_external(low_).to_text() + ", " +
                     to_external(high_).to_text() + "]";
  if (log_) text += " (log)";
  if (step_ != 0 && !(is_int() && step_ == 1)) text += " in steps of " + to_external(step_).to_text();
  return text;
}

bool operator==(const Distribution& a, const Distribution& b) noexcept {
  return a.kind_ == b.kind_ && a.log_ == b.log_ && a.low_ == b.low_ && a.high_ == b.high_ &&
         a.step_ == b.step_ &&
         (a.choices_ == b.choices_ || (a.choices_ && b.choices_ && *a.choices_ == *b.choices_));
}

void check_compatible(std::string_view name, const Distribution& earlier, const Distribution& now,
                      bool choices_may_grow) {
  const std::string intro = "the parameter '" + std::string(name) + "' was ";
  const std::string change = intro + "a " + earlier.to_text() + " before, now it is a " + now.to_text();
  if (earlier.kind() != now.kind()) fail(change + "; a parameter keeps its kind throughout a study");
  if (earlier.log() != now.log()) fail(change + "; a parameter keeps its log throughout a study");
  if (!now.is_categorical() || earlier == now) return;
  if (!choices_may_grow) fail(change + "; a parameter keeps its choices throughout a study");
  const auto& before = earlier.choices();
  if (!std::ranges::equal(before, now.choices() | std::views::take(before.size())))
    fail(change + "; a parameter's choices may grow at the end, and do not change or go");
}

}  // namespace ivory::tuning
