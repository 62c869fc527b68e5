#include <ivory/torch/scheduler.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/error.h>
#include <ivory/base/files.h>

namespace ivory::nn {
namespace {

// Two parameter groups, as make_traces.py has them: rates 0.1 and 0.02, momentum 0.9.
class Rates final : public LearningRates {
 public:
  [[nodiscard]] std::size_t group_count() const override { return lr_.size(); }
  [[nodiscard]] double lr(std::size_t group) const override { return lr_[group]; }
  void set_lr(std::size_t group, double value) override { lr_[group] = value; }
  [[nodiscard]] std::optional<double> find_momentum(std::size_t group) const override {
    return momentum_[group];
  }
  void set_momentum(std::size_t group, double value) override { momentum_[group] = value; }
  [[nodiscard]] double initial_lr(std::size_t group) override {
    if (!initial_[group]) initial_[group] = lr_[group];
    return *initial_[group];
  }
  void set_initial_lr(std::size_t group, double value) override { initial_[group] = value; }

 private:
  std::vector<double> lr_{0.1, 0.02}, momentum_{0.9, 0.9};
  std::vector<std::optional<double>> initial_{std::nullopt, std::nullopt};
};

PerGroup per_group(const Params& options, std::string_view name, PerGroup fallback) {
  const Params* found = options.find(name);
  if (found == nullptr) return fallback;
  if (!found->is_list()) return {found->as_real()};
  PerGroup values;
  for (const auto& value : found->elements()) values.push_back(value.as_real());
  return values;
}

double real(const Params& options, std::string_view name, double fallback) {
  const Params* found = options.find(name);
  return found == nullptr ? fallback : found->as_real();
}
std::int64_t whole(const Params& options, std::string_view name, std::int64_t fallback) {
  const Params* found = options.find(name);
  return found == nullptr ? fallback : found->as_int();
}
std::string text(const Params& options, std::string_view name, std::string fallback) {
  const Params* found = options.find(name);
  return found == nullptr ? fallback : found->as_string();
}
bool flag(const Params& options, std::string_view name, bool fallback) {
  const Params* found = options.find(name);
  return found == nullptr ? fallback : found->as_bool();
}
std::optional<std::int64_t> maybe(const Params& options, std::string_view name) {
  const Params* found = options.find(name);
  return found == nullptr ? std::optional<std::int64_t>() : found->as_int();
}
std::vector<std::int64_t> wholes(const Params& list) {
  std::vector<std::int64_t> values;
  for (const auto& value : list.elements()) values.push_back(value.as_int());
  return values;
}

using Maker = std::function<std::unique_ptr<Scheduler>(const SharedRates&, const Params&)>;

const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> table{
      {"StepLR",
       [](const SharedRates& r, const Params& o) {
         return make_step_lr(r, o.at("step_size").as_int(), real(o, "gamma", 0.1));
       }},
      {"MultiStepLR",
       [](const SharedRates& r, const Params& o) {
         return make_multi_step_lr(r, wholes(o.at("milestones")), real(o, "gamma", 0.1));
       }},
      {"ConstantLR",
       [](const SharedRates& r, const Params& o) {
         return make_constant_lr(r, real(o, "factor", 1.0 / 3), whole(o, "total_iters", 5));
       }},
      {"LinearLR",
       [](const SharedRates& r, const Params& o) {
         return make_linear_lr(r, real(o, "start_factor", 1.0 / 3), real(o, "end_factor", 1),
                               whole(o, "total_iters", 5));
       }},
      {"ExponentialLR",
       [](const SharedRates& r, const Params& o) { return make_exponential_lr(r, o.at("gamma").as_real()); }},
      {"PolynomialLR",
       [](const SharedRates& r, const Params& o) {
         return make_polynomial_lr(r, whole(o, "total_iters", 5), real(o, "power", 1));
       }},
      {"CosineAnnealingLR",
       [](const SharedRates& r, const Params& o) {
         return make_cosine_annealing_lr(r, o.at("T_max").as_int(), real(o, "eta_min", 0));
       }},
      {"CosineAnnealingWarmRestarts",
       [](const SharedRates& r, const Params& o) {
         return make_cosine_annealing_warm_restarts(r, o.at("T_0").as_int(), whole(o, "T_mult", 1),
                                                    real(o, "eta_min", 0));
       }},
      {"ReduceLROnPlateau",
       [](const SharedRates& r, const Params& o) {
         return make_reduce_lr_on_plateau(
             r, {text(o, "mode", "min"), real(o, "factor", 0.1), whole(o, "patience", 10),
                 real(o, "threshold", 1e-4), text(o, "threshold_mode", "rel"), whole(o, "cooldown", 0),
                 per_group(o, "min_lr", {0}), 1e-8});
       }},
      {"OneCycleLR",
       [](const SharedRates& r, const Params& o) {
         return make_one_cycle_lr(
             r, {per_group(o, "max_lr", {}), maybe(o, "total_steps"), maybe(o, "epochs"),
                 maybe(o, "steps_per_epoch"), real(o, "pct_start", 0.3), text(o, "anneal_strategy", "cos"),
                 flag(o, "cycle_momentum", true), per_group(o, "base_momentum", {0.85}),
                 per_group(o, "max_momentum", {0.95}), real(o, "div_factor", 25),
                 real(o, "final_div_factor", 1e4), flag(o, "three_phase", false)});
       }},
      {"CyclicLR",
       [](const SharedRates& r, const Params& o) {
         return make_cyclic_lr(r, {per_group(o, "base_lr", {}),
                                   per_group(o, "max_lr", {}),
                                   whole(o, "step_size_up", 2000),
                                   maybe(o, "step_size_down"),
                                   text(o, "mode", "triangular"),
                                   real(o, "gamma", 1),
                                   flag(o, "cycle_momentum", true),
                                   {0.8},
                                   {0.9}});
       }},
      {"SequentialLR",
       [](const SharedRates& r, const Params& o) {
         std::vector<std::shared_ptr<Scheduler>> parts;
         parts.push_back(make_linear_lr(r, 0.1, 1.0, 5));
         parts.push_back(make_constant_lr(r, 0.5, 8));
         parts.push_back(make_cosine_annealing_lr(r, 30));
         return make_sequential_lr(r, parts, wholes(o.at("milestones")));
       }},
      {"ChainedScheduler",
       [](const SharedRates& r, const Params&) {
         std::vector<std::shared_ptr<Scheduler>> parts;
         parts.push_back(make_constant_lr(r, 0.1, 4));
         parts.push_back(make_exponential_lr(r, 0.9));
         return make_chained_scheduler(r, parts);
       }},
  };
  return table;
}

const Params& traces() {
  static const Params content =
      Params::from_json(read_file(IVORY_SOURCE_DIR "/tests/torch/scheduler_traces.json"));
  return content;
}

std::vector<std::size_t> case_numbers() {
  std::vector<std::size_t> numbers(traces().at("cases").size());
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
  return numbers;
}

class SchedulerTrace : public testing::TestWithParam<std::size_t> {
 protected:
  const Params& case_ = traces().at("cases").at(GetParam());
  std::shared_ptr<Rates> rates_ = std::make_shared<Rates>();
  std::unique_ptr<Scheduler> scheduler_ = make(rates_);

