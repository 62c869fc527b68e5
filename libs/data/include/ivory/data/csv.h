// Tables from comma-separated text (RFC 4180).
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ivory {

struct CsvOptions {
  char separator = ',';
  std::vector<std::string> include = {};      // only these columns; empty: all
  std::vector<std::string> exclude = {};      // but not these
  std::vector<std::string> categorical = {};  // text, even if they look like numbers
  bool allow_absent = false;                  // an included column may be absent, exclude and categorical too
};

// One column: numbers or text, as its first value that is not missing decides.
struct CsvColumn {
  std::string name;
  bool text = false;
  bool integral = true;                 // numbers only: every one is whole and none missing
  std::vector<double> numbers;          // one a row; missing: NaN; empty for text
  std::vector<std::int32_t> codes;      // one a row: place in `categories`; missing: -1; empty for numbers
  std::vector<std::string> categories;  // in byte order, each once
};

struct CsvTable {
  std::string name;  // of the file, for messages
  std::vector<CsvColumn> columns;
  std::vector<std::int64_t> lines;  // the line on which each row begins

  [[nodiscard]] std::int64_t rows() const noexcept { return static_cast<std::int64_t>(lines.size()); }
  // Null if absent.
  [[nodiscard]] const CsvColumn* find_column(std::string_view column) const;
  // Errors: kInvalidArgument with the nearest name.
  [[nodiscard]] const CsvColumn& get_column(std::string_view column) const;
  // "path:line: column 'x': ".
  [[nodiscard]] std::string place(std::int64_t row, std::string_view column) const;
};

// Reads in one pass, a block at a time; only the columns asked for are kept (8 bytes a number, 4 a text).
// The first line names the columns. Empty lines are skipped. Missing: an empty field, NA, N/A, NaN, null,
// None in any case. A column is all numbers or all text. Errors: kInvalidArgument as "path:line: column 'x':
// what is wrong": another number of fields than the header, text among numbers (or the other way round,
// unless named categorical), a broken quotation, a column that is absent or doubled, no rows; kNotFound, kIo.
[[nodiscard]] CsvTable read_csv(const std::filesystem::path& path, const CsvOptions& options = {});
[[nodiscard]] CsvTable parse_csv(std::string_view bytes, std::string_view name,
                                 const CsvOptions& options = {});

}  // namespace ivory
