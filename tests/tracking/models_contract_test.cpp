#include "models_contract.h"

#include <gmock/gmock.h>

namespace ivory::tracking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ModelRegistryContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LoggedModelsContract);

std::vector<std::string> names_of(const Page<RegisteredModel>& page) {
  std::vector<std::string> names;
  for (const RegisteredModel& model : page.items) names.push_back(model.name);
  return names;
}

std::vector<std::string> numbers_of(const std::vector<ModelVersion>& versions) {
  std::vector<std::string> numbers;
  for (const ModelVersion& version : versions) numbers.push_back(version.name + "/" + version.version);
  return numbers;
}

void wait_for_the_next_millisecond() {
  for (const TimeMs now = now_ms(); now_ms() == now;) {
  }
}

constexpr const char* kInvalid = "INVALID_PARAMETER_VALUE";
constexpr const char* kMissing = "RESOURCE_DOES_NOT_EXIST";
constexpr const char* kTaken = "RESOURCE_ALREADY_EXISTS";

TEST_P(ModelRegistryContract, GivesBackTheModelItMade) {
  const TimeMs before = now_ms();
  const auto made = registry_.create_registered_model("žluť", {{"k", "v"}, {"a", "1"}, {"k", "w"}}, "d", "");
  EXPECT_EQ(made.name, "žluť");
  EXPECT_EQ(made.description, "d");
  EXPECT_GE(made.creation_time, before);
  EXPECT_EQ(made.creation_time, made.last_update_time);
  EXPECT_THAT(made.tags, ElementsAre(KeyValue{"a", "1"}, KeyValue{"k", "w"}));
  EXPECT_THAT(made.latest_versions, IsEmpty());
  EXPECT_EQ(registry_.get_registered_model("žluť"), made);
  EXPECT_EQ(open()->model_registry().get_registered_model("žluť"), made);
}

TEST_P(ModelRegistryContract, RefusesNamesAsMLflowDoes) {
  const auto create = [&](const char* name) { registry_.create_registered_model(name, {}, "", ""); };
  for (const char* name : {"", "  ", "a/b", "a:b", ".", ".."})
    EXPECT_EQ(refusal_of_call([&] { create(name); }), kInvalid) << name;
  EXPECT_EQ(message_of([&] { create("a/b"); }), "Invalid model name 'a/b'. Names cannot contain '/' or ':'.");
  create("rm");
  EXPECT_EQ(refusal_of_call([&] { create("rm"); }), kTaken);
  EXPECT_EQ(message_of([&] { create("rm"); }), "Registered Model (name=rm) already exists.");
  EXPECT_EQ(message_of([&] { (void)registry_.get_registered_model("nope"); }),
            "Registered Model with name=nope not found");
  EXPECT_EQ(refusal_of_call([&] { (void)registry_.get_registered_model("nope"); }), kMissing);
}

