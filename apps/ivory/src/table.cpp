#include "table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "rows_file.h"

namespace ivory {
namespace {

// Characters of UTF-8: bytes that do not continue one.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// 40537e96 is the beginning of an id: numbers have a sign after their 'e'.
bool is_number(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  const auto exponent = digits.find('e');
  if (exponent != std::string_view::npos && digits.find_first_of("+-", exponent) != exponent + 1)
    return false;
  return digits == "nan" || digits == "inf" ||
         (!digits.empty() && std::isdigit(static_cast<unsigned char>(digits.front())) != 0 &&
          digits.find_first_not_of("0123456789.e+-") == std::string_view::npos);
}

struct Column {
  std::size_t width = 0;
  bool used = false;
  bool numbers = true;
};

std::string padded(const std::string& cell, const Column& column) {
  const std::string blanks(column.width - std::min(column.width, width_of(cell)), ' ');
  return column.numbers ? blanks + cell : cell + blanks;
}

}  // namespace

std::string Table::to_text() const {
  std::vector<Column> columns(headings_.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i].width = width_of(headings_[i]);
    for (const auto& row : rows_) {
      if (i >= row.size() || row[i].empty()) continue;
      columns[i].used = true;
      columns[i].width = std::max(columns[i].width, width_of(row[i]));
      columns[i].numbers = columns[i].numbers && is_number(row[i]);
    }
  }
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!columns[i].used) continue;
      if (!line.empty()) line += "  ";
      line += padded(i < cells.size() ? cells[i] : std::string(), columns[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  add_line(headings_);
  for (const auto& row : rows_) add_line(row);
  return text;
}

std::string Table::to_csv() const {
  std::string text = csv_line(headings_);
  for (const auto& row : rows_) {
    if (!row.empty()) text += csv_line(row);
  }
  return text;
}

std::string number_text(double value) { return fmt::format("{:.4g}", value); }

}  // namespace ivory
