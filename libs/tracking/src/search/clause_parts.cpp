#include "clause_parts.h"

#include <array>
#include <charconv>
#include <limits>

#include <ivory/base/error.h>

#include "../python_words.h"

namespace ivory::tracking {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

struct NamedComparator {
  std::string_view name;
  Comparator comparator;
};
constexpr std::array kComparators{
    NamedComparator{"=", Comparator::kEqual},        NamedComparator{"!=", Comparator::kNotEqual},
    NamedComparator{"<", Comparator::kLess},         NamedComparator{"<=", Comparator::kLessEqual},
    NamedComparator{">", Comparator::kGreater},      NamedComparator{">=", Comparator::kGreaterEqual},
    NamedComparator{"LIKE", Comparator::kLike},      NamedComparator{"ILIKE", Comparator::kIlike},
    NamedComparator{"IN", Comparator::kIn},          NamedComparator{"NOT IN", Comparator::kNotIn},
    NamedComparator{"IS NULL", Comparator::kIsNull}, NamedComparator{"IS NOT NULL", Comparator::kIsNotNull},
};

}  // namespace

std::optional<Comparator> find_comparator(std::string_view name) noexcept {
  for (const NamedComparator& known : kComparators) {
    if (known.name == name) return known.comparator;
  }
  return std::nullopt;
}

Comparator comparator_named(std::string_view name) {
  const auto comparator = find_comparator(name);
  if (!comparator) throw Error(ErrorCode::kInternal, "no comparator '" + std::string(name) + "'");
  return *comparator;
}

double parse_search_number(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) {
    const bool is_tiny =
        text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos;
    const double size = is_tiny ? 0.0 : std::numeric_limits<double>::infinity();
    return text.front() == '-' ? -size : size;
  }
  return number;
}

bool is_quotable(const FilterClause& clause) noexcept {
  return clause.kind == FilterClause::Value::kText || clause.kind == FilterClause::Value::kIdentifier;
}

std::string quoted_text(const FilterClause& clause) {
  const std::string& value = clause.value;
  const bool quoted =
      value.size() >= 2 && value.front() == value.back() && (value.front() == '\'' || value.front() == '"');
  if (!quoted) {
    refuse("Parameter value is either not quoted or unidentified quote types used for string value " + value +
           ". Use either single or double quotes.");
  }
  return std::string(without_quotes(value));
}

std::string_view bare_key(std::string_view key) {
  if (key.size() >= 2 && key.front() != '`') key = without_quotes(key);
  return key.size() >= 2 && key.front() == '`' ? without_quotes(key) : key;
}

std::string set_of_names(const std::vector<std::string_view>& names) {
  std::string text = "{";
  for (const std::string_view name : names)
    text.append(text.size() == 1 ? "'" : ", '").append(name).append("'");
  return text + "}";
}

std::string list_of_texts(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + python_repr(text);
  return "[" + list + "]";
}

}  // namespace ivory::tracking
