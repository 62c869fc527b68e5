#include "command.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <ivory/base/error.h>
#include <ivory/base/log.h>

namespace ivory {

void Command::declare_common(Options& options) {
  options.option("-C,--directory", directory_, "DIR", "work in this directory");
  options.option("--tracking-uri", tracking_uri_, "URI",
                 "where runs are kept: sqlite:///FILE, postgresql://…, file:FOLDER, http(s)://SERVER; wins "
                 "over client.yml, that over MLFLOW_TRACKING_URI");
  options.flag("--offline", offline_,
               "runs for a server go to a store beside the client, until `ivory sync`");
  options.flag("--json", json_, "results as JSON, for other programs");
  options.flag("-q,--quiet", quiet_, "no progress, only results and errors");
  options.flag("-v,--verbose", verbose_, "say more");
}

void Command::apply_common() const {
  if (quiet_ && verbose_) throw Error(ErrorCode::kInvalidArgument, "-q and -v exclude each other");
  if (quiet_) set_log_level(LogLevel::kWarning);
  if (verbose_) set_log_level(LogLevel::kDebug);
  // Read by the tracker of the client, and by worker processes.
  // NOLINTBEGIN(concurrency-mt-unsafe): no other thread yet
  if (!tracking_uri_.empty()) setenv("IVORY_TRACKING_URI", tracking_uri_.c_str(), 1);
  if (offline_) setenv("IVORY_OFFLINE", "1", 1);
  // NOLINTEND(concurrency-mt-unsafe)
}

void Command::print(std::string_view text) {
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written)
    throw Error(ErrorCode::kIo,
                std::string("cannot write to standard output: ") + std::generic_category().message(errno));
}

