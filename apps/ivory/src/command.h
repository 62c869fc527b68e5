// What every command of `ivory` is.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/params.h>

#include "options.h"

namespace ivory {

// One command: declares its options, then does its work. Made anew for each call.
class Command {
 public:
  virtual ~Command() = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  virtual void declare(Options& options) = 0;
  // Returns the exit status. Errors: any; main() shows them and takes their exit status.
  virtual int execute() = 0;

  // Options that all commands have.
  void declare_common(Options& options);
  // Sets the log level that -v or -q asks for.
  void apply_common() const;

 protected:
  Command() = default;
  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
  [[nodiscard]] bool json() const noexcept { return json_; }
  [[nodiscard]] bool quiet() const noexcept { return quiet_; }
  [[nodiscard]] bool is_tracking_uri_given() const noexcept { return !tracking_uri_.empty(); }
  [[nodiscard]] bool is_offline() const noexcept { return offline_; }
  // Writes to stdout. Errors: kIo if it cannot be written.
  static void print(std::string_view text);

 private:
  std::filesystem::path directory_ = ".";
  std::string tracking_uri_;
  bool offline_ = false;
  bool json_ = false, quiet_ = false, verbose_ = false;
};

// The commands, in the order in which help shows them.
struct CommandEntry {
  std::string_view name;
  std::string_view usage;     // what follows the name
  std::string_view summary;   // one line
  std::string_view examples;  // lines, indented by two
  std::unique_ptr<Command> (*make)();
};
[[nodiscard]] const std::vector<CommandEntry>& command_table();

// The command of a worker process; it is for programs and stands in no list.
inline constexpr std::string_view kWorkerCommand = "worker";

// One file each: run_command.cpp …
std::unique_ptr<Command> make_run_command();
std::unique_ptr<Command> make_chain_command();
std::unique_ptr<Command> make_optimize_command();
std::unique_ptr<Command> make_resume_command();
std::unique_ptr<Command> make_show_command();
std::unique_ptr<Command> make_plan_command();
std::unique_ptr<Command> make_types_command();
std::unique_ptr<Command> make_search_command();
std::unique_ptr<Command> make_experiments_command();
std::unique_ptr<Command> make_compare_command();
std::unique_ptr<Command> make_results_command();
std::unique_ptr<Command> make_predict_command();
std::unique_ptr<Command> make_delete_command();
std::unique_ptr<Command> make_restore_command();
std::unique_ptr<Command> make_gc_command();
std::unique_ptr<Command> make_export_command();
std::unique_ptr<Command> make_import_command();
std::unique_ptr<Command> make_sync_command();
std::unique_ptr<Command> make_db_command();
std::unique_ptr<Command> make_study_command();
std::unique_ptr<Command> make_new_command();
std::unique_ptr<Command> make_server_command();

}  // namespace ivory
