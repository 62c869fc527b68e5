#include <gmock/gmock.h>
#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/rng.h>
#include <ivory/data/npy.h>

#include <numeric>
#include <sstream>

namespace ivory {
namespace {

using testing::HasSubstr;

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(IVORY_SOURCE_DIR) / "tests/data/fixtures" / name;
}

Array counted(Dtype dtype, Shape shape) {
  const std::int64_t size = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  return Array::arange(size).astype(dtype).reshape(std::move(shape));
}

std::string npy(const std::string& header, const std::string& data = {}) {
  return std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size() & 0xFFU) +
         static_cast<char>(header.size() >> 8U) + header + data;
}

std::string message_of(const std::string& bytes) {
  try {
    static_cast<void>(parse_npy(bytes, "x.npy"));
  } catch (const Error& error) {
    EXPECT_EQ(ErrorCode::kInvalidArgument, error.code());
    return error.what();
  }
  return "no error";
}

TEST(Npy, ReadsWhatNumPyWrote) {
  EXPECT_EQ(counted(Dtype::kFloat32, {2, 3, 4}), read_npy(fixture("float32.npy")));
  EXPECT_EQ(counted(Dtype::kFloat32, {2, 3, 4}), read_npy(fixture("fortran.npy")));
  EXPECT_EQ(Array::from(std::vector<bool>{true, false, true}), read_npy(fixture("bool.npy")));
  EXPECT_EQ(Array::from(std::vector{2.5}, {}), read_npy(fixture("scalar.npy")));
  EXPECT_EQ(Array(Dtype::kInt64, {0, 3}), read_npy(fixture("none.npy")));
  EXPECT_EQ(Array::from(std::vector<std::int16_t>{1, -2, 3}), read_npy(fixture("version2.npy")));
  EXPECT_EQ(Array::from(std::vector<std::int16_t>{1, -2, 3}), read_npy(fixture("version3.npy")));
}

TEST(Npy, WritesByteForByteAsNumPyDoes) {
  EXPECT_EQ(read_file(fixture("float32.npy")), npy_bytes(counted(Dtype::kFloat32, {2, 3, 4})));
  EXPECT_EQ(read_file(fixture("bool.npy")), npy_bytes(Array::from(std::vector<bool>{true, false, true})));
  EXPECT_EQ(read_file(fixture("scalar.npy")), npy_bytes(Array::from(std::vector{2.5}, {})));
  EXPECT_EQ(read_file(fixture("none.npy")), npy_bytes(Array(Dtype::kInt64, {0, 3})));
}

TEST(Npy, RefusesWhatItCannotHold) {
  EXPECT_THROW(static_cast<void>(read_npy(fixture("big_endian.npy"))), Error);
  EXPECT_THROW(static_cast<void>(read_npy(fixture("complex.npy"))), Error);
  EXPECT_THAT(message_of(read_file(fixture("big_endian.npy"))), HasSubstr("big endian"));
  EXPECT_THAT(message_of(read_file(fixture("complex.npy"))), HasSubstr("\"<c8\""));
}

TEST(Npy, ReadsBackEveryTypeAndShape) {
  const TemporaryFolder folder;
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kFloat64, Dtype::kInt8, Dtype::kInt16, Dtype::kInt32,
                            Dtype::kInt64, Dtype::kUint8, Dtype::kBool})
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{5}, Shape{5, 0, 2}, Shape{2, 3, 4}, Shape(30, 1)}) {
      const Array array = counted(dtype, shape);
      const std::string bytes = npy_bytes(array);
      EXPECT_EQ(array, parse_npy(bytes, "bytes"));
      EXPECT_EQ(0U, (bytes.size() - array.bytes()) % 64);
      write_npy(folder.path() / "a.npy", array);
      EXPECT_EQ(array, read_npy(folder.path() / "a.npy"));
    }
}

