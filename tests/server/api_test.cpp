#include <ivory/server/api.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/server/passwords.h>

#include "server_support.h"

namespace ivory::server {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kApi = "/api/2.0/mlflow/";

std::string new_run(TestApi& server) {
  return server.must("runs/create", {{"experiment_id", "0"}})["run"]["info"]["run_id"];
}

std::string code_of(const Answer& answer) { return answer.json().value("error_code", ""); }

TEST(Api, RefusesPathsThatLeaveTheArtifacts) {
  TestApi server;
  const std::string run = new_run(server);
  write_file(server.folder() / "secret.txt", "secret");
  const std::vector<std::string> paths{"..",
                                       "../secret.txt",
                                       "../../secret.txt",
                                       "a/../../secret.txt",
                                       "/etc/passwd",
                                       "//etc/passwd",
                                       "%2e%2e/secret.txt",
                                       "%252e%252e%252fsecret.txt",
                                       "..%2fsecret.txt",
                                       "%2fetc%2fpasswd",
                                       "..%5csecret.txt",
                                       "a%00b",
                                       "a%0ab",
                                       "file:///etc/passwd",
                                       "c:/x",
                                       "a%23b",
                                       "%25%32%65%25%32%65/secret.txt"};
  for (const std::string& path : paths) {
    for (const std::string& target : {"/get-artifact?run_id=" + run + "&path=" + path,
                                      "/api/2.0/mlflow/artifacts/list?run_id=" + run + "&path=" + path,
                                      "/api/2.0/mlflow-artifacts/artifacts/" + path,
                                      "/api/2.0/mlflow-artifacts/artifacts?path=" + path}) {
      const Answer answer = server.get(target);
      EXPECT_THAT(answer.text, Not(HasSubstr("secret\n"))) << target;
      if (path != "a%00b") {
        EXPECT_NE(answer.status / 100, 5) << target << answer.text;
      }
      if (answer.status == 200) {
        EXPECT_EQ(answer.text.find("secret.txt"), std::string::npos) << target << answer.text;
      }
    }
    const Answer put =
        ask(server.api(), request_of("PUT", "/api/2.0/mlflow-artifacts/artifacts/" + path, "evil"));
    EXPECT_NE(put.status, 200) << path;
    const Answer removed =
        ask(server.api(), request_of("DELETE", "/api/2.0/mlflow-artifacts/artifacts/" + path));
    EXPECT_NE(removed.status, 200) << path;
  }
  EXPECT_EQ(read_file(server.folder() / "secret.txt"), "secret");
}

TEST(Api, FollowsNoLinkOutOfTheArtifacts) {
  TestApi server;
  write_file(server.folder() / "outside" / "secret.txt", "secret");
  std::filesystem::create_directories(server.folder() / "mlartifacts" / "1");
  std::filesystem::create_directory_symlink(server.folder() / "outside",
                                            server.folder() / "mlartifacts" / "1" / "link");
  EXPECT_EQ(server.get("/api/2.0/mlflow-artifacts/artifacts/1/link/secret.txt").status, 400);
  EXPECT_EQ(
      ask(server.api(), request_of("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/link/x", "evil")).status,
      400);
}

TEST(Api, ServesNoFolderThatItWasNotTold) {
  TestApi server;
  write_file(server.folder() / "private" / "key.txt", "key");
  const auto make = [&](const std::string& name, const std::string& location) {
    const std::string id =
        server.must("experiments/create", {{"name", name}, {"artifact_location", location}})["experiment_id"];
    return std::string(server.must("runs/create", {{"experiment_id", id}})["run"]["info"]["run_id"]);
  };
  const std::string run = make("file", "file://" + (server.folder() / "private").string());
  const Answer answer = server.get("/get-artifact?run_id=" + run + "&path=../../key.txt");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(server.get("/api/2.0/mlflow/artifacts/list?run_id=" + run).status, 403);
  EXPECT_EQ(server.get("/api/2.0/mlflow/artifacts/list?run_id=" + make("s3", "s3://bucket/x")).status, 400);
}

class ArtifactsOfEveryDurability : public testing::TestWithParam<Durability> {};
INSTANTIATE_TEST_SUITE_P(Api, ArtifactsOfEveryDurability,
                         testing::Values(Durability::kProcess, Durability::kFull));

TEST_P(ArtifactsOfEveryDurability, GoUpAndDown) {
  TestApi server(ApiOptions{.artifacts_destination = {}, .durability = GetParam()});
  const std::string run = new_run(server);
  const std::string path = "/api/2.0/mlflow-artifacts/artifacts/0/" + run + "/artifacts/model/%C3%BC%20x.bin";
  const std::string bytes(3'000'000, '\x01');
  EXPECT_EQ(ask(server.api(), request_of("PUT", path, bytes)).text, "{}");
  EXPECT_EQ(server.get(path).text, bytes);
  EXPECT_THAT(server.get(path).headers,
              testing::Contains(testing::Pair("Content-Disposition", "attachment; filename=\"__ x.bin\"")));
  EXPECT_EQ(ask(server.api(), request_of("PUT", path + "2")).text, "{}");  // an empty file
  EXPECT_EQ(server.get(path + "2").text, "");
  const Json listed = server.get("/api/2.0/mlflow/artifacts/list?run_id=" + run + "&path=model").json();
  EXPECT_EQ(listed["files"][0]["path"], "model/ü x.bin");
  EXPECT_EQ(listed["files"][0]["file_size"], 3'000'000);
  EXPECT_EQ(ask(server.api(), request_of("DELETE", path)).status, 200);
  EXPECT_EQ(server.get(path).status, 404);
}

TEST(Api, AnswersInJsonWhateverBytesARequestHolds) {
  TestApi server;
  const Answer answer =
      ask(server.api(), request_of("POST", "/api/2.0/mlflow/runs/log-metric",
                                   "{\"run_id\": \"8\xC9\x9A\xD5\", \"key\": \"m\", \"value\": 1, "
                                   "\"timestamp\": 1}"));
  EXPECT_EQ(answer.status / 100, 4) << answer.text;
  EXPECT_FALSE(answer.json()["error_code"].empty()) << answer.text;
  const Answer whole = server.get("/api/2.0/mlflow/runs/get?run_id=%C5%BEluť");
  EXPECT_THAT(whole.text, HasSubstr("žluť"));
}

TEST(Api, NothingLiesBelowAFile) {
  TestApi server;
  const std::string file = "/api/2.0/mlflow-artifacts/artifacts/1/file", below = file + "/below";
  ASSERT_EQ(ask(server.api(), request_of("PUT", file, "x")).status, 200);
  EXPECT_EQ(ask(server.api(), request_of("PUT", below, "y")).status, 400);
  EXPECT_EQ(ask(server.api(), request_of("DELETE", below)).status, 200);
  EXPECT_EQ(server.get(below).status, 404);
  EXPECT_EQ(server.get(file).text, "x");
}

TEST(Api, AnUploadThatBreaksOffLeavesNothing) {
  TestApi server;
  const std::string run = new_run(server);
  const std::string folder = "0/" + run + "/artifacts";
  net::Request head = request_of("PUT", "/api/2.0/mlflow-artifacts/artifacts/" + folder + "/x.bin");
  {
    const auto sink = server.api().begin(head);
    sink->write("half");
    EXPECT_EQ(server.get("/api/2.0/mlflow/artifacts/list?run_id=" + run).json().count("files"), 0U);
  }
  EXPECT_TRUE(std::filesystem::is_empty(server.folder() / "mlartifacts" / folder));
}

TEST(Api, RefusesForeignHostsAndOrigins) {
  TestApi server;
  const auto status = [&](const std::string& method, const std::string& host,
                          const std::string& origin = {}) {
    net::Request request =
        request_of(method, "/api/2.0/mlflow/experiments/search?max_results=1", "{\"max_results\": 1}");
    request.headers[0].second = host;
    if (!origin.empty()) request.headers.emplace_back("Origin", origin);
    return ask(server.api(), request).status;
  };
  for (const std::string host :
       {"localhost:5000", "127.0.0.1", "[::1]:5000", "10.1.2.3:80", "172.16.0.1", "192.168.9.9"})
    EXPECT_EQ(status("POST", host), 200) << host;
  for (const std::string host : {"evil.example", "", "localhost.evil.example", "192.168.evil.example",
                                 "127.0.0.1.evil.example", "172.32.0.1", "8.8.8.8", "10.0.0.1@evil.example"})
    EXPECT_EQ(status("POST", host), 403) << host;
  EXPECT_EQ(status("POST", "localhost:5000", "http://evil.example"), 403);
  EXPECT_EQ(status("POST", "localhost:5000", "null"), 403);
  EXPECT_EQ(status("POST", "localhost:5000", "http://localhost.evil.example"), 403);
  EXPECT_EQ(status("POST", "localhost:5000", "http://localhost:3000"), 200);
  EXPECT_EQ(status("POST", "10.1.2.3:5000", "http://10.1.2.3:5000"), 200);  // its own page
  EXPECT_EQ(status("GET", "localhost:5000", "http://evil.example"), 200);  // whose answer the page can't read
}

TEST(Api, AllowsTheHostsAndOriginsThatItIsTold) {
  TestApi server({.artifacts_destination = {},
                  .allowed_hosts = {"lab.example", "*.lab.example"},
                  .cors_origins = {"https://page.example"}});
  net::Request request = request_of("POST", "/api/2.0/mlflow/experiments/search", "{\"max_results\": 1}");
  request.headers[0].second = "a.lab.example:443";
  request.headers.emplace_back("Origin", "https://page.example");
  const Answer answer = ask(server.api(), request);
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.headers,
              testing::Contains(testing::Pair("Access-Control-Allow-Origin", "https://page.example")));
  request.method = "OPTIONS";
  EXPECT_EQ(ask(server.api(), request).status, 204);
  request.headers[0].second = "localhost";
  EXPECT_EQ(ask(server.api(), request).status, 403);
  EXPECT_EQ(server.get("/health").text, "OK");
}

