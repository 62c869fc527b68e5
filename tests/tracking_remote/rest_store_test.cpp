// What a store over HTTP does with the answers of a server, and without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include <nlohmann/json.hpp>

#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>
#include <ivory/tracking/store_error.h>

#include "test_server.h"
#include "tracking_support.h"

namespace ivory::tracking {
namespace {

using net::Received;
using net::Reply;
using net::TestServer;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// A variable of the environment, for the time of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

class RestStoreTest : public testing::Test {
 protected:
  // Answers all but the sign of life by `answer`.
  std::shared_ptr<TrackingStore> open(TestServer::Answer answer, Access access = Access::kReadWrite) {
    server_ = std::make_unique<TestServer>([answer = std::move(answer)](const Received& request) {
      return request.target == "/health" ? Reply{.body = "OK"} : answer(request);
    });
    return open_store(server_->url(), {.access = access});
  }
  std::vector<Received> asked() const {
    auto received = server_->received();
    std::erase_if(received, [](const Received& request) { return request.target == "/health"; });
    return received;
  }

  Variable no_pause_{"MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0"};
  Variable no_jitter_{"MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0"};
  std::unique_ptr<TestServer> server_;
};

Reply refused(int status, const std::string& code, const std::string& message) {
  return {.status = status, .body = json{{"error_code", code}, {"message", message}}.dump()};
}

TEST_F(RestStoreTest, SaysAtOnceThatTheServerIsDown) {
  int port = 0;
  {
    port = TestServer([](const Received&) { return Reply{}; }).port();
  }
  const std::string uri = "http://127.0.0.1:" + std::to_string(port);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of([&] { (void)open_store(uri); }), ErrorCode::kIo);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_THAT(message_of([&] { (void)open_store(uri); }), HasSubstr("no answer from " + uri));
}

TEST_F(RestStoreTest, GivesRefusalsBackAsTheServerNamesThem) {
  Reply reply;
  const auto store = open([&](const Received&) { return reply; });
  const auto refusal = [&](int status, const std::string& code, const std::string& message) {
    reply = refused(status, code, message);
    try {
      store->delete_experiment("1");
    } catch (const StoreError& error) {
      EXPECT_EQ(error.what(), message);
      return std::pair(error.refusal(), error.code());
    }
    return std::pair(Refusal::kNotImplemented, ErrorCode::kInternal);
  };
  EXPECT_EQ(refusal(404, "RESOURCE_DOES_NOT_EXIST", "none"),
            std::pair(Refusal::kResourceDoesNotExist, ErrorCode::kNotFound));
  EXPECT_EQ(refusal(400, "RESOURCE_ALREADY_EXISTS", "taken"),
            std::pair(Refusal::kResourceAlreadyExists, ErrorCode::kConflict));
  EXPECT_EQ(refusal(400, "INVALID_PARAMETER_VALUE",
                    "The run x must be in the 'active' state. Current state is deleted."),
            std::pair(Refusal::kInvalidParameterValue, ErrorCode::kConflict));
  EXPECT_EQ(refusal(403, "PERMISSION_DENIED", "no"),
            std::pair(Refusal::kPermissionDenied, ErrorCode::kConflict));
  EXPECT_EQ(refusal(500, "INTERNAL_ERROR", "oh"), std::pair(Refusal::kInternalError, ErrorCode::kIo));
}

TEST_F(RestStoreTest, TakesWhatIsNoTrackingServerForWhatItIs) {
  Reply reply{.body = "<html>"};
  const auto store = open([&](const Received&) { return reply; });
  EXPECT_THAT(message_of([&] { (void)store->find_run("a"); }),
              HasSubstr("is it a tracking server? It begins: <html>"));
  reply = {.status = 404, .body = "<html>no such page"};
  EXPECT_THAT(message_of([&] { (void)store->find_run("a"); }),
              HasSubstr("answered 404 to GET /api/2.0/mlflow/runs/get: <html>"));
  reply = {.status = 401, .body = "who are you"};
  EXPECT_THAT(message_of([&] { (void)store->find_run("a"); }), HasSubstr("who are you"));
  reply = {.body = R"({"run": {"info": {"run_id": 5}}})"};
  EXPECT_THAT(message_of([&] { (void)store->find_run("a"); }),
              HasSubstr("field 'run_id' is number, expected a text"));
}

TEST_F(RestStoreTest, RepeatsABatchButNeverTheMakingOfARun) {
  std::atomic<int> tries = 0;
  const auto store = open([&](const Received&) { return ++tries < 3 ? Reply{.hang_up = true} : Reply{}; });
  store->log_metric("r", {.key = "m"});
  EXPECT_EQ(tries, 3);
  tries = 0;
  EXPECT_EQ(code_of([&] { store->create_run({.experiment_id = "1", .name = "x"}); }), ErrorCode::kIo);
  EXPECT_EQ(code_of([&] { store->create_experiment("x"); }), ErrorCode::kIo);
  EXPECT_EQ(tries, 2);
}

TEST_F(RestStoreTest, CutsABatchIntoRequestsOfMLflowsSize) {
  const auto store = open([](const Received&) { return Reply{}; });
  Batch batch;
  for (int i = 0; i < 2500; ++i) batch.metrics.push_back({"m", double(i), 1, i});
  for (int i = 0; i < 150; ++i) batch.params.push_back({"p" + std::to_string(i), "v"});
  for (int i = 0; i < 101; ++i) batch.tags.push_back({"t" + std::to_string(i), "v"});
  store->log_batch("r", batch);
  std::size_t metrics = 0;
  std::size_t params = 0;
  std::size_t tags = 0;
  for (const auto& request : asked()) {
    const json body = json::parse(request.body);
    EXPECT_LE(body["params"].size(), 100u);
    EXPECT_LE(body["tags"].size(), 100u);
    EXPECT_LE(body["metrics"].size() + body["params"].size() + body["tags"].size(), 1000u);
    metrics += body["metrics"].size();
    params += body["params"].size();
    tags += body["tags"].size();
  }
  EXPECT_THAT(asked(), SizeIs(3));
  EXPECT_EQ(metrics, 2500u);
  EXPECT_EQ(params, 150u);
  EXPECT_EQ(tags, 101u);
}

TEST_F(RestStoreTest, WritesNothingThatTheRulesRefuse) {
  const auto store = open([](const Received&) { return Reply{}; });
  EXPECT_EQ(code_of([&] { store->create_run({.experiment_id = "1", .params = {{"a?", "1"}}}); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store->log_batch("r", {.metrics = {{"m"}}, .tags = {{"a//b", ""}}}); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store->set_tag("r", {"t", "\xff"}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store->rename_experiment("1", "\xff"); }), ErrorCode::kInvalidArgument);
  EXPECT_THAT(asked(), SizeIs(0));
}

TEST_F(RestStoreTest, ChangesNothingWhenOpenedForReading) {
  const auto store = open([](const Received&) { return Reply{}; }, Access::kReadOnly);
  EXPECT_EQ(code_of([&] { store->log_metric("r", {.key = "m"}); }), ErrorCode::kUnsupported);
  EXPECT_THAT(asked(), SizeIs(0));
}

TEST_F(RestStoreTest, AsksForAWholeHistoryByPages) {
  const auto store = open([](const Received& request) {
    const bool second = request.target.find("page_token=more") != std::string::npos;
    const json point = {{"key", "m"},
                        {"value", second ? json("NaN") : json(1.5)},
                        {"timestamp", second ? "2" : "7"},
                        {"step", 3}};
    json body = {{"metrics", {point}}};
    if (!second) body["next_page_token"] = "more";
    return Reply{.body = body.dump()};
  });
  const auto points = store->metric_history("r", "a b");
  ASSERT_THAT(points, SizeIs(2));
  EXPECT_EQ(points[0].timestamp_ms, 2) << "ordered, and integers taken as text, too";
  EXPECT_TRUE(std::isnan(points[0].value));
  EXPECT_EQ(points[1].value, 1.5);
  EXPECT_THAT(asked()[0].target, HasSubstr("metric_key=a%20b&max_results=25000"));
}

TEST_F(RestStoreTest, DoesNotFollowATokenThatLeadsNowhere) {
  const auto store = open([](const Received&) { return Reply{.body = R"({"next_page_token": "again"})"}; });
  EXPECT_THAT(store->metric_history("r", "m"), SizeIs(0));
  EXPECT_THAT(asked(), SizeIs(1));
}

TEST_F(RestStoreTest, TakesItsConnectionFromMLflowsVariables) {
  const auto refuses = [](const char* name, const std::string& value) {
    const Variable variable(name, value);
    return message_of([] { (void)open_store("http://127.0.0.1:1"); });
  };
  EXPECT_THAT(refuses("MLFLOW_HTTP_REQUEST_TIMEOUT", "soon"),
              HasSubstr("MLFLOW_HTTP_REQUEST_TIMEOUT: found 'soon', expected a number"));
  EXPECT_THAT(refuses("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "11"), HasSubstr("from 0 to 10"));
  EXPECT_THAT(refuses("MLFLOW_TRACKING_INSECURE_TLS", "perhaps"), HasSubstr("expected true or false"));
  const Variable token("MLFLOW_TRACKING_TOKEN", "tok");
  auto store = open([](const Received&) { return Reply{}; });
  EXPECT_EQ(server_->received().front().headers.at("authorization"), "Bearer tok");
  const Variable user("MLFLOW_TRACKING_USERNAME", "Aladdin");
  const Variable password("MLFLOW_TRACKING_PASSWORD", "open sesame");
  store = open([](const Received&) { return Reply{}; });
  EXPECT_EQ(server_->received().front().headers.at("authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST_F(RestStoreTest, ReadsModelsAndVersions) {
  const auto store = open([](const Received& request) {
    if (request.target.find("logged-models/m-1") != std::string::npos) {
      return Reply{
          .body =
              R"({"model": {"info": {"model_id": "m-1", "status": "LOGGED_MODEL_READY", "creation_timestamp_ms": "5"},
        "data": {"params": [{"key": "b", "value": "2"}, {"key": "a", "value": "1"}],
                 "metrics": [{"key": "x", "value": 0.5, "timestamp": 1, "step": 2, "dataset_name": "d", "run_id": "r"}]}}})"};
    }
    if (request.target.find("logged-models/") != std::string::npos)
      return refused(404, "RESOURCE_DOES_NOT_EXIST", "none");
    return Reply{
        .body =
            R"({"model_version": {"name": "n", "version": "3", "aliases": ["z", "a"], "current_stage": "None"}})"};
  });
  const auto model = store->logged_models().get_logged_model("m-1");
  EXPECT_EQ(model.status, LoggedModelStatus::kReady);
  EXPECT_EQ(model.creation_time, 5);
  EXPECT_THAT(model.params, ElementsAre(KeyValue{"a", "1"}, KeyValue{"b", "2"}));
  ASSERT_THAT(model.metrics, SizeIs(1));
  EXPECT_EQ(model.metrics[0].dataset_name, "d");
  EXPECT_EQ(store->logged_models().find_logged_model("m-2"), std::nullopt);
  const auto version = store->model_registry().get_model_version("n", "3");
  EXPECT_THAT(version.aliases, ElementsAre("a", "z"));
  EXPECT_EQ(asked().back().target, "/api/2.0/mlflow/model-versions/get?name=n&version=3");
}

}  // namespace
}  // namespace ivory::tracking