  [[nodiscard]] std::unique_ptr<Scheduler> make(const SharedRates& rates) const {
    return makers().at(case_.at("name").as_string())(rates, case_.at("options"));
  }
  static void step(Scheduler& scheduler, std::size_t index) {
    scheduler.step(traces().at("scores").at(index).as_real());
  }
  void expect_rates(std::size_t index) const {
    for (std::size_t group = 0; group < 2; ++group) {
      const auto& expected = case_.at("trace").at(index).at(group);
      EXPECT_NEAR(expected.at(std::size_t{0}).as_real(), rates_->lr(group), 1e-6) << "after step " << index;
      EXPECT_NEAR(expected.at(1).as_real(), *rates_->find_momentum(group), 1e-6) << "after step " << index;
    }
  }
};

TEST_P(SchedulerTrace, FollowsPyTorchForFiftySteps) {
  expect_rates(0);
  for (std::size_t i = 0; i < 50; ++i) {
    step(*scheduler_, i);
    expect_rates(i + 1);
  }
}

TEST_P(SchedulerTrace, ResumesBitwiseInTheMiddle) {
  for (std::size_t i = 0; i < 25; ++i) step(*scheduler_, i);
  const auto resumed_rates = std::make_shared<Rates>();
  const auto resumed = make(resumed_rates);
  resumed->load_state_dict(Params::from_json(scheduler_->state_dict().to_json()));
  for (std::size_t group = 0; group < 2; ++group) {  // the optimizer's state
    resumed_rates->set_lr(group, rates_->lr(group));
    resumed_rates->set_momentum(group, *rates_->find_momentum(group));
  }
  for (std::size_t i = 25; i < 50; ++i) {
    step(*scheduler_, i);
    step(*resumed, i);
    ASSERT_EQ(scheduler_->last_lr(), resumed->last_lr()) << "after step " << i;
    ASSERT_EQ(rates_->find_momentum(0), resumed_rates->find_momentum(0));
  }
  EXPECT_EQ(scheduler_->last_epoch(), resumed->last_epoch());
}

INSTANTIATE_TEST_SUITE_P(AllOfPyTorchs, SchedulerTrace, testing::ValuesIn(case_numbers()),
                         [](const auto& info) {
                           return traces().at("cases").at(info.param).at("name").as_string() +
                                  std::to_string(info.param);
                         });

template <class F>
std::string argument_at_fault(F call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(ErrorCode::kInvalidArgument, error.code());
    return error.argument();
  }
  return "nothing";
}

