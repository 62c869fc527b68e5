// Tuners from YAML, samplers and pruners by all their names.
#include <ivory/experiment/tuner.h>

#include <set>

#include <gmock/gmock.h>

#include <ivory/experiment/study.h>
#include <ivory/tuning/pruners.h>
#include <ivory/tuning/samplers.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::Project;

std::shared_ptr<Tuner> tuner_of(const std::string& client_yml, const Params& section = Params::map()) {
  const Project project;
  project.write("client.yml", client_yml);
  return make_tuner(Client(project.path(), false), section);
}

std::string sampler_of(const std::string& yaml) {
  return std::string(tuner_of("tuner: {sampler: " + yaml + "}\n")->options().sampler->name());
}

std::string pruner_of(const std::string& yaml) {
  return std::string(tuner_of("tuner: {pruner: " + yaml + "}\n")->options().pruner->name());
}

TEST(Tuner, HasDefaultsWhereNoFileNamesIt) {
  const auto tuner = tuner_of("");
  EXPECT_EQ(tuner->storage(), "sqlite:///optuna.db");
  EXPECT_EQ(tuner->options().sampler, nullptr);
  EXPECT_FALSE(tuner->options().load_if_exists);
}

TEST(Tuner, TakesSamplersByEachOfTheirNames) {
  for (const auto* name : {"{class: optuna.samplers.TPESampler, seed: 1}", "{class: ivory.tuning.TPESampler}",
                           "tpe", "optuna.samplers.TPESampler"})
    EXPECT_EQ(sampler_of(name), "tpe") << name;
  EXPECT_EQ(sampler_of("{class: grid, search_space: {lr: [0.1, 0.2]}}"), "grid");
  EXPECT_EQ(
      sampler_of("{class: partial-fixed, fixed_params: {lr: 0.1}, base_sampler: {class: random}}"),
      std::string(tuning::make_partial_fixed_sampler({{"lr", 0.1}}, tuning::make_random_sampler())->name()));
}

TEST(Tuner, KnowsEverySamplerAndPrunerOfTheTunerByItsShortName) {
  for (const tuning::SamplerEntry& entry : tuning::sampler_table())
    EXPECT_EQ(sampler_of(std::string(entry.name)), entry.make(0)->name()) << entry.name;
  for (const tuning::PrunerEntry& entry : tuning::pruner_table()) {
    const std::string name(entry.name);
    const std::string needs = name == "percentile"  ? ", percentile: 25"
                              : name == "threshold" ? ", lower: 0"
                              : name == "patient"   ? ", patience: 1"
                                                    : "";
    EXPECT_EQ(pruner_of("{class: " + name + needs + "}"), entry.name);
  }
}

TEST(Tuner, SaysWhatIsWrongWithAnArgument) {
  const auto told = [](const std::string& yaml) {
    return message_of([&] { static_cast<void>(tuner_of("tuner: {" + yaml + "}\n")); });
  };
  EXPECT_THAT(told("sampler: {class: tpe, n_startup: 3}"),
              AllOf(HasSubstr("client.yml:1"), HasSubstr("n_startup_trials")));
  EXPECT_THAT(told("sampler: {class: optuna.samplers.TPESampller}"), HasSubstr("did you mean"));
  EXPECT_THAT(told("pruner: {class: percentile}"), HasSubstr("percentile"));
  EXPECT_THAT(told("pruner: {class: tpe}"), HasSubstr("client.yml:1"));
  EXPECT_THAT(told("directions: [down]"), HasSubstr("minimize or maximize"));
  EXPECT_THAT(told("lag: 0"), HasSubstr("1 trial or more"));
  EXPECT_THAT(told("storrage: x"), HasSubstr("storage"));
}

TEST(Tuner, WhatIsGivenGoesBeforeWhatTheFilesSay) {
  const auto tuner = tuner_of("tuner: {sampler: tpe, pruner: hyperband, lag: 3}\n",
                              {{"sampler", "random"}, {"storage", "journal:///trials.log"}});
  EXPECT_EQ(tuner->options().sampler->name(), "random");
  EXPECT_EQ(tuner->options().pruner->name(), "hyperband");
  EXPECT_EQ(tuner->options().lag, 3);
  EXPECT_TRUE(tuner->url().starts_with("journal:////"));
  EXPECT_TRUE(tuner->url().ends_with("/trials.log"));
}

TEST(Tuner, AStorageLiesInTheClientsFolder) {
  const Project project;
  Tuner tuner;
  tuner.set_directory(project.path());
  EXPECT_EQ(tuner.url(), "sqlite:///" + (project.path() / "optuna.db").string());
  EXPECT_TRUE(tuner.study_names().empty());
  EXPECT_FALSE(tuner.find_study("x"));
  EXPECT_FALSE(project.has("optuna.db")) << "looking writes nothing";
  static_cast<void>(tuner.create_study("x", {tuning::Direction::kMaximize}));
  EXPECT_EQ(tuner.find_study("x")->direction(), tuning::Direction::kMaximize);
  EXPECT_THAT(message_of([&] { static_cast<void>(tuner.create_study("x", {tuning::Direction::kMaximize})); }),
              HasSubstr("x"));
  EXPECT_THAT(
      message_of([&] { static_cast<void>(tuner.create_study("x", {tuning::Direction::kMinimize}, true)); }),
      AllOf(HasSubstr("MAXIMIZE"), HasSubstr("give another name")));
}

TEST(Tuner, DirectionsMayBeGiven) {
  const Tuner tuner({.storage = "", .directions = {"maximize"}});
  EXPECT_EQ(tuner.create_study("x", {tuning::Direction::kMinimize}).direction(),
            tuning::Direction::kMaximize);
  EXPECT_THAT(message_of([&] {
                static_cast<void>(
                    tuner.create_study("y", {tuning::Direction::kMinimize, tuning::Direction::kMinimize}));
              }),
              HasSubstr("2 metrics"));
}

TEST(Tuner, AStudyTakesItFromTheNearestFile) {
  const Project project("study: {tuner: {lag: 5}}\n");
  project.write("client.yml", "tuner: {lag: 3}\n");
  const Client client(project.path(), false);
  EXPECT_EQ(client.get<Tuner>("tuner")->options().lag, 3);
  Study study = client.create_experiment("line").create_study();
  EXPECT_EQ(study.tuner().options().lag, 5);
  EXPECT_EQ(study.get<Tuner>("tuner")->options().lag, 5);
}

TEST(Tuner, AStudyFileGoesBeforeTheClients) {
  const Project project;
  project.write("client.yml", "tuner: {lag: 3}\nobjective: {lr: tuned.suggest_lr}\n");
  project.write("study.yml", "tuner: {lag: 4}\n");
  const Client client(project.path(), false);
  Study study = client.create_study("line", {{"tuner.deterministic", true}});
  EXPECT_EQ(study.tuner().options().lag, 4);
  EXPECT_TRUE(study.tuner().deterministic());
  EXPECT_EQ(study.objective().names(), std::vector<std::string>{"lr"});
  EXPECT_EQ(client.experiment_names(), std::vector<std::string>{"line"});
  project.write("study.yml", "tunner: {lag: 4}\n");
  EXPECT_THAT(message_of([&] { static_cast<void>(client.create_study("line")); }),
              AllOf(HasSubstr("study.yml:1"), HasSubstr("did you mean 'tuner'")));
}

}  // namespace
}  // namespace ivory
