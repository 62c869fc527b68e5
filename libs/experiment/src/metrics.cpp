#include <ivory/experiment/metrics.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <set>

#include <ivory/base/error.h>
#include <ivory/experiment/run.h>
#include <ivory/experiment/trainer.h>

#include "state_values.h"

namespace ivory {
namespace {

// What MLflow takes as a name: letters, digits, "_", "-", ".", " ", ":", and "/" between parts.
bool is_loggable(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-. :/").find(c) != std::string_view::npos;
  };
  if (name.empty() || name.size() > 245 || !std::ranges::all_of(name, allowed)) return false;
  const std::string parts = "/" + name + "/";
  return parts.find("//") == std::string::npos && parts.find("/./") == std::string::npos &&
         parts.find("/../") == std::string::npos;
}

void check_name(const std::string& name, std::set<std::string>& taken) {
  if (!is_loggable(name)) {
    throw Error(
        ErrorCode::kInvalidArgument, name,
        "the metric's name '" + name + "' cannot be logged; expected letters, digits, _ - . : / and spaces");
  }
  for (const char* prefix : {"", "val_", "test_"}) {
    if (!taken.insert(prefix + name).second) {
      throw Error(ErrorCode::kInvalidArgument, name,
                  "the name '" + (prefix + name) + "' of the metric '" + name + "' is taken");
    }
  }
}

void put(MetricRecord& record, std::string_view name, double value) {
  const auto found = std::ranges::find(record, name, &MetricRecord::value_type::first);
  if (found != record.end()) {
    found->second = value;
  } else {
    record.emplace_back(name, value);
  }
}

template <class T>
bool has_nan(const Array& array) {
  return std::ranges::any_of(array.view<T>(), [](T value) { return std::isnan(value); });
}
bool is_known(const Array& target) {
  if (target.empty()) return false;
  if (target.dtype() == Dtype::kFloat32) return !has_nan<float>(target);
  return target.dtype() != Dtype::kFloat64 || !has_nan<double>(target);
}

double call_metric(const std::string& name, const std::string& part, const MetricFunction& function,
                   const ResultRows& rows) {
  const auto message = [&](const std::exception& error) {
    return "metric '" + name + "' of the " + part + " samples: " + error.what();
  };
  try {
    return function(rows.output, rows.target);
  } catch (const Error& error) {
    throw Error(error.code(), message(error));
  } catch (const std::exception& error) {
    throw Error(ErrorCode::kInternal, message(error));
  }
}

}  // namespace

Metrics::Metrics(NamedMetrics functions) : functions_(std::move(functions)) {
  std::set<std::string> taken{"lr", "best_score", "best_epoch", "loss", "val_loss", "test_loss"};
  for (const auto& [name, function] : functions_) {
    check_name(name, taken);
    if (function == nullptr)
      throw Error(ErrorCode::kInvalidArgument, name, "the metric '" + name + "' is no function");
  }
}

std::optional<double> Metrics::find(std::string_view name) const noexcept {
  for (const MetricRecord* record : {&record_, &test_record_}) {
    for (const auto& [known, value] : *record)
      if (known == name) return value;
  }
  return std::nullopt;
}

const std::vector<EpochValue>& Metrics::history(std::string_view name) const {
  const auto found = std::ranges::find(history_, name, &History::value_type::first);
  if (found != history_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, values] : history_) names.push_back(known);
  throw Error(ErrorCode::kNotFound,
              "metric '" + std::string(name) + "' was not logged" + did_you_mean(name, names));
}

std::vector<std::string> Metrics::names(const Run& run) const {
  std::vector<std::string> names{"loss"};
  for (const auto& [name, function] : functions_) names.push_back(name);
  if (run.find<Trainer>() != nullptr) names.emplace_back("lr");
  names.emplace_back("val_loss");
  for (const auto& [name, function] : functions_) names.push_back("val_" + name);
  return names;
}

void Metrics::set(std::string_view name, double value) { put(record_, name, value); }

// ---- collecting

void Metrics::Part::begin() noexcept {
  loss = 0;
  rows = 0;
  targets = true;
  open = true;
  collector.clear();
}

void Metrics::Part::add(const BatchResult& batch, bool collect) {
  const std::int64_t samples = batch.index.rows();
  loss += batch.loss * static_cast<double>(samples);
  rows += samples;
  if (collect) collector.add(batch.index, batch.output, batch.target);
}

// Results that stand before this member have the rows of a batch before it looks for them.
void Metrics::on_init_begin(Run& run) {
  results_ = nullptr;
  for (const auto& [name, value] : run.dict()) {
    if (value.find<Metrics>().get() == this) return;
    if (auto results = value.find<Results>()) results_ = std::move(results);
  }
  results_ = nullptr;  // not a member of this run: nothing is known of the order
}

bool Metrics::collects(Mode mode) const noexcept {
  if (functions_.empty()) return false;
  return results_ == nullptr || (mode == Mode::kTrain && !results_->keeps_train());
}

ResultRows Metrics::rows_of(Mode mode, const Part& part) const {
  if (collects(mode)) return part.collector.get();
  if (mode == Mode::kTrain) return results_->train();
  return mode == Mode::kVal ? results_->val() : results_->test();
}

