#include "time_text.h"

#include <array>
#include <charconv>
#include <cstdio>

#include <ivory/base/error.h>

namespace ivory::tuning {
namespace {
std::string format(Time time, char between, std::string_view zone) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  std::array<char, 48> buffer{};
  const int size = std::snprintf(
      buffer.data(), buffer.size(), "%04d-%02u-%02u%c%02d:%02d:%02d.%06d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), between,
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return std::string(buffer.data(), static_cast<std::size_t>(size)).append(zone);
}

// Takes digits and moves on.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text), rest_(text) {}
  int digits(std::size_t count) {
    int value = 0;
    const auto result = std::from_chars(rest_.data(), rest_.data() + std::min(count, rest_.size()), value);
    if (result.ec != std::errc() || result.ptr != rest_.data() + count) fail();
    rest_.remove_prefix(count);
    return value;
  }
  bool skip(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(std::string_view any_of) {
    if (!skip(any_of)) fail();
  }
  [[nodiscard]] std::size_t leading_digits() const {
    const auto end = rest_.find_first_not_of("0123456789");
    return end == std::string_view::npos ? rest_.size() : end;
  }
  [[nodiscard]] char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[noreturn]] void fail() const {
    throw Error(ErrorCode::kInvalidArgument,
                "expected a time as 2026-11-23T16:54:09.376692+00:00, found '" + std::string(text_) + "'");
  }

 private:
  std::string_view text_, rest_;
};
}  // namespace

std::string to_iso(Time time) { return format(time, 'T', "+00:00"); }
std::string to_sql(Time time) { return format(time, ' ', ""); }

Time parse_time(std::string_view text) {
  using namespace std::chrono;
  Scanner scan(text);
  const year y(scan.digits(4));
  scan.expect("-");
  const month m(static_cast<unsigned>(scan.digits(2)));
  scan.expect("-");
  const day d(static_cast<unsigned>(scan.digits(2)));
  scan.expect("T ");
  const hours hour(scan.digits(2));
  scan.expect(":");
  const minutes minute(scan.digits(2));
  scan.expect(":");
  const seconds second(scan.digits(2));
  microseconds fraction(0);
  if (scan.skip(".")) {
    const std::size_t count = std::min<std::size_t>(scan.leading_digits(), 6);
    int value = scan.digits(count);
    for (std::size_t i = count; i < 6; ++i) value *= 10;
    fraction = microseconds(value);
  }
  minutes offset(0);
  if (const char sign = scan.peek(); scan.skip("+-")) {
    offset = hours(scan.digits(2));
    scan.expect(":");
    offset += minutes(scan.digits(2));
    if (sign == '-') offset = -offset;
  } else {
    scan.skip("Z");
  }
  const year_month_day date(y, m, d);
  if (!scan.empty() || !date.ok()) scan.fail();
  return sys_days(date) + hour + minute + second + fraction - offset;
}

}  // namespace ivory::tuning
