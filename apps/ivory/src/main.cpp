#include <ivory/main.h>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/experiment/worker.h>

#include "command.h"

namespace ivory {
namespace {

constexpr int kFailed = 1;
constexpr int kInterrupted = 130;

// Options that any command takes and that take a value.
bool takes_value(std::string_view word) {
  return word == "-C" || word == "--directory" || word == "--tracking-uri";
}

// The command's name and what follows; options that came before it (`-C DIR`) come after it.
struct Call {
  std::string command;
  std::vector<std::string> arguments;
};

Call split(const std::vector<std::string>& words) {
  Call call;
  std::size_t at = 0;
  while (at < words.size() && words[at].starts_with("-")) {
    call.arguments.push_back(words[at++]);
    if (takes_value(words[at - 1]) && at < words.size()) call.arguments.push_back(words[at++]);
  }
  if (at < words.size()) call.command = words[at++];
  call.arguments.insert(call.arguments.end(), words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  return call;
}

std::string welcome() {
  std::string text =
      "Ivory trains models that YAML files describe, and records every run in MLflow's database.\n\n"
      "Usage: ivory COMMAND …\n\nCommands:\n";
  for (const CommandEntry& entry : command_table())
    text += fmt::format("  {:<11} {:<24} {}\n", entry.name, entry.usage, entry.summary);
  text +=
      "\nTo start: `ivory new first`, then `cd first` and `ivory run curve`.\n"
      "`ivory COMMAND --help` shows a command's options and examples, `ivory --version` the version.\n";
  return text;
}

int run_command(const CommandEntry& entry, const std::vector<std::string>& arguments) {
  const auto command = entry.make();
  std::string summary(entry.summary);
  summary.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(summary.front())));
  Options options("ivory " + std::string(entry.name), summary + ".", std::string(entry.examples));
  command->declare(options);
  command->declare_common(options);
  if (!options.parse(arguments)) return 0;
  command->apply_common();
  return command->execute();
}

int dispatch(const std::vector<std::string>& words) {
  const Call call = split(words);
  const auto has = [&](std::string_view word) {
    return std::ranges::find(call.arguments, word) != call.arguments.end();
  };
  if (call.command.empty() && has("--version")) return std::puts("ivory " IVORY_VERSION) < 0 ? kFailed : 0;
  if (call.command.empty() || call.command == "help") {
    if (!call.command.empty() || call.arguments.empty() || has("-h") || has("--help"))
      return std::fputs(welcome().c_str(), stdout) < 0 ? kFailed : 0;
    throw Error(ErrorCode::kInvalidArgument,
                "a command is missing after '" + call.arguments.back() + "'; see `ivory --help`");
  }
  if (call.command == kWorkerCommand) return serve_runs();
  std::vector<std::string> names;
  for (const CommandEntry& entry : command_table()) {
    if (entry.name == call.command) return run_command(entry, call.arguments);
    names.emplace_back(entry.name);
  }
  throw Error(ErrorCode::kInvalidArgument,
              "there is no command '" + call.command + "'" + did_you_mean(call.command, names));
}

void show_error(std::string_view message) {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  std::fputs(
      fmt::format("{}ivory: {}{}\n", terminal ? "\r\x1B[K\x1B[31m" : "", message, terminal ? "\x1B[0m" : "")
          .c_str(),
      stderr);
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what show_error() throws has nowhere to go
int main(int argc, char** argv) {
  // libgomp reads it when it is loaded, with a module; waiting threads that spin cost small models most of
  // their speed on a busy machine.
  setenv("OMP_WAIT_POLICY", "passive", 0);  // NOLINT(concurrency-mt-unsafe): no other thread yet
  try {
    return dispatch({argv + std::min(argc, 1), argv + argc});
  } catch (const Error& error) {
    show_error(error.what());
    return error.exit_status();
  } catch (const Interrupted&) {
    show_error("interrupted");
    return kInterrupted;
  } catch (const std::exception& error) {
    show_error(error.what());
  } catch (...) {
    show_error("an exception that is no std::exception");
  }
  return kFailed;
}

}  // namespace ivory
