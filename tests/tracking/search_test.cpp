// The search language beside MLflow's answers, over SQL and over records in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include <ivory/tracking/search.h>
#include <ivory/tracking/store_error.h>

#include "tracking_support.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const fs::path kFixtures = IVORY_FIXTURES;

ViewType to_view(const json& name) {
  if (name == "ALL") return ViewType::kAll;
  return name == "DELETED_ONLY" ? ViewType::kDeletedOnly : ViewType::kActiveOnly;
}

std::string text_or_empty(const json& value) { return value.is_null() ? "" : value.get<std::string>(); }

std::vector<std::string> texts_or_none(const json& value) {
  return value.is_null() ? std::vector<std::string>() : value.get<std::vector<std::string>>();
}

// Up to what Python prints of a set, whose order changes from process to process.
std::string before_set(const std::string& message) { return message.substr(0, message.find('{')); }

// MLflow's answers for one database, and that database with our indexes.
class MLflowSearches : public testing::TestWithParam<bool> {
 protected:
  MLflowSearches() {
    fs::copy_file(kFixtures / "populated.db", folder_.path() / "populated.db");
    store_ = open_store("sqlite:///populated.db", {.working_directory = folder_.path()});
    for (const auto& [name, id] : expected_["names_to_run_ids"].items()) names_[id.get<std::string>()] = name;
    if (!GetParam()) return;
    const auto extra =
        store_->create_run({.experiment_id = "0"});  // with the first of our runs come our indexes
    store_->delete_run(extra.run_id);
    store_->purge_run(extra.run_id);
  }

  static SearchRuns to_search(const json& entry) {
    return {.experiment_ids = entry["experiment_ids"],
            .filter = text_or_empty(entry["filter"]),
            .view = to_view(entry["view_type"]),
            .order_by = texts_or_none(entry["order_by"])};
  }
  std::vector<std::string> names_of(const std::vector<RunRecord>& runs) const {
    std::vector<std::string> names;
    for (const auto& run : runs) names.push_back(names_.at(run.run_id));
    return names;
  }
  std::vector<RunRecord> all_runs(const json& entry) const {
    if (entry["experiment_ids"].empty()) return {};
    return store_->list_runs({.experiment_ids = entry["experiment_ids"],
                              .view = to_view(entry["view_type"]),
                              .with_inputs = true});
  }

  TemporaryFolder folder_;
  json expected_ = json::parse(read_file(kFixtures / "populated.json"));
  std::shared_ptr<TrackingStore> store_;
  std::map<std::string, std::string> names_;
};

INSTANTIATE_TEST_SUITE_P(WithAndWithoutOurIndexes, MLflowSearches, testing::Bool(),
                         [](const auto& info) { return info.param ? "OurIndexes" : "AsMLflowMadeIt"; });

TEST_P(MLflowSearches, FindTheSameRunsAndFailAlike) {
  int compared = 0;
  for (const auto& entry : expected_["search_runs"]) {
    SCOPED_TRACE(entry.dump());
    ++compared;
    if (!entry.contains("error_code")) {
      const auto page = store_->search_runs(to_search(entry));
      EXPECT_EQ(names_of(page.items), entry["run_names"].get<std::vector<std::string>>());
      EXPECT_THAT(page.next_page_token, IsEmpty());
      continue;
    }
    try {
      (void)store_->search_runs(to_search(entry));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(to_text(refusal_of(error)), entry["error_code"].get<std::string>());
      EXPECT_EQ(before_set(error.what()), before_set(entry["message"]));
    }
  }
  EXPECT_EQ(compared, 124);
}

// MLflow's own two differ in where a NaN is 0.
TEST_P(MLflowSearches, AreAnsweredAlikeFromMemory) {
  int compared = 0;
  for (const auto& entry : expected_["search_runs"]) {
    if (entry.contains("error_code") || text_or_empty(entry["filter"]) == "metrics.nanm = 0") continue;
    SCOPED_TRACE(entry.dump());
    const auto conditions = parse_run_filter(text_or_empty(entry["filter"]));
    std::vector<RunRecord> found;
    for (auto& run : all_runs(entry)) {
      if (matches(run, conditions)) found.push_back(run);
    }
    sort_records(found, parse_run_order(texts_or_none(entry["order_by"])));
    EXPECT_EQ(names_of(found), entry["run_names"].get<std::vector<std::string>>());
    ++compared;
  }
  EXPECT_GT(compared, 90);
}

