// server_load ACTION URL [--seconds S] [--runs N] [--experiments N] [--clients N] [--pid PID]
//
// Measures a tracking server that speaks MLflow's REST, ours or MLflow's own, over keep-alive connections of
// one thread. Actions:
//   fill        makes the experiment `filled` with --runs runs (10,000) of 3 metrics and 2 params each, and
//               a run with a history of 100,000 points
//   load        log-metric, create-run and log-batch of 1,000 metrics from --clients clients (8) at once,
//               --seconds each, with how long a call takes
//   read        searches and histories of what `fill` made: the median of 5, to the answer's last byte
//   fill-heavy  --experiments experiments (5) of --runs runs (1,500), each with 100 metrics of 20 steps
//   read-heavy  searches and a history of what `fill-heavy` made
// --pid adds the resident memory of that process and its children.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kTime = 1'700'000'000'000;
constexpr std::string_view kApi = "/api/2.0/mlflow/";

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Place {
  std::string host, port;
};

Place parse_url(std::string_view url) {
  if (url.starts_with("http://")) url.remove_prefix(7);
  while (url.ends_with('/')) url.remove_suffix(1);
  const auto colon = url.find(':');
  if (colon == std::string_view::npos) throw std::invalid_argument("expected http://HOST:PORT");
  return {std::string(url.substr(0, colon)), std::string(url.substr(colon + 1))};
}

// One keep-alive connection: a request out, an answer in.
class Connection {
 public:
  explicit Connection(const Place& place) : host_(place.host + ":" + place.port) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &found) != 0)
      throw std::runtime_error("no such place: " + host_);
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, &freeaddrinfo);
    socket_ = ::socket(found->ai_family, SOCK_STREAM, 0);
    if (::connect(socket_, found->ai_addr, found->ai_addrlen) != 0)
      throw std::system_error(errno, std::generic_category(), "cannot connect to " + host_);
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(socket_); }

  [[nodiscard]] int handle() const { return socket_; }

  void send(std::string_view method, std::string_view path, std::string_view body) {
    request_.clear();
    request_.append(method).append(" ").append(kApi).append(path).append(" HTTP/1.1\r\nHost: ").append(host_);
    request_.append("\r\nContent-Type: application/json\r\nContent-Length: ")
        .append(std::to_string(body.size()));
    request_.append("\r\n\r\n").append(body);
    for (std::string_view rest = request_; !rest.empty();) {
      const ssize_t count = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (count < 0) throw std::system_error(errno, std::generic_category(), "send");
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
    answer_.clear();
    head_ = whole_ = 0;
  }

  // True when the answer is whole.
  bool receive() {
    constexpr std::size_t kRoom = 1 << 18;
    const std::size_t before = answer_.size();
    if (capacity_.size() < kRoom) capacity_.resize(kRoom);
    const ssize_t count = ::recv(socket_, capacity_.data(), capacity_.size(), 0);
    if (count <= 0) throw std::runtime_error("the server closed the connection");
    answer_.append(capacity_.data(), static_cast<std::size_t>(count));
    if (whole_ == 0) find_end(before);
    return whole_ != 0 && answer_.size() >= whole_;
  }

  [[nodiscard]] std::string_view body() const { return std::string_view(answer_).substr(head_); }

  std::string_view ask(std::string_view method, std::string_view path, std::string_view text = {}) {
    send(method, path, text);
    while (!receive()) {
    }
    return body();
  }

 private:
  void find_end(std::size_t from) {
    const auto end = answer_.find("\r\n\r\n", from < 3 ? 0 : from - 3);
    if (end == std::string::npos) return;
    head_ = end + 4;
    std::string head = answer_.substr(0, end);
    std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return std::tolower(c); });
    constexpr std::string_view kLength = "content-length:";
    const auto length = head.find(kLength);
    if (length == std::string::npos) throw std::runtime_error("an answer without a length");
    whole_ = head_ + std::strtoull(head.c_str() + length + kLength.size(), nullptr, 10);
    if (head.find(" 200 ") == std::string::npos)
      throw std::runtime_error("refused: " + answer_.substr(0, 600));
  }

  std::string host_, request_, answer_;
  std::vector<char> capacity_;
  std::size_t head_ = 0, whole_ = 0;
  int socket_ = -1;
};

