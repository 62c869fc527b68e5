#include <ivory/data/csv_data.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/data/standardize.h>

namespace ivory {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }
[[noreturn]] void fail(const char* argument, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, argument, message);
}

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// How columns become inputs; the same for training, test and new files.
struct InputSpec {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> categories;  // of each column; empty: numbers
  double scale = 1;
  Shape shape;  // of one sample
};

// Each code of the table as a place in the categories known; unseen text is -1, as missing.
std::vector<std::int32_t> translate(const CsvTable& table, const CsvColumn& column,
                                    const std::vector<std::string>& known) {
  std::vector<std::int32_t> places;
  std::int64_t unseen = 0;
  for (const auto& category : column.categories) {
    const auto at = std::lower_bound(known.begin(), known.end(), category);
    const bool found = at != known.end() && *at == category;
    places.push_back(found ? static_cast<std::int32_t>(at - known.begin()) : -1);
    unseen += found ? 0 : 1;
  }
  if (unseen > 0) {
    log_warning(table.name + ": column '" + column.name + "': " + std::to_string(unseen) +
                " texts do not occur in the training file and count as missing");
  }
  return places;
}

void encode_column(const CsvTable& table, const CsvColumn& column, const InputSpec& spec, std::size_t number,
                   float* out) {
  const std::size_t width = spec.columns.size();
  const auto& known = spec.categories[number];
  if (known.empty() && column.text)
    fail(table.name + ": column '" + column.name + "' is text, but was numbers in the training file");
  if (known.empty()) {
    for (const double value : column.numbers) {
      *out = static_cast<float>(value / spec.scale);
      out += width;
    }
    return;
  }
  const auto places = translate(table, column, known);
  for (const auto code : column.codes) {
    const auto place = code < 0 ? -1 : places[static_cast<std::size_t>(code)];
    *out = place < 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(place);
    out += width;
  }
}

// float32 [rows of all tables, shape…].
Array encode_inputs(std::span<const CsvTable> tables, const InputSpec& spec) {
  std::int64_t rows = 0;
  for (const auto& table : tables) rows += table.rows();
  Shape shape = spec.shape;
  shape.insert(shape.begin(), rows);
  Array input = Array::uninitialized(Dtype::kFloat32, std::move(shape));
  float* out = input.mutable_view<float>().data();
  for (const auto& table : tables) {
    for (std::size_t i = 0; i < spec.columns.size(); ++i)
      encode_column(table, table.get_column(spec.columns[i]), spec, i, out + i);
    out += static_cast<std::size_t>(table.rows()) * spec.columns.size();
  }
  return input;
}

Shape checked_shape(const Shape& shape, std::size_t columns) {
  if (shape.empty()) return {static_cast<std::int64_t>(columns)};
  std::int64_t product = 1;
  for (const auto length : shape) {
    if (length < 1 || __builtin_mul_overflow(product, length, &product))
      fail("shape", "a sample cannot have the shape " + shape_text(shape));
  }
  if (product != static_cast<std::int64_t>(columns)) {
    fail("shape", "a sample has " + std::to_string(columns) + " input columns, which do not fill the shape " +
                      shape_text(shape));
  }
  return shape;
}

// The target columns of all rows, and what they mean.
struct Target {
  Array array;
  std::vector<std::string> classes;
};

class TargetBuilder {
 public:
  // `tables`: the training file and, if there is one, the test file.
  TargetBuilder(const std::vector<CsvTable>& tables, const std::vector<std::string>& names, TargetTask task)
      : tables_(tables), names_(names), task_(task) {
    for (const auto& table : tables)
      for (const auto& name : names) columns_.push_back(table.find_column(name));
  }

  Target build() {
    for (const auto& name : names_) check_present(tables_.front().get_column(name));
    const bool classes =
        task_ == TargetTask::kClassification || (task_ == TargetTask::kAuto && looks_like_classes());
    if (!classes) return regression();
    if (names_.size() > 1) return multilabel();
    return tables_.front().get_column(names_.front()).text ? text_classes() : number_classes();
  }

