#include <ivory/data/npy.h>
#include <zip.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <fstream>
#include <istream>
#include <limits>
#include <memory>
#include <optional>
#include <ostream>
#include <set>

#include <ivory/base/error.h>

#include "dispatch.h"

namespace ivory {
namespace {

static_assert(std::endian::native == std::endian::little,
              ".npy files are written in the machine's byte order");

constexpr std::string_view kMagic{"\x93NUMPY", 6};
constexpr std::size_t kLongestHeader = 1U << 20;
constexpr std::size_t kMostDimensions = 64;  // as NumPy 2 has

// Where the bytes of an array come from.
class Source {
 public:
  explicit Source(std::string_view name) : name_(name) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;
  // Up to `size` bytes; fewer only at the end.
  virtual std::size_t read(void* out, std::size_t size) = 0;
  // Bytes to come, when known: memory is given out in good faith then.
  [[nodiscard]] virtual std::optional<std::uint64_t> left() const = 0;

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidArgument, name_ + ": not a .npy array: " + what);
  }
  void read_exactly(void* out, std::size_t size, std::string_view what) {
    if (read(out, size) != size) fail("it ends within " + std::string(what));
  }

 private:
  std::string name_;
};

class MemorySource final : public Source {
 public:
  MemorySource(std::string_view bytes, std::string_view name) : Source(name), bytes_(bytes) {}
  std::size_t read(void* out, std::size_t size) override {
    const std::size_t count = std::min(size, bytes_.size());
    if (count != 0) std::memcpy(out, bytes_.data(), count);
    bytes_.remove_prefix(count);
    return count;
  }
  [[nodiscard]] std::optional<std::uint64_t> left() const override { return bytes_.size(); }

 private:
  std::string_view bytes_;
};

class StreamSource final : public Source {
 public:
  StreamSource(std::istream& stream, std::string_view name) : Source(name), stream_(stream), name_(name) {}
  std::size_t read(void* out, std::size_t size) override {
    stream_.read(static_cast<char*>(out), static_cast<std::streamsize>(size));
    if (stream_.bad()) throw Error(ErrorCode::kIo, name_ + ": cannot be read");
    return static_cast<std::size_t>(stream_.gcount());
  }
  [[nodiscard]] std::optional<std::uint64_t> left() const override {
    const auto here = stream_.tellg();
    if (here < 0) return std::nullopt;
    stream_.seekg(0, std::ios::end);
    const auto end = stream_.tellg();
    stream_.seekg(here);
    if (end < here) return std::nullopt;
    return static_cast<std::uint64_t>(end - here);
  }

 private:
  std::istream& stream_;
  std::string name_;
};

struct Header {
  Dtype dtype = Dtype::kFloat32;
  bool fortran = false;
  Shape shape;
  std::uint64_t bytes = 0;
};

Dtype parse_descr(const Source& source, std::string_view descr) {
  if (descr.size() < 3) source.fail("its dtype is \"" + std::string(descr) + "\"");
  const std::string_view type = descr.substr(1);
  for (const auto& [name, dtype] : {std::pair{"f4", Dtype::kFloat32},
                                    {"f8", Dtype::kFloat64},
                                    {"i1", Dtype::kInt8},
                                    {"i2", Dtype::kInt16},
                                    {"i4", Dtype::kInt32},
                                    {"i8", Dtype::kInt64},
                                    {"u1", Dtype::kUint8},
                                    {"b1", Dtype::kBool}}) {
    if (type != name) continue;
    const bool one_byte = item_bytes(dtype) == 1;
    if (descr[0] == '<' || descr[0] == '=' || (one_byte && (descr[0] == '|' || descr[0] == '>')))
      return dtype;
    if (descr[0] == '>')
      source.fail("its numbers are big endian; save it with astype(\"<" + std::string(type) + "\")");
  }
  source.fail("its dtype is \"" + std::string(descr) +
              "\"; float32, float64, int8, int16, int32, int64, uint8 and bool can be read");
}