TEST(Api, KnowsHostsInUpperAndLowerCase) {
  net::Request request = request_of("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0");
  TestApi local;
  request.headers[0].second = "LocalHost:5000";
  EXPECT_EQ(ask(local.api(), request).status, 200);
  TestApi named({.artifacts_destination = {}, .allowed_hosts = {"Lab.example"}});
  request.headers[0].second = "LAB.example:5000";
  EXPECT_EQ(ask(named.api(), request).status, 200);
}

TEST(Api, RefusesPathsThatNoFileCanHave) {
  TestApi server;
  const std::string artifacts = "/api/2.0/mlflow-artifacts/artifacts/0/";
  for (const std::string& path : {std::string(256, 'x'), "a/" + std::string(300, 'x') + "/b"}) {
    const Answer answer = ask(server.api(), request_of("PUT", artifacts + path, "text"));
    EXPECT_EQ(answer.status, 400) << answer.text;
    EXPECT_THAT(answer.text, HasSubstr("a name may have 255 bytes"));
  }
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "a/";
  EXPECT_EQ(ask(server.api(), request_of("PUT", artifacts + deep + "b", "text")).status, 400);
  EXPECT_EQ(ask(server.api(), request_of("PUT", artifacts + std::string(255, 'x'), "text")).status, 200);
}