TEST(Scheduler, RefusesWhatPyTorchRefuses) {
  const auto rates = std::make_shared<Rates>();
  EXPECT_EQ("step_size", argument_at_fault([&] { (void)make_step_lr(rates, 0); }));
  EXPECT_EQ("factor", argument_at_fault([&] { (void)make_constant_lr(rates, 1.5); }));
  EXPECT_EQ("start_factor", argument_at_fault([&] { (void)make_linear_lr(rates, 2.0); }));
  EXPECT_EQ("T_max", argument_at_fault([&] { (void)make_cosine_annealing_lr(rates, 0); }));
  EXPECT_EQ("mode", argument_at_fault([&] { (void)make_reduce_lr_on_plateau(rates, {.mode = "mni"}); }));
  EXPECT_EQ("max_lr",
            argument_at_fault([&] { (void)make_one_cycle_lr(rates, {.max_lr = {0.1, 0.2, 0.3}}); }));
  EXPECT_EQ("milestones", argument_at_fault([&] {
              (void)make_sequential_lr(rates, {make_exponential_lr(rates, 0.9)}, {3});
            }));
}

TEST(Scheduler, APlateauWithoutAScoreIsAnError) {
  const auto scheduler = make_reduce_lr_on_plateau(std::make_shared<Rates>(), {});
  EXPECT_EQ("score", argument_at_fault([&] { scheduler->step(); }));
}

TEST(Scheduler, APlateauCountsNaNAsNoProgress) {
  const auto rates = std::make_shared<Rates>();
  const auto scheduler = make_reduce_lr_on_plateau(rates, {.factor = 0.5, .patience = 1});
  scheduler->step(1.0);
  scheduler->step(NAN);
  scheduler->step(NAN);
  EXPECT_DOUBLE_EQ(0.05, rates->lr(0));
}

TEST(Scheduler, OneCycleTakesItsLengthFromTheTrainer) {
  const auto planned_rates = std::make_shared<Rates>(), given_rates = std::make_shared<Rates>();
  const auto planned = make_one_cycle_lr(planned_rates, {.max_lr = {0.5}});
  const auto given = make_one_cycle_lr(given_rates, {.max_lr = {0.5}, .total_steps = 20});
  EXPECT_EQ(Scheduler::Interval::kStep, planned->interval());
  EXPECT_EQ("total_steps", argument_at_fault([&] {
              make_one_cycle_lr(std::make_shared<Rates>(), {.max_lr = {0.5}})->step();
            }));
  planned->plan(4, 5);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(given->last_lr(), planned->last_lr());
    given->step();
    planned->step();
  }
  EXPECT_EQ("total_steps", argument_at_fault([&] { planned->step(); }));
}

}  // namespace
}  // namespace ivory::nn