// The header is a Python dict of three known keys.
class HeaderParser {
 public:
  HeaderParser(const Source& source, std::string_view text) : source_(source), text_(text) {}

  Header parse() {
    Header header;
    bool descr = false;
    bool order = false;
    bool shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr") {
        header.dtype = parse_descr(source_, string());
        descr = true;
      } else if (key == "fortran_order") {
        header.fortran = boolean();
        order = true;
      } else if (key == "shape") {
        header.shape = tuple();
        shape = true;
      } else {
        source_.fail("its header has the unknown key \"" + key + "\"");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip();
    if (!text_.empty()) broken();
    if (!descr || !order || !shape) source_.fail("its header lacks one of descr, fortran_order, shape");
    return header;
  }

 private:
  [[noreturn]] void broken() const {
    source_.fail("its header is broken at \"" + std::string(text_.substr(0, 20)) + "\"");
  }
  void skip() {
    const auto at = text_.find_first_not_of(" \t\r\n");
    text_.remove_prefix(std::min(at, text_.size()));
  }
  bool accept(char c) {
    skip();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) broken();
  }
  std::string string() {
    skip();
    if (text_.empty() || (text_.front() != '\'' && text_.front() != '"')) broken();
    const auto end = text_.find(text_.front(), 1);
    if (end == std::string_view::npos) broken();
    std::string word(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return word;
  }
  bool boolean() {
    skip();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    broken();
  }
  Shape tuple() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      shape.push_back(length());
      if (shape.size() > kMostDimensions) source_.fail("it has more than 64 dimensions");
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }
  std::int64_t length() {
    skip();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc{} || value < 0) broken();
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    if (text_.starts_with('L')) text_.remove_prefix(1);  // Python 2 wrote 3L
    return value;
  }

  const Source& source_;
  std::string_view text_;
};

std::uint64_t data_bytes(const Source& source, const Header& header) {
  std::uint64_t bytes = item_bytes(header.dtype);
  bool none = false;
  for (const auto length : header.shape) {
    none = none || length == 0;
    if (length != 0 && __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(length), &bytes))
      source.fail("its shape " + shape_text(header.shape) + " is too large");
  }
  return none ? 0 : bytes;
}

Header read_header(Source& source) {
  unsigned char start[8];
  if (source.read(start, sizeof start) != sizeof start ||
      std::memcmp(start, kMagic.data(), kMagic.size()) != 0)
    source.fail("it does not begin with \\x93NUMPY");
  const int version = start[6];
  if (version < 1 || version > 3)
    source.fail("its format version is " + std::to_string(version) + "; 1 to 3 can be read");
  unsigned char length[4] = {};
  source.read_exactly(length, version == 1 ? 2 : 4, "the header");
  const std::size_t size = length[0] | (std::size_t{length[1]} << 8U) | (std::size_t{length[2]} << 16U) |
                           (std::size_t{length[3]} << 24U);
  if (size > kLongestHeader) source.fail("its header claims " + std::to_string(size) + " bytes");
  std::string text(size, '\0');
  source.read_exactly(text.data(), size, "the header");
  Header header = HeaderParser(source, text).parse();
  header.bytes = data_bytes(source, header);
  return header;
}

// When the source does not know its length, memory grows with what really comes.
Array read_in_parts(Source& source, const Header& header) {
  constexpr std::size_t kPart = std::size_t{1} << 22U;
  std::string bytes;
  while (bytes.size() < header.bytes) {
    const std::size_t part =
        std::min<std::uint64_t>(std::max(kPart, bytes.size()), header.bytes - bytes.size());
    const std::size_t before = bytes.size();
    bytes.resize(before + part);
    source.read_exactly(bytes.data() + before, part, "the data");
  }
  Array array = Array::uninitialized(header.dtype, header.shape);
  if (!bytes.empty()) std::memcpy(array.mutable_bytes().data(), bytes.data(), bytes.size());
  return array;
}

// A byte of a bool may be anything in a file, but only 0 or 1 in memory.
void normalize_bools(Array& array) {
  for (auto& byte : array.mutable_bytes()) byte = std::byte{byte != std::byte{0}};
}

