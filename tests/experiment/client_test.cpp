#include <gmock/gmock.h>

#include <ivory/experiment/tracker.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::Project;

TEST(Client, OwnsADirectoryAndATracker) {
  const Project project;
  const Client client = create_client(project.path());
  EXPECT_EQ(std::filesystem::path(client.source_name()).parent_path(), project.path());
  EXPECT_THAT(client.dict().keys(), ElementsAre("tracker"));
  EXPECT_EQ(client.tracker()->tracking_uri(), "sqlite:///mlflow.db");
  EXPECT_FALSE(project.has("mlflow.db")) << "nothing is written before there is a run";
}

TEST(Client, ReadsItsFile) {
  const Project project;
  project.write("client.yml", "tracker:\n  tracking_uri: sqlite:///runs.db\n  durability: full\n");
  const Client client = create_client(project.path());
  static_cast<void>(client.create_run("line"));
  EXPECT_TRUE(project.has("runs.db"));
  EXPECT_EQ(client.tracker()->durability(), Durability::kFull);
}

TEST(Client, SaysWhatIsWrongInItsFile) {
  const Project project;
  project.write("client.yml", "tracker:\n  tracking_url: sqlite:///runs.db\n");
  const std::string message = message_of([&] { static_cast<void>(create_client(project.path())); });
  EXPECT_THAT(message, HasSubstr("client.yml:2"));
  EXPECT_THAT(message, HasSubstr("did you mean 'tracking_uri'?"));
}

TEST(Client, NamesTheNearestExperiment) {
  const Project project;
  const Client client = create_client(project.path());
  EXPECT_THAT(client.experiment_names(), ElementsAre("line"));
  EXPECT_THAT(message_of([&] { static_cast<void>(client.create_experiment("lien")); }),
              HasSubstr("did you mean 'line'?"));
}

TEST(Client, RefusesADirectoryThatDoesNotExist) {
  EXPECT_THAT(message_of([] { static_cast<void>(create_client("nowhere")); }), HasSubstr("nowhere"));
}

TEST(Client, MakesOneInstance) {
  const Project project;
  const Client client = create_client(project.path(), false);
  EXPECT_EQ(client.create_instance("line", "trainer").share<Trainer>()->epochs(), 5);
}

TEST(Experiment, TakesItsMembersFromARunSectionToo) {
  const Project project;
  project.write("section.yml", "run:\n  model: {class: line.Model}\n");
  project.write("mixed.yml", "run:\n  model: {class: line.Model}\nmonitor:\n");
  const Client client = create_client(project.path(), false);
  EXPECT_THAT(client.create_run("section").dict().keys(), ElementsAre("model"));
  EXPECT_THAT(message_of([&] { static_cast<void>(client.create_experiment("mixed")); }),
              HasSubstr("mixed.yml:3"));
}

TEST(Experiment, SaysWhatIsWrongWithItsSettings) {
  const Project project("seed: many\n");
  const Client client = create_client(project.path(), false);
  EXPECT_THAT(message_of([&] { static_cast<void>(client.create_run("line")); }),
              HasSubstr("line.yml:16: 'seed' takes int"));
}

TEST(Experiment, SaysThatALibraryIsNotInstalled) {
  const Project project("library: torhc\n");
  const Client client = create_client(project.path(), false);
  EXPECT_THAT(message_of([&] { static_cast<void>(client.create_run("line")); }),
              HasSubstr("library 'torhc' is not installed"));
}

}  // namespace
}  // namespace ivory