// Whatever is answered, and how: from memory, from a file, after a body that was streamed, by a refusal.
TEST(Api, EveryAnswerHasTheHeadersThatProtectPages) {
  TestApi server({.artifacts_destination = {}, .cors_origins = {"https://page.example"}});
  const std::string file = "/api/2.0/mlflow-artifacts/artifacts/1/file";
  std::vector<net::Request> requests{request_of("PUT", file, "x"),
                                     request_of("PUT", file + "2"),
                                     request_of("GET", file),
                                     request_of("GET", "/health"),
                                     request_of("GET", "/version"),
                                     request_of("GET", "/metrics"),
                                     request_of("GET", "/"),
                                     request_of("OPTIONS", file),
                                     request_of("GET", "/nowhere"),
                                     request_of("PATCH", "/api/2.0/mlflow/runs/create"),
                                     request_of("POST", "/api/2.0/mlflow/runs/create", "{}"),
                                     request_of("POST", "/api/2.0/mlflow/runs/create", "{"),
                                     request_of("GET", "/api/2.0/mlflow/runs/get?run_id=none"),
                                     request_of("PUT", file + "/below", "x"),
                                     request_of("PUT", "/api/2.0/mlflow-artifacts/artifacts/..", "x"),
                                     request_of("GET", "/api/3.0/mlflow/server-info"),
                                     request_of("DELETE", file)};
  for (net::Request& request : requests) {
    request.headers.emplace_back("Origin", "https://page.example");
    const Answer answer = ask(server.api(), request);
    for (const auto& [name, value] :
         {std::pair("X-Content-Type-Options", "nosniff"), std::pair("X-Frame-Options", "SAMEORIGIN"),
          std::pair("Access-Control-Allow-Origin", "https://page.example")})
      EXPECT_THAT(answer.headers, testing::Contains(testing::Pair(name, value)).Times(1))
          << request.method << " " << request.target;
  }
  EXPECT_THAT(server.api().refused(413, "too large").headers,
              testing::Contains(testing::Pair("X-Content-Type-Options", "nosniff")));
}