// Column-major data to row-major: position `i` of the file is at `at` of the result, counted up like an
// odometer whose first wheel turns fastest.
Array from_fortran(const Array& file, const Shape& shape) {
  Array out = Array::uninitialized(file.dtype(), shape);
  if (out.empty()) return out;
  std::vector<std::int64_t> stride(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) stride[d - 1] = stride[d] * shape[d];
  std::vector<std::int64_t> counter(shape.size(), 0);
  const std::size_t item = item_bytes(file.dtype());
  std::byte* target = out.mutable_bytes().data();
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < out.size(); ++i) {
    std::memcpy(target + static_cast<std::size_t>(at) * item,
                file.data() + static_cast<std::size_t>(i) * item, item);
    for (std::size_t d = 0; d < shape.size(); ++d) {
      at += stride[d];
      if (++counter[d] < shape[d]) break;
      at -= stride[d] * shape[d];
      counter[d] = 0;
    }
  }
  return out;
}

Array read_array(Source& source) {
  const Header header = read_header(source);
  const auto left = source.left();
  if (left && header.bytes > *left) {
    source.fail("its shape " + shape_text(header.shape) + " needs " + std::to_string(header.bytes) +
                " bytes, but " + std::to_string(*left) + " follow");
  }
  Array array;
  if (left) {
    array = Array::uninitialized(header.dtype, header.shape);
    if (header.bytes != 0) source.read_exactly(array.mutable_bytes().data(), header.bytes, "the data");
  } else {
    array = read_in_parts(source, header);
  }
  if (header.dtype == Dtype::kBool) normalize_bools(array);
  return header.fortran && header.shape.size() > 1 ? from_fortran(array, header.shape) : array;
}

std::string_view descr_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat32:
      return "<f4";
    case Dtype::kFloat64:
      return "<f8";
    case Dtype::kInt8:
      return "|i1";
    case Dtype::kInt16:
      return "<i2";
    case Dtype::kInt32:
      return "<i4";
    case Dtype::kInt64:
      return "<i8";
    case Dtype::kUint8:
      return "|u1";
    case Dtype::kBool:
      break;
  }
  return "|b1";
}

std::string header_bytes(const Array& array) {
  std::string dict =
      "{'descr': '" + std::string(descr_of(array.dtype())) + "', 'fortran_order': False, 'shape': (";
  for (std::size_t d = 0; d < array.ndim(); ++d)
    dict += (d == 0 ? "" : " ") + std::to_string(array.shape()[d]) + ",";
  if (array.ndim() > 1) dict.pop_back();  // a tuple of one keeps its comma
  dict += "), }";
  const bool wide = dict.size() + 64 > std::numeric_limits<std::uint16_t>::max();
  const std::size_t prefix = wide ? 12 : 10;
  dict.append(63 - (prefix + dict.size()) % 64, ' ');  // data begin at a multiple of 64, as NumPy writes them
  dict += '\n';
  std::string bytes(kMagic);
  bytes += wide ? '\2' : '\1';
  bytes += '\0';
  for (std::size_t i = 0; i < prefix - 8; ++i) bytes += static_cast<char>((dict.size() >> (8 * i)) & 0xFFU);
  return bytes + dict;
}

std::string_view data_text(const Array& array) {
  return {reinterpret_cast<const char*>(array.data()), array.bytes()};
}

// libzip's objects.
struct DiscardZip {
  void operator()(zip_t* zip) const { zip_discard(zip); }
};
struct CloseEntry {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using Zip = std::unique_ptr<zip_t, DiscardZip>;
using ZipEntry = std::unique_ptr<zip_file_t, CloseEntry>;
using ZipSource = std::unique_ptr<zip_source_t, FreeSource>;

class EntrySource final : public Source {
 public:
  EntrySource(zip_file_t* file, std::uint64_t size, std::string_view name)
      : Source(name), file_(file), left_(size) {}
  std::size_t read(void* out, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      const auto count = zip_fread(file_, static_cast<char*>(out) + done, size - done);
      if (count < 0)
        fail(std::string("its archive is broken: ") + zip_error_strerror(zip_file_get_error(file_)));
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    left_ -= std::min<std::uint64_t>(left_, done);
    return done;
  }
  [[nodiscard]] std::optional<std::uint64_t> left() const override { return left_; }

