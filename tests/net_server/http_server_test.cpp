#include <ivory/net_server/http_server.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <ivory/base/error.h>

#include "raw_client.h"

namespace ivory::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// `size` letters 'z'.
class Letters : public BodySource {
 public:
  explicit Letters(std::size_t size) : left_(size) {}
  std::size_t read(std::span<char> into) override {
    const std::size_t count = std::min(left_, into.size());
    std::fill_n(into.begin(), count, 'z');
    left_ -= count;
    return count;
  }

 private:
  std::size_t left_;
};

class CountingSink : public BodySink {
 public:
  void write(std::string_view bytes) override {
    if (bytes.find('!') != std::string_view::npos) throw Error(ErrorCode::kInvalidArgument, "no shouting");
    count_ += bytes.size();
  }
  Response finish() override { return {.content_type = "text/plain", .body = std::to_string(count_)}; }

 private:
  std::size_t count_ = 0;
};

// /echo says what it was asked; /upload counts; /big, /chunks stream; /slow takes its time; /throw throws.
class TestHandler : public Handler {
 public:
  std::unique_ptr<BodySink> begin(const Request& request) override {
    if (request.path == "/refuse") throw Error(ErrorCode::kConflict, "not here");
    return request.path == "/upload" ? std::make_unique<CountingSink>() : nullptr;
  }
  Response handle(const Request& request) override {
    if (request.path == "/throw") throw Error(ErrorCode::kNotFound, "nothing here");
    if (request.path == "/slow") std::this_thread::sleep_for(milliseconds(300));
    if (request.path == "/big") return streamed(kBig, kBig);
    if (request.path == "/chunks") return streamed(600'000, std::nullopt);
    std::string said = request.method + " " + request.path;
    for (const auto& [name, value] : request.query) said += " " + name + "=" + value;
    return {.content_type = "text/plain", .body = said + " [" + request.body + "]"};
  }
  Response failed(const Request&) noexcept override {
    try {
      throw;
    } catch (const Error& error) {
      return {.status = 404, .content_type = "text/plain", .body = error.what()};
    } catch (...) {
      return {.status = 500};
    }
  }
  Response refused(int status, std::string_view why) noexcept override {
    return {.status = status, .content_type = "text/plain", .body = std::string(why)};
  }
  void finished(const Request&, int status, std::uint64_t, double) noexcept override {
    (status == 0 ? broken : answered)++;
  }

  static constexpr std::size_t kBig = 300'000'000;
  std::atomic<int> answered = 0, broken = 0;

 private:
  static Response streamed(std::size_t size, std::optional<std::uint64_t> told) {
    Response response;
    response.source = std::make_unique<Letters>(size);
    response.source_size = told;
    return response;
  }
};

class HttpServerTest : public testing::Test {
 protected:
  HttpServer& start(ServerOptions options = {}) {
    options.threads = 3;
    server_ = std::make_unique<HttpServer>(handler_, std::move(options));
    server_->start();
    return *server_;
  }
  [[nodiscard]] std::unique_ptr<RawClient> connect() const {
    return std::make_unique<RawClient>(server_->port());
  }
  std::string ask(const std::string& text) {
    const auto client = connect();
    client->send(text);
    return client->answer();
  }
  void expect_alive() {
    EXPECT_THAT(ask("GET /alive HTTP/1.1\r\nHost: x\r\n\r\n"), EndsWith("GET /alive []"));
  }