TEST_P(MLflowSearches, FindTheSameExperiments) {
  int compared = 0;
  for (const auto& entry : expected_["search_experiments"]) {
    SCOPED_TRACE(entry.dump());
    const SearchExperiments search{.filter = text_or_empty(entry["filter"]),
                                   .view = to_view(entry["view_type"]),
                                   .order_by = texts_or_none(entry["order_by"])};
    std::vector<std::string> names;
    for (const auto& experiment : store_->search_experiments(search).items) names.push_back(experiment.name);
    EXPECT_EQ(names, entry["names"].get<std::vector<std::string>>());

    names.clear();
    std::vector<ExperimentRecord> found;
    const auto conditions = parse_experiment_filter(search.filter);
    for (const auto& experiment : store_->list_experiments(search.view)) {
      if (matches(experiment, conditions)) found.push_back(experiment);
    }
    sort_records(found, parse_experiment_order(search.order_by));
    for (const auto& experiment : found) names.push_back(experiment.name);
    EXPECT_EQ(names, entry["names"].get<std::vector<std::string>>());
    ++compared;
  }
  EXPECT_EQ(compared, 30);
}

TEST_P(MLflowSearches, GoPageByPageWithTheSameTokens) {
  const auto& paged = expected_["search_runs_paged"];
  SearchRuns search{.experiment_ids = paged["experiment_ids"],
                    .view = to_view(paged["view_type"]),
                    .order_by = paged["order_by"],
                    .max_results = paged["max_results"]};
  for (const auto& want : paged["pages"]) {
    const auto page = store_->search_runs(search);
    EXPECT_EQ(names_of(page.items), want["run_names"].get<std::vector<std::string>>());
    // It stands there as Python prints bytes: b'…'.
    const std::string token = text_or_empty(want["next_page_token"]);
    EXPECT_EQ(page.next_page_token, token.empty() ? "" : token.substr(2, token.size() - 3));
    search.page_token = page.next_page_token;
  }
  EXPECT_THAT(search.page_token, IsEmpty());
}

// Pages of one, whatever the order, are the whole; the offset runs over numbers, NaN and runs without a
// value.
TEST_P(MLflowSearches, GiveEveryRunOnceOverPagesOfAnySize) {
  for (const char* order :
       {"metrics.acc DESC", "metrics.nanm", "params.lr", "start_time", "tags.team DESC"}) {
    const SearchRuns whole{.experiment_ids = {"1"}, .order_by = {order}};
    const auto all = names_of(store_->search_runs(whole).items);
    ASSERT_THAT(all, SizeIs(7));
    for (const std::int64_t size : {1, 2, 3, 6, 7}) {
      SearchRuns search = whole;
      search.max_results = size;
      std::vector<std::string> collected;
      do {
        const auto page = store_->search_runs(search);
        for (auto& name : names_of(page.items)) collected.push_back(name);
        search.page_token = page.next_page_token;
      } while (!search.page_token.empty());
      EXPECT_EQ(collected, all) << order << " by " << size;
    }
    SearchRuns beyond = whole;
    beyond.page_token = make_page_token(100);
    EXPECT_THAT(store_->search_runs(beyond).items, IsEmpty());
  }
}

TEST_P(MLflowSearches, BringDatasetsAndModelsIfAsked) {
  SearchRuns search{.experiment_ids = {"1"}, .filter = "run_name = 'dataset-run'"};
  ASSERT_THAT(store_->search_runs(search).items, SizeIs(1));
  EXPECT_THAT(store_->search_runs(search).items[0].dataset_inputs, IsEmpty());
  search.with_inputs = true;
  EXPECT_FALSE(store_->search_runs(search).items[0].dataset_inputs.empty());
}

