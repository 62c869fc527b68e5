#include "worker_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include <ivory/base/error.h>

namespace ivory {
namespace {

[[noreturn]] void fail(const std::string& what, int error) {
  throw Error(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
              what + ": " + std::generic_category().message(error));
}

std::pair<int, int> socket_pair() {
  std::array<int, 2> sockets{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0)
    fail("cannot make a pair of sockets", errno);
  return {sockets[0], sockets[1]};
}

// What posix_spawn is told, with its two objects cleared up.
class Launch {
 public:
  explicit Launch(int socket) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, STDERR_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, socket, kWorkerDescriptor);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP);
  }
  ~Launch() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  // The errno of what went wrong, or 0.
  [[nodiscard]] int start(pid_t& pid, const std::vector<std::string>& command) const {
    std::vector<std::string> words = command;
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    return posix_spawnp(&pid, arguments.front(), &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

WorkerProcess::WorkerProcess(const std::vector<std::string>& command)
    : WorkerProcess(command, socket_pair()) {}

WorkerProcess::WorkerProcess(const std::vector<std::string>& command, std::pair<int, int> sockets)
    : channel_(sockets.first) {
  const Channel other_end(sockets.second);
  const int error = Launch(other_end.descriptor()).start(pid_, command);
  if (error == 0) return;
  pid_ = -1;
  fail("cannot start " + command.front(), error);
}

WorkerProcess::~WorkerProcess() {
  if (pid_ < 0) return;
  send_signal(SIGKILL);
  static_cast<void>(wait());
}

void WorkerProcess::send_signal(int number) const { kill(pid_, number); }

std::string WorkerProcess::wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (!WIFSIGNALED(status)) return "exit status " + std::to_string(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  const char* description = sigdescr_np(number);
  return "signal " + std::to_string(number) +
         (description == nullptr ? "" : std::string(" (") + description + ")");
}

}  // namespace ivory
