// Ranges: parameters with the values they take, as C++ code writes them.
#pragma once
#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/base/range.h>
#include <ivory/experiment/run_plan.h>

namespace ivory {

// What one parameter takes: a list of values, a Range (which stays one: a tuner sees an interval in it), or
// anything else, which is one fixed value. A parameter that is a list takes a list of lists.
class ParamRange {
 public:
  ParamRange(Range range) : value_(std::move(range)) {}  // NOLINT(google-explicit-constructor)
  ParamRange(std::initializer_list<Params> values)       // NOLINT(google-explicit-constructor)
      : value_(Params::list({values.begin(), values.end()})) {}
  // From the first to the second, as a Range.
  template <class A, class B>
  ParamRange(const std::pair<A, B>& interval)  // NOLINT(google-explicit-constructor)
      : value_(Range(Params(interval.first), Params(interval.second))) {}
  template <class T>
    requires(std::constructible_from<Params, T &&> && !std::same_as<std::remove_cvref_t<T>, ParamRange> &&
             !std::same_as<std::remove_cvref_t<T>, Range>)
  ParamRange(T&& value) : value_(Params(std::forward<T>(value))) {}  // NOLINT(google-explicit-constructor)

  // Null if it is values.
  [[nodiscard]] const Range* find_range() const noexcept { return std::get_if<Range>(&value_); }
  // Null if it is a Range.
  [[nodiscard]] const Params* find_params() const noexcept { return std::get_if<Params>(&value_); }
  [[nodiscard]] bool is_fixed() const noexcept {
    return find_range() == nullptr && !find_params()->is_list();
  }
  // The values in order; a fixed one alone. Errors: those of Range::values().
  [[nodiscard]] std::vector<Params> values() const;

 private:
  std::variant<Params, Range> value_;
};

struct NamedRange {
  std::string name;
  ParamRange range;
};

//   task.product({{"fold", Range(0, 4)}, {"lr", {1e-3, 1e-2}}}, 2, {{"epochs", 3}});
//
// In the order given. Threads: as a standard container.
class Ranges {
 public:
  Ranges() = default;
  Ranges(std::initializer_list<NamedRange> items) : items_(items) {}
  // Of a map of names to lists or values. Errors: kInvalidArgument for something else.
  Ranges(const Params& map);  // NOLINT(google-explicit-constructor): a map is what a file gives

  [[nodiscard]] const std::vector<NamedRange>& items() const noexcept { return items_; }
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
  // Adds further ones at the end.
  void add(NamedRange item) { items_.push_back(std::move(item)); }
  void add(const Ranges& further);
  // Several at once, a range each. Errors: kInvalidArgument when they are not as many.
  void add(const std::vector<std::string>& names, const std::vector<ParamRange>& ranges);

  // What varies, and a map of what is fixed. Errors: kInvalidArgument for an empty list, a fixed name given
  // twice.
  [[nodiscard]] std::pair<std::vector<Axis>, Params> split() const;

 private:
  std::vector<NamedRange> items_;
};

}  // namespace ivory
