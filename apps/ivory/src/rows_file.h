// Rows of numbers, one a sample, written to a file for other programs.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <ivory/data/array.h>

namespace ivory {

// Columns of one row: an array of [n], or of [n, …] whose numbers become the columns NAME_0, NAME_1 …
struct RowsColumn {
  std::string name;
  Array array;
};

struct RowsTable {
  std::vector<RowsColumn> columns;  // of as many rows each; those without any are left out
  std::string label_name = {};      // a last column of text, in a CSV file alone
  std::vector<std::string> labels = {};
};

// As the extension says: .csv (reals so that they read back the same), .npy (one float64 matrix of the CSV
// file's columns of numbers), .npz (an array each, with its own dtype and shape). The file appears whole or
// not at all. Errors: kInvalidArgument for another extension, naming these; kIo.
void write_rows(const std::filesystem::path& path, const RowsTable& table);
// The same refusal before any work is done.
void check_rows_path(const std::filesystem::path& path);
// One line of a CSV file, fields quoted where RFC 4180 asks for it.
[[nodiscard]] std::string csv_line(const std::vector<std::string>& fields);
// The CSV text.
[[nodiscard]] std::string rows_csv(const RowsTable& table);

}  // namespace ivory
