#include "command.h"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <ivory/base/error.h>
#include <ivory/base/log.h>

namespace ivory {

void Command::declare_common(Options& options) {
  options.option("-C,--directory", directory_, "DIR", "work in this directory");
  options.flag("--json", json_, "results as JSON, for other programs");
  options.flag("-q,--quiet", quiet_, "no progress, only results and errors");
  options.flag("-v,--verbose", verbose_, "say more");
}

void Command::apply_common() const {
  if (quiet_ && verbose_) throw Error(ErrorCode::kInvalidArgument, "-q and -v exclude each other");
  if (quiet_) set_log_level(LogLevel::kWarning);
  if (verbose_) set_log_level(LogLevel::kDebug);
}

void Command::print(std::string_view text) {
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written)
    throw Error(ErrorCode::kIo,
                std::string("cannot write to standard output: ") + std::generic_category().message(errno));
}

const std::vector<CommandEntry>& command_table() {
  static const std::vector<CommandEntry> kTable{
      {"run", "NAME [KEY=VALUE …]", "train and test; several values make a run for each combination",
       "  ivory run digits                          one run with the parameters of digits.yml\n"
       "  ivory run digits fold=0-4                 cross-validation: five runs\n"
       "  ivory run digits lr=1e-3,1e-2 fold=0-4    ten runs; the last parameter varies fastest\n"
       "  ivory run digits dropout=0-0.5:5          five values from 0 to 0.5\n"
       "  ivory run digits model.layers.0.out_features=64 --seed 1 --no-track\n",
       &make_run_command},
      {"plan", "NAME [KEY=VALUE …]", "the runs that `ivory run` would start",
       "  ivory plan digits fold=0-4 lr=1e-3,1e-2\n", &make_plan_command},
      {"show", "NAME [KEY=VALUE …]", "the resolved parameters as YAML, defaults filled in",
       "  ivory show digits\n"
       "  ivory show digits optimizer.momentum=0.9\n",
       &make_show_command},
      {"search", "[NAME]", "the runs that were tracked, and how they stand",
       "  ivory search                  runs of all experiments, the newest first\n"
       "  ivory search digits --json\n",
       &make_search_command},
      {"types", "[PREFIX]", "every class that YAML can name, with its arguments",
       "  ivory types                   all, one line each\n"
       "  ivory types torch.optim       those whose names begin so\n"
       "  ivory types ivory.CsvData     everything about one\n",
       &make_types_command},
      {"new", "DIR", "a project to start from, with a class of your own",
       "  ivory new first && cd first && ivory run curve fold=0-3\n", &make_new_command},
      {"gc", "--stale", "close the runs whose process is gone",
       "  ivory gc --stale              runs shown as STALE become FAILED\n", &make_gc_command},
  };
  return kTable;
}

}  // namespace ivory
