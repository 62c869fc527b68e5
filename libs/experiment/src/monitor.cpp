#include <ivory/experiment/monitor.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/experiment/metrics.h>
#include <ivory/experiment/run.h>
#include <ivory/experiment/trainer.h>

#include "state_values.h"

namespace ivory {
namespace {

bool is_large_when_good(std::string_view word) {
  static constexpr std::array<std::string_view, 8> kWords{"accuracy", "acc",       "auc",    "f1",
                                                          "r2",       "precision", "recall", "top"};
  return std::ranges::find(kWords, word) != kWords.end();
}

// Any word of "val_top_k".
bool names_large_when_good(std::string_view metric) {
  while (!metric.empty()) {
    const auto end = std::min(metric.find('_'), metric.size());
    if (is_large_when_good(metric.substr(0, end))) return true;
    metric.remove_prefix(std::min(end + 1, metric.size()));
  }
  return false;
}

bool parse_mode(std::string_view mode, std::string_view metric) {
  if (mode == "auto") return names_large_when_good(metric);
  if (mode == "min" || mode == "max") return mode == "max";
  static const std::vector<std::string> kModes{"min", "max", "auto"};
  throw Error(ErrorCode::kInvalidArgument, "mode",
              "mode is '" + std::string(mode) + "'" + did_you_mean(mode, kModes));
}

std::shared_ptr<Metrics> metrics_of(const Run& run) {
  auto metrics = run.find<Metrics>();
  if (metrics == nullptr) {
    throw Error(ErrorCode::kInvalidArgument,
                "the run has a monitor but no metrics; expected a member `metrics`");
  }
  return metrics;
}

Monitor::Watched read_watched(const Params& item) {
  const Params* metric = item.is_map() ? item.find("metric") : nullptr;
  const Params* mode = item.is_map() ? item.find("mode") : nullptr;
  const std::size_t known = (metric != nullptr ? 1U : 0U) + (mode != nullptr ? 1U : 0U);
  if (metric == nullptr || !metric->is_string() || metric->as_string().empty() || item.size() != known)
    throw Error(ErrorCode::kInvalidArgument, "further",
                at_place(item, "expected {metric: …, mode: min|max|auto}, found " + item.to_text()));
  const std::string& name = metric->as_string();
  return {.metric = name, .maximize = parse_mode(mode == nullptr ? "auto" : mode->as_string(), name)};
}

[[noreturn]] void fail_metric(const std::string& metric, std::span<const std::string> names) {
  std::string message = "the monitor's metric '" + metric + "' is not logged; there are " + join(names);
  if (const std::string nearest = nearest_name(metric, names); !nearest.empty())
    message += "; did you mean '" + nearest + "'?";
  if (metric.starts_with("val_") && std::ranges::find(names, "val_loss") == names.end())
    message += " (the run has no validation samples)";
  throw Error(ErrorCode::kInvalidArgument, message);
}

double logged(const Metrics& metrics, const std::string& metric) {
  if (const auto score = metrics.find(metric)) return *score;
  std::vector<std::string> names;
  for (const auto& [name, value] : metrics.record()) names.push_back(name);
  fail_metric(metric, names);
}

}  // namespace

Monitor::Monitor(std::string metric, std::string_view mode, const Params& further)
    : metric_(std::move(metric)), maximize_(parse_mode(mode, metric_)) {
  if (metric_.empty()) throw Error(ErrorCode::kInvalidArgument, "metric", "expected the name of a metric");
  if (further.is_null()) return;
  if (!further.is_list())
    throw Error(ErrorCode::kInvalidArgument, "further",
                "expected a list of {metric: …, mode: …}, found " + further.to_text());
  for (const Params& item : further.elements()) further_.push_back(read_watched(item));
}

std::vector<double> Monitor::scores() const {
  std::vector<double> all{score_};
  for (const Watched& watched : further_) all.push_back(watched.score);
  return all;
}

std::vector<double> Monitor::best_scores() const {
  std::vector<double> all{best_score_};
  for (const Watched& watched : further_) all.push_back(watched.at_best);
  return all;
}

bool Monitor::is_better(double score, double other, double min_delta) const noexcept {
  if (std::isnan(score)) return false;
  if (std::isnan(other)) return true;
  return maximize_ ? score > other + min_delta : score < other - min_delta;
}

void Monitor::on_init_end(Run& run) {
  if (run.mode() == "test") return;
  if (run.find<Metrics>() == nullptr && run.find<Trainer>() == nullptr) return;  // it may report
  const std::vector<std::string> names = metrics_of(run)->names(run);
  const auto check = [&](const std::string& metric) {
    if (std::ranges::find(names, metric) == names.end()) fail_metric(metric, names);
  };
  check(metric_);
  for (const Watched& watched : further_) check(watched.metric);
}

void Monitor::on_epoch_begin(Run& /*run*/) { is_best_ = false; }

void Monitor::on_epoch_end(Run& run) {
  if (reported_ && run.find<Metrics>() == nullptr) return;
  const auto metrics = metrics_of(run);
  std::vector<double> scores{logged(*metrics, metric_)};
  for (const Watched& watched : further_) scores.push_back(logged(*metrics, watched.metric));
  record(scores, detail::present_epoch(run, epoch_));
}

void Monitor::take(const std::vector<double>& scores, int epoch) {
  if (scores.size() != further_.size() + 1)
    throw Error(ErrorCode::kInvalidArgument, "the run reported " + std::to_string(scores.size()) +
                                                 " scores where its monitor watches " +
                                                 std::to_string(further_.size() + 1) + " metrics");
  reported_ = true;
  record(scores, epoch);
}

void Monitor::record(const std::vector<double>& scores, int epoch) {
  epoch_ = epoch;
  score_ = scores.front();
  for (std::size_t i = 0; i < further_.size(); ++i) further_[i].score = scores[i + 1];
  is_best_ = is_better(score_, best_score_);
  if (!is_best_) return;
  for (Watched& watched : further_) watched.at_best = watched.score;
  best_score_ = score_;
  best_epoch_ = epoch_;
}

Params Monitor::state_dict() const {
  Params state{{"epoch", epoch_},
               {"score", score_},
               {"best_score", best_score_},
               {"best_epoch", best_epoch_},
               {"is_best", is_best_}};
  if (further_.empty()) return state;
  Params list = Params::list();
  for (const Watched& watched : further_) list.push_back(Params::list({watched.score, watched.at_best}));
  state.set("further", std::move(list));
  return state;
}

void Monitor::load_state_dict(const Params& state) {
  const int epoch = static_cast<int>(state.at("epoch").as_int());
  const double score = detail::real_of(state.at("score"));
  const double best_score = detail::real_of(state.at("best_score"));
  const int best_epoch = static_cast<int>(state.at("best_epoch").as_int());
  is_best_ = state.at("is_best").as_bool();
  if (!further_.empty()) {
    const Params& list = state.at("further");
    if (list.size() != further_.size())
      throw Error(ErrorCode::kInvalidArgument, "there are " + std::to_string(list.size()) +
                                                   " further metrics, not " +
                                                   std::to_string(further_.size()));
    for (std::size_t i = 0; i < further_.size(); ++i) {
      further_[i].score = detail::real_of(list.at(i).at(std::size_t{0}));
      further_[i].at_best = detail::real_of(list.at(i).at(1));
    }
  }
  epoch_ = epoch;
  score_ = score;
  best_score_ = best_score;
  best_epoch_ = best_epoch;
}

}  // namespace ivory