TEST(Npy, ReadsFortranOrderAsAPlainLoopDoes) {
  const Shape shape{3, 4, 2};
  std::string data(24, '\0');
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 4; ++j)
      for (int k = 0; k < 2; ++k)
        data[static_cast<std::size_t>(i + 3 * j + 12 * k)] = static_cast<char>(i * 8 + j * 2 + k);
  EXPECT_EQ(counted(Dtype::kInt8, shape),
            parse_npy(npy("{'descr': '|i1', 'fortran_order': True, 'shape': (3, 4, 2)}", data), "x"));
}

TEST(Npy, StreamsHoldArraysOneAfterTheOther) {
  std::stringstream stream;
  write_npy(stream, Array::arange(3));
  write_npy(stream, counted(Dtype::kUint8, {2, 2}));
  EXPECT_EQ(Array::arange(3), read_npy(stream, "stream"));
  EXPECT_EQ(counted(Dtype::kUint8, {2, 2}), read_npy(stream, "stream"));
  EXPECT_THROW(static_cast<void>(read_npy(stream, "stream")), Error);
}

// A stream that cannot say how much is to come, as a pipe.
class PipeBuffer : public std::stringbuf {
 public:
  using std::stringbuf::stringbuf;

 protected:
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
    return pos_type(off_type(-1));
  }
};

TEST(Npy, ReadsFromAPipe) {
  const Array array = Array::arange(2'000'000);
  PipeBuffer buffer(npy_bytes(array));
  std::istream stream(&buffer);
  EXPECT_EQ(array, read_npy(stream, "pipe"));
  PipeBuffer huge(npy("{'descr': '|i1', 'fortran_order': False, 'shape': (1000000000000000,)}", "abc"));
  std::istream bad(&huge);
  EXPECT_THROW(static_cast<void>(read_npy(bad, "pipe")), Error);  // without asking for a petabyte first
}

TEST(Npy, SaysWhatIsWrongWithAHeader) {
  EXPECT_THAT(message_of(""), HasSubstr("x.npy: not a .npy array: it does not begin"));
  EXPECT_THAT(message_of("\x93NUMPZ\1\0\0\0"), HasSubstr("does not begin"));
  EXPECT_THAT(message_of(std::string("\x93NUMPY\4\0\0\0", 10)), HasSubstr("version is 4"));
  EXPECT_THAT(message_of(std::string("\x93NUMPY\1\0\xFF\xFF{", 11)), HasSubstr("ends within the header"));
  EXPECT_THAT(message_of(std::string("\x93NUMPY\2\0\xFF\xFF\xFF\x7F", 12)), HasSubstr("header claims"));
  EXPECT_THAT(message_of(npy("{'descr': '<f4', 'fortran_order': False}")), HasSubstr("lacks one of"));
  EXPECT_THAT(message_of(npy("{'descr': '<f4', 'shape': (1,), 'extra': 1}")),
              HasSubstr("unknown key \"extra\""));
  EXPECT_THAT(message_of(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}")),
              HasSubstr("broken at \"[("));
  EXPECT_THAT(message_of(npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}")),
              HasSubstr("broken at \"0,"));
  EXPECT_THAT(message_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}")),
              HasSubstr("broken at \"-1"));
  EXPECT_THAT(message_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999999999,)}")),
              HasSubstr("broken"));
  EXPECT_THAT(message_of(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4)}")),
              HasSubstr("too large"));
  EXPECT_THAT(message_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } junk")),
              HasSubstr("broken at \"junk"));
  EXPECT_THAT(message_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "12345678")),
              HasSubstr("needs 12 bytes, but 8 follow"));
}

TEST(Npy, NoByteThatIsCutOrChangedBringsItDown) {
  const std::string good = npy_bytes(counted(Dtype::kBool, {2, 2}));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_THROW(static_cast<void>(parse_npy(good.substr(0, size), "cut")), Error);
  Rng rng({.seed = 3, .purpose = "test"});
  for (int i = 0; i < 3000; ++i) {
    std::string bad = good;
    bad[rng.below(bad.size())] = static_cast<char>(rng.below(256));
    try {
      const Array array = parse_npy(bad, "changed");
      EXPECT_LE(array.bytes(), bad.size());
    } catch (const Error& error) {
      EXPECT_EQ(ErrorCode::kInvalidArgument, error.code());
    }
  }
}

