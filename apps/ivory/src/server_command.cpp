// ivory server: MLflow's REST over a tracking store.
#include "command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <limits>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/net_server/http_server.h>
#include <ivory/server/api.h>
#include <ivory/server/passwords.h>
#include <ivory/storage/sqlite_memory.h>
#include <ivory/tracking/open_store.h>
#include <ivory/tracking_file/file_store.h>

namespace ivory {
namespace {

namespace fs = std::filesystem;

// "a,b" and blanks around.
std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::size_t first = text.find_first_not_of(' ', at);
    if (first < end) words.push_back(text.substr(first, text.find_last_not_of(' ', end - 1) + 1 - first));
    at = end + 1;
  }
  return words;
}

// Names as they stand in a Host header: a browser sends no others.
std::vector<std::string> host_patterns(const std::string& text) {
  std::vector<std::string> hosts = split_list(text);
  for (const std::string& host : hosts) {
    if (host.find('/') != std::string::npos)
      throw Error(
          ErrorCode::kInvalidArgument,
          "--allowed-hosts: expected a name such as lab.example or *.lab.example, found '" + host + "'");
  }
  return hosts;
}

// Origins as they stand in an Origin header: the scheme, the host, a port if it is another, and no more.
std::vector<std::string> origin_patterns(const std::string& text) {
  std::vector<std::string> origins = split_list(text);
  for (const std::string& origin : origins) {
    const auto scheme = origin.find("://");
    const bool is_whole = scheme != std::string::npos && scheme > 0 && scheme + 3 < origin.size() &&
                          origin.find('/', scheme + 3) == std::string::npos;
    if (origin != "*" && !is_whole)
      throw Error(ErrorCode::kInvalidArgument,
                  "--cors: expected an origin such as https://lab.example, or *, found '" + origin + "'");
  }
  return origins;
}

// Whole lines, from several threads, to a file that others may cut, or move away and have opened again.
class LineLog {
 public:
  explicit LineLog(fs::path path) : path_(std::move(path)), descriptor_(open()) {}
  ~LineLog() {
    if (descriptor_ != STDOUT_FILENO) ::close(descriptor_);
  }
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;

  void write(std::string_view line) const {
    const std::string whole = std::string(line) + "\n";
    if (::write(descriptor_, whole.data(), whole.size()) < 0)
      log_warning("cannot write '" + path_.string() + "'");
  }

  // The descriptor stays what it is: whoever writes at this moment writes to the old file or the new one.
  void open_again() const {
    if (descriptor_ == STDOUT_FILENO) return;
    const int fresh = open();
    ::dup3(fresh, descriptor_, O_CLOEXEC);
    ::close(fresh);
  }

 private:
  [[nodiscard]] int open() const {
    constexpr int kMode = 0640;
    if (path_ == "-") return STDOUT_FILENO;
    const int descriptor = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kMode);
    if (descriptor >= 0) return descriptor;
    throw Error(ErrorCode::kIo,
                "cannot write '" + path_.string() + "': " + std::generic_category().message(errno));
  }

  fs::path path_;
  int descriptor_;
};

// Answers of megabytes come and go: what they took goes back to the system at once, instead of staying with
// the thread that wrote one.
void give_memory_back() {
  constexpr int kLarge = 4 << 20, kKept = 16 << 20, kArenas = 4;
  // NOLINTBEGIN(concurrency-mt-unsafe): no thread has been started yet
  mallopt(M_MMAP_THRESHOLD, kLarge);
  mallopt(M_TRIM_THRESHOLD, kKept);
  mallopt(M_ARENA_MAX, kArenas);
  // NOLINTEND(concurrency-mt-unsafe)
}

// A line of stdin; on a terminal it is asked for, and not shown.
std::string read_password() {
  termios shown{};
  const bool is_terminal = ::isatty(STDIN_FILENO) != 0 && ::tcgetattr(STDIN_FILENO, &shown) == 0;
  if (is_terminal) {
    std::fputs("Password: ", stderr);
    termios hidden = shown;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  std::string password;
  std::getline(std::cin, password);
  if (is_terminal) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    std::fputs("\n", stderr);
  }
  return password;
}

// The signals that a server lives by, taken one by one instead of striking some thread.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~Signals() { strike_again(); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // From now on they do what they did before.
  void strike_again() const { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  [[nodiscard]] int wait() const {
    int signal = 0;
    while (sigwait(&set_, &signal) != 0) {
    }
    return signal;
  }

 private:
  sigset_t set_{}, before_{};
};

// While a server starts it may wait for a database that is locked or does not answer. There is nothing to
// finish then: a signal that asks it to end ends the process. Made after Signals, which let none strike.
class EndsAtOnce {
 public:
  EndsAtOnce() : started_(eventfd(0, EFD_CLOEXEC)) {
    if (started_ < 0)
      throw Error(ErrorCode::kIo, "cannot wait for signals: " + std::generic_category().message(errno));
    watcher_ = std::thread(&EndsAtOnce::watch, started_);
  }
  ~EndsAtOnce() {
    eventfd_write(started_, 1);
    watcher_.join();
    close(started_);
  }
  EndsAtOnce(const EndsAtOnce&) = delete;
  EndsAtOnce& operator=(const EndsAtOnce&) = delete;

