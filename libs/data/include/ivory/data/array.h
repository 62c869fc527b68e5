// Array: samples in rows, of one of a few number types chosen at run time.
#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ivory {

enum class Dtype : std::uint8_t { kFloat32, kFloat64, kInt8, kInt16, kInt32, kInt64, kUint8, kBool };

template <class T>
concept ArrayElement =
    std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int8_t> ||
    std::same_as<T, std::int16_t> || std::same_as<T, std::int32_t> || std::same_as<T, std::int64_t> ||
    std::same_as<T, std::uint8_t> || std::same_as<T, bool>;

template <ArrayElement T>
[[nodiscard]] constexpr Dtype dtype_of() noexcept {
  if constexpr (std::same_as<T, float>) return Dtype::kFloat32;
  if constexpr (std::same_as<T, double>) return Dtype::kFloat64;
  if constexpr (std::same_as<T, std::int8_t>) return Dtype::kInt8;
  if constexpr (std::same_as<T, std::int16_t>) return Dtype::kInt16;
  if constexpr (std::same_as<T, std::int32_t>) return Dtype::kInt32;
  if constexpr (std::same_as<T, std::int64_t>) return Dtype::kInt64;
  if constexpr (std::same_as<T, std::uint8_t>) return Dtype::kUint8;
  if constexpr (std::same_as<T, bool>) return Dtype::kBool;
}

[[nodiscard]] std::size_t item_bytes(Dtype dtype) noexcept;
// NumPy's name: "float32", "int64", "bool" …
[[nodiscard]] std::string_view dtype_name(Dtype dtype) noexcept;
[[nodiscard]] bool is_floating(Dtype dtype) noexcept;

// Length of each dimension. An array of samples has its samples along the first; no dimension at all is a
// single number.
using Shape = std::vector<std::int64_t>;
// "[3, 8, 8]".
[[nodiscard]] std::string shape_text(std::span<const std::int64_t> shape);

// A row-major array with a dtype and a shape. A value type: a copy is cheap, shares the buffer, and is
// independent all the same, for whoever writes (mutable_view, mutable_bytes, a take into it) gets a buffer of
// his own first if it is shared.
//
// Threads: as a standard container; arrays that share a buffer may be used by different threads.
// Errors: kInvalidArgument, with both shapes, where shapes or dtypes do not fit; nothing has changed then.
class Array {
 public:
  // No samples: float32 of shape [0].
  Array() noexcept = default;
  // Holds zeros.
  Array(Dtype dtype, Shape shape);
  [[nodiscard]] static Array zeros(Dtype dtype, Shape shape) { return Array(dtype, std::move(shape)); }
  // Holds whatever was in memory: to be filled at once.
  [[nodiscard]] static Array uninitialized(Dtype dtype, Shape shape);
  // A copy of `values`, of shape [values.size()] unless another is given.
  template <ArrayElement T>
  [[nodiscard]] static Array from(std::span<const T> values, Shape shape) {
    return copy_of(dtype_of<T>(), values.data(), values.size(), std::move(shape));
  }
  template <ArrayElement T>
    requires(!std::same_as<T, bool>)
  [[nodiscard]] static Array from(const std::vector<T>& values, Shape shape) {
    return from(std::span<const T>(values), std::move(shape));
  }
  template <ArrayElement T>
    requires(!std::same_as<T, bool>)
  [[nodiscard]] static Array from(const std::vector<T>& values) {
    return from(std::span<const T>(values), {static_cast<std::int64_t>(values.size())});
  }
  [[nodiscard]] static Array from(const std::vector<bool>& values);
  // 0, 1 … n-1 as int64.
  [[nodiscard]] static Array arange(std::int64_t n);
  // Looks at memory that another object owns (a tensor's), which `owner` keeps alive: no copy. The memory is
  // never written through the Array.
  [[nodiscard]] static Array borrow(Dtype dtype, Shape shape, std::shared_ptr<const void> owner,
                                    const void* data);

