#include "metric_lines.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include <ivory/base/error.h>

#include "python_words.h"

namespace ivory::tracking {
namespace {

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find(' ', begin), line.size());
    fields.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return fields;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Python's float(): "inf", "nan" and "Infinity" in any case are known to from_chars, too. What is too large
// or too small for a double is an infinity or 0.
std::optional<double> parse_value(std::string_view text) {
  const auto number = parse_number<double>(text);
  if (number) return number;
  double ignored = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ignored);
  if (error != std::errc::result_out_of_range || end != text.data() + text.size()) return std::nullopt;
  const double size = text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos
                          ? 0.0
                          : std::numeric_limits<double>::infinity();
  return text.front() == '-' ? -size : size;
}

std::optional<ModelMetric> parse_line(std::string_view line, MetricLines kind) {
  const auto fields = fields_of(line);
  const bool of_run = kind == MetricLines::kOfRun;
  const bool fits = of_run ? fields.size() == 2 || fields.size() == 3 || fields.size() == 5
                           : fields.size() == 4 || fields.size() == 6;
  if (!fits) return std::nullopt;
  const auto timestamp = parse_number<TimeMs>(fields[0]);
  const auto value = parse_value(fields[1]);
  const auto step =
      fields.size() > 2 ? parse_number<std::int64_t>(fields[2]) : std::optional<std::int64_t>(0);
  if (!timestamp || !value || !step) return std::nullopt;
  ModelMetric point;
  point.metric = {"", *value, *timestamp, *step};
  if (!of_run) point.run_id = fields[3];
  if (fields.size() >= 5) {
    point.dataset_name = fields[fields.size() - 2];
    point.dataset_digest = fields.back();
  }
  return point;
}

bool has_blanks(std::string_view text) { return text.find_first_of(" \t\r\n") != std::string_view::npos; }

}  // namespace

std::vector<ModelMetric> parse_metric_lines(std::string_view text, MetricLines kind, std::string_view place) {
  std::vector<ModelMetric> points;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    const bool is_torn = end == std::string_view::npos;
    text.remove_prefix(is_torn ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    ++number;
    if (line.empty()) continue;
    auto point = parse_line(line, kind);
    if (point) {
      points.push_back(*std::move(point));
    } else if (!is_torn) {
      constexpr std::size_t kShown = 80;
      throw Error(
          ErrorCode::kInvalidArgument,
          std::string(place) + ":" + std::to_string(number) + ": '" + std::string(line.substr(0, kShown)) +
              "' is no point of a metric; expected " +
              (kind == MetricLines::kOfRun ? "timestamp, value and step" : "timestamp, value, step and run"));
    }
  }
  return points;
}

std::string metric_line(const ModelMetric& point, MetricLines kind) {
  const Metric& metric = point.metric;
  std::string line = std::to_string(metric.timestamp_ms) + " " +
                     (std::isnan(metric.value) ? "nan" : python_repr(metric.value)) + " " +
                     std::to_string(metric.step);
  if (kind == MetricLines::kOfModel) line += " " + point.run_id;
  const bool has_dataset = !point.dataset_name.empty() && !point.dataset_digest.empty() &&
                           !has_blanks(point.dataset_name) && !has_blanks(point.dataset_digest);
  if (has_dataset) line += " " + point.dataset_name + " " + point.dataset_digest;
  return line + "\n";
}

}  // namespace ivory::tracking