 private:
  static void watch(int started) {
    sigset_t ends{};
    sigemptyset(&ends);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&ends, signal);
    const int signals = signalfd(-1, &ends, SFD_CLOEXEC);
    std::array<pollfd, 2> watched{{{signals, POLLIN, 0}, {started, POLLIN, 0}}};
    while (poll(watched.data(), watched.size(), -1) < 0) {
    }
    close(signals);
    if (watched[1].revents != 0) return;
    for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &ends, nullptr);  // it was not taken, and strikes now
  }

  int started_;
  std::thread watcher_;
};

class ServerCommand : public Command {
 public:
  void declare(Options& options) override {
    options.option("--backend-store-uri", store_uri_, "URI", "the store (default: sqlite:///mlflow.db)");
    options.option("--artifacts-destination", artifacts_, "DIR",
                   "where artifacts of mlflow-artifacts: lie (default: mlartifacts)");
    options.option(
        "--default-artifact-root", artifact_root_, "URI",
        "where new experiments keep their artifacts (default: mlflow-artifacts:, through this server)");
    options.option(
        "--local-artifacts", local_artifacts_, "DIR,..",
        "further folders whose artifacts are served, by their paths in the store (default: mlruns)");
    options.option("--host", host_, "ADDRESS", "where to listen (default: 127.0.0.1)");
    options.option("--port", port_, "PORT", "where to listen (default: 5000; 0: a free one)");
    options.option("--workers", workers_, "N", "threads that answer (default: 8)");
    options.option(
        "--allowed-hosts", allowed_hosts_, "NAME,..",
        "names the server may be called by, with * in them (default: this machine and private addresses)");
    options.option("--cors", cors_, "ORIGIN,..", "web pages that may call, as https://lab.example, or *");
    options.option("--auth", users_, "FILE", "users, tokens and what each may do; read again on SIGHUP");
    options.flag("--read-only", read_only_, "refuse what would write");
    options.choice("--durability", durability_, {"process", "full"},
                   "what is written survives: the death of the process, or a power cut, too");
    options.option("--access-log", access_log_, "FILE",
                   "a line of JSON for each answer; - is stdout; opened again on SIGHUP");
    options.option("--certificate", certificate_, "FILE", "PEM: HTTPS alone, with --private-key");
    options.option("--private-key", private_key_, "FILE", "PEM");
    options.flag("--hash-password", hash_password_, "print the hash of the password on stdin, and end");
    options.flag("--new-token", new_token_, "print a token and its hash, and end");
  }

  int execute() override {
    if (hash_password_) return print_password_hash();
    if (new_token_) return print_token();
    if (is_tracking_uri_given() || is_offline())
      throw Error(ErrorCode::kInvalidArgument,
                  "--tracking-uri and --offline are of commands that record runs; the store of a server is "
                  "--backend-store-uri");
    give_memory_back();
    storage::stop_counting_sqlite_memory();
    const Signals signals;
    // What is asked for is checked before a database is made.
    const net::ServerOptions listening = server_options();
    net::HttpServer* running = nullptr;
    server::ApiOptions answering = api_options(running);
    std::optional<EndsAtOnce> starting(std::in_place);
    const auto store = open_store();
    server::Api api(store, std::move(answering));
    net::HttpServer server(api, listening);
    starting.reset();
    running = &server;  // NOLINT(clang-analyzer-deadcode.DeadStores): `answering` holds a reference to it
    warn_if_open();
    server.start();
    print_place(server.port());
    serve(signals, api, log_.get());
    // A second signal ends the process at once.
    signals.strike_again();
    server.stop();
    return 0;
  }

 private:
  // Until a signal ends it.
  static void serve(const Signals& signals, server::Api& api, const LineLog* log) {
    while (signals.wait() == SIGHUP) {
      try {
        if (log != nullptr) log->open_again();
      } catch (const Error& error) {
        log_error(std::string("the access log stays where it is: ") + error.what());
      }
      try {
        api.reload_users();
        log_info("SIGHUP: users and access log, where there are any, were opened again");
      } catch (const Error& error) {
        log_error(std::string("the users stay as they were: ") + error.what());
      }
    }
  }