TEST(Api, ReadOnlyRefusesWrites) {
  TestApi server({.artifacts_destination = {}, .read_only = true});
  EXPECT_EQ(code_of(server.post("/api/2.0/mlflow/runs/create", {{"experiment_id", "0"}})),
            "PERMISSION_DENIED");
  EXPECT_EQ(ask(server.api(), request_of("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/x", "x")).status, 403);
  EXPECT_EQ(server.post("/api/2.0/mlflow/runs/search", {{"experiment_ids", {"0"}}}).status, 200);
  EXPECT_EQ(server.get("/api/2.0/mlflow/experiments/get?experiment_id=0").status, 200);
}

TEST(Api, BodiesThatAreBrokenOrDeepAreRefused) {
  TestApi server;
  const auto status = [&](const std::string& body) {
    return ask(server.api(), request_of("POST", std::string(kApi) + "runs/create", body)).status;
  };
  EXPECT_EQ(status(std::string(1'000'000, '[')), 400);
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  EXPECT_EQ(status(deep), 400);
  EXPECT_EQ(status("{\"experiment_id\": \"0\", \"x\": " + std::string(60, '[') + std::string(60, ']') + "}"),
            200);
  for (const std::string body :
       {"{", "nul", "\"", "{\"experiment_id\": \"\xff\"}", "{\"experiment_id\": \"\\ud800\"}", "\x01", "1",
        "[]", "true", "{\"experiment_id\": {}}", "{\"start_time\": 99999999999999999999}",
        "{\"experiment_id\": \"0\"} x"})
    EXPECT_EQ(status(body), 400) << body;
}

TEST(Api, KnowsItsPathsAndMethods) {
  TestApi server;
  EXPECT_EQ(server.get("/api/2.0/mlflow/nope").status, 404);
  EXPECT_EQ(server.get("/api/2.0/mlflow/runs/create").status, 405);
  EXPECT_EQ(server.get("/ajax-api/2.0/mlflow/experiments/get?experiment_id=0").status, 200);
  EXPECT_EQ(ask(server.api(), request_of("DELETE", "/api/2.0/mlflow/logged-models/m-1/tags/a/b")).status,
            404);
  EXPECT_THAT(server.get("/version").text, testing::StartsWith("3.11"));
}

TEST(Api, ALoggedModelKnowsTheVersionsThatItIs) {
  TestApi server;
  const std::string model =
      server.must("logged-models", {{"experiment_id", "0"}})["model"]["info"]["model_id"];
  server.must("registered-models/create", {{"name", "m\""}});
  const auto versions = [&] {
    const Json found = server.get("/api/2.0/mlflow/logged-models/" + model).json();
    for (const Json& tag : found["model"]["info"]["tags"])
      if (tag["key"] == "mlflow.modelVersions") return tag["value"].get<std::string>();
    return std::string();
  };
  const Json version{{"name", "m\""}, {"source", "s3://b/x"}, {"model_id", model}};
  server.must("model-versions/create", version);
  EXPECT_EQ(versions(), R"([{"name": "m\"", "version": 1}])");
  server.must("model-versions/create", version);
  EXPECT_EQ(versions(), R"([{"name": "m\"", "version": 1}, {"name": "m\"", "version": 2}])");
}

// As another server, or MLflow's with --default-artifact-root, wrote them into the database.
TEST(Api, ArtifactsAtTheAddressOfAProxyAreThoseOfThisServer) {
  TestApi server;
  const std::string id = server.must(
      "experiments/create",
      {{"name", "e"},
       {"artifact_location", "https://h:5/api/2.0/mlflow-artifacts/artifacts/7"}})["experiment_id"];
  const std::string run = server.must("runs/create", {{"experiment_id", id}})["run"]["info"]["run_id"];
  const std::string file = "/api/2.0/mlflow-artifacts/artifacts/7/" + run + "/artifacts/mlproject";
  ASSERT_EQ(ask(server.api(), request_of("PUT", file, "x")).status, 200);
  const Answer answer = server.get("/get-artifact?path=mlproject&run_id=" + run);
  EXPECT_EQ(answer.text, "x");
  EXPECT_EQ(answer.type, "text/plain");
  EXPECT_THAT(answer.headers,
              testing::Contains(testing::Pair("Content-Disposition", "attachment; filename=mlproject")));
  EXPECT_EQ(server.get("//get-artifact?path=mlproject&run_id=" + run).text, "x") << "one slash too many";
}

