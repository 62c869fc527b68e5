#include <ivory/data/npy_data.h>

#include <algorithm>
#include <cmath>

#include <ivory/base/error.h>
#include <ivory/data/npy.h>
#include <ivory/data/standardize.h>

#include "dispatch.h"

namespace ivory {
namespace {

[[noreturn]] void fail(const char* argument, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, argument, message);
}

// Arrays by what they are named in the options: entries of one archive, or files.
class ArraySource {
 public:
  explicit ArraySource(const std::filesystem::path& archive) : archive_(archive) {
    if (!archive.empty()) entries_ = read_npz(archive);
  }
  [[nodiscard]] bool has(const std::string& name) const { return find(name) != nullptr; }
  [[nodiscard]] Array get(const char* argument, const std::string& name) const {
    if (archive_.empty()) return read_npy(name);
    if (const Array* array = find(name)) return *array;
    std::vector<std::string> names;
    for (const auto& entry : entries_) names.push_back(entry.name);
    fail(argument, archive_.string() + ": has no array \"" + name + "\"" + did_you_mean(name, names));
  }

 private:
  [[nodiscard]] const Array* find(const std::string& name) const {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.name == name; });
    return found == entries_.end() ? nullptr : &found->array;
  }
  std::filesystem::path archive_;
  std::vector<NamedArray> entries_;
};

Array divide(const Array& input, double scale) {
  const Dtype dtype = input.dtype() == Dtype::kFloat64 ? Dtype::kFloat64 : Dtype::kFloat32;
  Array out = input.astype(dtype);
  const auto apply = [&]<class T>() {
    for (auto& value : out.mutable_view<T>()) value = static_cast<T>(static_cast<double>(value) / scale);
  };
  if (dtype == Dtype::kFloat64) {
    apply.template operator()<double>();
  } else {
    apply.template operator()<float>();
  }
  return out;
}

NpyDataOptions with_defaults(NpyDataOptions options) {
  if (!(options.scale > 0) || !std::isfinite(options.scale)) fail("scale", "scale must be a number above 0");
  const bool archive = !options.path.empty();
  if (archive && options.input.empty()) options.input = "input";
  if (archive && options.target.empty()) options.target = "target";
  if (options.input.empty()) fail("input", "input must name a .npy file, or path an .npz archive");
  if (options.target.empty()) fail("target", "target must name a .npy file, or path an .npz archive");
  return options;
}

}  // namespace

NpyData::NpyData(NpyDataOptions options) : options_(with_defaults(std::move(options))) {}

void NpyData::init() {
  const ArraySource source(options_.path);
  input = source.get("input", options_.input);
  target = source.get("target", options_.target);
  const auto optional = [&](const char* argument, const std::string& name) {
    if (!name.empty()) return source.get(argument, name);
    return source.has(argument) ? source.get(argument, argument) : Array();
  };
  index = optional("index", options_.index);
  fold = optional("fold", options_.fold);
  time_series = options_.folds.split == Split::kTimeSeries;
  if (!fold.empty()) return;
  const bool grouped = options_.folds.split == Split::kGroup;
  if (grouped && options_.group.empty() && !source.has("group"))
    fail("group", "split: group needs group, an array that names each sample's group");
  fold =
      make_folds(input.rows(), options_.folds, target, grouped ? optional("group", options_.group) : Array());
}

Params NpyData::fit(std::span<const std::int64_t> rows) const {
  if (!options_.standardize && options_.scale == 1) return {};
  Params fitted{{"scale", options_.scale}};
  if (!options_.standardize) return fitted;
  // Of the numbers as they are in the file: dividing changes neither what standardizing gives nor, so, what
  // is fitted.
  Params moments = fit_standardize(input, rows);
  fitted["mean"] = std::move(moments["mean"]);
  fitted["deviation"] = std::move(moments["deviation"]);
  return fitted;
}

Array NpyData::prepare(const Array& inputs, const Params& fitted) const {
  if (fitted.contains("mean")) return standardize(inputs, fitted);
  const Params* scale = fitted.find("scale");
  return scale == nullptr ? inputs : divide(inputs, scale->as_real());
}

}  // namespace ivory
