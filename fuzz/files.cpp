// The readers of data files. The first byte of the input chooses one: c CSV, n .npy, z .npz. What is read is
// written again and read back the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/data/array.h>
#include <ivory/data/csv.h>
#include <ivory/data/npy.h>

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_csv(std::string_view bytes) {
  const ivory::CsvTable table = ivory::parse_csv(bytes, "input.csv");
  for (const ivory::CsvColumn& column : table.columns) {
    const std::size_t values = column.text ? column.codes.size() : column.numbers.size();
    require(static_cast<std::int64_t>(values) == table.rows());
    for (const std::int32_t code : column.codes)
      require(code >= -1 && code < static_cast<std::int32_t>(column.categories.size()));
  }
}

void check_npy(std::string_view bytes) {
  const ivory::Array array = ivory::parse_npy(bytes, "input.npy");
  require(ivory::parse_npy(ivory::npy_bytes(array), "written.npy") == array);
}

void check_npz(std::string_view bytes) {
  for (const ivory::NamedArray& entry : ivory::parse_npz(bytes, "input.npz"))
    require(entry.array.bytes() == 0 || entry.array.data() != nullptr);
}

void check(char reader, std::string_view bytes) {
  switch (reader) {
    case 'c':
      return check_csv(bytes);
    case 'n':
      return check_npy(bytes);
    case 'z':
      return check_npz(bytes);
    default:
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return -1;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try {
    check(input[0], input.substr(1));
  } catch (const ivory::Error& error) {
    require(error.exit_status() == 2 && error.what()[0] != '\0');
  }
  return 0;
}