TEST_P(ModelRegistryContract, KeepsTagsByKey) {
  registry_.create_registered_model("rm", {}, "", "");
  registry_.set_registered_model_tag("rm", {"t", "1"});
  registry_.set_registered_model_tag("rm", {"t", "2"});
  EXPECT_THAT(registry_.get_registered_model("rm").tags, ElementsAre(KeyValue{"t", "2"}));
  registry_.delete_registered_model_tag("rm", "t");
  registry_.delete_registered_model_tag("rm", "t");
  EXPECT_THAT(registry_.get_registered_model("rm").tags, IsEmpty());
  EXPECT_EQ(refusal_of_call([&] { registry_.set_registered_model_tag("nope", {"t", "1"}); }), kMissing);
  EXPECT_EQ(refusal_of_call([&] { registry_.set_registered_model_tag("rm", {"", "1"}); }), kInvalid);
  EXPECT_EQ(
      refusal_of_call([&] { registry_.set_registered_model_tag("rm", {"t", std::string(100'001, 'x')}); }),
      kInvalid);
}

TEST_P(ModelRegistryContract, RenamesAModelWithAllThatBelongsToIt) {
  registry_.create_registered_model("rm", {{"k", "v"}}, "d", "");
  registry_.create_model_version({.name = "rm", .source = "s3://b/s", .tags = {{"a", "b"}}});
  registry_.set_alias("rm", "champ", "1");
  registry_.create_registered_model("taken", {}, "", "");
  EXPECT_EQ(refusal_of_call([&] { registry_.rename_registered_model("rm", "taken"); }), kTaken);
  EXPECT_EQ(refusal_of_call([&] { registry_.rename_registered_model("nope", "x"); }), kMissing);
  EXPECT_EQ(refusal_of_call([&] { registry_.rename_registered_model("rm", ""); }), kInvalid);
  const auto renamed = registry_.rename_registered_model("rm", "rm2");
  EXPECT_EQ(renamed.name, "rm2");
  EXPECT_THAT(renamed.tags, ElementsAre(KeyValue{"k", "v"}));
  EXPECT_THAT(renamed.aliases, ElementsAre(ModelAlias{"champ", "1"}));
  const auto version = registry_.get_version_by_alias("rm2", "champ");
  EXPECT_EQ(version.name, "rm2");
  EXPECT_THAT(version.tags, ElementsAre(KeyValue{"a", "b"}));
  EXPECT_EQ(refusal_of_call([&] { (void)registry_.get_registered_model("rm"); }), kMissing);
}

TEST_P(ModelRegistryContract, UpdatesWhatIsGivenAlone) {
  registry_.create_registered_model("rm", {}, "d", "");
  EXPECT_EQ(registry_.update_registered_model("rm", {.description = "d2"}).description, "d2");
  EXPECT_EQ(registry_.update_registered_model("rm", {}).description, "d2");
  EXPECT_EQ(refusal_of_call([&] { registry_.update_registered_model("nope", {}); }), kMissing);
}

TEST_P(ModelRegistryContract, DeletesAModelWithItsVersions) {
  registry_.create_registered_model("rm", {{"k", "v"}}, "", "");
  registry_.create_model_version({.name = "rm", .source = "s3://b/s", .tags = {{"a", "b"}}});
  registry_.set_alias("rm", "champ", "1");
  registry_.delete_registered_model("rm");
  EXPECT_EQ(refusal_of_call([&] { registry_.delete_registered_model("rm"); }), kMissing);
  registry_.create_registered_model("rm", {}, "", "");
  EXPECT_THAT(registry_.get_registered_model("rm").aliases, IsEmpty());
  EXPECT_EQ(registry_.create_model_version({.name = "rm", .source = "s3://b/s"}).version, "1");
}

TEST_P(ModelRegistryContract, NumbersVersionsAndGivesThemBack) {
  registry_.create_registered_model("rm", {}, "", "");
  const auto first = registry_.create_model_version({.name = "rm",
                                                     .source = "mlflow-artifacts:/1/x/artifacts",
                                                     .run_id = "r1",
                                                     .run_link = "http://h/r1",
                                                     .description = "v1",
                                                     .tags = {{"a", "b"}}});
  EXPECT_EQ(first.version, "1");
  EXPECT_EQ(first.current_stage, "None");
  EXPECT_EQ(first.status, "READY");
  EXPECT_EQ(first.run_id, "r1");
  EXPECT_EQ(first.run_link, "http://h/r1");
  EXPECT_THAT(first.tags, ElementsAre(KeyValue{"a", "b"}));
  EXPECT_EQ(registry_.get_model_version("rm", "1"), first);
  EXPECT_EQ(registry_.create_model_version({.name = "rm", .source = "s3://b/s"}).version, "2");
  EXPECT_EQ(registry_.download_uri("rm", "1"), "mlflow-artifacts:/1/x/artifacts");
  EXPECT_EQ(registry_.update_model_version("rm", "1", "new").description, "new");
  EXPECT_EQ(refusal_of_call([&] { registry_.create_model_version({.name = "nope", .source = "s3://b/s"}); }),
            kMissing);
  EXPECT_EQ(message_of([&] { (void)registry_.get_model_version("rm", "99"); }),
            "Model Version (name=rm, version=99) not found");
  EXPECT_EQ(message_of([&] { (void)registry_.get_model_version("rm", "abc"); }),
            "Parameter 'version' must be an integer, got 'abc'.");
}

TEST_P(ModelRegistryContract, KeepsTagsOfVersions) {
  registry_.create_registered_model("rm", {}, "", "");
  registry_.create_model_version({.name = "rm", .source = "s3://b/s"});
  registry_.set_model_version_tag("rm", "1", {"t", "1"});
  registry_.set_model_version_tag("rm", "1", {"t", "2"});
  EXPECT_THAT(registry_.get_model_version("rm", "1").tags, ElementsAre(KeyValue{"t", "2"}));
  registry_.delete_model_version_tag("rm", "1", "t");
  registry_.delete_model_version_tag("rm", "1", "t");
  EXPECT_THAT(registry_.get_model_version("rm", "1").tags, IsEmpty());
  EXPECT_EQ(refusal_of_call([&] { registry_.set_model_version_tag("rm", "9", {"t", "1"}); }), kMissing);
}

TEST_P(ModelRegistryContract, DoesNotGiveANumberTwice) {
  registry_.create_registered_model("rm", {}, "", "");
  registry_.create_model_version({.name = "rm", .source = "s3://b/s"});
  registry_.create_model_version({.name = "rm", .source = "s3://b/s"});
  registry_.set_alias("rm", "champ", "2");
  registry_.delete_model_version("rm", "2");
  EXPECT_EQ(refusal_of_call([&] { registry_.delete_model_version("rm", "2"); }), kMissing);
  EXPECT_EQ(refusal_of_call([&] { (void)registry_.get_model_version("rm", "2"); }), kMissing);
  EXPECT_THAT(registry_.get_registered_model("rm").aliases, IsEmpty());
  EXPECT_EQ(registry_.create_model_version({.name = "rm", .source = "s3://b/s"}).version, "3");
  EXPECT_THAT(numbers_of(registry_.search_model_versions({}).items), ElementsAre("rm/3", "rm/1"));
}

TEST_P(ModelRegistryContract, MovesVersionsBetweenStages) {
  registry_.create_registered_model("rm", {}, "", "");
  for (int i = 0; i < 3; ++i) registry_.create_model_version({.name = "rm", .source = "s3://b/s"});
  EXPECT_EQ(registry_.transition_stage("rm", "1", "production", false).current_stage, "Production");
  EXPECT_EQ(registry_.transition_stage("rm", "2", "PRODUCTION", true).current_stage, "Production");
  EXPECT_EQ(registry_.get_model_version("rm", "1").current_stage, "Archived");
  EXPECT_THAT(numbers_of(registry_.latest_versions("rm", {})), ElementsAre("rm/1", "rm/2", "rm/3"));
  EXPECT_THAT(numbers_of(registry_.latest_versions("rm", {"production", "None"})),
              ElementsAre("rm/2", "rm/3"));
  EXPECT_THAT(numbers_of(registry_.get_registered_model("rm").latest_versions),
              ElementsAre("rm/1", "rm/2", "rm/3"));
  EXPECT_EQ(message_of([&] { registry_.transition_stage("rm", "1", "Nope", false); }),
            "Invalid Model Version stage: Nope. Value must be one of None, Staging, Production, Archived.");
  EXPECT_EQ(refusal_of_call([&] { registry_.transition_stage("rm", "1", "None", true); }), kInvalid);
  EXPECT_EQ(refusal_of_call([&] { registry_.transition_stage("rm", "9", "None", false); }), kMissing);
}

TEST_P(ModelRegistryContract, FindsVersionsByAlias) {
  registry_.create_registered_model("rm", {}, "", "");
  registry_.create_model_version({.name = "rm", .source = "s3://b/s"});
  registry_.create_model_version({.name = "rm", .source = "s3://b/s"});
  registry_.set_alias("rm", "champ", "1");
  registry_.set_alias("rm", "best_one-2", "1");
  EXPECT_THAT(registry_.get_version_by_alias("rm", "champ").aliases, ElementsAre("best_one-2", "champ"));
  registry_.set_alias("rm", "champ", "2");
  EXPECT_EQ(registry_.get_version_by_alias("rm", "champ").version, "2");
  EXPECT_THAT(registry_.get_registered_model("rm").aliases,
              ElementsAre(ModelAlias{"best_one-2", "1"}, ModelAlias{"champ", "2"}));
  EXPECT_EQ(registry_.get_version_by_alias("rm", "Latest").version, "2");
  registry_.delete_alias("rm", "champ");
  registry_.delete_alias("rm", "champ");
  EXPECT_EQ(refusal_of_call([&] { (void)registry_.get_version_by_alias("rm", "champ"); }), kInvalid);
  EXPECT_EQ(message_of([&] { (void)registry_.get_version_by_alias("rm", "champ"); }),
            "Registered model alias champ not found.");
  for (const char* alias : {"latest", "LATEST", "v1", "V22", "a b", ""})
    EXPECT_EQ(refusal_of_call([&] { registry_.set_alias("rm", alias, "1"); }), kInvalid) << alias;
  EXPECT_EQ(refusal_of_call([&] { registry_.set_alias("rm", "champ", "99"); }), kMissing);
}

TEST_P(ModelRegistryContract, TakesVersionsFromOtherModels) {
  registry_.create_registered_model("rm", {}, "", "");
  registry_.create_registered_model("copy", {}, "", "");
  const auto run = make_run();
  const auto model = store_->logged_models().create_logged_model(
      {.experiment_id = experiment_, .source_run_id = run.run_id});
  const auto made = registry_.create_model_version({.name = "rm", .source = "models:/" + model.model_id});
  EXPECT_EQ(made.run_id, run.run_id);
  EXPECT_EQ(registry_.download_uri("rm", "1"), model.artifact_uri);
  registry_.create_model_version({.name = "copy", .source = "models:/rm/1"});
  EXPECT_EQ(registry_.download_uri("copy", "1"), model.artifact_uri);
  for (const char* source : {"models:/m-nope", "models:/rm/7", "models:/nope/1"})
    EXPECT_EQ(refusal_of_call([&] { registry_.create_model_version({.name = "rm", .source = source}); }),
              kMissing);
  EXPECT_EQ(refusal_of_call([&] { registry_.create_model_version({.name = "rm", .source = "models:/"}); }),
            kInvalid);
}

TEST_P(ModelRegistryContract, SearchesModels) {
  for (const char* name : {"b", "a", "Axe", "c"})
    registry_.create_registered_model(name, {{"team", std::string(name) == "c" ? "x" : "y"}}, "", "");
  registry_.create_registered_model("prompt", {{"mlflow.prompt.is_prompt", "true"}, {"team", "y"}}, "", "");
  const auto found = [&](const std::string& filter, const std::vector<std::string>& order = {}) {
    return names_of(registry_.search_registered_models({.filter = filter, .order_by = order}));
  };
  EXPECT_THAT(found(""), ElementsAre("Axe", "a", "b", "c"));
  EXPECT_THAT(found("name = 'a'"), ElementsAre("a"));
  EXPECT_THAT(found("name != 'a' AND tags.team = 'y'"), ElementsAre("Axe", "b"));
  EXPECT_THAT(found("name LIKE 'a%'"), ElementsAre("a"));
  EXPECT_THAT(found("name ilike 'a%'"), ElementsAre("Axe", "a"));
  EXPECT_THAT(found("tag.`team` LIKE 'x' and tags.team != 'q'"), ElementsAre("c"));
  EXPECT_THAT(found("tags.`mlflow.prompt.is_prompt` = 'true'"), ElementsAre("prompt"));
  EXPECT_THAT(found("tags.`mlflow.prompt.is_prompt` != 'true'"), ElementsAre("Axe", "a", "b", "c"));
  EXPECT_THAT(found("", {"name DESC"}), ElementsAre("c", "b", "a", "Axe"));
  wait_for_the_next_millisecond();
  registry_.update_registered_model("b", {.description = "later"});
  EXPECT_EQ(found("", {"timestamp DESC", "name"}).front(), "b");
  for (const char* wrong : {"bogus = 'x'", "name > 'a'", "name = 5", "name = a", "name", "params.x = '1'",
                            "name IN ('a')", "tags.team > 'x'", "name = 'a' OR name = 'b'", "name IS NULL"}) {
    EXPECT_EQ(refusal_of_call([&] { found(wrong); }), kInvalid) << wrong;
  }
  EXPECT_THAT(message_of([&] { found("bogus = 'x'"); }),
              HasSubstr("Invalid attribute key 'bogus' specified. Valid keys are '{'name'}'"));
  EXPECT_EQ(refusal_of_call([&] { found("", {"description"}); }), kInvalid);
  EXPECT_EQ(refusal_of_call([&] { found("", {"name", "name DESC"}); }), kInvalid);
}

TEST_P(ModelRegistryContract, PagesThroughModels) {
  for (const char* name : {"a", "b", "c"}) registry_.create_registered_model(name, {}, "", "");
  SearchModels search{.max_results = 2};
  auto page = registry_.search_registered_models(search);
  EXPECT_THAT(names_of(page), ElementsAre("a", "b"));
  EXPECT_EQ(page.next_page_token, "eyJvZmZzZXQiOiAyfQ==");
  search.page_token = page.next_page_token;
  page = registry_.search_registered_models(search);
  EXPECT_THAT(names_of(page), ElementsAre("c"));
  EXPECT_EQ(page.next_page_token, "");
  for (const std::int64_t wrong : {0, -1, 1001})
    EXPECT_EQ(refusal_of_call([&] { (void)registry_.search_registered_models({.max_results = wrong}); }),
              kInvalid);
  EXPECT_EQ(refusal_of_call([&] { (void)registry_.search_registered_models({.page_token = "zz"}); }),
            kInvalid);
  EXPECT_EQ(refusal_of_call([&] { (void)registry_.search_model_versions({.max_results = 200'001}); }),
            kInvalid);
}

TEST_P(ModelRegistryContract, SearchesVersions) {
  for (const char* name : {"rm", "other"}) registry_.create_registered_model(name, {}, "", "");
  registry_.create_model_version(
      {.name = "rm", .source = "s3://b/here", .run_id = "abc", .tags = {{"a", "b"}}});
  registry_.create_model_version({.name = "rm", .source = "s3://b/there", .run_id = "def"});
  registry_.create_model_version({.name = "other", .source = "s3://b/here", .run_id = "abc"});
  registry_.update_model_version("rm", "1", "the last to be changed");
  const auto found = [&](const std::string& filter,
                         const std::vector<std::string>& order = {"name", "version_number"}) {
    return numbers_of(registry_.search_model_versions({.filter = filter, .order_by = order}).items);
  };
  EXPECT_THAT(found(""), ElementsAre("other/1", "rm/1", "rm/2"));
  EXPECT_THAT(found("name='rm'"), ElementsAre("rm/1", "rm/2"));
  EXPECT_THAT(found("name='rm'", {"version_number DESC"}), ElementsAre("rm/2", "rm/1"));
  EXPECT_THAT(found("run_id = 'abc'"), ElementsAre("other/1", "rm/1"));
  EXPECT_THAT(found("run_id IN ('abc', 'def') AND name = 'rm'"), ElementsAre("rm/1", "rm/2"));
  EXPECT_THAT(found("source_path = 's3://b/there'"), ElementsAre("rm/2"));
  EXPECT_THAT(found("version_number > 1"), ElementsAre("rm/2"));
  EXPECT_THAT(found("version_number <= 1 AND name LIKE 'o%'"), ElementsAre("other/1"));
  EXPECT_THAT(found("tags.a = 'b'"), ElementsAre("rm/1"));
  EXPECT_THAT(found("", {"creation_timestamp ASC", "name DESC"}), SizeIs(3));
  const auto usual = registry_.search_model_versions({}).items;
  ASSERT_THAT(usual, SizeIs(3));
  EXPECT_GE(usual[0].last_update_time, usual[1].last_update_time);
  EXPECT_GE(usual[1].last_update_time, usual[2].last_update_time);
  for (const char* wrong : {"bogus='x'", "name > 'a'", "version_number LIKE '1'", "name = 5", "name IN ('a')",
                            "source_path = 1", "version_number = 'x'"}) {
    EXPECT_EQ(refusal_of_call([&] { found(wrong); }), kInvalid) << wrong;
  }
  EXPECT_EQ(refusal_of_call([&] { found("", {"run_id"}); }), kInvalid);
}

TEST_P(LoggedModelsContract, GivesBackTheModelItMade) {
  const auto run = make_run();
  const TimeMs before = now_ms();
  const auto made = models_.create_logged_model({.experiment_id = experiment_,
                                                 .name = "lm",
                                                 .model_type = "t",
                                                 .source_run_id = run.run_id,
                                                 .params = {{"b", "2"}, {"a", "1"}},
                                                 .tags = {{"c", "d"}}});
  EXPECT_THAT(made.model_id, MatchesRegex("m-[0-9a-f]{32}"));
  EXPECT_EQ(made.experiment_id, experiment_);
  EXPECT_EQ(made.status, LoggedModelStatus::kPending);
  EXPECT_GE(made.creation_time, before);
  EXPECT_EQ(made.source_run_id, run.run_id);
  EXPECT_THAT(made.artifact_uri, testing::EndsWith("/models/" + made.model_id + "/artifacts"));
  EXPECT_THAT(made.params, ElementsAre(KeyValue{"a", "1"}, KeyValue{"b", "2"}));
  EXPECT_THAT(made.tags, ElementsAre(KeyValue{"c", "d"}));
  EXPECT_EQ(models_.get_logged_model(made.model_id), made);
  EXPECT_EQ(open()->logged_models().find_logged_model(made.model_id), made);
  EXPECT_THAT(models_.create_logged_model({.experiment_id = experiment_}).name,
              MatchesRegex("[a-z]+-[a-z]+-[0-9]+"));
}

TEST_P(LoggedModelsContract, RefusesAsMLflowDoes) {
  const auto create = [&](const std::string& experiment, const std::string& name) {
    models_.create_logged_model({.experiment_id = experiment, .name = name});
  };
  EXPECT_EQ(message_of([&] { create("99999", "x"); }), "No Experiment with id=99999 exists");
  EXPECT_EQ(refusal_of_call([&] { create("99999", "x"); }), kMissing);
  for (const char* name : {"a/b", "a:b", "a.b", "a%", "a'", "a\""})
    EXPECT_EQ(refusal_of_call([&] { create(experiment_, name); }), kInvalid) << name;
  EXPECT_EQ(
      message_of([&] { create(experiment_, "a/b"); }),
      "Invalid model name ('a/b') provided. Model name must be a non-empty string and cannot contain the "
      "following characters: ('/', ':', '.', '%', '\"', \"'\")");
  EXPECT_EQ(message_of([&] { (void)models_.get_logged_model("m-nope"); }),
            "Logged model with ID 'm-nope' not found.");
  EXPECT_EQ(refusal_of_call([&] { models_.finalize_logged_model("m-nope", LoggedModelStatus::kReady); }),
            kMissing);
}

TEST_P(LoggedModelsContract, FinalizesTagsAndDeletes) {
  const std::string id = models_.create_logged_model({.experiment_id = experiment_, .name = "lm"}).model_id;
  EXPECT_EQ(models_.finalize_logged_model(id, LoggedModelStatus::kReady).status, LoggedModelStatus::kReady);
  EXPECT_THAT(models_.set_logged_model_tags(id, {{"e", "f"}, {"g", "h"}}).tags, SizeIs(2));
  EXPECT_THAT(models_.set_logged_model_tags(id, {{"e", "i"}}).tags,
              ElementsAre(KeyValue{"e", "i"}, KeyValue{"g", "h"}));
  models_.delete_logged_model_tag(id, "e");
  EXPECT_EQ(message_of([&] { models_.delete_logged_model_tag(id, "e"); }),
            "No tag with key 'e' found for model with ID '" + id + "'.");
  models_.log_logged_model_params(id, {{"p", "1"}});
  models_.log_logged_model_params(id, {{"p", "1"}, {"q", "2"}});
  EXPECT_THAT(models_.get_logged_model(id).params, ElementsAre(KeyValue{"p", "1"}, KeyValue{"q", "2"}));
  EXPECT_EQ(refusal_of_call([&] { models_.log_logged_model_params(id, {{"p", "3"}}); }), kInvalid);
  models_.delete_logged_model(id);
  EXPECT_EQ(models_.find_logged_model(id), std::nullopt);
  EXPECT_EQ(refusal_of_call([&] { (void)models_.get_logged_model(id); }), kMissing);
  EXPECT_THAT(found({.experiment_ids = {experiment_}}), IsEmpty());
}

TEST_P(LoggedModelsContract, HaveTheMetricsThatRunsLogForThem) {
  const auto run = make_run();
  const std::string id = models_.create_logged_model({.experiment_id = experiment_, .name = "lm"}).model_id;
  Batch batch;
  batch.model_metrics.push_back({{"lmm", 0.5, 1'700'000'000'000, 1}, id, "", "", run.run_id});
  store_->log_batch(run.run_id, batch);
  const auto metrics = models_.get_logged_model(id).metrics;
  ASSERT_THAT(metrics, SizeIs(1));
  EXPECT_EQ(metrics[0].metric, (Metric{"lmm", 0.5, 1'700'000'000'000, 1}));
  EXPECT_EQ(metrics[0].run_id, run.run_id);
}

TEST_P(LoggedModelsContract, AreFoundByWhatTheyHave) {
  const auto run = make_run();
  const auto make = [&](const std::string& name, const std::string& type, double score) {
    const auto model = models_.create_logged_model({.experiment_id = experiment_,
                                                    .name = name,
                                                    .model_type = type,
                                                    .source_run_id = run.run_id,
                                                    .params = {{"depth", name}},
                                                    .tags = {{"team", type}}});
    Batch batch;
    if (score >= 0)
      batch.model_metrics.push_back({{"score", score, 1, 0}, model.model_id, "", "", run.run_id});
    store_->log_batch(run.run_id, batch);
    return model.model_id;
  };
  make("one", "x", 0.1);
  const std::string two = make("two", "y", 0.3);
  make("three", "x", -1);
  models_.finalize_logged_model(two, LoggedModelStatus::kReady);
  const auto search = [&](const std::string& filter) {
    SearchLoggedModels search{.experiment_ids = {experiment_}, .filter = filter};
    search.order_by = {{.field_name = "name"}};
    return found(search);
  };
  EXPECT_THAT(search(""), ElementsAre("one", "three", "two"));
  EXPECT_THAT(search("name = 'two'"), ElementsAre("two"));
  EXPECT_THAT(search("metrics.score > 0.2"), ElementsAre("two"));
  EXPECT_THAT(search("metrics.score > 0.01 AND params.depth = 'one'"), ElementsAre("one"));
  EXPECT_THAT(search("tags.team = 'x'"), ElementsAre("one", "three"));
  EXPECT_THAT(search("model_type != 'x'"), ElementsAre("two"));
  EXPECT_THAT(search("status = 'READY'"), ElementsAre("two"));
  EXPECT_THAT(search("name LIKE 't%' AND attributes.name != 'two'"), ElementsAre("three"));
  EXPECT_THAT(search("name IN ('one', 'two')"), ElementsAre("one", "two"));
  EXPECT_THAT(search("name NOT IN ('one', 'two')"), ElementsAre("three"));
  EXPECT_THAT(search("creation_timestamp > 0 AND source_run_id = '" + run.run_id + "'"), SizeIs(3));
  for (const char* wrong : {"bogus = 1", "metric.score > 1", "name > 'a'", "metrics.score = 'x'",
                            "metrics.score LIKE 1", "name = 'a' OR name = 'b'"}) {
    EXPECT_EQ(refusal_of_call([&] { search(wrong); }), kInvalid) << wrong;
  }
  SearchLoggedModels by_score{.experiment_ids = {experiment_}};
  by_score.order_by = {{.field_name = "metrics.score", .ascending = false}};
  EXPECT_THAT(found(by_score), ElementsAre("two", "one", "three"));
  by_score.order_by[0].ascending = true;
  EXPECT_THAT(found(by_score), ElementsAre("one", "two", "three"));
  by_score.order_by[0].field_name = "params.depth";
  EXPECT_EQ(refusal_of_call([&] { (void)found(by_score); }), kInvalid);
  EXPECT_THAT(found({.experiment_ids = {}}), IsEmpty());
}

TEST_P(LoggedModelsContract, AreFoundByTheDatasetsOfTheirMetrics) {
  const auto run = make_run();
  const auto make = [&](const std::string& name, const std::string& dataset, double score) {
    const auto model = models_.create_logged_model({.experiment_id = experiment_, .name = name});
    Batch batch;
    batch.model_metrics.push_back({{"score", score, 1, 0}, model.model_id, dataset, "d1", run.run_id});
    store_->log_batch(run.run_id, batch);
  };
  make("one", "train", 0.1);
  make("two", "test", 0.3);
  SearchLoggedModels search{.experiment_ids = {experiment_}};
  search.datasets.resize(1);
  search.datasets[0].name = "test";
  EXPECT_THAT(found(search), ElementsAre("two"));
  search.datasets[0].digest = "d2";
  EXPECT_THAT(found(search), IsEmpty());
  search.datasets[0] = {};
  EXPECT_EQ(refusal_of_call([&] { (void)found(search); }), kInvalid);
  search.datasets[0].name = "train";
  search.filter = "metrics.score > 0.2";
  EXPECT_THAT(found(search), IsEmpty());
}

TEST_P(LoggedModelsContract, ComeInPagesNewestFirst) {
  for (const char* name : {"a", "b", "c"})
    models_.create_logged_model({.experiment_id = experiment_, .name = name});
  SearchLoggedModels search{.experiment_ids = {experiment_}, .max_results = 2};
  const auto first = models_.search_logged_models(search);
  ASSERT_THAT(first.items, SizeIs(2));
  EXPECT_GE(first.items[0].creation_time, first.items[1].creation_time);
  search.page_token = first.next_page_token;
  const auto last = models_.search_logged_models(search);
  EXPECT_THAT(last.items, SizeIs(1));
  EXPECT_EQ(last.next_page_token, "");
}

}  // namespace
}  // namespace ivory::tracking
