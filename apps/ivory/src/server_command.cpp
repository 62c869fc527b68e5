// ivory server: MLflow's REST over a tracking store.
#include "command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
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

// Whole lines, from several threads, to a file that others may move away and cut.
class LineLog {
 public:
  explicit LineLog(const fs::path& path) : path_(path), descriptor_(open(path)) {
    if (descriptor_ < 0)
      throw Error(ErrorCode::kIo,
                  "cannot write '" + path.string() + "': " + std::generic_category().message(errno));
  }
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

 private:
  static int open(const fs::path& path) {
    constexpr int kMode = 0640;
    return path == "-" ? STDOUT_FILENO
                       : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kMode);
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
        "--local-artifacts", local_artifacts_, "DIR,…",
        "further folders whose artifacts are served, by their paths in the store (default: mlruns)");
    options.option("--host", host_, "ADDRESS", "where to listen (default: 127.0.0.1)");
    options.option("--port", port_, "PORT", "(default: 5000; 0: a free one)");
    options.option("--workers", workers_, "N", "threads that answer (default: 8)");
    options.option(
        "--allowed-hosts", allowed_hosts_, "NAME,…",
        "names the server may be called by, with * in them (default: this machine and private addresses)");
    options.option("--cors", cors_, "ORIGIN,…", "web pages that may call, as https://lab.example, or *");
    options.option("--auth", users_, "FILE", "users, tokens and what each may do; read again on SIGHUP");
    options.flag("--read-only", read_only_, "refuse what would write");
    options.choice("--durability", durability_, {"process", "full"},
                   "what is written survives: the death of the process, or a power cut, too");
    options.option("--access-log", access_log_, "FILE", "a line of JSON for each answer; - is stdout");
    options.option("--certificate", certificate_, "FILE", "PEM: HTTPS alone, with --private-key");
    options.option("--private-key", private_key_, "FILE", "PEM");
    options.flag("--hash-password", hash_password_, "print the hash of the password on stdin, and end");
    options.flag("--new-token", new_token_, "print a token and its hash, and end");
  }

  int execute() override {
    if (hash_password_) return print_password_hash();
    if (new_token_) return print_token();
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
    print(fmt::format("Serving {} at {}://{}:{}\n", store_uri_, certificate_.empty() ? "http" : "https",
                      host_, server.port()));
    serve(signals, api);
    // A second signal ends the process at once.
    signals.strike_again();
    server.stop();
    return 0;
  }

 private:
  static void serve(const Signals& signals, server::Api& api) {
    while (signals.wait() == SIGHUP) {
      try {
        api.reload_users();
        log_info("the users were read again");
      } catch (const Error& error) {
        log_error(std::string("the users stay as they were: ") + error.what());
      }
    }
  }

  static int print_password_hash() {
    std::string password;
    std::getline(std::cin, password);
    print(server::hash_password(password) + "\n");
    return 0;
  }

  static int print_token() {
    const std::string token = server::make_token();
    print("token:  " + token + "\nsha256: " + server::hash_token(token) + "\n");
    return 0;
  }

  [[nodiscard]] fs::path folder() const { return fs::absolute(directory()).lexically_normal(); }
  [[nodiscard]] fs::path placed(const fs::path& path) const { return (folder() / path).lexically_normal(); }

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
    options.allowed_hosts = split_list(allowed_hosts_);
    options.cors_origins = split_list(cors_);
    if (!users_.empty()) options.users = placed(users_);
    options.read_only = read_only_;
    options.connections = [&running] { return running == nullptr ? 0 : running->connections(); };
    if (!access_log_.empty()) {
      const auto log = std::make_shared<LineLog>(access_log_ == "-" ? access_log_ : placed(access_log_));
      options.access_log = [log](std::string_view line) { log->write(line); };
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
    if (!certificate_.empty()) options.certificate = placed(certificate_);
    if (!private_key_.empty()) options.private_key = placed(private_key_);
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
  bool read_only_ = false, hash_password_ = false, new_token_ = false;
};

}  // namespace

std::unique_ptr<Command> make_server_command() { return std::make_unique<ServerCommand>(); }

}  // namespace ivory