 private:
  // Every training sample has a target.
  void check_present(const CsvColumn& column) const {
    const auto& table = tables_.front();
    for (std::int64_t row = 0; row < table.rows(); ++row) {
      const auto at = static_cast<std::size_t>(row);
      if (column.text ? column.codes[at] < 0 : std::isnan(column.numbers[at])) {
        fail(table.place(row, column.name) +
             "the target is missing; samples without one belong in a test file");
      }
    }
  }
  static bool counts_from_zero(const CsvColumn& column) {
    if (!column.integral) return false;
    const std::set<double> values(column.numbers.begin(), column.numbers.end());
    return *values.begin() == 0 && *values.rbegin() == static_cast<double>(values.size() - 1) &&
           values.size() > 1;
  }
  [[nodiscard]] bool looks_like_classes() const {
    const auto& table = tables_.front();
    return std::all_of(names_.begin(), names_.end(), [&](const auto& name) {
      const auto& column = table.get_column(name);
      return column.text ||
             (counts_from_zero(column) &&
              (names_.size() == 1 ||
               column.numbers.end() == std::find_if(column.numbers.begin(), column.numbers.end(),
                                                    [](double v) { return v > 1; })));
    });
  }
  [[nodiscard]] std::int64_t all_rows() const {
    return std::accumulate(tables_.begin(), tables_.end(), std::int64_t{0},
                           [](auto sum, const auto& table) { return sum + table.rows(); });
  }
  // Calls f(table, row, column or null, place in all) for each value of target number `i`.
  template <class F>
  void each_value(std::size_t i, F f) const {
    std::int64_t at = 0;
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      for (std::int64_t row = 0; row < tables_[t].rows(); ++row)
        f(tables_[t], row, columns_[t * names_.size() + i], at++);
    }
  }

  [[nodiscard]] Target reals(bool zero_or_one) const {
    const auto width = static_cast<std::int64_t>(names_.size());
    Array array = Array::uninitialized(Dtype::kFloat32, {all_rows(), width});
    const auto out = array.mutable_view<float>();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      each_value(i, [&](const CsvTable& table, std::int64_t row, const CsvColumn* column, std::int64_t at) {
        if (column != nullptr && column->text)
          fail(table.place(row, names_[i]) + "the target is text; expected numbers");
        const double value = column == nullptr ? kNaN : column->numbers[static_cast<std::size_t>(row)];
        if (zero_or_one && !std::isnan(value) && value != 0 && value != 1) {
          fail(table.place(row, names_[i]) +
               "of several target columns each must be 0 or 1 for classification");
        }
        out[static_cast<std::size_t>(at * width) + i] = static_cast<float>(value);
      });
    }
    return {std::move(array), {}};
  }
  [[nodiscard]] Target regression() const { return reals(false); }
  [[nodiscard]] Target multilabel() const {
    Target target = reals(true);
    target.classes = names_;
    return target;
  }

  [[nodiscard]] Target text_classes() const {
    const auto& classes = tables_.front().get_column(names_.front()).categories;
    return classes_by(
        classes,
        [](const CsvColumn& column, std::size_t row) {
          return column.codes[row] < 0 ? std::string()
                                       : column.categories[static_cast<std::size_t>(column.codes[row])];
        },
        [&](const std::string& text) { return find_class(classes, text); });
  }
  [[nodiscard]] Target number_classes() const {
    const auto& table = tables_.front();
    const auto& column = table.get_column(names_.front());
    std::set<double> values;
    for (std::int64_t row = 0; row < table.rows(); ++row) {
      const double value = column.numbers[static_cast<std::size_t>(row)];
      if (std::trunc(value) != value || std::abs(value) > 1e15) {
        fail(table.place(row, column.name) + std::to_string(value) +
             " is not a class: expected whole numbers or text, or task: regression");
      }
      values.insert(value);
    }
    std::vector<std::string> classes;
    for (const double value : values) classes.push_back(std::to_string(static_cast<std::int64_t>(value)));
    return classes_by(
        classes,
        [](const CsvColumn& c, std::size_t row) {
          return c.text ? c.codes[row] < 0 ? kNaN : kInfinity : c.numbers[row];
        },
        [&](double value) {
          const auto found = values.find(value);
          return found == values.end() ? -1 : std::distance(values.begin(), found);
        });
  }
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();  // in no set of classes

  static std::int64_t find_class(const std::vector<std::string>& classes, const std::string& text) {
    const auto at = std::lower_bound(classes.begin(), classes.end(), text);
    return at == classes.end() || *at != text ? -1 : at - classes.begin();
  }
  static bool is_absent(const std::string& text) { return text.empty(); }
  static bool is_absent(double value) { return std::isnan(value); }

  template <class Read, class Find>
  [[nodiscard]] [[nodiscard]] Target classes_by(const std::vector<std::string>& classes, Read read,
                                                Find find) const {
    Array array = Array::uninitialized(Dtype::kInt64, {all_rows()});
    const auto out = array.mutable_view<std::int64_t>();
    each_value(0, [&](const CsvTable& table, std::int64_t row, const CsvColumn* column, std::int64_t at) {
      auto& code = out[static_cast<std::size_t>(at)];
      code = -1;
      if (column == nullptr) return;
      const auto value = read(*column, static_cast<std::size_t>(row));
      if (is_absent(value)) return;
      code = find(value);
      if (code < 0) {
        fail(table.place(row, column->name) + "this class does not occur in the training file; it has " +
             join(classes));
      }
    });
    return {std::move(array), classes};
  }

  const std::vector<CsvTable>& tables_;
  const std::vector<std::string>& names_;
  TargetTask task_;
  std::vector<const CsvColumn*> columns_;  // of each table and name; null: absent (from the test file)
};

