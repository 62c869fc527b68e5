// A study's body.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/tuning/study.h>

#include "backend.h"
#include "heart.h"
#include "ordered_views.h"

namespace ivory::tuning {

// "[0.5, 2]"
[[nodiscard]] std::string values_to_text(std::span<const double> values);

// Thrown into an objective when its trial has the parameters of an earlier one.
struct DuplicateFound final : std::exception {
  explicit DuplicateFound(std::int64_t earlier) noexcept : earlier(earlier) {}
  [[nodiscard]] const char* what() const noexcept override { return "these parameters were tried before"; }
  std::int64_t earlier;
};

struct Study::Taken {
  std::int64_t number;
  OrderedView* view;
};

// Its mutex guards all of it; methods ending in _locked need it held. A trial of a deterministic study has a
// view, others see the history itself: `view` is null then.
class Study::Engine {
 public:
  Engine(std::string name, std::vector<Direction> directions, std::unique_ptr<Backend> backend,
         std::shared_ptr<const Sampler> sampler, std::shared_ptr<const Pruner> pruner)
      : history(std::move(name), std::move(directions)),
        backend(std::move(backend)),
        sampler(std::move(sampler)),
        pruner(std::move(pruner)) {}

  [[nodiscard]] std::int64_t take_trial_locked(bool owned = false);
  // Of a study in which each sees all there is; none: it has `n_total` trials. With `take_up`, first one
  // whose process has died.
  [[nodiscard]] std::optional<Taken> take_trial(std::optional<std::int64_t> n_total, bool take_up);
  // The next trial of a deterministic study, once all that it may see has ended; none: there is no further
  // one, or `is_over`. A trial whose process has died is taken up again, the one with the lowest number
  // first.
  [[nodiscard]] std::optional<Taken> take_in_order(const std::function<bool()>& is_over,
                                                   std::optional<std::int64_t> n_total);
  // Makes the running trials FAIL that gave no sign of life for too long, and returns them.
  [[nodiscard]] std::vector<FrozenTrial> fail_stale();
  // Leaves a trial that was interrupted to whoever takes it up; false: it is nobody's to take up.
  bool release(std::int64_t number);
  // Checks that the study keeps its lag, and records it.
  void prepare_order(std::int64_t lag);

  [[nodiscard]] const History& seen(const OrderedView* view) const noexcept {
    return view ? view->history : history;
  }
  double suggest_locked(OrderedView* view, std::int64_t number, std::string_view name,
                        const Distribution& distribution);
  void report_locked(OrderedView* view, std::int64_t number, const TrialReport& report);
  [[nodiscard]] bool should_prune_locked(OrderedView* view, std::int64_t number);
  void set_attr_locked(OrderedView* view, std::int64_t number, bool system, std::string_view key,
                       const Params& value);
  FrozenTrial tell(OrderedView* view, std::int64_t number, std::span<const double> values,
                   const TellOptions& options);
  // Ends a trial as its duplicates say.
  FrozenTrial tell_duplicate(OrderedView* view, std::int64_t number, std::int64_t earlier);
  // True if another process has ended the trial in the meantime.
  [[nodiscard]] bool has_ended(std::int64_t number);

  mutable std::mutex mutex;
  History history;
  std::unique_ptr<Backend> backend;
  std::shared_ptr<const Sampler> sampler;
  std::shared_ptr<const Pruner> pruner;
  std::map<const void*, std::shared_ptr<void>> memory;
  std::atomic<bool> stopping{false}, optimizing{false};
  Duplicates duplicates = Duplicates::kAllow;
  HeartbeatOptions heartbeat;
  std::unique_ptr<Heart> heart;  // while optimize() runs, if there are heartbeats

 private:
  enum class Kind : std::uint8_t { kNew, kWaiting, kOrphan };
  struct Candidate {
    std::int64_t number;
    Kind kind;
  };
  [[nodiscard]] std::optional<Candidate> next_in_order(std::optional<std::int64_t> n_total) const;
  [[nodiscard]] std::optional<Taken> start_in_order(const Candidate& candidate, bool& is_last);
  void prepare_token();
  [[nodiscard]] bool is_orphan(const TrialRecord& trial) const;
  [[nodiscard]] std::optional<std::int64_t> find_orphan() const;
  // Makes an orphan this engine's, unless another was faster.
  [[nodiscard]] bool take_over(std::int64_t number);
  [[nodiscard]] std::optional<std::int64_t> start_waiting(std::int64_t number, bool owned);
  [[nodiscard]] bool others_run() const;
  [[nodiscard]] bool is_past_stop(std::int64_t number);
  [[nodiscard]] bool claim(const Candidate& candidate, const OrderedView& view);
  [[nodiscard]] bool claim_known(const Candidate& candidate, const OrderedView& view);
  [[nodiscard]] std::pair<TrialState, std::vector<double>> outcome_locked(const OrderedView* view,
                                                                          std::int64_t number,
                                                                          std::span<const double> values,
                                                                          const TellOptions& options) const;
  [[nodiscard]] double choose(OrderedView* view, const TrialRecord& trial, std::string_view name,
                              std::uint32_t id, const Distribution& distribution);
  void check_report(const TrialRecord& trial, const TrialReport& report) const;
  void check_duplicate(OrderedView* view, std::int64_t number);

  std::unique_ptr<OrderedViews> ordered_;
  std::string token_;                            // of this engine in this process
  std::set<std::int64_t> active_;                // trials that run here, in order
  std::condition_variable ended_;                // a trial of a deterministic study has ended
  std::int64_t stop_seen_ = 0;                   // trials below it have been looked at for kStopAttr
  std::optional<std::int64_t> first_stop_ = {};  // the first of those that has it
};

class Study::Context final : public TrialContext {
 public:
  Context(Engine& engine, OrderedView* view, std::int64_t number) noexcept
      : TrialContext(engine.seen(view), number), engine_(engine), view_(view) {}
  [[nodiscard]] bool is_shared() const override { return !view_ && engine_.backend->is_shared(); }
  void set_trial_attr(std::string_view key, const Params& value) override;
  void set_study_attr(std::string_view key, const Params& value) override;
  void stop() override;

 private:
  [[nodiscard]] std::shared_ptr<void>& memory_slot(const void* owner) override {
    return (view_ ? view_->memory : engine_.memory)[owner];
  }
  Engine& engine_;
  OrderedView* view_;
};

class Study::StudyTrial final : public Trial {
 public:
  StudyTrial(Engine& engine, OrderedView* view, std::int64_t number) noexcept
      : engine_(engine), view_(view), number_(number) {}

  [[nodiscard]] bool should_prune() override;
  void set_user_attr(std::string_view key, const Params& value) override { set_attr(false, key, value); }
  void set_system_attr(std::string_view key, const Params& value) override { set_attr(true, key, value); }
  void set_constraint(std::string_view key, double value) override;
  [[nodiscard]] std::int64_t number() const override { return number_; }
  [[nodiscard]] Params params() const override { return frozen().params_map(); }
  [[nodiscard]] std::vector<std::pair<std::string, Distribution>> distributions() const override;
  [[nodiscard]] Params user_attrs() const override { return frozen().user_attrs; }
  [[nodiscard]] Params system_attrs() const override { return frozen().system_attrs; }

 private:
  double do_suggest(std::string_view name, const Distribution& distribution) override;
  void do_report(const TrialReport& report) override;
  void check_open() const;
  void set_attr(bool system, std::string_view key, const Params& value);
  [[nodiscard]] FrozenTrial frozen() const;

  Engine& engine_;
  OrderedView* view_;
  std::int64_t number_;
};

}  // namespace ivory::tuning
