#include "cli_support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

namespace ivory {
namespace {

namespace fs = std::filesystem;

void redirect(int descriptor, const fs::path& file) {
  const int opened = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
}

}  // namespace

RunningCommand::RunningCommand(const fs::path& directory, const std::vector<std::string>& arguments,
                               const std::function<void()>& prepare) {
  std::vector<std::string> words{IVORY_BINARY_DIR "/bin/ivory"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_ = fork();
  if (pid_ != 0) return;
  redirect(STDOUT_FILENO, output_.path() / "out");
  redirect(STDERR_FILENO, output_.path() / "err");
  if (chdir(directory.c_str()) != 0) _exit(126);
  // Leaks at the exit of a process that a signal or an error ended say nothing.
  setenv("ASAN_OPTIONS", "detect_leaks=0", 0);
  if (prepare) prepare();
  execv(pointers.front(), pointers.data());
  _exit(127);
}

RunningCommand::~RunningCommand() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void RunningCommand::send(int signal) const { kill(pid_, signal); }

std::string RunningCommand::out() const {
  const fs::path file = output_.path() / "out";
  return fs::exists(file) ? read_file(file) : std::string();
}

CommandResult RunningCommand::wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return {.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
          .out = read_file(output_.path() / "out"),
          .err = read_file(output_.path() / "err")};
}

Cli::Cli() { write_project(); }

void Cli::write_project() const {
  write("client.yml", "modules: [" TOY_LIBRARY "]\n");
  write("toy.yml",
        "# The toy.\n"
        "datasets:\n"
        "  data: {class: ivory.CsvData, path: toy.csv, target: y, n_splits: 3, test_fraction: 0.25}\n"
        "  fold: 0\n"
        "metrics:\n"
        "  rmse:\n"
        "monitor: {metric: val_loss}\n"
        "trainer: {class: toy.Trainer, lr: 0.5, epochs: 3, batch_size: 4}\n");
  std::string csv = "x,y\n";
  for (int i = 0; i < 32; ++i) csv += std::to_string(i) + "," + std::to_string(i % 7) + ".5\n";
  write("toy.csv", csv);
}

Params Cli::ivory_json(std::vector<std::string> arguments, int status) const {
  arguments.emplace_back("--json");
  const CommandResult result = ivory(arguments);
  EXPECT_EQ(result.status, status) << result.err;
  return Params::from_json(result.out);
}

void Cli::edit(std::string_view file, std::string_view part, std::string_view by) const {
  std::string text = read(file);
  const std::size_t at = text.find(part);
  ASSERT_NE(at, std::string::npos) << part << " is not in " << file;
  write(file, text.replace(at, part.size(), by));
}

void Cli::expect_nothing_written() const {
  EXPECT_FALSE(fs::exists(path() / "mlflow.db"));
  EXPECT_FALSE(fs::exists(path() / "mlruns"));
}

void Cli::wait_for_metrics() const {
  for (int tries = 0; tries < 200; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (!fs::exists(path() / "mlflow.db")) continue;
    const CommandResult found = ivory({"search", "--json"});
    if (found.status == 0 && found.out.find("val_loss") != std::string::npos) return;
  }
  FAIL() << "no epoch was logged within ten seconds";
}

}  // namespace ivory
