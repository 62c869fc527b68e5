#include <ivory/experiment/predict.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <memory>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/data/csv_data.h>
#include <ivory/data/data_loaders.h>
#include <ivory/data/npy.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/results.h>

namespace ivory {
namespace {

namespace fs = std::filesystem;

// Inputs that are ready for a model; nobody knows their targets.
class NewData : public Data {
 public:
  NewData(Array inputs, Shape target) : inputs_(std::move(inputs)), target_(std::move(target)) {}

 protected:
  void init() override {
    const std::int64_t rows = inputs_.rows();
    input = std::move(inputs_);
    target_.insert(target_.begin(), rows);
    target = Array(Dtype::kFloat32, target_);
    std::ranges::fill(target.mutable_view<float>(), std::numeric_limits<float>::quiet_NaN());
    fold = Array(Dtype::kInt64, {rows});
    std::ranges::fill(fold.mutable_view<std::int64_t>(), -1);
  }

 private:
  Array inputs_;
  Shape target_;
};

std::int64_t numbers_of(const Shape& shape) {
  std::int64_t product = 1;
  for (const std::int64_t length : shape) product *= length;
  return product;
}

[[noreturn]] void fail_width(const fs::path& file, const std::string& found, const Data& data) {
  throw Error(ErrorCode::kInvalidArgument,
              file.string() + ": " + found + ", but a sample of the run's data is " +
                  std::string(dtype_name(data.input.dtype())) + " " + shape_text(data.input.row_shape()));
}

Array in_shape_of_data(const Array& rows, const Data& data, const fs::path& file) {
  Shape shape = data.input.row_shape();
  if (rows.ndim() == 0 || numbers_of(rows.row_shape()) != numbers_of(shape))
    fail_width(file, "holds " + rows.describe(), data);
  shape.insert(shape.begin(), rows.rows());
  return rows.reshape(std::move(shape)).astype(data.input.dtype());
}

// float64 [rows, columns] of a file whose columns are all numbers.
Array read_numbers(const fs::path& file, const Data& data) {
  const CsvTable table = read_csv(file);
  const std::size_t width = table.columns.size();
  if (static_cast<std::int64_t>(width) != numbers_of(data.input.row_shape()))
    fail_width(file, "has " + std::to_string(width) + (width == 1 ? " column" : " columns"), data);
  Array rows = Array::uninitialized(Dtype::kFloat64, {table.rows(), static_cast<std::int64_t>(width)});
  double* out = rows.mutable_view<double>().data();
  for (std::size_t column = 0; column < width; ++column) {
    if (table.columns[column].text)
      throw Error(ErrorCode::kInvalidArgument,
                  table.place(0, table.columns[column].name) + "expected numbers, found text");
    const std::vector<double>& numbers = table.columns[column].numbers;
    for (std::size_t row = 0; row < numbers.size(); ++row) out[row * width + column] = numbers[row];
  }
  return rows;
}

Array read_inputs(const Datasets& parts, const fs::path& file) {
  const Data& data = *parts.data();
  if (file.extension() == ".npy")
    return data.prepare(in_shape_of_data(read_npy(file), data, file), parts.fitted());
  if (dynamic_cast<const CsvData*>(&data) != nullptr) return read_csv_inputs(file, parts.fitted());
  return data.prepare(in_shape_of_data(read_numbers(file, data), data, file), parts.fitted());
}

// Puts the samples of the file in the place of the run's own; returns the parts that were there.
std::shared_ptr<Datasets> exchange_samples(Run& run, const fs::path& file) {
  for (const auto& [name, member] : run.dict()) {
    const auto loaders = member.find<DataLoaders>();
    const auto parts = loaders != nullptr ? loaders->datasets() : member.find<Datasets>();
    if (parts == nullptr) continue;
    const auto samples = parts->with_test(
        std::make_shared<NewData>(read_inputs(*parts, file), parts->data()->target.row_shape()));
    Value changed = loaders == nullptr
                        ? Value::object(samples)
                        : Value::object(std::make_shared<DataLoaders>(samples, loaders->train().options()));
    run.set(std::string(name), std::move(changed));
    return parts;
  }
  throw Error(ErrorCode::kInvalidArgument,
              "the run has no data by which new samples could be read; expected a member `datasets`");
}

std::vector<std::string> classes_of(const Datasets& parts, const Array& output) {
  const auto* data = dynamic_cast<const CsvData*>(parts.data().get());
  if (data == nullptr || output.ndim() != 2 || !is_floating(output.dtype())) return {};
  const std::vector<std::string>& classes = data->classes();
  return static_cast<std::int64_t>(classes.size()) == output.shape().back() ? classes
                                                                            : std::vector<std::string>{};
}

}  // namespace

const std::string& Predictions::class_of(std::int64_t row) const {
  assert(!classes.empty() && "the outputs are no scores of classes");
  const std::vector<double> scores = output.slice(row, row + 1).to_vector<double>();
  return classes[static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin())];
}

Predictions predict(Run& run, const fs::path& file) {
  assert(run.tracker() == nullptr && "what is predicted is not recorded");
  const auto parts = exchange_samples(run, file);
  if (run.find<Results>() == nullptr) run.set("results", Value::object(std::make_shared<Results>(false)));
  run.start("test");
  ResultRows rows = run.find<Results>()->test();
  std::vector<std::string> classes = classes_of(*parts, rows.output);
  return {std::move(rows.index), std::move(rows.output), std::move(classes)};
}

Predictions predict(const Client& client, std::span<const std::string> run_ids, const fs::path& file) {
  if (run_ids.empty()) throw Error(ErrorCode::kInvalidArgument, "there are no runs to predict with");
  std::vector<Results> results;
  Predictions last;
  for (const std::string& run_id : run_ids) {
    if (interrupted()) throw Interrupted{};
    Run run = client.load_run(run_id);
    last = predict(run, file);
    if (run_ids.size() == 1) return last;
    results.emplace_back().set_test({last.index, last.output, {}});
  }
  ResultRows rows = mean(concatenate(results)).test();
  return {std::move(rows.index), std::move(rows.output), std::move(last.classes)};
}

}  // namespace ivory
