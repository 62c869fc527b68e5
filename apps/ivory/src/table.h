// Text in columns.
#pragma once
#include <string>
#include <vector>

namespace ivory {

// Rows of cells under headings. A column of numbers is aligned to the right, any other to the left; a column
// without a value in any row is left out.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  // Missing cells at the end are empty.
  void add_row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // An empty line before the rows that follow.
  void add_gap() { rows_.emplace_back(); }
  [[nodiscard]] std::string to_text() const;
  // All columns; without the gaps.
  [[nodiscard]] std::string to_csv() const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

// Four significant digits.
[[nodiscard]] std::string number_text(double value);

}  // namespace ivory
