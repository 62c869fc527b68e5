#include <ivory/experiment/monitor.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/experiment/metrics.h>
#include <ivory/experiment/run.h>

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

[[noreturn]] void fail_metric(const std::string& metric, std::span<const std::string> names) {
  std::string message = "the monitor's metric '" + metric + "' is not logged; there are " + join(names);
  if (const std::string nearest = nearest_name(metric, names); !nearest.empty())
    message += "; did you mean '" + nearest + "'?";
  if (metric.starts_with("val_") && std::ranges::find(names, "val_loss") == names.end())
    message += " (the run has no validation samples)";
  throw Error(ErrorCode::kInvalidArgument, message);
}

}  // namespace

Monitor::Monitor(std::string metric, std::string_view mode)
    : metric_(std::move(metric)), maximize_(parse_mode(mode, metric_)) {
  if (metric_.empty()) throw Error(ErrorCode::kInvalidArgument, "metric", "expected the name of a metric");
}

bool Monitor::is_better(double score, double other, double min_delta) const noexcept {
  if (std::isnan(score)) return false;
  if (std::isnan(other)) return true;
  return maximize_ ? score > other + min_delta : score < other - min_delta;
}

void Monitor::on_init_end(Run& run) {
  if (run.mode() == "test") return;
  const std::vector<std::string> names = metrics_of(run)->names(run);
  if (std::ranges::find(names, metric_) == names.end()) fail_metric(metric_, names);
}

void Monitor::on_epoch_begin(Run& /*run*/) { is_best_ = false; }

void Monitor::on_epoch_end(Run& run) {
  const auto metrics = metrics_of(run);
  const auto score = metrics->find(metric_);
  if (!score) {
    std::vector<std::string> names;
    for (const auto& [name, value] : metrics->record()) names.push_back(name);
    fail_metric(metric_, names);
  }
  epoch_ = detail::present_epoch(run, epoch_);
  score_ = *score;
  is_best_ = is_better(score_, best_score_);
  if (!is_best_) return;
  best_score_ = score_;
  best_epoch_ = epoch_;
}

Params Monitor::state_dict() const {
  return {{"epoch", epoch_},
          {"score", score_},
          {"best_score", best_score_},
          {"best_epoch", best_epoch_},
          {"is_best", is_best_}};
}

void Monitor::load_state_dict(const Params& state) {
  const int epoch = static_cast<int>(state.at("epoch").as_int());
  const double score = detail::real_of(state.at("score"));
  const double best_score = detail::real_of(state.at("best_score"));
  const int best_epoch = static_cast<int>(state.at("best_epoch").as_int());
  is_best_ = state.at("is_best").as_bool();
  epoch_ = epoch;
  score_ = score;
  best_score_ = best_score;
  best_epoch_ = best_epoch;
}

}  // namespace ivory