// The text of the first member `name`, wherever it is.
std::string find_text(std::string_view json, std::string_view name) {
  const auto at = json.find("\"" + std::string(name) + "\"");
  if (at == std::string_view::npos) throw std::runtime_error("no " + std::string(name) + " in the answer");
  const auto begin = json.find('"', json.find(':', at)) + 1;
  return std::string(json.substr(begin, json.find('"', begin) - begin));
}

std::size_t count_of(std::string_view json, std::string_view text) {
  std::size_t count = 0;
  for (auto at = json.find(text); at != std::string_view::npos; at = json.find(text, at + text.size()))
    ++count;
  return count;
}

std::string new_run(Connection& connection, const std::string& experiment = "0") {
  return find_text(connection.ask("POST", "runs/create",
                                  R"({"experiment_id": ")" + experiment + R"(", "start_time": )" +
                                      std::to_string(kTime) + "}"),
                   "run_id");
}

struct Options {
  std::string action, url;
  double seconds = 5;
  std::optional<int> runs;
  int experiments = 5, clients = 8, pid = 0;
};

struct Work {
  const char* name;
  const char* path;
  int count;  // of what is measured, in one call
  std::function<std::string(const std::string& run, int number)> body;
};

std::string log_metric_body(const std::string& run, int number) {
  return R"({"run_id": ")" + run + R"(", "key": "loss", "value": )" + std::to_string(number * 0.5) +
         R"(, "timestamp": )" + std::to_string(kTime + number) + R"(, "step": )" + std::to_string(number) +
         "}";
}

std::string create_run_body(const std::string& experiment, int number) {
  return R"({"experiment_id": ")" + experiment + R"(", "start_time": )" + std::to_string(kTime + number) +
         "}";
}

std::string log_batch_body(const std::string& run, int number) {
  std::string body = R"({"run_id": ")" + run + R"(", "metrics": [)";
  for (int i = 0; i < 1000; ++i) {
    body += (i == 0 ? R"({"key": "m)" : R"(, {"key": "m)") + std::to_string(i % 10) + R"(", "value": )" +
            std::to_string(i * 0.37) + R"(, "timestamp": )" + std::to_string(kTime + number) +
            R"(, "step": )" + std::to_string(number * 100 + i / 10) + "}";
  }
  return body + "]}";
}

struct Client {
  explicit Client(const Place& place) : connection(place) {}
  Connection connection;
  std::string run;
  int number = 0;
  Clock::time_point asked;
};

struct Call {
  const char* path;
  std::string body;
};

// Posts what `next` gives each client until it gives none. It is called at the start and with each answer.
void drive(std::vector<std::unique_ptr<Client>>& clients,
           const std::function<std::optional<Call>(Client&, std::string_view answer)>& next) {
  const int epoll = ::epoll_create1(0);
  std::size_t open = 0;
  const auto ask = [&](Client& client, std::string_view answer) {
    const auto call = next(client, answer);
    if (!call) return false;
    client.asked = Clock::now();
    client.connection.send("POST", call->path, call->body);
    return true;
  };
  for (auto& client : clients) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = client.get()}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, client->connection.handle(), &event);
    if (ask(*client, {})) ++open;
  }
  std::vector<epoll_event> events(clients.size());
  while (open > 0) {
    const int ready = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      Client& client = *static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (client.connection.receive() && !ask(client, client.connection.body())) --open;
    }
  }
  ::close(epoll);
}

std::vector<std::unique_ptr<Client>> make_clients(const Options& options, const Place& place) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < options.clients; ++i) clients.push_back(std::make_unique<Client>(place));
  return clients;
}

