// What YAML can name of this library.
#include <ivory/registry/module.h>

#include <filesystem>
#include <optional>
#include <variant>

#include <ivory/data/csv_data.h>
#include <ivory/data/data_loaders.h>
#include <ivory/data/datasets.h>
#include <ivory/data/npy_data.h>

namespace ivory {
namespace {

// One name or a list of them.
using Names = std::variant<std::string, std::vector<std::string>>;
std::vector<std::string> to_list(const Names& names) {
  if (const auto* one = std::get_if<std::string>(&names)) return {*one};
  return std::get<std::vector<std::string>>(names);
}
using MaybeNames = std::optional<Names>;
std::vector<std::string> to_list(const MaybeNames& names) {
  return names ? to_list(*names) : std::vector<std::string>{};
}

using Text = std::optional<std::string>;
using Path = std::filesystem::path;
using MaybePath = std::optional<Path>;

char to_separator(const std::string& text) {
  if (text == "\\t" || text == "tab") return '\t';
  if (text.size() != 1) {
    throw Error(ErrorCode::kInvalidArgument, "separator",
                "separator is '" + text + "'; expected one character, or 'tab'");
  }
  return text.front();
}

// NOLINTBEGIN(readability-function-size): a parameter for each argument in YAML
std::shared_ptr<CsvData> make_csv_data(const Path& path, const Names& target, const MaybeNames& inputs,
                                       const MaybeNames& exclude, const MaybeNames& categorical,
                                       const Text& index, const Text& group, const MaybePath& test,
                                       double test_fraction, int n_splits, const std::string& split,
                                       bool shuffle, std::uint64_t seed, const std::string& task,
                                       bool standardize, double scale, const std::optional<Shape>& shape,
                                       const std::string& separator) {
  return std::make_shared<CsvData>(CsvDataOptions{
      .path = path,
      .target = to_list(target),
      .inputs = to_list(inputs),
      .exclude = to_list(exclude),
      .categorical = to_list(categorical),
      .index = index.value_or(""),
      .group = group.value_or(""),
      .test = test.value_or(Path{}),
      .folds = {parse_split(split), n_splits, shuffle, seed, test_fraction},
      .task = parse_task(task),
      .standardize = standardize,
      .scale = scale,
      .shape = shape.value_or(Shape{}),
      .separator = to_separator(separator),
  });
}

// Relative paths come with the client's folder before them; of an entry in an archive only the name counts.
std::string to_source(const MaybePath& file, const MaybePath& archive) {
  if (!file) return {};
  return archive ? file->filename().string() : file->string();
}

std::shared_ptr<NpyData> make_npy_data(const MaybePath& input, const MaybePath& target, const MaybePath& fold,
                                       const MaybePath& index, const MaybePath& path, const MaybePath& group,
                                       double test_fraction, int n_splits, const std::string& split,
                                       bool shuffle, std::uint64_t seed, bool standardize, double scale) {
  return std::make_shared<NpyData>(NpyDataOptions{
      .path = path.value_or(Path{}),
      .input = to_source(input, path),
      .target = to_source(target, path),
      .fold = to_source(fold, path),
      .index = to_source(index, path),
      .group = to_source(group, path),
      .folds = {parse_split(split), n_splits, shuffle, seed, test_fraction},
      .standardize = standardize,
      .scale = scale,
  });
}
// NOLINTEND(readability-function-size)

std::shared_ptr<DataLoaders> make_data_loaders(std::shared_ptr<Data> data, const DatasetFactory& dataset,
                                               int fold, std::int64_t batch_size, bool shuffle,
                                               bool drop_last, int prefetch) {
  return std::make_shared<DataLoaders>(
      std::move(data), dataset, fold,
      LoaderOptions{
          .batch_size = batch_size, .shuffle = shuffle, .drop_last = drop_last, .prefetch = prefetch});
}

arg split_arg() {
  return arg("split", "how samples are dealt to folds")
             .choices({"kfold", "stratified", "group", "time_series"}) = "kfold";
}

void declare_csv_data(Module& m) {
  m.type<CsvData>("ivory.CsvData", "Samples from a CSV file with a line of column names.")
      .factory(
          &make_csv_data, arg("path", "the file, relative to the working directory"),
          arg("target", "column to predict, or a list of columns"),
          arg("inputs", "input columns in this order; none: all that are nothing else") = nullptr,
          arg("exclude", "columns to leave out") = nullptr,
          arg("categorical", "columns of text that look like numbers") = nullptr,
          arg("index", "column of whole numbers that name the samples; none: 0, 1 …") = nullptr,
          arg("group", "column whose equal values must share a fold, for split: group") = nullptr,
          arg("test", "a second file, of test samples; may lack the target") = nullptr,
          arg("test_fraction", "share of the samples to set apart for the test") = 0.0,
          arg("n_splits", "number of folds") = 5, split_arg(),
          arg("shuffle", "deal samples at random, by the seed") = true,
          arg("seed", "of the folds and the test part") = 0,
          std::move(arg("task", "what the target is; auto: classes if text or 0, 1 … without gaps"))
              .choices({"auto", "classification", "regression"}) = "auto",
          arg("standardize", "numeric inputs to mean 0, deviation 1 by the fold's training part") = false,
          arg("scale", "numeric inputs are divided by it") = 1.0,
          arg("shape", "of one sample's input, such as [1, 8, 8]; none: [columns]") = nullptr,
          arg("separator", "of the fields; tab for tabulators") = ",");
}

void declare_npy_data(Module& m) {
  m.type<NpyData>("ivory.NpyData", "Samples from NumPy's .npy files or an .npz archive.")
      .factory(&make_npy_data,
               arg("input", "the inputs' .npy file, or their name in the archive (input)") = nullptr,
               arg("target", "the targets' .npy file, or their name in the archive (target)") = nullptr,
               arg("fold", "each sample's fold, -1 for test samples; none: the samples are split") = nullptr,
               arg("index", "each sample's name, a whole number; none: 0, 1 …") = nullptr,
               arg("path", "an .npz archive, in which the others are names") = nullptr,
               arg("group", "each sample's group, for split: group") = nullptr,
               arg("test_fraction", "share of the samples to set apart for the test") = 0.0,
               arg("n_splits", "number of folds") = 5, split_arg(),
               arg("shuffle", "deal samples at random, by the seed") = true,
               arg("seed", "of the folds and the test part") = 0,
               arg("standardize", "inputs to mean 0, deviation 1 by the fold's training part") = false,
               arg("scale", "inputs are divided by it") = 1.0);
}

void declare_parts(Module& m) {
  m.type<Dataset>("ivory.Dataset", "The training, validation or test part of the data for one fold.")
      .init<std::shared_ptr<Data>, std::string, int, Transform>(
          arg("data", "the samples"), std::move(arg("mode", "which part")).choices({"train", "val", "test"}),
          arg("fold", "the fold that is validated"),
          arg("transform", "function of (mode, input, target) for each batch, gives (input, target)") =
              nullptr);
  m.type<Datasets>("ivory.Datasets", "The three parts of the data for one fold.")
      .init<std::shared_ptr<Data>, DatasetFactory, int>(
          arg("data", "the samples"), arg("dataset", "class of each part; none: ivory.Dataset") = nullptr,
          arg("fold", "the fold that is validated") = 0);
  m.type<DataLoaders>("ivory.DataLoaders", "The three parts of the data for one fold, in batches.")
      .factory(&make_data_loaders, arg("data", "the samples"),
               arg("dataset", "class of each part; none: ivory.Dataset") = nullptr,
               arg("fold", "the fold that is validated") = 0, arg("batch_size", "samples a batch") = 32,
               arg("shuffle", "a new order of the training samples each epoch") = true,
               arg("drop_last", "leave out the last training batch when it is not full") = false,
               arg("prefetch", "batches made ahead by a thread; 0: none") = 0);
}

}  // namespace

IVORY_MODULE(data, m) {
  m.type<Data>("ivory.Data", "The samples: base of classes that fill index, input, target and fold.")
      .abstract();
  declare_csv_data(m);
  declare_npy_data(m);
  declare_parts(m);
  m.alias("ivory.core.data.Data", "ivory.Data");
  m.alias("ivory.core.data.Dataset", "ivory.Dataset");
  m.alias("ivory.core.data.Datasets", "ivory.Datasets");
  m.default_class({.member = "datasets", .class_name = "ivory.Datasets", .library = {}, .def = false});
  m.default_class({.member = "dataset", .class_name = "ivory.Dataset", .library = {}, .def = true});
}

}  // namespace ivory
