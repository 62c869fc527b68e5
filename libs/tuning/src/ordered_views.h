// What the trials of a deterministic study see, whoever runs them and when.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <ivory/tuning/history.h>

namespace ivory::tuning {

// The study as one trial sees it: those up to its number - lag as they ended, in the order of their numbers
// and without times; the later ones as running, with what was fixed at their start; itself as it goes on.
struct OrderedView {
  explicit OrderedView(const History& real) : history(real.study_name(), real.directions()) {
    if (real.choices_may_grow()) history.set_study_attr(true, kGrowingChoicesAttr, true);
  }
  History history;
  std::map<const void*, std::shared_ptr<void>> memory;  // of samplers and pruners
  std::int64_t number = -1;                             // whose view it is
  std::int64_t settled = 0;                             // trials below it have ended here
  bool sampling = false, sampled = false;               // its joint parameters are being, have been fixed
  bool begun = false;                                   // its objective has been called
  bool wants_stop = false;                         // the sampler wants no further trial, this one included
  std::set<std::string, std::less<>> start_attrs;  // system attributes that the sampler set at its start
  Params start_study_attrs = Params::map();        // and those of the study, which later trials see
};

// At most `lag` trials run at once, and their numbers lie within `lag` of each other: a view each, moved on
// from the trial lag numbers before, so that what samplers remember grows with it. Threads: one at a time.
// `real` must outlive it.
class OrderedViews {
 public:
  // Fixes what the trial of a view starts with: sets attributes of its system, returns its joint parameters.
  using Sample = std::function<std::vector<TrialParam>(OrderedView&)>;
  OrderedViews(const History& real, std::int64_t lag, Sample sample)
      : real_(real), lag_(lag), sample_(std::move(sample)), slots_(static_cast<std::size_t>(lag)) {}

  [[nodiscard]] std::int64_t lag() const noexcept { return lag_; }
  // True if all that the trial may see has ended.
  [[nodiscard]] bool is_ready(std::int64_t number) const;
  // The view of a trial that is ready and has not ended, with its start fixed.
  [[nodiscard]] OrderedView& at(std::int64_t number);

 private:
  struct Start {
    std::vector<TrialParam> joint = {};
    std::vector<ParamsItem> attrs = {};
  };
  void advance(OrderedView& view, std::int64_t number);
  void settle(History& seen, std::int64_t number) const;
  [[nodiscard]] Start start_of(std::int64_t number);
  void take_study_attrs(History& seen, std::int64_t number) const;

  const History& real_;
  std::int64_t lag_;
  Sample sample_;
  std::vector<std::unique_ptr<OrderedView>> slots_;  // by number mod lag
  std::map<std::int64_t, Params> study_attrs_;       // by the trial at whose start they were set here
};

// Names of the attributes that a deterministic study keeps for other processes and later ones.
constexpr std::string_view kStartAttr = "ivory:start";          // of a trial: what was fixed at its start
constexpr std::string_view kOwnerAttr = "ivory:owner";          // of a trial: the process that runs it
constexpr std::string_view kNobody{};                           // the owner of one that was interrupted
constexpr std::string_view kStopAttr = "ivory:stop";            // of a trial: its sampler wanted an end
constexpr std::string_view kOrderAttr = "ivory:deterministic";  // of the study: lag and vector level

// What kStartAttr holds, of a view whose start is fixed.
[[nodiscard]] Params start_to_params(const OrderedView& view);

}  // namespace ivory::tuning