TEST(Api, ListsExperimentsForClientsOfMLflow1) {
  TestApi server;
  for (const char* name : {"a", "b"}) server.must("experiments/create", {{"name", name}});
  server.must("experiments/delete", {{"experiment_id", "1"}});
  const auto listed = [&](const std::string& query) {
    const Json answer = server.get("/api/2.0/mlflow/experiments/list" + query).json();
    std::string names;
    for (const Json& experiment : answer["experiments"]) names += experiment["name"].get<std::string>() + " ";
    return names;
  };
  EXPECT_EQ(listed(""), "Default b ");
  EXPECT_EQ(listed("?view_type=ALL"), "Default a b ");
  EXPECT_EQ(listed("?view_type=DELETED_ONLY"), "a ");
  EXPECT_EQ(listed("?view_type=ALL&max_results=1"), "Default ");
}

TEST(Api, CountsForPrometheus) {
  TestApi server;
  server.api().finished(request_of("GET", "/api/2.0/mlflow/runs/get?run_id=x"), 404, 100, 0.5);
  server.api().finished(request_of("GET", "/made/up/\"\n"), 404, 1, 0);
  const std::string text = server.get("/metrics").text;
  EXPECT_THAT(
      text,
      HasSubstr(
          "ivory_http_requests_total{method=\"GET\",path=\"/api/2.0/mlflow/runs/get\",status=\"404\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("path=\"other\",status=\"404\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("process_resident_memory_bytes "));
}

TEST(Api, WritesAnAccessLog) {
  std::string line;
  TestApi server({.artifacts_destination = {}, .access_log = [&](std::string_view text) { line = text; }});
  server.api().finished(request_of("GET", "/a%22b?x=1"), 404, 12, 0.25);
  const Json entry = Json::parse(line);
  EXPECT_EQ(entry["target"], "/a%22b?x=1");
  EXPECT_EQ(entry["status"], 404);
  EXPECT_EQ(entry["bytes"], 12);
  EXPECT_EQ(entry["ms"], 250.0);
}

TEST(Api, ManyWritersLoseNothing) {
  TestApi server;
  const std::string run = new_run(server);
  std::atomic<int> accepted = 0;
  std::vector<std::thread> writers;
  for (int w = 0; w < 64; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < 10; ++i) {
        const Json body{
            {"run_id", run}, {"key", "m" + std::to_string(w)}, {"value", i}, {"timestamp", 1}, {"step", i}};
        accepted += server.post(std::string(kApi) + "runs/log-metric", body).status == 200 ? 1 : 0;
      }
    });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(accepted, 640);
  for (int w = 0; w < 64; ++w)
    EXPECT_EQ(server.store().metric_history(run, "m" + std::to_string(w)).size(), 10U);
}

class AuthTest : public testing::Test {
 protected:
  AuthTest() {
    write_users("read");
    server_ = std::make_unique<TestApi>(ApiOptions{.artifacts_destination = {}, .users = file()});
  }
  [[nodiscard]] std::filesystem::path file() const { return folder_.path() / "users.yml"; }
  void write_users(const std::string& bobs) {
    write_file(file(), "default: none\nusers:\n  ada:\n    password: " + hash_password("secret") +
                           "\n    admin: true\n  bob:\n    password: " + hash_password("word") +
                           "\n    experiments: {mine: edit, theirs: " + bobs +
                           "}\ntokens:\n  - {sha256: " + hash_token("the-token") + ", user: bob}\n");
  }
  Answer ask_as(const std::string& authorization, const std::string& path, const Json& body) {
    net::Request request = request_of("POST", std::string(kApi) + path, body.dump());
    if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
    return ask(server_->api(), request);
  }

  static constexpr const char* kAda = "Basic YWRhOnNlY3JldA==";
  static constexpr const char* kBob = "Basic Ym9iOndvcmQ=";
  static constexpr const char* kToken = "Bearer the-token";

