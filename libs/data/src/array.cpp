#include <ivory/data/array.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>
#include <utility>

#include <ivory/base/error.h>

#include "dispatch.h"

namespace ivory {
namespace {

constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

// Numbers of an array of this shape. Lengths are checked so that bytes cannot overflow either.
std::int64_t element_count(std::span<const std::int64_t> shape) {
  std::int64_t count = 1;
  bool none = false;
  for (const auto length : shape) {
    if (length < 0) fail("an array cannot have the shape " + shape_text(shape) + ": a length is negative");
    none = none || length == 0;
    if (length != 0 && __builtin_mul_overflow(count, length, &count))
      count = std::numeric_limits<std::int64_t>::max();
    if (count > std::numeric_limits<std::int64_t>::max() / 16)
      fail("an array cannot have the shape " + shape_text(shape) + ": it is too large");
  }
  return none ? 0 : count;
}

std::shared_ptr<std::byte> allocate_bytes(std::size_t bytes) {
  void* memory = ::operator new(bytes, std::align_val_t{kAlignment});
  return {static_cast<std::byte*>(memory),
          [](std::byte* p) { ::operator delete(p, std::align_val_t{kAlignment}); }};
}

void check_indices(std::span<const std::int64_t> indices, std::int64_t rows) {
  bool bad = false;
  for (const auto index : indices)
    bad |= static_cast<std::uint64_t>(index) >= static_cast<std::uint64_t>(rows);
  if (!bad) return;
  const auto at = std::find_if(indices.begin(), indices.end(), [&](auto i) { return i < 0 || i >= rows; });
  fail("row " + std::to_string(*at) + " was asked for, but the array has " + std::to_string(rows) + " rows");
}

// Rows of a size known to the compiler are moved through registers. Rows to come are prefetched, since the
// processor cannot guess where a shuffled one lies.
template <std::size_t kBytes>
void gather_fixed(const std::byte* source, std::span<const std::int64_t> indices, std::byte* out) {
  constexpr std::size_t kAhead = 24;
  const auto row = [source](std::int64_t index) { return source + static_cast<std::size_t>(index) * kBytes; };
  const std::size_t guided = indices.size() - std::min(indices.size(), kAhead);
  std::size_t i = 0;
  for (; i < guided; ++i, out += kBytes) {
    __builtin_prefetch(row(indices[i + kAhead]));
    std::memcpy(out, row(indices[i]), kBytes);
  }
  for (; i < indices.size(); ++i, out += kBytes) std::memcpy(out, row(indices[i]), kBytes);
}

// Neighbouring rows are copied together. Rows to come are prefetched, since the processor cannot guess where
// a shuffled one lies.
void gather_any(const std::byte* source, std::size_t row, std::span<const std::int64_t> indices,
                std::byte* out) {
  constexpr std::size_t kAheadBytes = 2048;
  constexpr std::size_t kMostLines = 8;  // of one row; the hardware follows from there
  const std::size_t ahead = std::clamp<std::size_t>(kAheadBytes / row, 1, 32);
  const std::size_t touched = std::min(row, kMostLines * kAlignment);
  for (std::size_t i = 0; i < indices.size();) {
    std::size_t end = i + 1;
    while (end < indices.size() && indices[end] == indices[end - 1] + 1) ++end;
    if (i + ahead < indices.size()) {
      const std::byte* next = source + static_cast<std::size_t>(indices[i + ahead]) * row;
      for (std::size_t at = 0; at < touched; at += kAlignment) __builtin_prefetch(next + at);
    }
    const std::size_t bytes = (end - i) * row;
    std::memcpy(out, source + static_cast<std::size_t>(indices[i]) * row, bytes);
    out += bytes;
    i = end;
  }
}

void gather(const std::byte* source, std::size_t row, std::span<const std::int64_t> indices, std::byte* out) {
  if (indices.empty() || row == 0) return;
  switch (row) {
    case 1:
      return gather_fixed<1>(source, indices, out);
    case 2:
      return gather_fixed<2>(source, indices, out);
    case 4:
      return gather_fixed<4>(source, indices, out);
    case 8:
      return gather_fixed<8>(source, indices, out);
    case 16:
      return gather_fixed<16>(source, indices, out);
    case 32:
      return gather_fixed<32>(source, indices, out);
    case 64:
      return gather_fixed<64>(source, indices, out);
    default:
      return gather_any(source, row, indices, out);
  }
}

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (std::isnan(value)) return To{0};
    // The limit itself may not be a real (2^63 - 1): compare with the power of two above it.
    const From above = std::ldexp(From{1}, std::numeric_limits<To>::digits);
    if (value >= above) return std::numeric_limits<To>::max();
    if (value <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

template <class T>
bool same(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a == b || (std::isnan(a) && std::isnan(b));
  return a == b;
}

}  // namespace

std::size_t item_bytes(Dtype dtype) noexcept {
  switch (dtype) {
    case Dtype::kFloat64:
    case Dtype::kInt64:
      return 8;
    case Dtype::kFloat32:
    case Dtype::kInt32:
      return 4;
    case Dtype::kInt16:
      return 2;
    case Dtype::kInt8:
    case Dtype::kUint8:
    case Dtype::kBool:
      break;
  }
  return 1;
}

std::string_view dtype_name(Dtype dtype) noexcept {
  switch (dtype) {
    case Dtype::kFloat32:
      return "float32";
    case Dtype::kFloat64:
      return "float64";
    case Dtype::kInt8:
      return "int8";
    case Dtype::kInt16:
      return "int16";
    case Dtype::kInt32:
      return "int32";
    case Dtype::kInt64:
      return "int64";
    case Dtype::kUint8:
      return "uint8";
    case Dtype::kBool:
      break;
  }
  return "bool";
}

bool is_floating(Dtype dtype) noexcept { return dtype == Dtype::kFloat32 || dtype == Dtype::kFloat64; }

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

Array Array::uninitialized(Dtype dtype, Shape shape) {
  Array array;
  array.size_ = element_count(shape);
  array.dtype_ = dtype;
  array.shape_ = std::move(shape);
  array.allocate();
  return array;
}

Array::Array(Dtype dtype, Shape shape) : Array(uninitialized(dtype, std::move(shape))) {
  if (!empty()) std::memset(data_.get(), 0, bytes());
}

void Array::allocate() {
  capacity_ = (bytes() + kAlignment - 1) / kAlignment * kAlignment;
  data_ = capacity_ == 0 ? nullptr : allocate_bytes(capacity_);
}

Array Array::copy_of(Dtype dtype, const void* values, std::size_t count, Shape shape) {
  if (element_count(shape) != static_cast<std::int64_t>(count))
    fail(std::to_string(count) + " values do not fill an array of shape " + shape_text(shape));
  Array array = uninitialized(dtype, std::move(shape));
  if (count != 0) std::memcpy(array.data_.get(), values, array.bytes());
  return array;
}

Array Array::from(const std::vector<bool>& values) {
  Array array = uninitialized(Dtype::kBool, {static_cast<std::int64_t>(values.size())});
  std::copy(values.begin(), values.end(), array.mutable_view<bool>().begin());
  return array;
}

Array Array::arange(std::int64_t n) {
  Array array = uninitialized(Dtype::kInt64, {n});
  const auto values = array.mutable_view<std::int64_t>();
  std::iota(values.begin(), values.end(), std::int64_t{0});
  return array;
}

Array Array::borrow(Dtype dtype, Shape shape, std::shared_ptr<const void> owner, const void* data) {
  assert(owner != nullptr && "without an owner nothing says how long the memory lives");
  Array array;
  array.size_ = element_count(shape);
  array.dtype_ = dtype;
  array.shape_ = std::move(shape);
  // capacity_ 0 keeps the memory from being written.
  const auto keeper = std::const_pointer_cast<void>(std::move(owner));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  array.data_ = std::shared_ptr<std::byte>(keeper, static_cast<std::byte*>(const_cast<void*>(data)));
  return array;
}

std::int64_t Array::rows() const {
  if (shape_.empty()) fail("a single number has no rows");
  return shape_.front();
}

std::size_t Array::row_bytes() const {
  const Shape row = row_shape();
  return static_cast<std::size_t>(element_count(row)) * item_bytes(dtype_);
}

Shape Array::row_shape() const {
  if (shape_.empty()) fail("a single number has no rows");
  return {shape_.begin() + 1, shape_.end()};
}

std::string Array::describe() const { return std::string(dtype_name(dtype_)) + " " + shape_text(shape_); }

void Array::check_dtype(Dtype wanted) const {
  if (dtype_ != wanted) {
    fail("an array " + describe() + " cannot be viewed as " + std::string(dtype_name(wanted)) +
         "; convert it with astype");
  }
}

bool Array::owned_alone() const noexcept {
  if (capacity_ == 0 || data_.use_count() != 1) return false;
  // use_count() alone orders nothing: the last reader in another thread let go by an atomic decrement, which
  // one of our own synchronizes with.
  const std::shared_ptr<std::byte> fence = data_;
  return true;
}

std::span<std::byte> Array::mutable_bytes() {
  if (size_ != 0 && !owned_alone()) {
    const std::shared_ptr<std::byte> old = std::exchange(data_, nullptr);
    allocate();
    std::memcpy(data_.get(), old.get(), bytes());
  }
  return {data_.get(), bytes()};
}

void Array::take(std::span<const std::int64_t> indices, std::span<std::byte> out) const {
  const std::size_t row = row_bytes();
  check_indices(indices, rows());
  if (out.size() != indices.size() * row) {
    fail(std::to_string(indices.size()) + " rows of " + describe() + " need " +
         std::to_string(indices.size() * row) + " bytes, not " + std::to_string(out.size()));
  }
  gather(data_.get(), row, indices, out.data());
}

void Array::take(std::span<const std::int64_t> indices, Array& out) const {
  if (&out == this) {
    out = take(indices);
    return;
  }
  const std::size_t row = row_bytes();
  check_indices(indices, rows());
  const std::size_t wanted = indices.size() * row;
  if (!out.owned_alone() || out.capacity_ < wanted) {
    out.capacity_ = (wanted + kAlignment - 1) / kAlignment * kAlignment;
    out.data_ = wanted == 0 ? nullptr : allocate_bytes(out.capacity_);
  }
  out.dtype_ = dtype_;
  out.shape_.assign(shape_.begin(), shape_.end());
  out.shape_.front() = static_cast<std::int64_t>(indices.size());
  out.size_ = static_cast<std::int64_t>(wanted / item_bytes(dtype_));
  gather(data_.get(), row, indices, out.data_.get());
}

Array Array::take(std::span<const std::int64_t> indices) const {
  Array out;
  take(indices, out);
  return out;
}

Array Array::slice(std::int64_t begin, std::int64_t end) const {
  const std::int64_t count = rows();
  if (begin < 0 || begin > end || end > count) {
    fail("rows " + std::to_string(begin) + " to " + std::to_string(end) + " do not lie within the array's " +
         std::to_string(count) + " rows");
  }
  Array part = *this;
  part.shape_.front() = end - begin;
  part.size_ = element_count(part.shape_);
  if (size_ == 0) return part;
  const std::size_t offset = static_cast<std::size_t>(begin) * row_bytes();
  part.data_ = std::shared_ptr<std::byte>(data_, data_.get() + offset);
  part.capacity_ = capacity_ == 0 ? 0 : part.bytes();
  return part;
}

Array Array::reshape(Shape shape) const {
  const Shape wanted = shape;
  const auto inferred = std::find(shape.begin(), shape.end(), -1);
  if (inferred != shape.end()) {
    std::int64_t rest = 1;
    for (const auto length : shape)
      if (length >= 0 && __builtin_mul_overflow(rest, length, &rest)) rest = 0;
    if (rest != 0 && size_ % rest == 0) *inferred = size_ / rest;
  }
  const bool fits = std::none_of(shape.begin(), shape.end(), [](auto length) { return length < 0; }) &&
                    element_count(shape) == size_;
  if (!fits) fail("an array of shape " + shape_text(shape_) + " cannot be reshaped to " + shape_text(wanted));
  Array other = *this;
  other.shape_ = std::move(shape);
  return other;
}

Array Array::astype(Dtype dtype) const {
  if (dtype == dtype_) return *this;
  Array out = uninitialized(dtype, shape_);
  detail::visit_dtype(dtype_, [&]<class From>() {
    detail::visit_dtype(dtype, [&]<class To>() {
      const auto source = view<From>();
      std::transform(source.begin(), source.end(), out.mutable_view<To>().begin(), convert<To, From>);
    });
  });
  return out;
}

bool operator==(const Array& a, const Array& b) {
  if (a.dtype_ != b.dtype_ || a.shape_ != b.shape_) return false;
  if (a.data_ == b.data_) return true;
  return detail::visit_dtype(a.dtype_, [&]<class T>() {
    const auto left = a.view<T>();
    const auto right = b.view<T>();
    return std::equal(left.begin(), left.end(), right.begin(), same<T>);
  });
}

Array concat(std::span<const Array> arrays) {
  if (arrays.empty()) return {};
  const Array& first = arrays.front();
  Shape shape = first.shape();
  std::int64_t rows = 0;
  for (const auto& array : arrays) {
    if (array.dtype() != first.dtype() || array.row_shape() != first.row_shape())
      fail("arrays " + first.describe() + " and " + array.describe() + " cannot be concatenated");
    rows += array.rows();
  }
  shape.front() = rows;
  Array out = Array::uninitialized(first.dtype(), std::move(shape));
  std::byte* at = out.mutable_bytes().data();
  for (const auto& array : arrays) {
    if (array.empty()) continue;
    std::memcpy(at, array.data(), array.bytes());
    at += array.bytes();
  }
  return out;
}

GroupMean group_mean(const Array& index, const Array& rows) {
  if (index.ndim() != 1 || is_floating(index.dtype()) || index.rows() != rows.rows()) {
    fail("group_mean needs one integer index a row; the index is " + index.describe() + ", the rows are " +
         rows.describe());
  }
  const std::vector<std::int64_t> keys = index.to_vector<std::int64_t>();
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](auto a, auto b) { return std::pair(keys[a], a) < std::pair(keys[b], b); });

  std::vector<std::int64_t> groups;
  for (const auto row : order)
    if (groups.empty() || groups.back() != keys[row]) groups.push_back(keys[row]);
  Shape shape = rows.shape();
  shape.front() = static_cast<std::int64_t>(groups.size());
  const auto width = static_cast<std::size_t>(element_count(rows.row_shape()));
  const Dtype dtype = is_floating(rows.dtype()) ? rows.dtype() : Dtype::kFloat64;
  Array mean(Dtype::kFloat64, std::move(shape));
  const auto sums = mean.mutable_view<double>();
  detail::visit_dtype(rows.dtype(), [&]<class T>() {
    const auto values = rows.view<T>();
    std::size_t group = 0;
    for (std::size_t begin = 0; begin < order.size(); ++group) {
      double* sum = sums.data() + group * width;
      std::size_t end = begin;
      for (; end < order.size() && keys[order[end]] == groups[group]; ++end)
        for (std::size_t i = 0; i < width; ++i) sum[i] += static_cast<double>(values[order[end] * width + i]);
      for (std::size_t i = 0; i < width; ++i) sum[i] /= static_cast<double>(end - begin);
      begin = end;
    }
  });
  return {Array::from(groups), mean.astype(dtype)};
}

}  // namespace ivory