  void print_place(std::uint16_t port) const {
    const std::string host = host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]";
    const std::string url = fmt::format("{}://{}:{}", certificate_.empty() ? "http" : "https", host, port);
    const std::string store = tracking::shown_uri(store_uri_);
    print(json() ? Params{{"store", store}, {"url", url}}.to_json(2) + "\n"
                 : fmt::format("Serving {} at {}\n", store, url));
  }

  [[nodiscard]] int print_password_hash() const {
    const std::string hash = server::hash_password(read_password());
    print(json() ? Params{{"hash", hash}}.to_json(2) + "\n" : hash + "\n");
    return 0;
  }

  [[nodiscard]] int print_token() const {
    const std::string token = server::make_token();
    const std::string hash = server::hash_token(token);
    print(json() ? Params{{"token", token}, {"sha256", hash}}.to_json(2) + "\n"
                 : "token:  " + token + "\nsha256: " + hash + "\n");
    return 0;
  }

  [[nodiscard]] fs::path folder() const { return fs::absolute(directory()).lexically_normal(); }
  [[nodiscard]] fs::path placed(const fs::path& path) const { return (folder() / path).lexically_normal(); }

  [[nodiscard]] fs::path readable(const char* option, const fs::path& path) const {
    fs::path file = placed(path);
    if (::access(file.c_str(), R_OK) != 0)
      throw Error(ErrorCode::kInvalidArgument, fmt::format("{}: cannot read '{}': {}", option, file.string(),
                                                           std::generic_category().message(errno)));
    return file;
  }

  // A folder of this machine as root of artifacts.
  [[nodiscard]] bool is_own_root() const { return artifact_root_.find(':') == std::string::npos; }

  [[nodiscard]] std::shared_ptr<tracking::TrackingStore> open_store() const {
    tracking::StoreOptions options;
    options.durability = durability_ == "full" ? Durability::kFull : Durability::kProcess;
    options.working_directory = folder();
    options.access = read_only_ ? tracking::Access::kReadOnly : tracking::Access::kReadWrite;
    options.artifact_root = is_own_root() ? placed(artifact_root_).string() : artifact_root_;
    options.further = {&tracking::file_store_scheme(), 1};
    return tracking::open_store(store_uri_, options);
  }

  [[nodiscard]] server::ApiOptions api_options(net::HttpServer*& running) {
    server::ApiOptions options;
    options.artifacts_destination = placed(artifacts_);
    for (const std::string& path : split_list(local_artifacts_))
      options.local_artifacts.push_back(placed(path));
    if (is_own_root()) options.local_artifacts.push_back(placed(artifact_root_));
    if (durability_ == "full") options.durability = Durability::kFull;
    options.allowed_hosts = host_patterns(allowed_hosts_);
    options.cors_origins = origin_patterns(cors_);
    if (!users_.empty()) server::check_users(options.users = placed(users_));
    options.read_only = read_only_;
    options.connections = [&running] { return running == nullptr ? 0 : running->connections(); };
    if (!access_log_.empty()) {
      log_ = std::make_shared<LineLog>(access_log_ == "-" ? access_log_ : placed(access_log_));
      options.access_log = [log = log_](std::string_view line) { log->write(line); };
    }
    return options;
  }

  [[nodiscard]] net::ServerOptions server_options() const {
    constexpr std::int64_t kMostWorkers = 256;
    net::ServerOptions options;
    options.host = host_;
    const std::int64_t port = port_.value_or(kDefaultPort);
    if (port < 0 || port > std::numeric_limits<std::uint16_t>::max())
      throw Error(ErrorCode::kInvalidArgument, "--port: expected 0 to 65535, found " + std::to_string(port));
    options.port = static_cast<std::uint16_t>(port);
    const std::int64_t workers = workers_.value_or(static_cast<std::int64_t>(options.threads));
    if (workers < 1 || workers > kMostWorkers)
      throw Error(ErrorCode::kInvalidArgument,
                  "--workers: expected 1 to 256, found " + std::to_string(workers));
    options.threads = static_cast<std::size_t>(workers);
    if (certificate_.empty() != private_key_.empty())
      throw Error(ErrorCode::kInvalidArgument,
                  "--certificate and --private-key go together: found one of them alone");
    if (!certificate_.empty()) options.certificate = readable("--certificate", certificate_);
    if (!private_key_.empty()) options.private_key = readable("--private-key", private_key_);
    return options;
  }

  void warn_if_open() const {
    const bool is_local = host_ == "127.0.0.1" || host_ == "localhost" || host_ == "::1";
    if (!is_local && users_.empty())
      log_warning("without --auth whoever reaches " + host_ + " may read and change everything");
    if (!is_local && !users_.empty() && certificate_.empty())
      log_warning("without --certificate passwords cross the network in the clear");
  }

  static constexpr std::int64_t kDefaultPort = 5000;

  std::string store_uri_ = std::string(tracking::kDefaultTrackingUri);
  fs::path artifacts_ = "mlartifacts";
  std::string artifact_root_ = "mlflow-artifacts:";
  std::string local_artifacts_ = "mlruns";
  std::string host_ = "127.0.0.1", allowed_hosts_, cors_, durability_ = "process";
  std::optional<std::int64_t> port_, workers_;
  fs::path users_, access_log_, certificate_, private_key_;
  std::shared_ptr<const LineLog> log_;
  bool read_only_ = false, hash_password_ = false, new_token_ = false;
};

}  // namespace

std::unique_ptr<Command> make_server_command() { return std::make_unique<ServerCommand>(); }

}  // namespace ivory