  TestHandler handler_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersManyRequestsOfOneConnection) {
  start();
  const auto client = connect();
  for (int i = 0; i < 3; ++i) {
    client->send("POST /echo/a%20b?x=1&y=a+b%2B HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
    EXPECT_THAT(client->answer(), EndsWith("POST /echo/a b x=1 y=a b+ [body]"));
  }
  client->send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");  // pipelined
  EXPECT_THAT(client->answer(), EndsWith("GET /1 []"));
  EXPECT_THAT(client->answer(), EndsWith("GET /2 []"));
  EXPECT_EQ(server_->connections(), 1U);
}

TEST_F(HttpServerTest, ClosesWhenTheClientWantsIt) {
  start();
  const auto client = connect();
  client->send("GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client->rest(), HasSubstr("Connection: close"));
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) {
  start();
  for (const std::string text :
       {"nonsense\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: minus\r\n\r\n", "GET /%zz HTTP/1.1\r\n\r\n",
        "GET /%00 HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"}) {
    EXPECT_THAT(ask(text), StartsWith("HTTP/1.1 400 ")) << text;
  }
  expect_alive();
}

TEST_F(HttpServerTest, LimitsHeadersAndBodies) {
  ServerOptions options;
  options.max_header_bytes = 4096;
  options.max_body_bytes = 1000;
  options.max_stream_bytes = 5000;
  start(options);
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nX: " + std::string(5000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  const auto post = [](const std::string& path, std::size_t size) {
    return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'b');
  };
  EXPECT_THAT(ask(post("/echo", 1000)), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(post("/echo", 1001)), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask(post("/upload", 5000)), EndsWith("\r\n5000"));
  EXPECT_THAT(ask(post("/upload", 5001)), StartsWith("HTTP/1.1 413 "));
  // Without a length, by what comes.
  std::string chunked = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 11; ++i) chunked += "64\r\n" + std::string(100, 'c') + "\r\n";
  EXPECT_THAT(ask(chunked + "0\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  expect_alive();
}

TEST_F(HttpServerTest, StreamsBodiesUpInChunks) {
  start();
  const auto client = connect();
  client->send(
      "PUT /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  while (client->receive(milliseconds(500))) break;
  client->send("5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n");
  EXPECT_THAT(client->answer(), testing::AllOf(StartsWith("HTTP/1.1 100 Continue"), EndsWith("\r\n8")));
}

TEST_F(HttpServerTest, StreamsBodiesDown) {
  start();
  const auto client = connect();
  client->send("GET /chunks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string chunks = client->rest();
  EXPECT_THAT(chunks, HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_EQ(std::ranges::count(chunks, 'z'), 600'000);
  EXPECT_THAT(chunks, EndsWith("\r\n0\r\n\r\n"));

  const auto old = connect();
  old->send("GET /chunks HTTP/1.0\r\n\r\n");
  EXPECT_EQ(std::ranges::count(old->rest(), 'z'), 600'000);

  const auto head = connect();
  head->send("HEAD /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head->rest(), testing::AllOf(HasSubstr("Content-Length: 300000000\r\n"), EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, AnswersWhatHandlersThrow) {
  start();
  EXPECT_THAT(ask("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n"), EndsWith("nothing here"));
  EXPECT_THAT(ask("POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"), EndsWith("not here"));
  EXPECT_THAT(ask("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab!"),
              EndsWith("no shouting"));
  // Refused before the body comes: a client that waits for the word need not send it.
  EXPECT_THAT(ask("POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"),
              StartsWith("HTTP/1.1 404 "));
}

TEST_F(HttpServerTest, DropsClientsThatSayNothing) {
  ServerOptions options;
  options.idle_timeout = options.header_timeout = options.body_timeout = milliseconds(200);
  start(options);
  const auto silent = connect();
  const auto half = connect();
  half->send("GET /echo HTTP/1.1\r\nHos");
  const auto body = connect();
  body->send("POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(silent->rest() + half->rest() + body->rest(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(10));
  expect_alive();
}

TEST_F(HttpServerTest, DropsClientsThatReadNothing) {
  ServerOptions options;
  options.progress_timeout = milliseconds(300);
  start(options);
  const auto client = connect();
  client->send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  for (int i = 0; i < 100 && handler_.broken == 0; ++i) std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(handler_.broken, 1);
  expect_alive();
}

TEST_F(HttpServerTest, SlowClientsKeepNoThread) {
  start();
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 30; ++i) {
    slow.push_back(connect());
    slow.back()->send("POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
    slow.push_back(connect());
    slow.back()->send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");  // and never reads
  }
  expect_alive();
}

TEST_F(HttpServerTest, TellsOneTooManyThatThereIsNoRoom) {
  ServerOptions options;
  options.max_connections = 2;
  start(options);
  auto first = connect();
  const auto second = connect();
  first->send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  second->send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  first->answer();
  second->answer();
  EXPECT_THAT(connect()->answer(), StartsWith("HTTP/1.1 503 "));
  first.reset();
  for (int i = 0; i < 500 && server_->connections() > 1; ++i) std::this_thread::sleep_for(milliseconds(20));
  expect_alive();
}

TEST_F(HttpServerTest, StopsAfterTheRequestsInWork) {
  start();
  const auto idle = connect();
  idle->send("GET /alive HTTP/1.1\r\nHost: x\r\n\r\n");
  idle->answer();
  const auto client = connect();
  client->send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(milliseconds(100));
  server_->stop();
  EXPECT_THAT(client->rest(), testing::AllOf(HasSubstr("GET /slow"), HasSubstr("Connection: close")));
  EXPECT_EQ(idle->rest(), "");
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(HttpServerTest, ManyClientsAtOnce) {
  start();
  std::vector<std::future<int>> clients;
  for (int c = 0; c < 16; ++c) {
    clients.push_back(std::async(std::launch::async, [this, c] {
      const auto client = connect();
      int right = 0;
      for (int i = 0; i < 50; ++i) {
        const std::string said = std::to_string(c) + "-" + std::to_string(i);
        client->send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(said.size()) +
                     "\r\n\r\n" + said);
        right += client->answer().ends_with("[" + said + "]") ? 1 : 0;
      }
      return right;
    }));
  }
  for (auto& client : clients) EXPECT_EQ(client.get(), 50);
}

TEST_F(HttpServerTest, RefusesAnAddressThatCannotBeHad) {
  start();
  ServerOptions options;
  options.port = server_->port();
  EXPECT_THROW(HttpServer(handler_, options), Error);
  EXPECT_THROW(HttpServer(handler_, {.certificate = "/none.pem"}), Error);
  EXPECT_THROW(HttpServer(handler_, {.certificate = "/none.pem", .private_key = "/none.key"}), Error);
}

}  // namespace
}  // namespace ivory::net
