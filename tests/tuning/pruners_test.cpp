#include <ivory/tuning/pruners.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/files.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "json.h"
#include "support.h"

namespace ivory::tuning {
namespace {
using testing::HasSubstr;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Study study_with(std::unique_ptr<Pruner> pruner, Direction direction = Direction::kMinimize,
                 const std::string& name = {}) {
  return create_study({.direction = direction,
                       .study_name = name,
                       .sampler = make_random_sampler({.seed = 1}),
                       .pruner = std::move(pruner)});
}

// Reports the values at steps 0, 1, …; returns the step at which the trial is pruned, or -1.
std::int64_t run_trial(Study& study, const std::vector<double>& values) {
  const auto trial = study.ask();
  for (std::size_t step = 0; step < values.size(); ++step) {
    trial->report(values[step], static_cast<std::int64_t>(step));
    if (!trial->should_prune()) continue;
    study.tell(*trial, TrialState::kPruned);
    return static_cast<std::int64_t>(step);
  }
  study.tell(*trial, values.back());
  return -1;
}

// Every pruner of the table keeps the promises of the interface.
class PrunerContract : public testing::TestWithParam<PrunerEntry> {};
// Of those that look at the curve of a fold; Wilcoxon's compares folds with one another, each one instance.
class CurvePrunerContract : public PrunerContract {};

TEST_P(PrunerContract, LetsATrialWithoutReportsGoOn) {
  Study study = study_with(GetParam().make());
  for (int i = 0; i < 8; ++i) {
    const auto trial = study.ask();
    EXPECT_FALSE(trial->should_prune());
    study.tell(*trial, i);
  }
}

TEST_P(PrunerContract, NeverGivesUpATrialThatIsBestThroughout) {
  for (const Direction direction : {Direction::kMinimize, Direction::kMaximize}) {
    const double sign = direction == Direction::kMinimize ? 1 : -1;
    Study study = study_with(GetParam().make(), direction);
    for (int i = 0; i < 20; ++i) {
      std::vector<double> values;
      for (int step = 0; step < 30; ++step) values.push_back(sign * (100 - 2 * i - step));
      EXPECT_EQ(run_trial(study, values), -1) << GetParam().name << " trial " << i;
    }
  }
}

TEST_P(PrunerContract, DecidesTheSameInBothDirections) {
  std::vector<std::vector<std::int64_t>> decisions;
  for (const double sign : {1.0, -1.0}) {
    Study study =
        study_with(GetParam().make(), sign > 0 ? Direction::kMinimize : Direction::kMaximize, "mirror");
    auto& decided = decisions.emplace_back();
    Rng rng({.seed = 5});
    for (int i = 0; i < 30; ++i) {
      std::vector<double> values;
      for (int step = 0; step < 12; ++step) values.push_back(sign * (rng.uniform() + 1.0 / (step + 1)));
      decided.push_back(run_trial(study, values));
    }
  }
  EXPECT_EQ(decisions[0], decisions[1]);
}

// Of so many, three are a NaN and the infinities.
double wild_value(Rng& rng, std::uint64_t of) {
  constexpr std::array kWild{kNan, HUGE_VAL, -HUGE_VAL};
  const auto kind = static_cast<std::size_t>(rng.below(of));
  return kind < kWild.size() ? kWild.at(kind) : rng.uniform();
}

TEST_P(PrunerContract, TakesNaNsAndInfinities) {
  Study study = study_with(GetParam().make());
  Rng rng({.seed = 6});
  for (int i = 0; i < 40; ++i) {
    std::vector<double> values;
    for (int step = 0; step < 6; ++step) values.push_back(wild_value(rng, 6));
    if (std::isnan(values.back())) values.back() = 0;
    const std::int64_t step = run_trial(study, values);
    EXPECT_LT(step, 6);
  }
  EXPECT_EQ(study.size(), 40);
}

// Of a trial: by fold and step, a value an objective.
using FoldReports = std::vector<std::vector<std::vector<double>>>;

Study study_of_several(std::unique_ptr<Pruner> pruner, const std::vector<Direction>& directions) {
  return create_study({.directions = directions,
                       .study_name = "several",
                       .sampler = make_random_sampler({.seed = 1}),
                       .pruner = std::move(pruner)});
}

// Returns (fold, step) at which the trial is pruned, or (-1, -1). The trial ends with the last report.
std::pair<int, int> run_folds(Study& study, const FoldReports& reports, bool with_folds = true) {
  const auto trial = study.ask();
  for (std::size_t fold = 0; fold < reports.size(); ++fold) {
    for (std::size_t step = 0; step < reports[fold].size(); ++step) {
      const auto at = static_cast<std::int64_t>(step);
      const auto of = with_folds ? std::optional(static_cast<std::int64_t>(fold)) : std::nullopt;
      trial->report(reports[fold][step], at, of);
      if (!trial->should_prune()) continue;
      study.tell(*trial, TrialState::kPruned);
      return {static_cast<int>(fold), static_cast<int>(step)};
    }
  }
  study.tell(*trial, reports.back().back());
  return {-1, -1};
}

FoldReports random_reports(Rng& rng, std::span<const double> signs, double offset = 0) {
  FoldReports reports(3, std::vector(6, std::vector<double>(signs.size())));
  for (auto& fold : reports) {
    for (std::size_t step = 0; step < fold.size(); ++step) {
      for (std::size_t k = 0; k < signs.size(); ++k)
        fold[step][k] = signs[k] * (offset + rng.uniform() + 1.0 / static_cast<double>(step + 1));
    }
  }
  return reports;
}

TEST_P(CurvePrunerContract, AFoldAloneDecidesAsATrialWithoutFolds) {
  std::vector<std::vector<int>> decisions;
  for (const bool with_folds : {false, true}) {
    Study study = study_with(GetParam().make(), Direction::kMinimize, "folds");
    auto& decided = decisions.emplace_back();
    Rng rng({.seed = 8});
    const std::vector<double> signs{1};
    for (int i = 0; i < 30; ++i) {
      FoldReports reports = random_reports(rng, signs);
      reports.resize(1);
      decided.push_back(run_folds(study, reports, with_folds).second);
    }
  }
  EXPECT_EQ(decisions[0], decisions[1]);
}

TEST_P(PrunerContract, NeverGivesUpATrialThatIsBestInEachFoldAndObjective) {
  const std::vector<double> signs{1, -1};
  Study study = study_of_several(GetParam().make(), {Direction::kMinimize, Direction::kMaximize});
  for (int i = 0; i < 20; ++i) {
    FoldReports reports(3);
    for (auto& fold : reports) {
      for (int step = 0; step < 30; ++step) fold.push_back({100.0 - 2 * i - step, -100.0 + 2 * i + step});
    }
    EXPECT_EQ(run_folds(study, reports), std::pair(-1, -1)) << GetParam().name << " trial " << i;
  }
}

TEST_P(PrunerContract, ItsDecisionsWithSeveralObjectivesDoNotDependOnTheirDirections) {
  std::vector<std::vector<std::pair<int, int>>> decisions;
  for (const double sign : {1.0, -1.0}) {
    const std::vector<double> signs{1, sign};
    const Direction second = sign > 0 ? Direction::kMinimize : Direction::kMaximize;
    Study study = study_of_several(GetParam().make(), {Direction::kMinimize, second});
    auto& decided = decisions.emplace_back();
    Rng rng({.seed = 9});
    for (int i = 0; i < 30; ++i) decided.push_back(run_folds(study, random_reports(rng, signs)));
  }
  EXPECT_EQ(decisions[0], decisions[1]);
}

FoldReports wild_reports(Rng& rng) {
  FoldReports reports(2, std::vector(4, std::vector<double>(2)));
  for (auto& fold : reports)
    for (auto& values : fold) std::ranges::generate(values, [&] { return wild_value(rng, 8); });
  reports.back().back() = {0.5, 0.5};
  return reports;
}

TEST_P(PrunerContract, TakesNaNsAndInfinitiesOfSeveralObjectivesInFolds) {
  Study study = study_of_several(GetParam().make(), {Direction::kMinimize, Direction::kMaximize});
  Rng rng({.seed = 6});
  for (int i = 0; i < 40; ++i) {
    run_folds(study, wild_reports(rng));
    const FrozenTrial trial = study.trial(i);
    EXPECT_TRUE(is_finished(trial.state));
    for (const double value : trial.values) EXPECT_FALSE(std::isnan(value));
  }
}

std::vector<PrunerEntry> curve_pruners() {
  std::vector<PrunerEntry> entries(pruner_table().begin(), pruner_table().end());
  EXPECT_EQ(std::erase_if(entries, [](const PrunerEntry& entry) { return entry.name == "wilcoxon"; }), 1u);
  return entries;
}

INSTANTIATE_TEST_SUITE_P(All, CurvePrunerContract, testing::ValuesIn(curve_pruners()),
                         [](const auto& info) { return std::string(info.param.name); });
INSTANTIATE_TEST_SUITE_P(All, PrunerContract, testing::ValuesIn(pruner_table().begin(), pruner_table().end()),
                         [](const auto& info) { return std::string(info.param.name); });

// What Optuna decided, report by report, in a study that it kept.
struct Replay {
  const char* study;
  std::unique_ptr<Pruner> (*make)();
};
class PrunerReplay : public testing::TestWithParam<Replay> {};

TEST_P(PrunerReplay, DecidesAsOptunaDid) {
  const Params studies = json::read(read_file(IVORY_SOURCE_DIR "/tests/tuning/fixtures/studies.json"));
  const auto kept = std::ranges::find_if(studies.elements(), [](const Params& study) {
    return study.at("study_name").as_string() == GetParam().study;
  });
  ASSERT_NE(kept, studies.elements().end());
  Study study = study_with(GetParam().make(), Direction::kMinimize, GetParam().study);
  for (const auto& trial : kept->at("trials").elements()) {
    std::vector<double> values;
    for (const auto& [step, value] : trial.at("intermediate_values").items())
      values.push_back(value.as_real());
    const bool pruned = trial.at("state").as_string() == "PRUNED";
    const std::int64_t expected = pruned ? static_cast<std::int64_t>(values.size()) - 1 : -1;
    EXPECT_EQ(run_trial(study, values), expected) << "trial " << trial.at("number").as_int();
    const Params attrs = study.trial(trial.at("number").as_int()).system_attrs;
    EXPECT_EQ(attrs, trial.at("system_attrs"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Optuna, PrunerReplay,
    testing::Values(
        Replay{"attrs-median", [] { return make_median_pruner({.n_warmup_steps = 2}); }},
        Replay{"attrs-asha",
               [] { return make_successive_halving_pruner({.min_resource = 1, .reduction_factor = 2}); }},
        Replay{"attrs-hyperband",
               [] {
                 return make_hyperband_pruner({.min_resource = 1, .max_resource = 20, .reduction_factor = 3});
               }}),
    [](const auto& info) { return std::string(info.param.study).substr(6); });

TEST(PercentilePruner, InterpolatesAndWaitsForItsInterval) {
  Study study = study_with(
      make_percentile_pruner(25, {.n_startup_trials = 4, .n_warmup_steps = 1, .interval_steps = 2}));
  for (const double value : {1.0, 2.0, 3.0, 4.0}) run_trial(study, std::vector<double>(6, value));
  EXPECT_EQ(run_trial(study, std::vector<double>(6, 1.75)), -1);  // the 25th percentile itself
  EXPECT_EQ(run_trial(study, std::vector<double>(6, 1.76)), 1);   // then after the warm-up
  EXPECT_EQ(run_trial(study, {1, 1, 9, 9, 9, 9}), -1);            // the best report counts
  const auto trial = study.ask();
  trial->report(9, 0);
  trial->report(1, 1);
  EXPECT_FALSE(trial->should_prune());
  trial->report(9, 2);
  EXPECT_FALSE(trial->should_prune());
}

TEST(ThresholdPruner, GivesUpOutsideItsBounds) {
  Study study = study_with(make_threshold_pruner({.lower = 0, .upper = 10}));
  EXPECT_EQ(run_trial(study, {0, 10, 10.5}), 2);
  EXPECT_EQ(run_trial(study, {5, -0.1}), 1);
  EXPECT_EQ(run_trial(study, {5, kNan, 3}), 1);
}

TEST(PatientPruner, WaitsUntilNothingImproves) {
  Study study = study_with(make_patient_pruner(nullptr, 2));
  EXPECT_EQ(run_trial(study, {5, 4, 5, 5, 5, 5}), 4);
  EXPECT_EQ(run_trial(study, {5, 4, 5, 5, 3, 5, 5, 2}), -1);
  EXPECT_EQ(run_trial(study, {5, kNan, 6, kNan, 6}), 3);
  Study tolerant = study_with(make_patient_pruner(nullptr, 0, 2));
  EXPECT_EQ(run_trial(tolerant, {5, 6, 7, 7.5}), 3);
}

TEST(WilcoxonPruner, ComparesCommonInstancesWithTheBest) {
  Study study = study_with(make_wilcoxon_pruner());
  std::vector<double> best, worse;
  for (int i = 0; i < 10; ++i) {
    best.push_back(i % 2 * 0.5);
    worse.push_back(i % 2 * 0.5 + 1 + 0.1 * i);
  }
  EXPECT_EQ(run_trial(study, best), -1);
  EXPECT_EQ(run_trial(study, worse), 3);  // 1/16 < 0.1 from four instances on
  EXPECT_EQ(run_trial(study, {kNan, 9, 9, 9, 9, 9}), -1);
}

TEST(Wilcoxon, GivesTheReferencesPValues) {
  const Params reference = json::read(read_file(IVORY_SOURCE_DIR "/tests/tuning/fixtures/reference.json"));
  for (const auto& item : reference.at("wilcoxon_zsplit").elements()) {
    std::vector<double> differences;
    for (const auto& difference : item.at("diff").elements()) differences.push_back(difference.as_real());
    EXPECT_NEAR(wilcoxon_p_value(differences, Alternative::kGreater), item.at("greater").as_real(), 1e-9);
    EXPECT_NEAR(wilcoxon_p_value(differences, Alternative::kLess), item.at("less").as_real(), 1e-9);
  }
  EXPECT_EQ(wilcoxon_p_value(std::vector<double>{1, 2, 3}, Alternative::kGreater), 0.125);
  EXPECT_EQ(wilcoxon_p_value(std::vector<double>{1, 2, -3}, Alternative::kGreater), 0.625);
}

TEST(Crc32, GivesTheReferencesSums) {
  const Params reference = json::read(read_file(IVORY_SOURCE_DIR "/tests/tuning/fixtures/reference.json"));
  for (const auto& item : reference.at("hyperband_crc32").elements()) {
    EXPECT_EQ(crc32(item.at("study_name").as_string() + "_" + std::to_string(item.at("number").as_int())),
              item.at("crc32").as_int());
  }
}

TEST(Pruners, RefuseOptionsThatMakeNoSense) {
  EXPECT_THAT(message_of([] { (void)make_percentile_pruner(101); }), HasSubstr("[0, 100]"));
  EXPECT_THAT(message_of([] { (void)make_median_pruner({.interval_steps = 0}); }),
              HasSubstr("interval_steps should be at least 1; got 0"));
  EXPECT_THAT(message_of([] { (void)make_successive_halving_pruner({.reduction_factor = 1}); }),
              HasSubstr("reduction_factor"));
  EXPECT_THAT(message_of([] { (void)make_successive_halving_pruner({.bootstrap_count = 1}); }),
              HasSubstr("min_resource"));
  EXPECT_THAT(message_of([] { (void)make_hyperband_pruner({.min_resource = 9, .max_resource = 3}); }),
              HasSubstr("max_resource"));
  EXPECT_THAT(message_of([] { (void)make_threshold_pruner({}); }), HasSubstr("lower or an upper"));
  EXPECT_THAT(message_of([] { (void)make_threshold_pruner({.lower = 1, .upper = 0}); }),
              HasSubstr("lower <= upper"));
  EXPECT_THAT(message_of([] { (void)make_patient_pruner(nullptr, -1); }), HasSubstr("patience"));
  EXPECT_THAT(message_of([] { (void)make_wilcoxon_pruner({.p_threshold = 2}); }), HasSubstr("p_threshold"));
}

TEST(PercentilePruner, ComparesTheSameStepOfTheSameFold) {
  Study study = study_with(make_median_pruner({.n_startup_trials = 1}));
  EXPECT_EQ(run_folds(study, {{{1}, {0.5}}, {{9}, {8}}}), std::pair(-1, -1));
  // Worse than fold 0 of the first trial, better than its fold 1.
  EXPECT_EQ(run_folds(study, {{{0.9}, {0.4}}, {{7}, {6}}}), std::pair(-1, -1));
  EXPECT_EQ(run_folds(study, {{{0.8}, {0.3}}, {{9.5}, {2}}}), std::pair(1, 0));
  EXPECT_EQ(run_folds(study, {{{2}}}), std::pair(0, 0));
}

TEST(PercentilePruner, GivesUpWhatStandsInAWorseFrontThanTheMedian) {
  Study study = study_of_several(make_median_pruner({.n_startup_trials = 1}),
                                 {Direction::kMinimize, Direction::kMinimize});
  EXPECT_EQ(run_folds(study, {{{1, 3}}}, false).first, -1);
  EXPECT_EQ(run_folds(study, {{{3, 1}}}, false).first, -1);
  EXPECT_EQ(run_folds(study, {{{2, 2}}}, false).first, -1);  // in the same front
  EXPECT_EQ(run_folds(study, {{{3, 3}}}, false).first, 0);   // dominated by one of it
  EXPECT_EQ(run_folds(study, {{{0, 9}}}, false).first, -1);  // bad in one, best in the other
}

TEST(WilcoxonPruner, TakesFoldsAsInstances) {
  Study study = study_with(make_wilcoxon_pruner());
  FoldReports good(6, {{0.9}, {0.5}}), bad(6, {{0.95}, {0.7}});
  for (std::size_t fold = 0; fold < 6; ++fold) {  // folds differ more than trials do
    const auto difficulty = static_cast<double>(fold * fold);
    for (std::size_t step = 0; step < 2; ++step) {
      good[fold][step][0] += difficulty;
      bad[fold][step][0] += difficulty + static_cast<double>(fold) / 100;
    }
  }
  EXPECT_EQ(run_folds(study, good), std::pair(-1, -1));
  const auto [fold, step] = run_folds(study, bad);
  EXPECT_EQ(fold, 3);  // 1/16 < 0.1 with four folds, each of them worse
  EXPECT_EQ(step, 0);
}

TEST(WilcoxonPruner, GivesUpWhatOneOfTheFrontBeatsInEveryObjective) {
  Study study = study_of_several(make_wilcoxon_pruner(), {Direction::kMinimize, Direction::kMinimize});
  const auto constant = [](double a, double b) {
    FoldReports reports;
    for (int fold = 0; fold < 6; ++fold) reports.push_back({{a + fold * 1.5 + 0.01 * fold * a, b + fold}});
    return reports;
  };
  EXPECT_EQ(run_folds(study, constant(1, 3)).first, -1);
  EXPECT_EQ(run_folds(study, constant(3, 1)).first, -1);
  EXPECT_EQ(run_folds(study, constant(2, 2)).first, -1);
  EXPECT_GE(run_folds(study, constant(4, 3.5)).first, 3);
}

TEST(SuccessiveHalvingPruner, HasRungsInEachFold) {
  Study study = study_with(make_successive_halving_pruner({.min_resource = 1, .reduction_factor = 2}));
  run_folds(study, {{{3}, {2}, {1}}, {{5}, {4}}});
  const Params attrs = study.trial(0).system_attrs;
  EXPECT_EQ(attrs.at("ivory:fold_0:completed_rung_0").as_real(), 2);
  EXPECT_EQ(attrs.at("ivory:fold_0:completed_rung_1").as_real(), 1);
  EXPECT_EQ(attrs.at("ivory:fold_1:completed_rung_0").as_real(), 4);
  EXPECT_EQ(run_folds(study, {{{3}, {1.5}, {1}}, {{5}, {4.5}}}), std::pair(1, 1));
}

}  // namespace
}  // namespace ivory::tuning