void measure_work(const Options& options, const Place& place, const Work& work) {
  auto clients = make_clients(options, place);
  for (auto& client : clients) client->run = new_run(client->connection);
  std::vector<double> took;
  const auto start = Clock::now();
  drive(clients, [&](Client& client, std::string_view answer) -> std::optional<Call> {
    if (!answer.empty()) took.push_back(seconds_since(client.asked));
    if (seconds_since(start) >= options.seconds) return std::nullopt;
    return Call{work.path, work.body(client.run, client.number++)};
  });
  const double whole = seconds_since(start);
  std::sort(took.begin(), took.end());
  const auto quantile = [&](double q) {
    return 1000 * took[static_cast<std::size_t>(q * (static_cast<double>(took.size()) - 1))];
  };
  std::printf("%-24s %12.0f /s   a call: median %.2f ms, 99 %% %.2f ms\n", work.name,
              static_cast<double>(took.size()) * work.count / whole, quantile(0.5), quantile(0.99));
  std::fflush(stdout);
}

void load(const Options& options, const Place& place) {
  measure_work(options, place, {"log-metric", "runs/log-metric", 1, log_metric_body});
  measure_work(options, place, {"create-run", "runs/create", 1, [](const std::string&, int number) {
                                  return create_run_body("0", number);
                                }});
  measure_work(options, place, {"log-batch, metrics", "runs/log-batch", 1000, log_batch_body});
}

void fill(const Options& options, const Place& place) {
  Connection connection(place);
  const std::string experiment =
      find_text(connection.ask("POST", "experiments/create", R"({"name": "filled"})"), "experiment_id");
  const int runs = options.runs.value_or(10'000);
  std::minstd_rand random(1);
  std::uniform_real_distribution<double> value;
  for (int i = 0; i < runs; ++i) {
    const std::string run = new_run(connection, experiment);
    std::string metrics;
    for (const char* key : {"loss", "accuracy", "time"}) {
      metrics += std::string(metrics.empty() ? "" : ", ") + R"({"key": ")" + key + R"(", "value": )" +
                 std::to_string(value(random)) + R"(, "timestamp": )" + std::to_string(kTime) +
                 R"(, "step": 0})";
    }
    connection.ask("POST", "runs/log-batch",
                   R"({"run_id": ")" + run + R"(", "metrics": [)" + metrics +
                       R"(], "params": [{"key": "lr", "value": ")" + std::to_string(i % 10) +
                       R"("}, {"key": "model", "value": ")" + (i % 3 != 0 ? "resnet" : "vgg") + R"("}]})");
  }
  const std::string history = new_run(connection, experiment);
  for (int start = 0; start < 100'000; start += 1000) {
    std::string metrics;
    for (int i = start; i < start + 1000; ++i) {
      metrics += std::string(metrics.empty() ? "" : ", ") + R"({"key": "long", "value": )" +
                 std::to_string(i * 0.1) + R"(, "timestamp": )" + std::to_string(kTime + i) +
                 R"(, "step": )" + std::to_string(i) + "}";
    }
    connection.ask("POST", "runs/log-batch",
                   R"({"run_id": ")" + history + R"(", "metrics": [)" + metrics + "]}");
  }
  std::printf("experiment %s: %d runs, and a history of 100,000 points in run %s\n", experiment.c_str(), runs,
              history.c_str());
}

void measure_read(const char* name, const std::function<std::size_t()>& action) {
  std::vector<double> took;
  std::size_t count = 0;
  for (int i = 0; i < 5; ++i) {
    const auto start = Clock::now();
    count = action();
    took.push_back(seconds_since(start));
  }
  std::sort(took.begin(), took.end());
  std::printf("%-24s %12.1f ms   %zu rows\n", name, 1000 * took[took.size() / 2], count);
  std::fflush(stdout);
}

