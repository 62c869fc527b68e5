#include "rows_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/data/npy.h>

namespace ivory {
namespace {

constexpr const char* kFormats = "expected a file that ends in .csv, .npy or .npz";

// One column of numbers in the memory of an array.
struct Cells {
  std::string name;
  Array values;  // float64 or int64, [n, stride]
  std::size_t stride = 1, at = 0;
  [[nodiscard]] bool integral() const noexcept { return values.dtype() == Dtype::kInt64; }
  [[nodiscard]] double real(std::size_t row) const { return values.view<double>()[row * stride + at]; }
  [[nodiscard]] std::int64_t whole(std::size_t row) const {
    return values.view<std::int64_t>()[row * stride + at];
  }
};

// A float32 keeps its own shortest text.
bool is_single(const Array& array) { return array.dtype() == Dtype::kFloat32; }

void append_cells(std::vector<Cells>& cells, const RowsColumn& column) {
  if (column.array.empty()) return;
  const std::size_t width = column.array.row_bytes() / item_bytes(column.array.dtype());
  const Array values =
      column.array.astype(is_floating(column.array.dtype()) ? Dtype::kFloat64 : Dtype::kInt64);
  for (std::size_t at = 0; at < width; ++at) {
    const bool alone = column.array.ndim() == 1 || width == 1;
    cells.push_back({alone ? column.name : fmt::format("{}_{}", column.name, at), values, width, at});
  }
}

std::vector<Cells> cells_of(const RowsTable& table) {
  std::vector<Cells> cells;
  for (const RowsColumn& column : table.columns) append_cells(cells, column);
  return cells;
}

std::size_t rows_of(const RowsTable& table) {
  for (const RowsColumn& column : table.columns)
    if (!column.array.empty()) return static_cast<std::size_t>(column.array.rows());
  return 0;
}

// RFC 4180.
std::string field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

Array matrix_of(const RowsTable& table) {
  const std::vector<Cells> cells = cells_of(table);
  const std::size_t rows = rows_of(table);
  Array matrix = Array::uninitialized(
      Dtype::kFloat64, {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(cells.size())});
  double* out = matrix.mutable_view<double>().data();
  for (std::size_t column = 0; column < cells.size(); ++column)
    for (std::size_t row = 0; row < rows; ++row)
      out[row * cells.size() + column] =
          cells[column].integral() ? static_cast<double>(cells[column].whole(row)) : cells[column].real(row);
  return matrix;
}

std::string archive_of(const RowsTable& table) {
  std::vector<NamedArray> arrays;
  for (const RowsColumn& column : table.columns)
    if (!column.array.empty()) arrays.push_back({column.name, column.array});
  return npz_bytes(arrays);
}

}  // namespace

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) line += (i == 0 ? "" : ",") + field(fields[i]);
  return line + '\n';
}

std::string rows_csv(const RowsTable& table) {
  std::vector<Cells> cells;
  std::vector<bool> single;
  for (const RowsColumn& column : table.columns) {
    append_cells(cells, column);
    single.resize(cells.size(), is_single(column.array));
  }
  std::string text;
  std::vector<std::string> names;
  for (const Cells& column : cells) names.push_back(column.name);
  if (!table.labels.empty()) names.push_back(table.label_name);
  text += csv_line(names);
  const auto out = std::back_inserter(text);
  const std::size_t rows = rows_of(table);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) text += ',';
      if (cells[i].integral()) {
        fmt::format_to(out, "{}", cells[i].whole(row));
      } else if (single[i]) {
        fmt::format_to(out, "{}", static_cast<float>(cells[i].real(row)));
      } else {
        fmt::format_to(out, "{}", cells[i].real(row));
      }
    }
    if (!table.labels.empty()) text += "," + field(table.labels[row]);
    text += '\n';
  }
  return text;
}

void check_rows_path(const std::filesystem::path& path) {
  const auto extension = path.extension();
  if (extension == ".csv" || extension == ".npy" || extension == ".npz") return;
  throw Error(ErrorCode::kInvalidArgument, "cannot tell the format of '" + path.string() + "'; " + kFormats);
}

void write_rows(const std::filesystem::path& path, const RowsTable& table) {
  check_rows_path(path);
  if (path.extension() == ".npy") return write_npy(path, matrix_of(table));
  write_file(path, path.extension() == ".csv" ? rows_csv(table) : archive_of(table));
}

}  // namespace ivory
