#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <thread>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/net_client/http_client.h>

#include "test_server.h"

namespace ivory::net {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

HttpOptions quick() {
  return {.timeout = std::chrono::seconds(1), .backoff_factor = 0.001, .backoff_jitter = 0.001};
}

template <class F>
std::string message_of(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

HttpAnswer post(const HttpClient& client, Repeat repeat = Repeat::kAlways) {
  return client.send(
      {.method = "POST", .path = "/x", .body = "{}", .content_type = "application/json", .repeat = repeat});
}

TEST(HttpClient, SendsMethodPathBodyAndTypeAndGivesTheAnswerBack) {
  TestServer server([](const Received&) { return Reply{.status = 404, .body = "none"}; });
  const HttpClient client(server.url() + "/base/", quick());
  const auto answer =
      client.send({.method = "POST", .path = "/a?b=c", .body = "text", .content_type = "text/plain"});
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.body, "none");
  EXPECT_EQ(answer.content_type, "application/json");
  const auto received = server.received();
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_EQ(received[0].method, "POST");
  EXPECT_EQ(received[0].target, "/base/a?b=c");
  EXPECT_EQ(received[0].body, "text");
  EXPECT_EQ(received[0].headers.at("content-type"), "text/plain");
  EXPECT_FALSE(received[0].headers.contains("expect"));
  EXPECT_FALSE(received[0].headers.contains("authorization"));
}

TEST(HttpClient, UsesAConnectionAgain) {
  TestServer server([](const Received&) { return Reply{}; });
  const HttpClient client(server.url(), quick());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(post(client).status, 200);
  for (const auto& request : server.received()) EXPECT_EQ(request.connection, 1);
}

TEST(HttpClient, ServesThreadsSideBySide) {
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  TestServer server([&](const Received&) {
    most = std::max<int>(most, ++inside);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    --inside;
    return Reply{};
  });
  const HttpClient client(server.url(), quick());
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 3; ++j) EXPECT_EQ(post(client).status, 200);
    });
  for (auto& thread : threads) thread.join();
  EXPECT_GT(most, 2);
  EXPECT_THAT(server.received(), SizeIs(24));
}

TEST(HttpClient, TriesAgainAfterPassingFailures) {
  std::atomic<int> asked = 0;
  TestServer server([&](const Received&) {
    switch (++asked) {
      case 1:
        return Reply{.status = 503};
      case 2:
        return Reply{.hang_up = true};
      case 3:
        return Reply{.status = 500};
      case 4:
        return Reply{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", .hang_up = true};
      case 5:
        return Reply{.status = 429};
      default:
        return Reply{.body = "done"};
    }
  });
  const HttpClient client(server.url(), quick());
  EXPECT_EQ(post(client).body, "done");
  EXPECT_EQ(asked, 6);
}

TEST(HttpClient, GivesUpAfterItsTriesWithTheLastAnswerOrTheReason) {
  TestServer server([](const Received& request) {
    return request.target == "/x" ? Reply{.status = 503, .body = "busy"} : Reply{.hang_up = true};
  });
  HttpOptions options = quick();
  options.max_retries = 2;
  const HttpClient client(server.url(), options);
  EXPECT_EQ(post(client).body, "busy");
  EXPECT_THAT(server.received(), SizeIs(3));
  EXPECT_THAT(message_of([&] { (void)client.send({.path = "/gone?secret=1"}); }),
              testing::AllOf(HasSubstr("no answer from http://127.0.0.1:"), HasSubstr("GET /gone:"),
                             HasSubstr("tried 3 times"), Not(HasSubstr("secret"))));
}

TEST(HttpClient, DoesNotRepeatWhatTheServerMayHaveDone) {
  for (const Reply& reply : {Reply{.status = 500}, Reply{.hang_up = true}}) {
    TestServer server([&](const Received&) { return reply; });
    const HttpClient client(server.url(), quick());
    try {
      EXPECT_EQ(post(client, Repeat::kIfUnmet).status, 500);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kIo);
    }
    EXPECT_THAT(server.received(), SizeIs(1));
  }
  std::atomic<int> asked = 0;
  TestServer busy([&](const Received&) { return Reply{.status = ++asked < 3 ? 503 : 200}; });
  EXPECT_EQ(post(HttpClient(busy.url(), quick()), Repeat::kIfUnmet).status, 200);
}

TEST(HttpClient, DoesNotRepeatOnAConnectionThatDiedUnseen) {
  // The connection of the first answer is closed after it: the second request must not ride on it, as libcurl
  // would send it again by itself.
  std::atomic<int> asked = 0;
  TestServer server([&](const Received&) { return ++asked == 1 ? Reply{} : Reply{.hang_up = true}; });
  const HttpClient client(server.url(), quick());
  EXPECT_EQ(post(client).status, 200);
  EXPECT_THAT(message_of([&] { (void)post(client, Repeat::kIfUnmet); }), HasSubstr("no answer"));
  EXPECT_EQ(asked, 2);
}

