// What a sampler is, and what it sees of its study. Samplers at hand: samplers.h; a pruner sees the same.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/base/rng.h>
#include <ivory/tuning/history.h>

namespace ivory::tuning {

// The study as a sampler or pruner sees it while it decides about one trial: all to read, little to write.
// Threads: lives during one call, under the study's lock.
class TrialContext {
 public:
  virtual ~TrialContext() = default;
  TrialContext(const TrialContext&) = delete;
  TrialContext& operator=(const TrialContext&) = delete;

  [[nodiscard]] const History& history() const noexcept { return history_; }
  [[nodiscard]] const TrialRecord& trial() const { return history_.trial(number_); }
  [[nodiscard]] std::int64_t number() const noexcept { return number_; }
  // Random numbers of this trial for this purpose (a parameter's name, say): the same for the same seed,
  // whoever asks first.
  [[nodiscard]] Rng rng(std::uint64_t seed, std::string_view purpose) const {
    return Rng({.seed = seed, .purpose = purpose, .sample = static_cast<std::uint64_t>(number_)});
  }
  // What `owner` remembers about this study from call to call, made at the first use. It is a cache: gone
  // when the study's object is, and of a deterministic study there are several; so what it holds has to
  // follow from the history, whoever asked before.
  template <class T>
  [[nodiscard]] T& memory(const void* owner) {
    std::shared_ptr<void>& slot = memory_slot(owner);
    if (!slot) slot = std::make_shared<T>();
    return *static_cast<T*>(slot.get());
  }
  // True if other processes may look at this study while it runs.
  [[nodiscard]] virtual bool is_shared() const = 0;
  // System attributes, kept with the study.
  virtual void set_trial_attr(std::string_view key, const Params& value) = 0;
  virtual void set_study_attr(std::string_view key, const Params& value) = 0;
  // Ends Study::optimize after the trials that run now.
  virtual void stop() = 0;

 protected:
  TrialContext(const History& history, std::int64_t number) noexcept : history_(history), number_(number) {}

 private:
  [[nodiscard]] virtual std::shared_ptr<void>& memory_slot(const void* owner) = 0;
  const History& history_;
  std::int64_t number_;
};

// Proposes the parameters of trials.
//
// Threads: the study calls it under its lock, one call at a time; one sampler may serve several studies at
// once,
//   since what it remembers lives in TrialContext::memory.
// Errors: kInvalidArgument if it cannot serve the study (a grid without a parameter, several objectives).
class Sampler {
 public:
  virtual ~Sampler() = default;
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  // When a trial starts: parameters that belong together. Each is used when the trial asks for its name and
  // the value lies in the distribution asked for.
  [[nodiscard]] virtual std::vector<TrialParam> sample_joint(TrialContext&) const { return {}; }
  // A parameter that sample_joint did not give; its internal value, inside `distribution`, which has more
  // than one value.
  [[nodiscard]] virtual double sample_independent(TrialContext& context, std::string_view name,
                                                  const Distribution& distribution) const = 0;
  // When a trial ends, before its state is written. `values` is empty if it failed.
  virtual void after_trial(TrialContext&, TrialState, std::span<const double>) const {}

 protected:
  Sampler() = default;
};

// Gives up trials that do not look promising.
// Threads and errors: as Sampler.
class Pruner {
 public:
  virtual ~Pruner() = default;
  Pruner(const Pruner&) = delete;
  Pruner& operator=(const Pruner&) = delete;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  // True: end the trial of this context, in the light of its reports (History and TrialRecord say how they
  // are kept with folds and several objectives).
  [[nodiscard]] virtual bool should_prune(TrialContext& context) const = 0;

 protected:
  Pruner() = default;
};

}  // namespace ivory::tuning