void read(const Options&, const Place& place) {
  Connection connection(place);
  const std::string experiment =
      find_text(connection.ask("GET", "experiments/get-by-name?experiment_name=filled"), "experiment_id");
  const auto search = [&](const std::string& filter, int most) {
    return [&connection, body = R"({"experiment_ids": [")" + experiment + R"("], "filter": ")" + filter +
                                R"(", "max_results": )" + std::to_string(most) +
                                R"(, "order_by": ["metrics.loss ASC"]})"] {
      return count_of(connection.ask("POST", "runs/search", body), "\"lifecycle_stage\"");
    };
  };
  measure_read("search, many meet it", search("metrics.loss < 0.9 AND params.model = 'resnet'", 100));
  measure_read("search, few meet it", search("metrics.loss < 0.01 AND params.lr = '3'", 100));
  measure_read("search, all runs", search("", 50'000));
  const std::string run = find_text(
      connection.ask("POST", "runs/search",
                     R"({"experiment_ids": [")" + experiment + R"("], "filter": "metrics.long > 0"})"),
      "run_id");
  measure_read("history of 100,000", [&] {
    return count_of(connection.ask("GET", "metrics/get-history?metric_key=long&run_id=" + run), "\"step\"");
  });
  measure_read("history, pages of 25,000", [&] {
    const std::string path = "metrics/get-history?metric_key=long&max_results=25000&run_id=" + run;
    std::size_t count = 0;
    for (std::string token;;) {
      const std::string_view page =
          connection.ask("GET", path + (token.empty() ? "" : "&page_token=" + token));
      count += count_of(page, "\"step\"");
      // The token comes last: what comes before it is long.
      const auto tail = page.substr(page.size() - std::min<std::size_t>(page.size(), 300));
      if (tail.find("next_page_token") == std::string_view::npos) return count;
      token = find_text(tail, "next_page_token");
      for (auto at = token.find_first_of("+="); at != std::string::npos;
           at = token.find_first_of("+=", at + 1))
        token.replace(at, 1, token[at] == '+' ? "%2B" : "%3D");
    }
  });
}

// A run's 2,000 points in two batches: ten steps of 100 metrics each.
std::string heavy_body(const std::string& run, int number, int half) {
  const std::int64_t begun = kTime + std::int64_t{number} * 1000;
  std::string body = R"({"run_id": ")" + run + R"(", "metrics": [)";
  for (int i = 0; i < 1000; ++i) {
    const int step = half * 10 + i / 100, key = i % 100;
    const double value = static_cast<double>((number * 7919 + key * 104729 + step * 31) % 100'003) / 100'003;
    body += (i == 0 ? R"({"key": "m)" : R"(, {"key": "m)") + std::to_string(key) + R"(", "value": )" +
            std::to_string(value) + R"(, "timestamp": )" + std::to_string(begun + step * 50) +
            R"(, "step": )" + std::to_string(step) + "}";
  }
  return body + "]}";
}

std::string heavy_name(int experiment) { return "heavy-" + std::to_string(experiment); }

void fill_heavy(const Options& options, const Place& place) {
  auto clients = make_clients(options, place);
  const int runs = options.runs.value_or(1500);
  const auto start = Clock::now();
  for (int i = 0; i < options.experiments; ++i) {
    const std::string experiment =
        find_text(clients.front()->connection.ask("POST", "experiments/create",
                                                  R"({"name": ")" + heavy_name(i) + R"("})"),
                  "experiment_id");
    int begun = 0;
    // Of each client in turn: a new run, its first half, its second.
    for (auto& client : clients) client->number = 0;
    drive(clients, [&](Client& client, std::string_view answer) -> std::optional<Call> {
      if (client.number % 3 == 0) {
        if (begun == runs) return std::nullopt;
        ++begun;
        return Call{"runs/create", create_run_body(experiment, client.number++)};
      }
      if (client.number % 3 == 1) client.run = find_text(answer, "run_id");
      const int half = client.number % 3 - 1;
      ++client.number;
      return Call{"runs/log-batch", heavy_body(client.run, begun, half)};
    });
    std::printf("%s: %.1f s\n", heavy_name(i).c_str(), seconds_since(start));
    std::fflush(stdout);
  }
  std::printf("%-24s %12.0f /s\n", "heavy, metrics",
              2000.0 * runs * options.experiments / seconds_since(start));
}

void read_heavy(const Options& options, const Place& place) {
  Connection connection(place);
  std::string all;
  for (int i = 0; i < options.experiments; ++i) {
    all += (all.empty() ? "\"" : ", \"") +
           find_text(connection.ask("GET", "experiments/get-by-name?experiment_name=" + heavy_name(i)),
                     "experiment_id") +
           "\"";
  }
  const std::string one = all.substr(0, all.find(','));
  const auto search = [&](const std::string& experiments, const std::string& filter, int most) {
    return [&connection, body = R"({"experiment_ids": [)" + experiments + R"(], "filter": ")" + filter +
                                R"(", "max_results": )" + std::to_string(most) +
                                R"(, "order_by": ["metrics.m7 ASC"]})"] {
      return count_of(connection.ask("POST", "runs/search", body), "\"lifecycle_stage\"");
    };
  };
  measure_read("one, many meet it", search(one, "metrics.m5 < 0.9", 100));
  measure_read("one, few meet it", search(one, "metrics.m5 < 0.01", 100));
  measure_read("all, many meet it", search(all, "metrics.m5 < 0.9", 100));
  measure_read("all, few meet it", search(all, "metrics.m5 < 0.001", 100));
  measure_read("one, all runs", search(one, "", 50'000));
  const std::string run =
      find_text(connection.ask("POST", "runs/search", R"({"experiment_ids": [)" + one + "]}"), "run_id");
  measure_read("history of 20", [&] {
    return count_of(connection.ask("GET", "metrics/get-history?metric_key=m5&run_id=" + run), "\"step\"");
  });
}

// Of a process and its children.
void print_resident(int pid) {
  std::map<int, int> parents;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "stat");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto end = text.rfind(')');
    if (end != std::string::npos && text.size() > end + 4)
      parents[std::stoi(name)] = std::atoi(text.c_str() + end + 4);
  }
  std::set<int> family{pid};
  for (std::size_t before = 0; before != family.size();) {
    before = family.size();
    for (const auto& [child, parent] : parents)
      if (family.contains(parent)) family.insert(child);
  }
  double total = 0;
  for (const int member : family) {
    std::ifstream file("/proc/" + std::to_string(member) + "/statm");
    double size = 0, resident = 0;
    if (file >> size >> resident) total += resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
  }
  std::printf("%-24s %12.0f MB in %zu processes\n", "resident", total, family.size());
}