// Whole numbers of a column over all tables.
Array read_index(std::span<const CsvTable> tables, const std::string& name) {
  std::vector<std::int64_t> index;
  for (const auto& table : tables) {
    const auto& column = table.get_column(name);
    if (!column.integral) {
      fail("index", table.name + ": column '" + name +
                        "' must hold a whole number in every row (up to 2^53) to be the index");
    }
    for (const double value : column.numbers) index.push_back(static_cast<std::int64_t>(value));
  }
  return Array::from(index);
}

Array read_groups(const CsvTable& table, const std::string& name) {
  const auto& column = table.get_column(name);
  if (!column.text && !column.integral) {
    fail("group", table.name + ": column '" + name +
                      "' must hold text or a whole number in every row (up to 2^53) to be the group");
  }
  if (!column.text) return Array::from(column.numbers);
  const auto missing = std::find(column.codes.begin(), column.codes.end(), -1);
  if (missing != column.codes.end())
    fail(table.place(missing - column.codes.begin(), name) + "the group is missing");
  return Array::from(column.codes);
}

Array no_folds(std::int64_t rows) {
  Array folds = Array::uninitialized(Dtype::kInt64, {rows});
  const auto values = folds.mutable_view<std::int64_t>();
  std::fill(values.begin(), values.end(), -1);
  return folds;
}

void check_options(const CsvDataOptions& options) {
  if (options.target.empty()) fail("target", "target must name the column to predict");
  if (!(options.scale > 0) || !std::isfinite(options.scale)) fail("scale", "scale must be a number above 0");
  if (options.folds.split == Split::kGroup && options.group.empty())
    fail("group", "split: group needs group, the column that names each sample's group");
  for (const auto& name : options.inputs) {
    if (contains(options.target, name) || name == options.index) {
      fail("inputs", "inputs has the column '" + name + "', which is " +
                         (name == options.index ? "the index" : "a target"));
    }
  }
  for (const auto& name : options.target) {
    if (contains(options.exclude, name))
      fail("exclude", "exclude has the column '" + name + "', which is a target");
  }
}

// Columns to read. `inputs` empty: all but the excluded.
CsvOptions reading(const CsvDataOptions& options, const std::vector<std::string>& inputs) {
  CsvOptions reading{.separator = options.separator,
                     .include = inputs,
                     .exclude = {},
                     .categorical = options.categorical,
                     .allow_absent = false};
  if (inputs.empty()) {
    reading.exclude = options.exclude;
    return reading;
  }
  reading.include.insert(reading.include.end(), options.target.begin(), options.target.end());
  for (const auto& name : {options.index, options.group})
    if (!name.empty()) reading.include.push_back(name);
  return reading;
}

// The test file has the columns of the training file, each of the same kind; the target may be absent.
CsvTable read_test(const CsvDataOptions& options, const std::vector<std::string>& inputs,
                   const CsvTable& train) {
  CsvOptions wanted = reading(options, inputs);
  wanted.allow_absent = true;
  for (const auto& column : train.columns)
    if (column.text) wanted.categorical.push_back(column.name);
  return read_csv(options.test, wanted);
}

