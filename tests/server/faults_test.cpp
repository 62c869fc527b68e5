// The whole server, over sockets, before clients and disks that do not behave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include <ivory/base/error.h>
#include <ivory/net_client/http_client.h>
#include <ivory/tracking_file/file_store.h>

#include "certificate.h"
#include "own_server.h"
#include "raw_client.h"

namespace ivory::server {
namespace {

namespace fs = std::filesystem;
using net::HttpAnswer;
using net::HttpClient;
using net::RawClient;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kApi = "/api/2.0/mlflow/";
const std::string kProxy = "/api/2.0/mlflow-artifacts/artifacts/";

// One that gives up at the first failure, and soon.
HttpClient impatient(const OwnServer& server) {
  return HttpClient(server.url(), {.timeout = seconds(10), .max_retries = 0});
}

HttpAnswer post(const HttpClient& client, const std::string& path, const json& body) {
  return client.send(
      {.method = "POST", .path = kApi + path, .body = body.dump(), .content_type = "application/json"});
}

std::string new_run(const HttpClient& client) {
  return json::parse(post(client, "runs/create", {{"experiment_id", "0"}}).body)["run"]["info"]["run_id"];
}

// What the server says to exactly these words.
std::string say(const OwnServer& server, const std::string& text) {
  RawClient client(server.port());
  client.send(text);
  return client.answer();
}

std::string get(const OwnServer& server, const std::string& target) {
  return say(server, "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
}

TEST(ServerFaults, ManyWritersOverHttpLoseAndDoubleNothing) {
  OwnServer server;
  constexpr int kWriters = 64, kSteps = 10, kPoints = 20;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      const auto store = tracking::open_store(server.url(), {.max_retries = 0});
      const auto run = store->create_run({.experiment_id = "0", .name = "w" + std::to_string(w)});
      for (int i = 0; i < kSteps; ++i) store->log_metric(run.run_id, {"single", 1.0 * w, i, i});
      std::vector<tracking::Metric> points;
      for (int i = 0; i < kPoints; ++i) points.push_back({"batch", 1.0 * w, i, i});
      store->log_batch(run.run_id, {.metrics = points, .params = {{"writer", std::to_string(w)}}});
    });
  }
  for (auto& writer : writers) writer.join();
  std::set<std::string> names;
  for (const auto& run : server.store().list_runs({.experiment_ids = {"0"}})) {
    EXPECT_TRUE(names.insert(run.name).second) << "twice: " << run.name;
    const auto wrote = [&](const std::string& key) {
      std::vector<std::int64_t> steps;
      for (const auto& point : server.store().metric_history(run.run_id, key)) {
        EXPECT_EQ("w" + std::to_string(static_cast<int>(point.value)), run.name);
        steps.push_back(point.step);
      }
      return steps;
    };
    EXPECT_THAT(wrote("single"), testing::SizeIs(kSteps)) << run.name;
    EXPECT_THAT(wrote("batch"), testing::SizeIs(kPoints)) << run.name;
    ASSERT_EQ(run.params.size(), 1U);
    EXPECT_EQ("w" + run.params[0].value, run.name);
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kWriters));
}

// Writes that take no longer than without those others.
void expect_prompt(const HttpClient& client) {
  const std::string run = new_run(client);
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    const json point{{"run_id", run}, {"key", "m"}, {"value", 1}, {"timestamp", 1}, {"step", i}};
    EXPECT_EQ(post(client, "runs/log-metric", point).status, 200);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(5));
}

TEST(ServerFaults, ClientsThatStallHoldUpNobody) {
  const OwnServer server;
  const std::string big = kProxy + "1/big.bin";
  write_file(server.folder() / "mlartifacts" / "1" / "big.bin", std::string(64 << 20, 'x'));
  const std::vector<std::string> begun{
      "",                                                    // connected, and gone silent
      "POST " + kApi + "runs/create HTTP/1.1\r\nHost: loc",  // in the middle of the headers
      "POST " + kApi + "runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
          "Content-Length: 1000\r\n\r\n{\"experiment",  // of a body
      "PUT " + kProxy + "1/half.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc",
      "GET " + big + " HTTP/1.1\r\nHost: localhost\r\n\r\n",  // and reads nothing of it
  };
  std::vector<std::unique_ptr<RawClient>> stalled;
  for (int i = 0; i < 100; ++i) {
    stalled.push_back(std::make_unique<RawClient>(server.port()));
    stalled.back()->send(begun[static_cast<std::size_t>(i) % begun.size()]);
  }
  expect_prompt(impatient(server));
  stalled.clear();
  for (int i = 0; i < 500 && !fs::is_empty(server.folder() / "mlartifacts" / "1"); ++i) {
    const auto left = std::distance(fs::directory_iterator(server.folder() / "mlartifacts" / "1"), {});
    if (left == 1) break;
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(server.folder() / "mlartifacts" / "1"), {}), 1)
      << "nothing is left of uploads that broke off";
}