Options parse(int argc, char** argv) {
  Options options;
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      words.push_back(word);
      continue;
    }
    if (i + 1 == argc) throw std::invalid_argument(word + " needs a value");
    const double value = std::stod(argv[++i]);
    if (word == "--seconds")
      options.seconds = value;
    else if (word == "--runs")
      options.runs = static_cast<int>(value);
    else if (word == "--experiments")
      options.experiments = static_cast<int>(value);
    else if (word == "--clients")
      options.clients = static_cast<int>(value);
    else if (word == "--pid")
      options.pid = static_cast<int>(value);
    else
      throw std::invalid_argument("no option " + word);
  }
  if (words.size() != 2)
    throw std::invalid_argument("usage: server_load fill|load|read|fill-heavy|read-heavy URL [options]");
  options.action = words[0];
  options.url = words[1];
  return options;
}

}  // namespace

int main(int argc, char** argv) try {
  const Options options = parse(argc, argv);
  const Place place = parse_url(options.url);
  const std::map<std::string_view, void (*)(const Options&, const Place&)> actions{
      {"fill", fill}, {"load", load}, {"read", read}, {"fill-heavy", fill_heavy}, {"read-heavy", read_heavy}};
  const auto action = actions.find(options.action);
  if (action == actions.end())
    throw std::invalid_argument("no action '" + options.action +
                                "'; there are fill, load, read, fill-heavy and read-heavy");
  action->second(options, place);
  if (options.pid != 0) print_resident(options.pid);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "server_load: %s\n", error.what());
  return 2;
}