 private:
  zip_file_t* file_;
  std::uint64_t left_;
};

[[noreturn]] void fail_zip(std::string_view name, zip_error_t& error) {
  const std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  throw Error(ErrorCode::kInvalidArgument, std::string(name) + ": not an .npz archive: " + text);
}

// `zip` is taken over by what is opened.
Zip open_zip(ZipSource source, std::string_view name, int flags) {
  zip_error_t error;
  zip_error_init(&error);
  Zip zip(zip_open_from_source(source.get(), flags, &error));
  if (zip == nullptr) fail_zip(name, error);
  static_cast<void>(source.release());
  return zip;
}

using WantedNames = std::function<bool(std::string_view)>;

std::string_view array_name(std::string_view entry) {
  if (entry.ends_with(".npy")) entry.remove_suffix(4);
  return entry;
}

// Nothing if it is not wanted.
std::optional<NamedArray> read_entry(zip_t* zip, std::uint64_t number, std::string_view archive,
                                     const WantedNames& wanted) {
  zip_stat_t stat;
  const auto broken = [&] {
    return Error(ErrorCode::kInvalidArgument,
                 std::string(archive) + ": not an .npz archive: " + zip_strerror(zip));
  };
  if (zip_stat_index(zip, number, 0, &stat) != 0) throw broken();
  constexpr auto kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
  if ((stat.valid & kNeeded) != kNeeded) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string(archive) + ": not an .npz archive: an entry does not say its size");
  }
  const std::string name(array_name(stat.name));
  if (wanted != nullptr && !wanted(name)) return std::nullopt;
  const std::string label = std::string(archive) + ": " + stat.name;
  // Deflate shrinks to 1/1032 at best: what claims more is not true.
  if (stat.size / 1040 > stat.comp_size) {
    throw Error(ErrorCode::kInvalidArgument, label + ": claims " + std::to_string(stat.size) + " bytes in " +
                                                 std::to_string(stat.comp_size) + " compressed ones");
  }
  const ZipEntry file(zip_fopen_index(zip, number, 0));
  if (file == nullptr) throw broken();
  EntrySource source(file.get(), stat.size, label);
  return NamedArray{name, read_array(source)};
}

std::vector<NamedArray> read_entries(ZipSource source, std::string_view name,
                                     const WantedNames& wanted = nullptr) {
  const Zip zip = open_zip(std::move(source), name, ZIP_RDONLY);
  std::vector<NamedArray> arrays;
  const auto count = static_cast<std::uint64_t>(std::max<zip_int64_t>(0, zip_get_num_entries(zip.get(), 0)));
  for (std::uint64_t i = 0; i < count; ++i)
    if (auto array = read_entry(zip.get(), i, name, wanted)) arrays.push_back(*std::move(array));
  return arrays;
}

ZipSource memory_source(const void* bytes, std::size_t size) {
  zip_error_t error;
  zip_error_init(&error);
  ZipSource source(zip_source_buffer_create(bytes, size, 0, &error));
  if (source == nullptr) fail_zip("memory", error);
  return source;
}

// `bytes` must live until the archive is closed.
void add_entry(zip_t* zip, const std::string& name, const std::string& bytes, bool compressed) {
  const auto check = [&](bool fine) {
    if (!fine) throw Error(ErrorCode::kIo, name + ": cannot be put into an archive: " + zip_strerror(zip));
  };
  ZipSource source(zip_source_buffer(zip, bytes.data(), bytes.size(), 0));
  check(source != nullptr);
  const auto number = zip_file_add(zip, (name + ".npy").c_str(), source.get(), ZIP_FL_ENC_UTF_8);
  check(number >= 0);
  static_cast<void>(source.release());
  const auto entry = static_cast<zip_uint64_t>(number);
  check(zip_set_file_compression(zip, entry, compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0) == 0);
  // 1980-01-01, the zip format's zero, so that the bytes depend on the arrays alone.
  check(zip_file_set_dostime(zip, entry, 0, (1U << 5U) | 1U, 0) == 0);
}