std::vector<std::string> texts(const Params& list) {
  std::vector<std::string> result;
  for (const auto& element : list.elements()) result.push_back(element.as_string());
  return result;
}

}  // namespace

TargetTask parse_task(std::string_view name) {
  const std::vector<std::string> names{"auto", "classification", "regression"};
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    fail("task", "there is no task \"" + std::string(name) + "\"" + did_you_mean(name, names));
  return static_cast<TargetTask>(found - names.begin());
}

CsvData::CsvData(CsvDataOptions options) : options_(std::move(options)) { check_options(options_); }

void CsvData::init() {
  std::vector<CsvTable> tables;
  tables.push_back(read_csv(options_.path, reading(options_, options_.inputs)));
  input_columns_ = options_.inputs;
  if (input_columns_.empty()) {
    for (const auto& column : tables.front().columns) {
      if (!contains(options_.target, column.name) && column.name != options_.index &&
          column.name != options_.group)
        input_columns_.push_back(column.name);
    }
  }
  if (input_columns_.empty()) fail(options_.path.string() + ": has no columns that could be inputs");
  if (!options_.test.empty()) tables.push_back(read_test(options_, input_columns_, tables.front()));

  categories_.clear();
  for (const auto& name : input_columns_) categories_.push_back(tables.front().get_column(name).categories);
  const InputSpec spec{input_columns_, categories_, options_.scale,
                       checked_shape(options_.shape, input_columns_.size())};
  input = encode_inputs(tables, spec);
  Target built = TargetBuilder(tables, options_.target, options_.task).build();
  target = std::move(built.array);
  classes_ = std::move(built.classes);
  if (!options_.index.empty()) index = read_index(tables, options_.index);

  const std::int64_t rows = tables.front().rows();
  const Array groups =
      options_.folds.split == Split::kGroup ? read_groups(tables.front(), options_.group) : Array();
  std::vector<Array> folds{make_folds(rows, options_.folds, target.slice(0, rows), groups)};
  if (tables.size() > 1) folds.push_back(no_folds(tables.back().rows()));
  fold = concat(folds);
  time_series = options_.folds.split == Split::kTimeSeries;
}

Params CsvData::fit(std::span<const std::int64_t> rows) const {
  Params categories = Params::map();
  for (std::size_t i = 0; i < input_columns_.size(); ++i)
    if (!categories_[i].empty()) categories[input_columns_[i]] = Params(categories_[i]);
  Params fitted = Params::map();
  fitted["columns"] = Params(input_columns_);
  fitted["categories"] = std::move(categories);
  fitted["classes"] = Params(classes_);
  fitted["scale"] = options_.scale;
  fitted["shape"] = Params(checked_shape(options_.shape, input_columns_.size()));
  fitted["separator"] = std::string(1, options_.separator);
  if (!options_.standardize) return fitted;
  Params moments = fit_standardize(input, rows);
  for (std::size_t i = 0; i < input_columns_.size(); ++i) {
    if (categories_[i].empty()) continue;
    moments["mean"].at(i) = 0.0;
    moments["deviation"].at(i) = 1.0;
  }
  fitted["mean"] = std::move(moments["mean"]);
  fitted["deviation"] = std::move(moments["deviation"]);
  return fitted;
}

Array CsvData::prepare(const Array& inputs, const Params& fitted) const {
  return fitted.contains("mean") ? standardize(inputs, fitted) : inputs;
}

Array read_csv_inputs(const std::filesystem::path& path, const Params& fitted) {
  InputSpec spec{texts(fitted.at("columns")), {}, fitted.at("scale").as_real(), {}};
  CsvOptions options;
  options.include = spec.columns;
  options.separator = fitted.at("separator").as_string().at(0);
  const Params& categories = fitted.at("categories");
  for (const auto& column : spec.columns) {
    const Params* known = categories.find(column);
    spec.categories.push_back(known == nullptr ? std::vector<std::string>{} : texts(*known));
    if (known != nullptr) options.categorical.push_back(column);
  }
  for (const auto& length : fitted.at("shape").elements()) spec.shape.push_back(length.as_int());
  const CsvTable table = read_csv(path, options);
  const Array input = encode_inputs({&table, 1}, spec);
  return fitted.contains("mean") ? standardize(input, fitted) : input;
}

}  // namespace ivory