TEST(ServerFaults, TlsHandshakesThatStallHoldUpNobodyAndEnd) {
  const TemporaryFolder folder;
  const CertificateFiles files = make_certificate(folder.path());
  net::ServerOptions listening;
  listening.certificate = files.certificate;
  listening.private_key = files.private_key;
  listening.header_timeout = seconds(2);
  const OwnServer server({.listening = listening});
  const std::vector<std::string> begun{"", std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8),
                                       std::string("\x16\x03\x01\xff\xff", 5)};
  std::vector<std::unique_ptr<RawClient>> stalled;
  for (int i = 0; i < 60; ++i) {
    stalled.push_back(std::make_unique<RawClient>(server.port()));
    stalled.back()->send(begun[static_cast<std::size_t>(i) % begun.size()]);
  }
  net::HttpOptions trusting{.timeout = seconds(10), .max_retries = 0};
  trusting.server_certificates = files.certificate;
  expect_prompt(HttpClient(server.url(), trusting));

  const auto waited = std::chrono::steady_clock::now();
  for (const auto& client : stalled) (void)client->rest();
  EXPECT_LT(std::chrono::steady_clock::now() - waited, seconds(15));
  // Who speaks plainly is not answered; who does not know the certificate does not speak.
  EXPECT_THAT(get(server, "/health"), Not(HasSubstr("OK")));
  EXPECT_THROW((void)impatient(server).send({.path = "/health"}), Error);
}