std::string read_source(zip_source_t* source) {
  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_source_stat(source, &stat) != 0 || zip_source_open(source) != 0)
    throw Error(ErrorCode::kIo, "an archive cannot be read back from memory");
  std::string bytes(stat.size, '\0');
  const auto count = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  if (count != static_cast<zip_int64_t>(bytes.size()))
    throw Error(ErrorCode::kIo, "an archive cannot be read back from memory");
  return bytes;
}

}  // namespace

Array parse_npy(std::string_view bytes, std::string_view name) {
  MemorySource source(bytes, name);
  return read_array(source);
}

Array read_npy(std::istream& stream, std::string_view name) {
  StreamSource source(stream, name);
  return read_array(source);
}

Array read_npy(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path))
    throw Error(ErrorCode::kNotFound, path.string() + ": there is no such file");
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw Error(ErrorCode::kIo, path.string() + ": cannot be opened");
  return read_npy(stream, path.string());
}

std::string npy_bytes(const Array& array) {
  std::string bytes = header_bytes(array);
  bytes.reserve(bytes.size() + array.bytes());
  if (!array.empty()) bytes += data_text(array);
  return bytes;
}

void write_npy(std::ostream& stream, const Array& array) {
  const std::string header = header_bytes(array);
  stream.write(header.data(), static_cast<std::streamsize>(header.size()));
  if (!array.empty()) stream.write(data_text(array).data(), static_cast<std::streamsize>(array.bytes()));
  if (!stream) throw Error(ErrorCode::kIo, "an array " + array.describe() + " could not be written");
}

void write_npy(const std::filesystem::path& path, const Array& array, Durability durability) {
  write_file(path, npy_bytes(array), durability);
}

std::vector<NamedArray> parse_npz(std::string_view bytes, std::string_view name) {
  return read_entries(memory_source(bytes.data(), bytes.size()), name);
}

std::vector<NamedArray> read_npz(const std::filesystem::path& path, const WantedNames& wanted) {
  if (!std::filesystem::exists(path))
    throw Error(ErrorCode::kNotFound, path.string() + ": there is no such file");
  zip_error_t error;
  zip_error_init(&error);
  ZipSource source(zip_source_file_create(path.c_str(), 0, -1, &error));
  if (source == nullptr) fail_zip(path.string(), error);
  return read_entries(std::move(source), path.string(), wanted);
}

std::string npz_bytes(std::span<const NamedArray> arrays, bool compressed) {
  std::set<std::string_view> names;
  for (const auto& [name, array] : arrays) {
    if (name.empty() || !names.insert(name).second) {
      throw Error(ErrorCode::kInvalidArgument,
                  "an archive needs a name of its own for each array; \"" + name + "\" is not");
    }
  }
  if (arrays.empty())  // libzip writes nothing for an archive without entries
    return std::string("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
  std::vector<std::string> contents;
  contents.reserve(arrays.size());
  ZipSource source = memory_source(nullptr, 0);
  zip_source_keep(source.get());  // to read it after the archive is closed
  const ZipSource kept(source.get());
  Zip zip = open_zip(std::move(source), "memory", ZIP_CREATE | ZIP_TRUNCATE);
  for (const auto& [name, array] : arrays)
    add_entry(zip.get(), name, contents.emplace_back(npy_bytes(array)), compressed);
  if (zip_close(zip.get()) != 0)
    throw Error(ErrorCode::kIo, std::string("an archive cannot be made: ") + zip_strerror(zip.get()));
  static_cast<void>(zip.release());
  return read_source(kept.get());
}

void write_npz(const std::filesystem::path& path, std::span<const NamedArray> arrays, bool compressed,
               Durability durability) {
  write_file(path, npz_bytes(arrays, compressed), durability);
}

}  // namespace ivory