TEST_P(MLflowSearches, RefuseSizesAndTokensThatAreWrong) {
  const auto said = [&](const SearchRuns& search) {
    return message_of([&] { (void)store_->search_runs(search); });
  };
  EXPECT_EQ(said({.experiment_ids = {"1"}, .max_results = 0}),
            "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer");
  EXPECT_EQ(said({.experiment_ids = {"1"}, .max_results = 50'001}),
            "Invalid value 50001 for parameter 'max_results' supplied. It must be at most 50000");
  EXPECT_EQ(said({.experiment_ids = {"1"}, .page_token = "zzz"}),
            "Invalid page token, could not base64-decode");
  EXPECT_EQ(said({.experiment_ids = {"1"}, .page_token = "bm90anNvbg=="}),
            "Invalid page token, decoded value=b'notjson'");
  EXPECT_EQ(said({.experiment_ids = {"1"}, .page_token = "eyJvZmZzZXQiOiAieCJ9"}),
            "Invalid page token, not stringable x");
  EXPECT_EQ(said({.experiment_ids = {"1"}, .page_token = "e30="}), "Invalid page token, parsed value={}");
}

TEST(SearchLanguage, ReadsClausesWithTheirTypes) {
  const auto conditions = parse_run_filter(
      "metrics.`a b` >= -1.5e3 and params.\"x.y\" ilike 'A%' AND Created < 5 AND run_id NOT IN ('a', \"b\") "
      "AND tag.t is not null");
  ASSERT_THAT(conditions, SizeIs(5));
  EXPECT_EQ(conditions[0],
            (SearchCondition{SearchEntity::kMetric, "a b", Comparator::kGreaterEqual, -1500.0}));
  EXPECT_EQ(conditions[1], (SearchCondition{SearchEntity::kParam, "x.y", Comparator::kIlike, "A%"}));
  EXPECT_EQ(conditions[2], (SearchCondition{SearchEntity::kAttribute, "start_time", Comparator::kLess, 5.0}));
  EXPECT_EQ(conditions[3], (SearchCondition{SearchEntity::kAttribute, "run_id", Comparator::kNotIn,
                                            std::vector<std::string>{"a", "b"}}));
  EXPECT_EQ(conditions[4], (SearchCondition{SearchEntity::kTag, "t", Comparator::kIsNotNull, {}}));
}

TEST(SearchLanguage, ReadsNumbersOfAnySize) {
  const auto number = [](const std::string& text) {
    return std::get<double>(parse_run_filter("metrics.m > " + text).at(0).value);
  };
  EXPECT_EQ(number("1e999"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(number("-1e999"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(number("1e-999"), 0.0);
  EXPECT_EQ(number(".5"), 0.5);
  EXPECT_EQ(number("2."), 2.0);
}

TEST(SearchLanguage, SaysWhatIsWrong) {
  const auto said = [](const char* filter) { return message_of([&] { (void)parse_run_filter(filter); }); };
  EXPECT_EQ(said("metrics.m > 1 metrics.n < 2 x"), "Invalid clause(s) in filter string: 'x'");
  EXPECT_EQ(said("params.a = 'unclosed"), "Invalid clause(s) in filter string: 'params.a', '=', ''unclosed'");
  EXPECT_EQ(said("1 < metrics.m"), "Invalid comparison clause. Expected 'Identifier' found '1'");
  EXPECT_EQ(said("run_id IN ()"),
            "While parsing a list in the query, expected a non-empty list of string values, but got empty "
            "list");
  EXPECT_THAT(said("run_id IN ('a' 'b')"), HasSubstr("ill-formed list"));
  EXPECT_THAT(said("run_id IN (1)"), HasSubstr("different type in list: (1)"));
  EXPECT_THAT(said("run_id = ('a')"), HasSubstr("does not go with"));
  EXPECT_THAT(said("params.a == 'x'"), HasSubstr("Invalid comparator '==' not one of"));
  EXPECT_THAT(message_of([] { (void)parse_run_order({"metrics.a", "metrics.a DESC"}); }),
              HasSubstr("`order_by` contains duplicate fields: ['metrics.a', 'metrics.a DESC']"));
  EXPECT_EQ(message_of([] { (void)parse_experiment_filter("params.a = 'x'"); }),
            "Invalid entity type 'params'. Valid entity types are ('attribute', 'tag', 'tags')");
  EXPECT_EQ(message_of([] { (void)parse_experiment_filter("name IS NULL"); }),
            "IS NULL / IS NOT NULL is only supported for tags, not for attribute 'name'");
  EXPECT_EQ(message_of([] { (void)parse_experiment_order({"tags.a"}); }), "Invalid order_by entity: tag");
}

TEST(SearchLanguage, MatchesPatternsByCharacters) {
  EXPECT_TRUE(matches_pattern("kůň", "k_ň", false));
  EXPECT_TRUE(matches_pattern("abcabd", "%abd", false));
  EXPECT_TRUE(matches_pattern("", "%", false));
  EXPECT_FALSE(matches_pattern("", "_", false));
  EXPECT_FALSE(matches_pattern("Abc", "a%", false));
  EXPECT_TRUE(matches_pattern("Abc", "aB%", true));
  EXPECT_TRUE(matches_pattern("a*[b]?", "a*[b]?", false));
  EXPECT_FALSE(matches_pattern("axb", "a*b", false));
}

// What SQL, patterns and JSON would take for their own is taken as it is.
TEST(SearchLanguage, BindsWhatItIsGiven) {
  TemporaryFolder folder;
  const auto store = open_store("sqlite:///store.db", {.working_directory = folder.path()});
  const std::string experiment = store->create_experiment("e");
  const auto run = store->create_run(
      {.experiment_id = experiment, .params = {{"p", "a*[b]?"}, {"q", "'; DROP TABLE runs; --"}}});
  store->create_run({.experiment_id = experiment, .params = {{"p", "axxb"}}});
  const auto found = [&](const std::string& filter) {
    std::vector<std::string> ids;
    for (const auto& record : store->search_runs({.experiment_ids = {experiment}, .filter = filter}).items)
      ids.push_back(record.run_id);
    return ids;
  };
  EXPECT_THAT(found("params.p LIKE 'a*%'"), ElementsAre(run.run_id));
  EXPECT_THAT(found("params.p LIKE '%[b]_'"), ElementsAre(run.run_id));
  EXPECT_THAT(found("params.q = \"'; DROP TABLE runs; --\""), ElementsAre(run.run_id));
  EXPECT_THAT(found("params.`q'` = 'x'"), IsEmpty());
  EXPECT_THAT(found("run_id IN ('" + run.run_id + "', 'a\\b', '\"')"), ElementsAre(run.run_id));
  EXPECT_EQ(code_of([&] { found("params.p LIKE '" + std::string(60'000, '%') + "'"); }),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace ivory::tracking
