// NumPy's files: .npy (one array) and .npz (a zip of them).
#pragma once
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/data/array.h>

namespace ivory {

// Format: NEP 1 and its versions 2.0 and 3.0, C and Fortran order, little endian, the dtypes of Array.
// What is read is row-major always.
// Memory: never more than a small multiple of the input's size is allocated, whatever its header says.
// Errors: kInvalidArgument for what is not such a file, naming the file and what is wrong; kNotFound, kIo.
[[nodiscard]] Array read_npy(const std::filesystem::path& path);
// Reads one array from where the stream stands, and leaves it behind the array; `name` is for messages.
[[nodiscard]] Array read_npy(std::istream& stream, std::string_view name);
[[nodiscard]] Array parse_npy(std::string_view bytes, std::string_view name);

// The file appears whole or not at all.
void write_npy(const std::filesystem::path& path, const Array& array,
               Durability durability = Durability::kProcess);
void write_npy(std::ostream& stream, const Array& array);
[[nodiscard]] std::string npy_bytes(const Array& array);

struct NamedArray {
  std::string name;  // without the ".npy" it has in the archive
  Array array;
};
// All arrays, in the archive's order, stored or deflated; from a file, only those whose names are `wanted`
// (null: all), of which alone it reads.
[[nodiscard]] std::vector<NamedArray> read_npz(
    const std::filesystem::path& path, const std::function<bool(std::string_view name)>& wanted = nullptr);
[[nodiscard]] std::vector<NamedArray> parse_npz(std::string_view bytes, std::string_view name);
// The same arrays give the same bytes. Errors: kInvalidArgument for an empty or doubled name.
[[nodiscard]] std::string npz_bytes(std::span<const NamedArray> arrays, bool compressed = false);
void write_npz(const std::filesystem::path& path, std::span<const NamedArray> arrays, bool compressed = false,
               Durability durability = Durability::kProcess);

}  // namespace ivory