TEST(ServerFaults, BodiesThatAreTooLargeAreRefusedInMlflowsWords) {
  net::ServerOptions listening;
  listening.max_body_bytes = 10'000;
  listening.max_stream_bytes = 20'000;
  const OwnServer server({.listening = listening});
  const HttpClient client = impatient(server);
  const auto expect_refused = [](const HttpAnswer& answer) {
    EXPECT_EQ(answer.status, 413);
    const json error = json::parse(answer.body);
    EXPECT_EQ(error["error_code"], "BAD_REQUEST");
    EXPECT_THAT(std::string(error["message"]), HasSubstr("too large"));
  };
  expect_refused(
      post(client, "runs/create", {{"experiment_id", "0"}, {"run_name", std::string(20'000, 'x')}}));
  expect_refused(
      client.send({.method = "PUT", .path = kProxy + "1/x.bin", .body = std::string(30'000, 'x')}));
  // The end of a body without a length is known by what comes.
  std::string chunked =
      "PUT " + kProxy + "1/x.bin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 30; ++i) chunked += "3e8\r\n" + std::string(1000, 'c') + "\r\n";
  EXPECT_THAT(say(server, chunked + "0\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(client.send({.path = kProxy + "1/x.bin"}).status, 404);
  expect_prompt(client);
}

TEST(ServerFaults, RequestsWithTwoHostsAreRefused) {
  const OwnServer server;
  for (const std::string hosts :
       {"Host: localhost\r\nHost: evil.example\r\n", "Host: evil.example\r\nHost: localhost\r\n"})
    EXPECT_THAT(say(server, "GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\n" + hosts +
                                "Connection: close\r\n\r\n"),
                StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(
      say(server,
          "GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\nConnection: close\r\n\r\n"),
      StartsWith("HTTP/1.1 403 "));
}

// ---- paths that lead out

class Traversal : public testing::TestWithParam<const char*> {
 protected:
  Traversal() {
    write_file(server_.folder() / "secret" / "meta.yaml",
               "name: secret-word\nrun_name: secret-word\nstatus: 1\n");
    write_file(server_.folder() / "secret" / "artifacts" / "a.txt", "secret-word");
  }

  // Whatever the answer, no secret is in it, and the server does not fail.
  void expect_kept(const std::string& answer, const std::string& asked) {
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 4")) << asked;
    EXPECT_THAT(answer, Not(HasSubstr("secret-word"))) << asked;
  }

  OwnServer server_{{.store_uri = GetParam(), .further = {&tracking::file_store_scheme(), 1}}};
  HttpClient client_{server_.url(), {.max_retries = 0}};
};

// As they stand in an address, encoded once.
const std::vector<std::string>& ways_out() {
  static const std::vector<std::string> ways{"..",
                                             "../secret",
                                             "..%2Fsecret",
                                             "%2e%2e%2fsecret",
                                             "%252e%252e%252fsecret",
                                             "..%5Csecret",
                                             "0/../../secret",
                                             "0%2F..%2F..%2Fsecret",
                                             "./../secret",
                                             "%2Fetc%2Fpasswd",
                                             "/etc/passwd",
                                             "//etc/passwd",
                                             "file:///etc/passwd",
                                             "..%00",
                                             "secret%00.txt",
                                             "%c0%ae%c0%ae%2fsecret",
                                             ".",
                                             ".trash"};
  return ways;
}

TEST_P(Traversal, NoIdLeadsOutOfTheStore) {
  const std::vector<std::string> asked{
      "runs/get?run_id=",
      "runs/get?run_uuid=",
      "artifacts/list?run_id=",
      "metrics/get-history?metric_key=m&run_id=",
      "experiments/get?experiment_id=",
      "get-artifact?path=a.txt&run_id=",
      "get-artifact?path=artifacts%2Fa.txt&run_id=",
      "registered-models/get?name=",
      "model-versions/get?version=1&name=",
      "model-versions/get?name=m&version=",
      "logged-models/",
  };
  for (const std::string& way : ways_out()) {
    for (const std::string& question : asked) {
      const std::string target = kApi + question + way;
      const std::string answer = get(server_, target);
      // MLflow knows no history of what is not there, and is silent about it.
      if (question.starts_with("metrics/") && answer.starts_with("HTTP/1.1 200 "))
        EXPECT_THAT(answer, testing::EndsWith("{}")) << target;
      else
        expect_kept(answer, target);
    }
    for (const std::string tail : {"/artifacts/directories", "/artifacts/files?artifact_file_path=a.txt"})
      expect_kept(get(server_, kApi + "logged-models/" + way + tail), way + tail);
    const std::string run = "run_uuid=" + way;
    expect_kept(say(server_, "POST " + kApi + "upload-artifact?path=a.txt&" + run +
                                 " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
                                 "Connection: close\r\n\r\nevil"),
                run);
  }
}

TEST_P(Traversal, NoIdInABodyLeadsOutOfTheStore) {
  const std::vector<std::pair<std::string, json>> changes{
      {"runs/update", {{"status", "FINISHED"}}},
      {"runs/delete", json::object()},
      {"runs/restore", json::object()},
      {"runs/log-metric", {{"key", "m"}, {"value", 1}, {"timestamp", 1}, {"step", 1}}},
      {"runs/log-parameter", {{"key", "p"}, {"value", "v"}}},
      {"runs/set-tag", {{"key", "t"}, {"value", "v"}}},
      {"runs/log-batch", {{"params", {{{"key", "p"}, {"value", "v"}}}}}},
      {"experiments/delete", json::object()},
      {"experiments/set-experiment-tag", {{"key", "t"}, {"value", "v"}}},
      {"runs/create", json::object()},
      {"logged-models", json::object()},
  };
  for (const std::string way : {"..", "../secret", "0/../../secret", "/etc", ".", ".trash"}) {
    for (auto [path, body] : changes) {
      const bool of_run = path.starts_with("runs/") && path != "runs/create";
      body[of_run ? "run_id" : "experiment_id"] = way;
      const HttpAnswer answer = post(client_, path, body);
      EXPECT_EQ(answer.status / 100, 4) << path << " " << way << answer.body;
      EXPECT_THAT(answer.body, Not(HasSubstr("secret-word")));
    }
  }
  const std::string run = new_run(client_);
  for (const std::string key : {"../meta.yaml", "../../secret", "/etc/x", "a/../../../x", "..", "a\\..\\b"}) {
    for (const auto& [path, body] : std::vector<std::pair<std::string, json>>{
             {"runs/log-metric", {{"key", key}, {"value", 1}, {"timestamp", 1}, {"step", 1}}},
             {"runs/log-parameter", {{"key", key}, {"value", "v"}}},
             {"runs/set-tag", {{"key", key}, {"value", "v"}}}}) {
      json whole = body;
      whole["run_id"] = run;
      EXPECT_EQ(post(client_, path, whole).status, 400) << path << " " << key;
    }
  }
  EXPECT_THAT(read_file(server_.folder() / "secret" / "meta.yaml"), HasSubstr("secret-word"));
  EXPECT_EQ(std::distance(fs::directory_iterator(server_.folder() / "secret"), {}), 2) << "and nothing new";
}

TEST_P(Traversal, NoPathLeadsOutOfTheArtifacts) {
  const std::string run = new_run(client_);
  for (const std::string& way : ways_out()) {
    if (way == "." || way == ".trash") continue;  // inside
    for (const std::string end : {"", "/artifacts/a.txt", "%2Fartifacts%2Fa.txt"}) {
      const std::string path = way + end;
      expect_kept(get(server_, kProxy + path), path);
      expect_kept(get(server_, kApi + "get-artifact?run_id=" + run + "&path=" + path), path);
      for (const std::string method : {"PUT", "DELETE"})
        expect_kept(say(server_, method + " " + kProxy + path + " HTTP/1.1\r\nHost: localhost\r\n" +
                                     "Content-Length: 4\r\nConnection: close\r\n\r\nevil"),
                    method + path);
    }
  }
  EXPECT_EQ(read_file(server_.folder() / "secret" / "artifacts" / "a.txt"), "secret-word");
}

// Places that a client gives to an experiment or a version are not read from because it says so.
TEST_P(Traversal, NoLocationThatAClientGivesIsServed) {
  int count = 0;
  for (const std::string place : {"file:///etc", "/etc", "file:///../etc", "mlflow-artifacts:/../secret",
                                  "mlflow-artifacts:/%2e%2e/secret", "mlflow-artifacts://localhost/../../etc",
                                  "/proc/self", "mlflow-artifacts:/0/../../secret/artifacts"}) {
    const HttpAnswer made = post(client_, "experiments/create",
                                 {{"name", "e" + std::to_string(++count)}, {"artifact_location", place}});
    if (made.status != 200) continue;
    const std::string experiment = json::parse(made.body)["experiment_id"];
    const HttpAnswer begun = post(client_, "runs/create", {{"experiment_id", experiment}});
    ASSERT_EQ(begun.status, 200);
    const std::string run = json::parse(begun.body)["run"]["info"]["run_id"];
    expect_kept(get(server_, kApi + "artifacts/list?run_id=" + run), place);
    expect_kept(get(server_, kApi + "get-artifact?path=passwd&run_id=" + run), place);
    expect_kept(get(server_, kApi + "get-artifact?path=a.txt&run_id=" + run), place);
  }
  post(client_, "registered-models/create", {{"name", "m"}});
  for (const std::string place : {"file:///etc", "/etc", "mlflow-artifacts:/../secret/artifacts"}) {
    const HttpAnswer made = post(client_, "model-versions/create", {{"name", "m"}, {"source", place}});
    if (made.status != 200) continue;
    const std::string version = json::parse(made.body)["model_version"]["version"];
    for (const std::string path : {"passwd", "a.txt"})
      expect_kept(get(server_, "/model-versions/get-artifact?name=m&version=" + version + "&path=" + path),
                  place);
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, Traversal, testing::Values("sqlite:///store.db", "file:mlruns"),
                         [](const auto& store) {
                           return std::string(store.param).substr(0, std::string_view(store.param).find(':'));
                         });

// ---- disks that are full

// Room that runs out and comes back.
class Room {
 public:
  virtual ~Room() = default;
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  virtual void take() = 0;
  virtual void give_back() = 0;

 protected:
  Room() = default;
};

// Of a file system of a few megabytes.
class SmallFileSystem : public Room {
 public:
  explicit SmallFileSystem(fs::path place) : place_(std::move(place)) {
    mounted_ = ::mount("tmpfs", place_.c_str(), "tmpfs", 0, "size=8m") == 0;
  }
  ~SmallFileSystem() override {
    if (mounted_) ::umount2(place_.c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool is_mounted() const noexcept { return mounted_; }
  void take() override {
    std::ofstream filler(place_ / "filler");
    for (const std::string piece(4096, 'x'); filler.write(piece.data(), 4096).flush();) {
    }
  }
  void give_back() override { fs::remove(place_ / "filler"); }

 private:
  fs::path place_;
  bool mounted_ = false;
};

// Of each file of this process.
class SmallFiles : public Room {
 public:
  SmallFiles() {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    before_signal_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~SmallFiles() override {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    (void)std::signal(SIGXFSZ, before_signal_);
  }
  void take() override {
    const rlimit small{.rlim_cur = 100'000, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  void give_back() override { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
  void (*before_signal_)(int) = SIG_DFL;
};

// Writers that go on while the room is taken: what is answered with success stays, what is refused is told
// so.
void expect_refusals_and_recovery(OwnServer& server, Room& room) {
  const HttpClient client = impatient(server);
  const std::string run = new_run(client);
  std::set<std::string> kept;
  int count = 0;
  const auto log = [&] {
    const std::string key = "p" + std::to_string(count++);
    const json param{{"key", key}, {"value", std::string(4000, 'v')}};
    HttpAnswer answer = post(client, "runs/log-batch", {{"run_id", run}, {"params", {param}}});
    if (answer.status == 200) kept.insert(key);
    return answer;
  };
  const auto upload = [&](const std::string& name) {
    return client.send({.method = "PUT", .path = kProxy + "0/" + name, .body = std::string(1'000'000, 'a')});
  };
  for (int i = 0; i < 10; ++i) EXPECT_EQ(log().status, 200);
  EXPECT_EQ(upload("before.bin").status, 200);
  room.take();
  int refused = 0;
  for (int i = 0; i < 1000 && refused < 10; ++i) {
    const HttpAnswer answer = log();
    if (answer.status == 200) continue;
    ++refused;
    EXPECT_EQ(answer.status, 500);
    const json error = json::parse(answer.body);
    EXPECT_EQ(error["error_code"], "INTERNAL_ERROR");
    EXPECT_THAT(std::string(error["message"]), HasSubstr("store.db"));
  }
  EXPECT_EQ(refused, 10);
  const HttpAnswer lost = upload("lost.bin");
  EXPECT_EQ(lost.status, 500) << lost.body;
  EXPECT_EQ(json::parse(lost.body)["error_code"], "INTERNAL_ERROR");
  EXPECT_EQ(client.send({.path = kProxy + "0/lost.bin"}).status, 404);
  // Who only reads is answered.
  EXPECT_EQ(client.send({.path = "/health"}).body, "OK");
  EXPECT_EQ(client.send({.path = kApi + "runs/get?run_id=" + run}).status, 200);
  EXPECT_EQ(client.send({.path = kProxy + "0/before.bin"}).body.size(), 1'000'000U);

  room.give_back();
  EXPECT_EQ(log().status, 200);
  EXPECT_EQ(upload("after.bin").status, 200);
  std::set<std::string> found;
  for (const auto& param : server.store().get_run(run).params) found.insert(param.key);
  EXPECT_EQ(found, kept);
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator(server.folder() / "mlartifacts" / "0"))
    files.insert(entry.path().filename());
  EXPECT_THAT(files, testing::ElementsAre("after.bin", "before.bin"));
}

TEST(ServerFaults, AFullDiskIsToldAndLeavesWhatWasAcknowledged) {
  const TemporaryFolder folder;
  SmallFileSystem disk(folder.path());
  // Only root may mount; CI is root.
  if (!disk.is_mounted()) GTEST_SKIP() << "needs the right to mount";
  OwnServer server({.folder = folder.path()});
  expect_refusals_and_recovery(server, disk);
}

TEST(ServerFaults, FilesThatCannotGrowAreToldAndLeaveWhatWasAcknowledged) {
  SmallFiles files;
  OwnServer server;
  expect_refusals_and_recovery(server, files);
}

}  // namespace
}  // namespace ivory::server