TEST(Npy, AMissingFileIsNotFound) {
  const TemporaryFolder folder;
  for (const auto& read : {+[](const std::filesystem::path& p) { static_cast<void>(read_npy(p)); },
                           +[](const std::filesystem::path& p) { static_cast<void>(read_npz(p)); }}) {
    try {
      read(folder.path() / "absent");
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(ErrorCode::kNotFound, error.code());
    }
  }
}

TEST(Npz, ReadsWhatNumPyWrote) {
  const auto stored = read_npz(fixture("stored.npz"));
  ASSERT_EQ(2U, stored.size());
  EXPECT_EQ("input", stored[0].name);
  EXPECT_EQ(counted(Dtype::kFloat32, {2, 3, 4}), stored[0].array);
  EXPECT_EQ(Array::from(std::vector<std::int64_t>{7, 8}), stored[1].array);
  const auto deflated = parse_npz(read_file(fixture("deflated.npz")), "deflated.npz");
  ASSERT_EQ(2U, deflated.size());
  EXPECT_EQ(Array(Dtype::kUint8, {100, 50}), deflated[0].array);
  EXPECT_EQ(counted(Dtype::kInt32, {100}), deflated[1].array);
}

TEST(Npz, ReadsBackWhatItWrote) {
  const TemporaryFolder folder;
  const std::vector<NamedArray> arrays{{"a", counted(Dtype::kFloat64, {10, 10})},
                                       {"größe", Array(Dtype::kInt8, {0})},
                                       {"zeros", Array(Dtype::kInt64, {10000})}};
  for (const bool compressed : {false, true}) {
    write_npz(folder.path() / "a.npz", arrays, compressed);
    const auto read = read_npz(folder.path() / "a.npz");
    ASSERT_EQ(arrays.size(), read.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
      EXPECT_EQ(arrays[i].name, read[i].name);
      EXPECT_EQ(arrays[i].array, read[i].array);
    }
    const std::string bytes = read_file(folder.path() / "a.npz");
    EXPECT_EQ(compressed, bytes.size() < 10000);
    write_npz(folder.path() / "b.npz", arrays, compressed);
    EXPECT_EQ(bytes, read_file(folder.path() / "b.npz"));
  }
  write_npz(folder.path() / "none.npz", {});
  EXPECT_TRUE(read_npz(folder.path() / "none.npz").empty());
}

TEST(Npz, ReadsOnlyWhatIsWanted) {
  const TemporaryFolder folder;
  write_npz(folder.path() / "a.npz",
            std::vector<NamedArray>{{"a", Array::arange(2)}, {"b", Array::arange(3)}});
  const auto arrays = read_npz(folder.path() / "a.npz", [](std::string_view name) { return name == "b"; });
  ASSERT_EQ(arrays.size(), 1u);
  EXPECT_EQ(arrays.front().name, "b");
  EXPECT_EQ(arrays.front().array, Array::arange(3));
}

TEST(Npz, RefusesDoubledNames) {
  const TemporaryFolder folder;
  const std::vector<NamedArray> twice{{"a", Array()}, {"a", Array()}};
  EXPECT_THROW(write_npz(folder.path() / "a.npz", twice), Error);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "a.npz"));
}

TEST(Npz, NoByteThatIsCutOrChangedBringsItDown) {
  const std::string good = read_file(fixture("deflated.npz"));
  Rng rng({.seed = 4, .purpose = "test"});
  for (int i = 0; i < 2000; ++i) {
    std::string bad = good.substr(0, i % 2 == 0 ? good.size() : rng.below(good.size()));
    if (!bad.empty()) bad[rng.below(bad.size())] = static_cast<char>(rng.below(256));
    try {
      static_cast<void>(parse_npz(bad, "bad.npz"));
    } catch (const Error& error) {
      EXPECT_EQ(ErrorCode::kInvalidArgument, error.code());
      EXPECT_THAT(error.what(), HasSubstr("bad.npz"));
    }
  }
}

}  // namespace
}  // namespace ivory
