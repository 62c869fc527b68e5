#include <ivory/data/dataset.h>

#include <cassert>

#include <ivory/base/error.h>

namespace ivory {

Dataset::Dataset(std::shared_ptr<Data> data, std::string mode, int fold, Transform transform)
    : data_(std::move(data)), mode_(std::move(mode)), fold_(fold), transform_(std::move(transform)) {
  assert(data_ != nullptr && "a Dataset is a part of some Data");
  data_->on_created();
  rows_ = data_->rows_of(mode_, fold_);
  prepared_ = data_->prepared(fold_);
}

Batch Dataset::get(std::span<const std::int64_t> samples) const {
  std::vector<std::int64_t> rows;
  rows.reserve(samples.size());
  for (const auto sample : samples) {
    if (sample < 0 || sample >= size()) {
      throw Error(ErrorCode::kInvalidArgument, "sample " + std::to_string(sample) +
                                                   " was asked for, but the " + mode_ + " part of fold " +
                                                   std::to_string(fold_) + " has " + std::to_string(size()));
    }
    rows.push_back(rows_[static_cast<std::size_t>(sample)]);
  }
  Batch batch;
  gather(rows, batch);
  return batch;
}

Batch Dataset::all() const {
  Batch batch;
  gather(rows_, batch);
  return batch;
}

void Dataset::gather(std::span<const std::int64_t> rows, Batch& batch) const {
  data_->index.take(rows, batch.index);
  prepared_->input.take(rows, batch.input);
  data_->target.take(rows, batch.target);
  if (transform_ != nullptr && !rows.empty()) apply_transform(batch);
}

void Dataset::apply_transform(Batch& batch) const {
  auto [input, target] = transform_(mode_, batch.input, batch.target);
  for (const Array* array : {&input, &target}) {
    if (array->ndim() == 0 || array->rows() != batch.rows()) {
      throw Error(ErrorCode::kInvalidArgument, "transform",
                  "transform made " + array->describe() + " of " + std::to_string(batch.rows()) +
                      " samples; the number of rows must stay");
    }
  }
  batch.input = std::move(input);
  batch.target = std::move(target);
}

}  // namespace ivory