  [[nodiscard]] Dtype dtype() const noexcept { return dtype_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::size_t ndim() const noexcept { return shape_.size(); }
  // Numbers in all.
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t bytes() const noexcept {
    return static_cast<std::size_t>(size_) * item_bytes(dtype_);
  }
  // Length of the first dimension. A single number has no rows: kInvalidArgument.
  [[nodiscard]] std::int64_t rows() const;
  // Bytes of one row.
  [[nodiscard]] std::size_t row_bytes() const;
  // Shape of one row.
  [[nodiscard]] Shape row_shape() const;
  // "float32 [3, 2]".
  [[nodiscard]] std::string describe() const;

  // The buffer, aligned to 64 bytes unless a slice or borrowed; valid while the Array lives and is not
  // written.
  [[nodiscard]] const std::byte* data() const noexcept { return data_.get(); }
  // All numbers in row-major order. Errors: kInvalidArgument when T is not the dtype.
  template <ArrayElement T>
  [[nodiscard]] std::span<const T> view() const {
    check_dtype(dtype_of<T>());
    return {reinterpret_cast<const T*>(data_.get()), static_cast<std::size_t>(size_)};
  }
  // For writing. Copies first when the buffer is shared or borrowed.
  template <ArrayElement T>
  [[nodiscard]] std::span<T> mutable_view() {
    check_dtype(dtype_of<T>());
    return {reinterpret_cast<T*>(mutable_bytes().data()), static_cast<std::size_t>(size_)};
  }
  [[nodiscard]] std::span<std::byte> mutable_bytes();
  // All numbers, converted.
  template <ArrayElement T>
    requires(!std::same_as<T, bool>)
  [[nodiscard]] std::vector<T> to_vector() const {
    const Array converted = astype(dtype_of<T>());
    const auto values = converted.view<T>();
    return {values.begin(), values.end()};
  }

  // Rows `indices` (0 <= index < rows()), in that order, gathered in one pass.
  [[nodiscard]] Array take(std::span<const std::int64_t> indices) const;
  // The same into `out`, which gets this dtype and the fitting shape; its memory is used again when it is not
  // shared and large enough.
  void take(std::span<const std::int64_t> indices, Array& out) const;
  // The same into memory of indices.size() * row_bytes() bytes.
  void take(std::span<const std::int64_t> indices, std::span<std::byte> out) const;
  // Rows begin <= row < end, not copied.
  [[nodiscard]] Array slice(std::int64_t begin, std::int64_t end) const;
  // The same numbers in another shape, not copied. One length may be -1: what is left.
  [[nodiscard]] Array reshape(Shape shape) const;
  // Converted as C++ does, but a real becomes an integer by truncation within the integer's limits and NaN
  // becomes 0. The same dtype: not copied.
  [[nodiscard]] Array astype(Dtype dtype) const;

  // Same dtype, shape and numbers. NaN equals NaN: arrays that hold the same are equal.
  friend bool operator==(const Array& a, const Array& b);

 private:
  [[nodiscard]] static Array copy_of(Dtype dtype, const void* values, std::size_t count, Shape shape);
  void check_dtype(Dtype wanted) const;
  void allocate();
  [[nodiscard]] bool owned_alone() const noexcept;

  std::shared_ptr<std::byte> data_;
  std::size_t capacity_ = 0;  // writable bytes from data_ on; 0: borrowed
  Shape shape_{0};
  std::int64_t size_ = 0;
  Dtype dtype_ = Dtype::kFloat32;
};

// One after the other along the first dimension. Dtypes and row shapes must agree. None: an empty Array.
[[nodiscard]] Array concat(std::span<const Array> arrays);

struct GroupMean {
  Array index;  // int64, ascending, each once
  Array mean;   // row i: the mean over the rows of index[i]
};
// Means over the rows of equal index (integers, one a row). Summed in double in the order of the rows; a
// floating dtype is kept, others become float64.
[[nodiscard]] GroupMean group_mean(const Array& index, const Array& rows);

}  // namespace ivory