  TemporaryFolder folder_;
  std::unique_ptr<TestApi> server_;
};

TEST_F(AuthTest, AsksWhoIsThere) {
  const Json search{{"max_results", 10}};
  for (const std::string wrong : {"", "Basic YWRhOndyb25n", "Basic bm9ib2R5OnNlY3JldA==", "Bearer wrong",
                                  "Bearer ", "Basic", "Basic !!!!", "Basic YWRh", "Digest x"}) {
    const Answer answer = ask_as(wrong, "experiments/search", search);
    EXPECT_EQ(answer.status, 401) << wrong;
    EXPECT_THAT(answer.headers, testing::Contains(testing::Key("WWW-Authenticate")));
  }
  EXPECT_THAT(ask_as("", "experiments/search", search).text,
              HasSubstr("Please set MLFLOW_TRACKING_USERNAME"));
  EXPECT_THAT(ask_as("Bearer wrong", "experiments/search", search).text, HasSubstr("is not known here"));
  EXPECT_EQ(ask_as(kAda, "experiments/search", search).status, 200);
  EXPECT_EQ(ask_as(kToken, "experiments/search", search).status, 200);
  EXPECT_EQ(ask_as("bearer the-token", "experiments/search", search).status, 200);
  EXPECT_EQ(server_->get("/health").status, 200);
  EXPECT_EQ(server_->get("/metrics").status, 401);
}

TEST_F(AuthTest, LetsEachDoWhatHeMay) {
  const auto experiment = [&](const std::string& name) -> std::string {
    return ask_as(kAda, "experiments/create", {{"name", name}}).json()["experiment_id"];
  };
  const std::string mine = experiment("mine"), theirs = experiment("theirs"), hidden = experiment("hidden");
  const auto create_run = [&](const std::string& who, const std::string& id) {
    return ask_as(who, "runs/create", {{"experiment_id", id}});
  };
  EXPECT_EQ(create_run(kBob, mine).status, 200);
  EXPECT_EQ(create_run(kToken, mine).status, 200);
  EXPECT_EQ(code_of(create_run(kBob, theirs)), "PERMISSION_DENIED");
  EXPECT_EQ(code_of(create_run(kBob, hidden)), "PERMISSION_DENIED");
  EXPECT_EQ(ask_as(kBob, "experiments/delete", {{"experiment_id", mine}}).status, 403);
  EXPECT_EQ(ask_as(kBob, "experiments/create", {{"name", "new"}}).status, 403);
  EXPECT_EQ(ask_as(kBob, "registered-models/create", {{"name", "m"}}).status, 403);
  const std::string run = create_run(kAda, hidden).json()["run"]["info"]["run_id"];
  EXPECT_EQ(ask_as(kBob, "runs/set-tag", {{"run_id", run}, {"key", "k"}, {"value", "v"}}).status, 403);
  // What he may not read is not found by searching.
  const Json found = ask_as(kBob, "experiments/search", {{"max_results", 100}}).json();
  EXPECT_EQ(found["experiments"].size(), 2U);
  EXPECT_EQ(ask_as(kBob, "runs/search", {{"experiment_ids", {hidden}}}).json().size(), 0U);
  EXPECT_EQ(ask_as(kBob, "runs/search", {{"experiment_ids", {hidden, mine}}}).json()["runs"].size(), 2U);
  EXPECT_EQ(ask_as(kAda, "runs/search", {{"experiment_ids", {hidden}}}).json()["runs"].size(), 1U);
}

