#include <ivory/data/datasets.h>

#include <algorithm>
#include <cassert>

#include <ivory/base/error.h>

namespace ivory {
namespace {

std::vector<std::int64_t> sorted_index(const Dataset& part) {
  const Array index = part.data().index.take(part.rows());
  std::vector<std::int64_t> values = index.to_vector<std::int64_t>();
  if (!std::is_sorted(values.begin(), values.end())) std::sort(values.begin(), values.end());
  return values;
}

// Data has checked its own folds; this is for a Dataset class that chose other rows.
void check_leak(const Dataset& train, const Dataset& val) {
  const auto a = sorted_index(train);
  const auto b = sorted_index(val);
  std::vector<std::int64_t> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  if (both.empty()) return;
  throw Error(ErrorCode::kInvalidArgument,
              "the sample with index " + std::to_string(both.front()) +
                  " is both in the training and in the validation part of fold " +
                  std::to_string(train.fold()));
}

}  // namespace

Datasets::Datasets(std::shared_ptr<Data> data, const DatasetFactory& dataset, int fold)
    : Datasets(dataset, std::move(data), fold) {
  if (train_->size() == 0)
    throw Error(ErrorCode::kInvalidArgument, "fold",
                "fold " + std::to_string(fold) + " leaves nothing to train on; all samples are test samples");
  check_leak(*train_, *val_);
}

Datasets::Datasets(DatasetFactory factory, std::shared_ptr<Data> data, int fold)
    : factory_(std::move(factory)), data_(std::move(data)), fold_(fold) {
  assert(data_ != nullptr && "Datasets are the parts of some Data");
  data_->on_created();
  const auto make = [&](const std::string& mode) {
    auto part = factory_ ? factory_(data_, mode, fold) : std::make_shared<Dataset>(data_, mode, fold);
    if (part == nullptr)
      throw Error(ErrorCode::kInvalidArgument, "dataset", "dataset made nothing for " + mode);
    return part;
  };
  train_ = make("train");
  val_ = make("val");
  test_ = make("test");
}

struct Datasets::TestOnly : Datasets {
  TestOnly(const Datasets& like, std::shared_ptr<Data> samples)
      : Datasets(like.factory_, std::move(samples), like.fold_) {}
};

std::shared_ptr<Datasets> Datasets::with_test(std::shared_ptr<Data> samples) const {
  auto parts = std::make_shared<TestOnly>(*this, std::move(samples));
  if (parts->test()->size() != parts->data()->size())
    throw Error(ErrorCode::kInvalidArgument, "samples to predict must all be test samples (fold -1)");
  return parts;
}

const std::shared_ptr<Dataset>& Datasets::get(std::string_view mode) const {
  if (mode == "train") return train_;
  if (mode == "val") return val_;
  if (mode == "test") return test_;
  const std::vector<std::string> modes{"train", "val", "test"};
  throw Error(ErrorCode::kInvalidArgument, "mode",
              "there is no part \"" + std::string(mode) + "\" of the data" + did_you_mean(mode, modes));
}

}  // namespace ivory
