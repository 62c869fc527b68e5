#include <gmock/gmock.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::Project;

TEST(CreateParams, ReturnsTheWholeParametersAndWhatWasGiven) {
  const Project project;
  const Experiment experiment = create_client(project.path(), false).create_experiment("line");
  const auto [params, update] = experiment.create_params({{"fold", 3}, {"trainer.lr", 0.5}});
  EXPECT_EQ(params.at("run").at("datasets").at("fold").as_int(), 3);
  EXPECT_EQ(params.at("run").at("trainer").at("lr").as_real(), 0.5);
  EXPECT_EQ(update, (Params{{"fold", 3}, {"trainer.lr", 0.5}}));
  EXPECT_EQ(experiment.params().at("run").at("datasets").at("fold").as_int(), 0)
      << "the experiment's own are untouched";
}

TEST(CreateParams, OfARunStartFromItsOwn) {
  const Project project;
  const ivory::Run run = create_client(project.path(), false).create_run("line", {{"lr", 0.3}});
  EXPECT_EQ(run.create_params({{"fold", 1}}).first.at("run").at("trainer").at("lr").as_real(), 0.3);
}

TEST(CreateParams, NamesTheNearestParameter) {
  const Project project;
  const Experiment experiment = create_client(project.path(), false).create_experiment("line");
  EXPECT_THAT(message_of([&] { static_cast<void>(experiment.create_params({{"epoch", 3}})); }),
              HasSubstr("did you mean 'epochs'?"));
}

TEST(CreateParams, RefusesASectionThatDoesNotExist) {
  const Project project;
  const Experiment experiment = create_client(project.path(), false).create_experiment("line");
  EXPECT_THAT(message_of([&] { static_cast<void>(experiment.create_params({}, "trial")); }),
              HasSubstr("no section 'trial'"));
}

TEST(CreateRun, MakesMembersInTheOrderOfTheFile) {
  const Project project;
  const ivory::Run run = create_client(project.path(), false).create_run("line");
  EXPECT_THAT(run.dict().keys(),
              ElementsAre("datasets", "model", "results", "metrics", "monitor", "trainer"));
  EXPECT_EQ(run[5].pointer(), run["trainer"].pointer());
  EXPECT_EQ(run.get<Trainer>("trainer")->epochs(), 5);
  EXPECT_EQ(run.source_name(), (project.path() / "line.yml").string());
  EXPECT_EQ(run.id(), "") << "nothing tracks it";
  EXPECT_FALSE(project.has("mlflow.db"));
}

TEST(CreateRun, OfARunMakesAnother) {
  const Project project;
  const ivory::Run run = create_client(project.path(), false).create_run("line", {{"epochs", 2}});
  const ivory::Run other = run.create_run({{"fold", 2}});
  EXPECT_EQ(other.get<Trainer>("trainer")->epochs(), 2);
  EXPECT_EQ(other.get<Datasets>("datasets")->fold(), 2);
}

TEST(CreateInstance, MakesOneMemberAloneByDottedName) {
  const Project project;
  const Experiment experiment = create_client(project.path(), false).create_experiment("line");
  EXPECT_EQ(experiment.create_instance("datasets.data").share<Data>()->input.rows(), 40);
  EXPECT_EQ(experiment.create_instance("trainer", {{"epochs", 7}}).share<Trainer>()->epochs(), 7);
  EXPECT_THAT(message_of([&] { static_cast<void>(experiment.create_instance("modle")); }),
              HasSubstr("did you mean 'model'?"));
}

TEST(ResolveParams, FillsInClassesAndDefaultsAndReadsBack) {
  const Project project;
  const Client client = create_client(project.path(), false);
  const Params resolved = client.create_experiment("line").resolve_params({{"fold", 2}});
  EXPECT_EQ(resolved.at("run").at("monitor").at("class").as_string(), "ivory.Monitor");
  EXPECT_EQ(resolved.at("run").at("datasets").at("fold").as_int(), 2);
  EXPECT_EQ(resolved.at("run").at("seed").as_int(), 0);
  project.write("again.yml", resolved.to_json());
  EXPECT_EQ(client.create_experiment("again").resolve_params().at("run"), resolved.at("run"));
}

TEST(Check, ReportsWhatAConstructorRefusesWithItsLine) {
  const Project project;
  const Experiment experiment = create_client(project.path(), false).create_experiment("line");
  EXPECT_NO_THROW(experiment.check({{"fold", 3}}));
  const std::string message = message_of([&] { experiment.check({{"fold", 9}}); });
  EXPECT_THAT(message, HasSubstr("fold"));
  EXPECT_FALSE(project.has("mlflow.db"));
}

TEST(Check, LooksAtTheRunAsAStartInThatModeDoes) {
  const Project project;
  const Experiment experiment = create_client(project.path(), false).create_experiment("line");
  EXPECT_NO_THROW(experiment.check({{"with_test", false}}, "both"));
  EXPECT_THAT(message_of([&] { experiment.check({{"with_test", false}}, "test"); }),
              HasSubstr("no samples to test"));
}

}  // namespace
}  // namespace ivory
