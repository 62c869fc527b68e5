#include <ivory/experiment/results.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/data/npy.h>
#include <ivory/experiment/run.h>

namespace ivory {
namespace {

[[noreturn]] void fail_rows(std::int64_t samples, const Array& array, const char* what) {
  throw Error(ErrorCode::kInvalidArgument, std::string("the batch has ") + std::to_string(samples) +
                                               " samples, but its " + what + " is " + array.describe());
}

void add_batch(RowCollector& rows, const Run& run) {
  const BatchResult& batch = run.batch();
  rows.add(batch.index, batch.output, batch.target);
}

}  // namespace

// ---- RowCollector

bool RowCollector::Column::fits(const Array& more) const noexcept {
  return storage.dtype() == more.dtype() && storage.ndim() == more.ndim() &&
         std::equal(storage.shape().begin() + 1, storage.shape().end(), more.shape().begin() + 1);
}

void RowCollector::Column::check(const Array& more, const char* what) const {
  if (rows == 0 || fits(more)) return;
  throw Error(ErrorCode::kInvalidArgument, std::string("the ") + what + " of this batch is " +
                                               more.describe() + ", of those before " + get().describe());
}

void RowCollector::Column::reserve_for(const Array& more) {
  if (!fits(more)) storage = Array::uninitialized(more.dtype(), more.shape());
  const std::int64_t needed = rows + more.rows();
  if (needed <= storage.rows()) return;
  Shape shape = more.shape();
  shape.front() = std::max(needed, 2 * storage.rows());
  Array larger = Array::uninitialized(more.dtype(), std::move(shape));
  if (rows > 0) {
    std::memcpy(larger.mutable_bytes().data(), storage.data(),
                static_cast<std::size_t>(rows) * storage.row_bytes());
  }
  storage = std::move(larger);
}

void RowCollector::Column::append(const Array& more) {
  if (more.rows() == 0) return;
  reserve_for(more);
  const std::size_t offset = static_cast<std::size_t>(rows) * storage.row_bytes();
  if (more.bytes() > 0) std::memcpy(storage.mutable_bytes().data() + offset, more.data(), more.bytes());
  rows += more.rows();
}

Array RowCollector::Column::get() const { return rows == 0 ? Array() : storage.slice(0, rows); }

void RowCollector::clear() noexcept {
  for (Column* column : {&index_, &output_, &target_}) column->rows = 0;
}

void RowCollector::add(const Array& index, const Array& output, const Array& target) {
  const std::int64_t samples = index.rows();
  if (output.ndim() == 0 || output.rows() != samples) fail_rows(samples, output, "output");
  if (target.ndim() == 0 || (target.rows() != 0 && target.rows() != samples))
    fail_rows(samples, target, "target");
  if (samples == 0) return;
  if (rows() > 0 && (target.rows() == 0) != (target_.rows == 0))
    throw Error(ErrorCode::kInvalidArgument, "some batches have targets and others have none");
  index_.check(index, "index");
  output_.check(output, "output");
  if (target.rows() != 0) target_.check(target, "target");
  index_.append(index);
  output_.append(output);
  target_.append(target);
}

ResultRows RowCollector::get() const { return {index_.get(), output_.get(), target_.get()}; }

void RowCollector::set(const ResultRows& rows) {
  RowCollector fresh;
  if (!rows.empty()) fresh.add(rows.index, rows.output, rows.target);
  *this = std::move(fresh);
}

// ---- Results

void Results::on_train_begin(Run& /*run*/) { train_.clear(); }
void Results::on_train_batch_end(Run& run) {
  if (keeps_train_) add_batch(train_, run);
}
void Results::on_val_begin(Run& /*run*/) { val_.clear(); }
void Results::on_val_batch_end(Run& run) { add_batch(val_, run); }
void Results::on_test_begin(Run& /*run*/) { test_.clear(); }
void Results::on_test_batch_end(Run& run) { add_batch(test_, run); }

namespace {

constexpr std::array<const char*, 3> kParts{"train", "val", "test"};

void add_arrays(std::vector<NamedArray>& arrays, const std::string& part, const ResultRows& rows) {
  if (rows.empty()) return;
  arrays.push_back({part + "_index", rows.index});
  arrays.push_back({part + "_output", rows.output});
  if (!rows.target.empty()) arrays.push_back({part + "_target", rows.target});
}

// The field of `parts` that an array of the archive belongs to; null for a name that is none.
Array* find_array(std::array<ResultRows, 3>& parts, std::string_view name) {
  for (std::size_t i = 0; i < kParts.size(); ++i) {
    const std::string part = kParts[i];
    if (name == part + "_index") return &parts[i].index;
    if (name == part + "_output") return &parts[i].output;
    if (name == part + "_target") return &parts[i].target;
  }
  return nullptr;
}

}  // namespace

void Results::save(std::ostream& out) const {
  std::vector<NamedArray> arrays;
  add_arrays(arrays, "train", train());
  add_arrays(arrays, "val", val());
  add_arrays(arrays, "test", test());
  const std::string bytes = npz_bytes(arrays);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!out) throw Error(ErrorCode::kIo, "the results could not be written");
}

void Results::load(std::istream& in) {
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::array<ResultRows, 3> parts;
  for (NamedArray& array : parse_npz(bytes, "results.npz")) {
    Array* place = find_array(parts, array.name);
    if (place == nullptr) {
      throw Error(ErrorCode::kInvalidArgument,
                  "results.npz: unknown array \"" + array.name + "\"; expected train_index, train_output …");
    }
    *place = std::move(array.array);
  }
  std::array<RowCollector, 3> collectors;
  for (std::size_t i = 0; i < parts.size(); ++i) collectors[i].set(parts[i]);
  train_ = std::move(collectors[0]);
  val_ = std::move(collectors[1]);
  test_ = std::move(collectors[2]);
}

// ---- several results

namespace {

ResultRows join_rows(std::span<const Results> results, ResultRows (Results::*part)() const) {
  std::vector<Array> index;
  std::vector<Array> output;
  std::vector<Array> target;
  for (const Results& result : results) {
    ResultRows rows = (result.*part)();
    if (rows.empty()) continue;
    index.push_back(std::move(rows.index));
    output.push_back(std::move(rows.output));
    target.push_back(std::move(rows.target));
  }
  const auto without = std::ranges::count_if(target, &Array::empty);
  if (without != 0 && without != std::ranges::ssize(target))
    throw Error(ErrorCode::kInvalidArgument, "some results have targets and others have none");
  if (without != 0) target.clear();
  return {concat(index), concat(output), concat(target)};
}

ResultRows mean_rows(const ResultRows& rows) {
  if (rows.empty()) return {};
  GroupMean output = group_mean(rows.index, rows.output);
  Array target;
  if (!rows.target.empty()) target = group_mean(rows.index, rows.target).mean.astype(rows.target.dtype());
  return {std::move(output.index), std::move(output.mean), std::move(target)};
}

}  // namespace

Results concatenate(std::span<const Results> results) {
  Results joined;
  joined.set_val(join_rows(results, &Results::val));
  joined.set_test(join_rows(results, &Results::test));
  return joined;
}

Results mean(const Results& results) {
  Results reduced;
  reduced.set_val(mean_rows(results.val()));
  reduced.set_test(mean_rows(results.test()));
  return reduced;
}

}  // namespace ivory