void Metrics::evaluate(Mode mode, Part& part, MetricRecord& record) {
  static constexpr std::array<std::pair<const char*, const char*>, 3> kNames{
      {{"", "training"}, {"val_", "validation"}, {"test_", "test"}}};
  part.open = false;
  if (part.rows == 0) return;
  const auto& [prefix, words] = kNames[static_cast<std::size_t>(mode)];
  put(record, std::string(prefix) + "loss", part.loss / static_cast<double>(part.rows));
  if (functions_.empty()) return;
  const ResultRows rows = rows_of(mode, part);
  for (const auto& [name, function] : functions_)
    put(record, prefix + name, call_metric(name, words, function, rows));
}

// ---- hooks

void Metrics::on_epoch_begin(Run& run) {
  epoch_ = detail::present_epoch(run, epoch_);
  record_.clear();
}

void Metrics::on_train_begin(Run& /*run*/) { train_.begin(); }
void Metrics::on_train_batch_end(Run& run) { train_.add(run.batch(), collects(Mode::kTrain)); }
void Metrics::on_train_end(Run& run) {
  evaluate(Mode::kTrain, train_, record_);
  const auto trainer = run.find<Trainer>();
  if (trainer == nullptr) return;
  if (const auto lr = trainer->learning_rate(run)) put(record_, "lr", *lr);
}

void Metrics::on_val_begin(Run& /*run*/) { val_.begin(); }
void Metrics::on_val_batch_end(Run& run) { val_.add(run.batch(), collects(Mode::kVal)); }
void Metrics::on_val_end(Run& /*run*/) { evaluate(Mode::kVal, val_, record_); }

void Metrics::on_epoch_end(Run& /*run*/) {
  for (const auto& [name, value] : record_) {
    auto found = std::ranges::find(history_, name, &History::value_type::first);
    if (found == history_.end()) found = history_.insert(history_.end(), {name, {}});
    auto& values = found->second;
    while (!values.empty() && values.back().epoch >= epoch_) values.pop_back();  // reached again: each once
    values.push_back({epoch_, value});
  }
}

void Metrics::on_test_begin(Run& /*run*/) {
  test_.begin();
  test_record_.clear();
}
void Metrics::on_test_batch_end(Run& run) {
  test_.targets = test_.targets && is_known(run.batch().target);
  test_.add(run.batch(), collects(Mode::kTest));
}
void Metrics::on_test_end(Run& /*run*/) {
  if (test_.targets) evaluate(Mode::kTest, test_, test_record_);
}

// ---- state

Params Metrics::Part::state_dict() const {
  Params state{{"loss", loss}, {"rows", rows}};
  if (collector.rows() == 0) return state;
  const ResultRows kept = collector.get();
  state.set("index", detail::to_params(kept.index));
  state.set("output", detail::to_params(kept.output));
  state.set("target", detail::to_params(kept.target));
  return state;
}

void Metrics::Part::load_state_dict(const Params& state) {
  Part part;
  part.loss = detail::real_of(state.at("loss"));
  part.rows = state.at("rows").as_int();
  part.open = true;
  if (state.contains("index")) {
    part.collector.set({detail::to_array(state.at("index")), detail::to_array(state.at("output")),
                        detail::to_array(state.at("target"))});
  }
  *this = std::move(part);
}

namespace {

Params to_params(const MetricRecord& record) {
  Params params = Params::map();
  for (const auto& [name, value] : record) params.set(name, value);
  return params;
}

MetricRecord parse_record(const Params& params) {
  MetricRecord record;
  for (const auto& [name, value] : params.items()) record.emplace_back(name, detail::real_of(value));
  return record;
}

}  // namespace

Params Metrics::state_dict() const {
  Params history = Params::map();
  for (const auto& [name, values] : history_) {
    Params epochs = Params::list();
    Params reals = Params::list();
    for (const auto& [epoch, value] : values) {
      epochs.push_back(epoch);
      reals.push_back(value);
    }
    Params both = Params::map();
    both.set("epochs", std::move(epochs));
    both.set("values", std::move(reals));
    history.set(name, std::move(both));
  }
  Params state = Params::map();
  state.set("epoch", epoch_);
  state.set("record", to_params(record_));
  state.set("test", to_params(test_record_));
  state.set("history", std::move(history));
  if (train_.open) state.set("train", train_.state_dict());
  return state;
}

namespace {

std::vector<EpochValue> parse_values(const Params& both) {
  const Params::List& epochs = both.at("epochs").elements();
  const Params::List& reals = both.at("values").elements();
  if (epochs.size() != reals.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                at_place(both, "a history has " + std::to_string(epochs.size()) + " epochs but " +
                                   std::to_string(reals.size()) + " values"));
  }
  std::vector<EpochValue> values;
  values.reserve(epochs.size());
  for (std::size_t i = 0; i < epochs.size(); ++i)
    values.push_back({static_cast<int>(epochs[i].as_int()), detail::real_of(reals[i])});
  return values;
}

}  // namespace

void Metrics::load_state_dict(const Params& state) {
  const int epoch = static_cast<int>(state.at("epoch").as_int());
  MetricRecord record = parse_record(state.at("record"));
  MetricRecord test_record = parse_record(state.at("test"));
  History history;
  for (const auto& [name, both] : state.at("history").items()) history.emplace_back(name, parse_values(both));
  Part train;
  if (const Params* part = state.find("train")) train.load_state_dict(*part);
  train_ = std::move(train);
  epoch_ = epoch;
  record_ = std::move(record);
  test_record_ = std::move(test_record);
  history_ = std::move(history);
}

}  // namespace ivory
