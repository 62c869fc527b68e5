// Datasets: the three parts of a fold together.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include <ivory/data/dataset.h>

namespace ivory {

// Makes one part: in YAML, the class that `dataset:` names with its further arguments bound.
using DatasetFactory =
    std::function<std::shared_ptr<Dataset>(std::shared_ptr<Data> data, std::string mode, int fold)>;

class Datasets {
 public:
  using ivory_interface = Datasets;
  // A null factory makes plain Dataset objects.
  // Errors: kInvalidArgument about "fold" when it does not exist (naming those there are) or leaves nothing
  // to train on; kInvalidArgument when a sample is both in train and in val.
  explicit Datasets(std::shared_ptr<Data> data, const DatasetFactory& dataset = nullptr, int fold = 0);
  virtual ~Datasets() = default;

  [[nodiscard]] const std::shared_ptr<Data>& data() const noexcept { return data_; }
  [[nodiscard]] int fold() const noexcept { return fold_; }
  [[nodiscard]] const std::shared_ptr<Dataset>& train() const noexcept { return train_; }
  [[nodiscard]] const std::shared_ptr<Dataset>& val() const noexcept { return val_; }
  [[nodiscard]] const std::shared_ptr<Dataset>& test() const noexcept { return test_; }
  // By mode: "train", "val", "test". Errors: kInvalidArgument about "mode".
  [[nodiscard]] const std::shared_ptr<Dataset>& get(std::string_view mode) const;
  // The same parts of other samples, made by the same factory: all of `samples` are test samples, their
  // inputs ready for a model (see Data::prepare), and there is nothing to train on. For predicting. Errors:
  // kInvalidArgument if one is no test sample.
  [[nodiscard]] std::shared_ptr<Datasets> with_test(std::shared_ptr<Data> samples) const;
  // What was learned from the training part, to prepare new data with Data::prepare.
  [[nodiscard]] const Params& fitted() const noexcept { return train_->fitted(); }

 private:
  struct TestOnly;
  // Checks nothing but that the parts are there.
  Datasets(DatasetFactory factory, std::shared_ptr<Data> data, int fold);
  DatasetFactory factory_;
  std::shared_ptr<Data> data_;
  int fold_;
  std::shared_ptr<Dataset> train_, val_, test_;
};

}  // namespace ivory