// Rights with an experiment are none with the files that it says are its own.
TEST_F(AuthTest, NobodyNamesPlacesOfOthersForHisArtifacts) {
  write_file(file(), "users:\n  ada: {password: " + hash_password("secret") +
                         ", admin: true}\n  bob:\n    password: " + hash_password("word") +
                         "\n    default: edit\n    models: edit\n    experiments: {hidden: none}\n");
  server_->api().reload_users();
  const std::string hidden = ask_as(kAda, "experiments/create", {{"name", "hidden"}}).json()["experiment_id"];
  const std::string open = ask_as(kAda, "experiments/create", {{"name", "open"}}).json()["experiment_id"];
  const auto status = [&](const std::string& who, const std::string& place) {
    static int count = 0;
    return ask_as(who, "experiments/create",
                  {{"name", "e" + std::to_string(++count)}, {"artifact_location", place}})
        .status;
  };
  const std::string proxy = "http://localhost/api/2.0/mlflow-artifacts/artifacts/";
  for (const std::string& place : {"mlflow-artifacts:/" + hidden, "mlflow-artifacts://h:1/" + hidden + "/x",
                                   proxy + hidden, std::string("mlflow-artifacts:/"), std::string("/etc"),
                                   std::string("file:///etc"), std::string("rel")}) {
    EXPECT_EQ(status(kBob, place), 403) << place;
    EXPECT_EQ(status(kAda, place), 200) << place;
  }
  for (const std::string& place :
       {"mlflow-artifacts:/" + open + "/x", proxy + open, std::string("s3://b/x"), std::string()})
    EXPECT_EQ(status(kBob, place), 200) << place;

  EXPECT_EQ(ask_as(kBob, "registered-models/create", {{"name", "m"}}).status, 200);
  const auto version = [&](const std::string& source) {
    return ask_as(kBob, "model-versions/create", {{"name", "m"}, {"source", source}}).status;
  };
  EXPECT_EQ(version("mlflow-artifacts:/" + hidden + "/r/artifacts/model"), 403);
  EXPECT_EQ(version(proxy + hidden + "/r/artifacts/model"), 403);
  EXPECT_EQ(version("mlflow-artifacts:/" + open + "/r/artifacts/model"), 200);
  const std::string model =
      ask_as(kAda, "logged-models", {{"experiment_id", hidden}}).json()["model"]["info"]["model_id"];
  EXPECT_EQ(
      ask_as(kBob, "model-versions/create", {{"name", "m"}, {"source", "s3://b/x"}, {"model_id", model}})
          .status,
      403);
}

TEST_F(AuthTest, ReadsTheUsersAgain) {
  const std::string theirs = ask_as(kAda, "experiments/create", {{"name", "theirs"}}).json()["experiment_id"];
  const Json body{{"experiment_id", theirs}};
  EXPECT_EQ(ask_as(kBob, "runs/create", body).status, 403);
  write_users("edit");
  server_->api().reload_users();
  EXPECT_EQ(ask_as(kBob, "runs/create", body).status, 200);
  write_file(file(), "users: 3\n");
  EXPECT_THROW(server_->api().reload_users(), Error);
  EXPECT_EQ(ask_as(kBob, "runs/create", body).status, 200);
}

TEST(Users, AreReadStrictly) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& text) -> std::string {
    write_file(folder.path() / "users.yml", text);
    try {
      const TestApi server(ApiOptions{.artifacts_destination = {}, .users = folder.path() / "users.yml"});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message("users: {a: {admin: yess}}"), HasSubstr("users.yml:1: expected true or false"));
  EXPECT_THAT(message("users:\n  a: {pasword: x}"), HasSubstr("did you mean 'password'?"));
  EXPECT_THAT(message("users:\n  a: {default: reed}"), HasSubstr("did you mean 'read'?"));
  EXPECT_THAT(message("users:\n  a: {}\ntokens:\n  - {sha256: x, user: b}"),
              HasSubstr("there is no user 'b'"));
  EXPECT_THAT(message("users:\n  a: {password: secret}"),
              HasSubstr("users.yml:2: this is no hash of a password; expected a hash, from `ivory server "
                        "--hash-password`"));
  EXPECT_THAT(message("users:\n  a: {}\ntokens:\n  - {sha256: secret, user: a}"),
              HasSubstr("users.yml:4: this is no SHA-256; expected 64 hexadecimal digits"));
  EXPECT_THAT(message("{}"), HasSubstr("expected users"));
  EXPECT_EQ(message("users:\n  a: {}"), "");
}

TEST(Passwords, AreHashedWithASalt) {
  const std::string hash = hash_password("secret");
  EXPECT_THAT(hash, testing::StartsWith("$y$"));
  EXPECT_NE(hash, hash_password("secret"));
  EXPECT_TRUE(is_password("secret", hash));
  EXPECT_FALSE(is_password("secret ", hash));
  EXPECT_FALSE(is_password("secret", "no hash"));
  EXPECT_FALSE(is_password("", "*0"));
  EXPECT_THROW((void)hash_password(""), Error);
  EXPECT_EQ(hash_token("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(make_token().size(), 43U);
  EXPECT_NE(make_token(), make_token());
}

}  // namespace
}  // namespace ivory::server