// NOLINTNEXTLINE(readability-function-size): a table
const std::vector<CommandEntry>& command_table() {
  static const std::vector<CommandEntry> kTable{
      {"run", "NAME [KEY=VALUE …]", "train and test; several values make a run for each combination",
       "  ivory run digits                          one run with the parameters of digits.yml\n"
       "  ivory run digits fold=0-4 --jobs 2        cross-validation: five runs, two at once\n"
       "  ivory run digits fold=0-4 --repeat 3      fifteen runs, three of each fold\n"
       "  ivory run digits lr=1e-3,1e-2 fold=0-4    ten runs; the last parameter varies fastest\n"
       "  ivory run digits p=0-0.5:5                five values from 0 to 0.5\n"
       "  ivory run digits model.layers.0.out_features=64 --seed 1 --no-track\n",
       &make_run_command},
      {"chain", "NAME [KEY=VALUE …]", "one parameter after the other, each going on with the best value",
       "  ivory chain digits lr=1e-3,1e-2 p=0,0.2,0.5    five runs, not six: lr, then dropout\n"
       "  ivory chain digits lr=1e-3,1e-2 p=0,0.5 --no-use-best-param\n",
       &make_chain_command},
      {"optimize", "NAME SUGGEST|KEY=RANGE …", "tune parameters: trials, each with what the tuner suggests",
       "  ivory optimize digits lr=1e-4_1e-1.log --trials 20\n"
       "  ivory optimize rectangle hidden_sizes --timeout 10m     a suggest function of `objective:`\n"
       "  ivory optimize digits lr=1e-4_1e-1.log p=0.0_0.6 epochs=5 --trials 50 --jobs 2\n"
       "  ivory optimize digits lr=1e-4_1e-1.log fold=0-4 --trials 20    each trial is a cross-validation\n"
       "  ivory optimize digits lr=1e-4_1e-1.log --trials 20 --pruner hyperband --write best.yml\n"
       "  ivory optimize digits lr=1e-4_1e-1.log --trials 20 --jobs 2 --deterministic --seed 1\n",
       &make_optimize_command},
      {"resume", "RUN …", "go on with runs, tasks or studies that were interrupted, killed, or failed",
       "  ivory resume digits/run#3            from its last checkpoint\n"
       "  ivory resume digits/task#0 --jobs 2  the runs of a task that are not finished\n"
       "  ivory resume rectangle/study#0       until it has the trials that were wanted\n"
       "  ivory resume 51d5fbd4                by the beginning of its id\n",
       &make_resume_command},
      {"plan", "NAME [KEY=VALUE …]", "the runs that `ivory run` or `ivory chain` would start",
       "  ivory plan digits fold=0-4 lr=1e-3,1e-2\n"
       "  ivory plan digits lr=1e-3,1e-2 p=0,0.5 --chain\n"
       "  ivory plan digits fold=0-4 --time --jobs 2   how long it would take, by one epoch\n",
       &make_plan_command},
      {"show", "NAME [KEY=VALUE …]", "the resolved parameters as YAML, defaults filled in",
       "  ivory show digits\n"
       "  ivory show digits optimizer.momentum=0.9\n",
       &make_show_command},
      {"search", "[NAME …] [KEY=COND …]", "the runs that were tracked, and how they stand",
       "  ivory search                         runs of all experiments, the newest first\n"
       "  ivory search digits --parents        its tasks, with their means\n"
       "  ivory search digits lr=1e-4_1e-2 fold=0,2    by params: between, one of\n"
       "  ivory search digits --filter \"metrics.val_loss < 0.3 and params.lr = '0.1'\" --order-by "
       "metrics.val_loss\n"
       "  ivory search --order-by \"start_time DESC\" --max 20 --column tags.team    the last 20\n"
       "  ivory search digits --csv > runs.csv\n",
       &make_search_command},
      {"experiments", "", "the experiments that have been tracked, how many runs they have",
       "  ivory experiments\n"
       "  ivory experiments --filter \"name LIKE 'digits%'\" --order-by name\n"
       "  ivory experiments --view deleted --json\n",
       &make_experiments_command},
      {"compare", "RUN RUN …", "parameters that differ, metrics side by side",
       "  ivory compare digits/run#0 digits/run#3\n"
       "  ivory compare digits/task#0 digits/task#1 --json\n",
       &make_compare_command},
      {"results", "RUN …", "what models made of samples they had not seen: out-of-fold, and tests",
       "  ivory results digits/task#0 -o oof.csv            each validation sample once, by its fold's "
       "model\n"
       "  ivory results digits/task#0 --part test -o test.csv    the mean over the models\n"
       "  ivory results digits/task#0 digits/task#1 --reduction mean -o mean.npz\n",
       &make_results_command},
      {"predict", "RUN FILE", "trained models on new data",
       "  ivory predict digits/run#3 new.csv -o out.csv     with the run's best state\n"
       "  ivory predict digits/task#0 new.csv -o out.csv    the mean over the models of all folds\n",
       &make_predict_command},
      {"study", "ACTION [STUDY …]", "the tuner's studies: listed, exported, copied, driven from any language",
       "  ivory study list                     of the tuner in client.yml, else of optuna.db\n"
       "  ivory study best rectangle.lr.study#0\n"
       "  ivory study trials area --storage journal:///area.log --csv > trials.csv\n"
       "  ivory study importance area --storage sqlite:///optuna.db\n"
       "  ivory study export area --storage sqlite:///optuna.db -o area.json\n"
       "  ivory study copy area --storage sqlite:///optuna.db --to journal:///area.log\n"
       "  ivory study delete area --storage sqlite:///optuna.db\n"
       "  ivory study create area --storage sqlite:///optuna.db --direction minimize\n"
       "  ivory study ask area --storage sqlite:///optuna.db lr=1e-5_1e-1.log units=16_256 act=relu,tanh\n"
       "  ivory study tell area 0 --storage sqlite:///optuna.db --value 0.25\n",
       &make_study_command},
      {"types", "[PREFIX]", "every class that YAML can name, with its arguments",
       "  ivory types                   all, one line each\n"
       "  ivory types torch.optim       those whose names begin so\n"
       "  ivory types ivory.CsvData     everything about one\n",
       &make_types_command},
      {"new", "DIR", "a project to start from, with a class of your own",
       "  ivory new first && cd first && ivory run curve fold=0-3\n", &make_new_command},
      {"delete", "RUN …", "runs leave the listings, until `ivory gc` removes them",
       "  ivory delete digits/run#3\n"
       "  ivory delete digits/task#0    with its runs\n",
       &make_delete_command},
      {"restore", "RUN …", "deleted runs come back",
       "  ivory restore digits/run#3\n"
       "  ivory restore 51d5fbd4        by the beginning of its id\n",
       &make_restore_command},
      {"gc", "--stale, --older-than", "close the runs whose process is gone, remove what is deleted or sent",
       "  ivory gc --stale              runs shown as STALE become FAILED\n"
       "  ivory gc --older-than 30d     rows and artifacts of runs deleted longer ago are removed for good;\n"
       "                                of a server's runs, what was fetched here or is sent, and used "
       "longer ago\n",
       &make_gc_command},
      {"server", "", "MLflow's REST over a tracking store, for MLflow's clients and others",
       "  ivory server                                 sqlite:///mlflow.db at http://127.0.0.1:5000\n"
       "  ivory server --port 8080 --artifacts-destination /data/artifacts --access-log -\n"
       "  ivory server --host 0.0.0.0 --allowed-hosts lab.example --auth users.yml \\\n"
       "    --certificate lab.pem --private-key lab.key\n"
       "  ivory server --read-only --cors https://lab.example\n"
       "  ivory server --hash-password < password.txt\n",
       &make_server_command},
      {"export", "PATH [EXPERIMENT …]",
       "experiments, models and their artifacts into a folder to keep or carry",
       "  ivory export backup            all there is; again: only what is new\n"
       "  ivory export backup digits     an experiment, and the models that come from it\n"
       "  ivory export file:./mlruns     into a store of any kind\n",
       &make_export_command},
      {"import", "PATH [EXPERIMENT …]",
       "experiments and models from an exported folder, or from any store to any other",
       "  ivory import backup\n"
       "  ivory import --from sqlite:///mlflow.db --to http://server:5000 digits\n",
       &make_import_command},
      {"sync", "", "send to the server what waited while it was away, and runs made offline",
       "  ivory sync --tracking-uri http://server:5000\n", &make_sync_command},
      {"db", "create|upgrade URI", "tracking databases at the schema of a certain MLflow",
       "  ivory db create sqlite:///mlflow.db                  the newest that Ivory knows\n"
       "  ivory db create --mlflow 2.17 sqlite:///mlflow.db    for an older MLflow beside Ivory\n"
       "  ivory db upgrade sqlite:///mlflow.db                 from 2.17 or newer to 3.11, a copy kept\n",
       &make_db_command},
  };
  return kTable;
}

}  // namespace ivory