TEST(HttpClient, WaitsAsLongAsTheServerAsks) {
  std::atomic<int> asked = 0;
  TestServer server([&](const Received&) {
    return ++asked == 1 ? Reply{.status = 429, .more_headers = "Retry-After: 1\r\n"} : Reply{};
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(post(HttpClient(server.url(), quick())).status, 200);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(HttpClient, EndsAWaitThatIsTooLong) {
  TestServer server([](const Received&) {
    std::this_thread::sleep_for(std::chrono::seconds(3));
    return Reply{};
  });
  HttpOptions options = quick();
  options.max_retries = 0;
  const HttpClient client(server.url(), options);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(message_of([&] { (void)post(client); }), HasSubstr("no answer"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(2900));
}

TEST(HttpClient, SaysAtOnceThatNobodyListens) {
  int port = 0;
  {
    port = TestServer([](const Received&) { return Reply{}; }).port();
  }
  HttpOptions options = quick();
  options.max_retries = 0;
  const HttpClient client("http://127.0.0.1:" + std::to_string(port), options);
  EXPECT_THAT(message_of([&] { (void)post(client); }), HasSubstr("no answer from http://127.0.0.1"));
}

TEST(HttpClient, ShowsItsCredentials) {
  TestServer server([](const Received&) { return Reply{}; });
  const auto shown = [&](const std::string& url, HttpOptions options) {
    (void)post(HttpClient(url, std::move(options)));
    return server.received().back().headers.at("authorization");
  };
  EXPECT_EQ(shown(server.url(), {.username = "Aladdin", .password = "open sesame"}),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_EQ(shown(server.url(), {.token = "tok"}), "Bearer tok");
  const std::string port = std::to_string(server.port());
  EXPECT_EQ(shown("http://Aladdin:open%20sesame@127.0.0.1:" + port, {.token = "tok"}),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(HttpClient, KeepsCredentialsOutOfMessagesAndFromOtherServers) {
  TestServer other([](const Received&) { return Reply{}; });
  TestServer server([&](const Received&) {
    return Reply{.status = 302,
                 .more_headers = "Location: http://localhost:" + std::to_string(other.port()) + "/y\r\n"};
  });
  const HttpClient client("http://me:secret@127.0.0.1:" + std::to_string(server.port()), quick());
  EXPECT_EQ(client.base_url(), server.url());
  EXPECT_EQ(post(client).status, 200);
  ASSERT_THAT(other.received(), SizeIs(1));
  EXPECT_FALSE(other.received()[0].headers.contains("authorization"));
  EXPECT_EQ(other.received()[0].method, "POST") << "a redirect does not make a POST a GET";
}

TEST(HttpClient, StreamsFilesBothWays) {
  const TemporaryFolder folder;
  std::string large(3'000'000, 'x');
  for (std::size_t i = 0; i < large.size(); i += 1000) large[i] = static_cast<char>(i % 251);
  write_file(folder.path() / "up", large);
  std::atomic<int> asked = 0;
  std::string stored;
  TestServer server([&](const Received& request) {
    if (request.method == "GET") return Reply{.body = stored};
    stored = request.body;
    return ++asked == 1 ? Reply{.status = 503} : Reply{};  // so that it must be read from its beginning again
  });
  const HttpClient client(server.url(), quick());
  EXPECT_EQ(client.send({.method = "PUT", .path = "/f", .body_file = folder.path() / "up"}).status, 200);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(stored, large);
  const auto answer = client.send({.path = "/f", .answer_file = folder.path() / "down"});
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(read_file(folder.path() / "down"), large);
}

TEST(HttpClient, KeepsAnErrorsTextOutOfTheFile) {
  const TemporaryFolder folder;
  TestServer server([](const Received&) { return Reply{.status = 404, .body = "no such file"}; });
  const HttpClient client(server.url(), quick());
  EXPECT_EQ(client.send({.path = "/f", .answer_file = folder.path() / "down"}).body, "no such file");
  EXPECT_EQ(read_file(folder.path() / "down"), "");
}

TEST(HttpClient, SaysWhichFileFails) {
  TestServer server([](const Received&) { return Reply{.body = std::string(1 << 20, 'x')}; });
  const HttpClient client(server.url(), quick());
  EXPECT_THAT(message_of([&] { (void)client.send({.method = "PUT", .path = "/f", .body_file = "/none/f"}); }),
              HasSubstr("cannot read '/none/f'"));
  EXPECT_THAT(message_of([&] { (void)client.send({.path = "/f", .answer_file = "/none/f"}); }),
              HasSubstr("cannot write '/none/f'"));
  EXPECT_THAT(message_of([&] { (void)client.send({.path = "/f", .answer_file = "/dev/full"}); }),
              HasSubstr("cannot write '/dev/full'"));
}

TEST(HttpClient, RefusesAddressesThatAreNone) {
  for (const char* url : {"", "ftp://h", "http://", "http://h:port", "file:///etc/passwd", "http://h?x=1",
                          "http://h#x", "mlflow"}) {
    EXPECT_THAT(message_of([&] { const HttpClient client(url); }), HasSubstr("expected http(s)://host"))
        << url;
  }
  EXPECT_THAT(message_of([] {
                const HttpClient client("https://h", {.verify_tls = false, .server_certificates = "/c"});
              }),
              HasSubstr("one or the other"));
}

TEST(PercentEncoded, LeavesPlainCharactersAlone) {
  EXPECT_EQ(percent_encoded("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encoded("a b/ž?&#%"), "a%20b%2F%C5%BE%3F%26%23%25");
  EXPECT_EQ(percent_encoded("a b/c", true), "a%20b/c");
}

}  // namespace
}  // namespace ivory::net
