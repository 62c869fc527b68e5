// Runs whose store and files are a server's: resumed, predicted with and collected from anywhere.
#include <signal.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/tracking/open_store.h>

#include "cli_support.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::SizeIs;

constexpr auto kSoon = std::chrono::milliseconds(20);

// Whether it comes true within half a minute.
bool wait_for(const std::function<bool()>& condition) {
  for (int tries = 0; tries < 1500; ++tries) {
    if (condition()) return true;
    std::this_thread::sleep_for(kSoon);
  }
  return false;
}

std::map<std::string, std::string> files_below(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files[entry.path().lexically_relative(folder).string()] = read_file(entry.path());
  return files;
}

// A server in a folder of its own, and a project that tracks there.
class RemoteRuns : public Cli {
 protected:
  RemoteRuns() {
    start_server();
    go_to(first_);
  }

  void start_server() {
    server_ = std::make_unique<RunningCommand>(
        server_folder_.path(), std::vector<std::string>{"server", "--port", std::to_string(port_)});
    const std::string where = "http://127.0.0.1:";
    ASSERT_TRUE(wait_for([&] { return server_->out().find('\n') != std::string::npos; }));
    const std::string said = server_->out();
    port_ = std::stoi(said.substr(said.find(where) + where.size()));
  }
  // As a machine does that loses its power.
  void stop_server() { server_.reset(); }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  // Works in another folder: another machine has none of this one's files.
  void go_to(const TemporaryFolder& folder) {
    set_path(folder.path());
    if (fs::exists(path() / "client.yml")) return;
    write_project();
    write("client.yml", read("client.yml") + "tracker: {tracking_uri: '" + url() + "'}\n");
    edit("toy.yml", "metrics:", "results:\nmetrics:");
  }

  // The only run of the server, but for its parents.
  [[nodiscard]] Params only_run() const {
    const Params runs = ivory_json({"search", "toy"});
    if (runs.size() == 1) return runs.at(std::size_t{0});
    ADD_FAILURE() << runs.size() << " runs";
    return {};
  }
  [[nodiscard]] fs::path on_server(const std::string& run_id) const {
    return server_folder_.path() / "mlartifacts" / "1" / run_id / "artifacts";
  }
  [[nodiscard]] fs::path here(const std::string& run_id) const {
    return path() / ".ivory/runs" / run_id / "artifacts";
  }
  // The id of the one run that has begun.
  [[nodiscard]] std::string begun_run() const {
    std::string id;
    EXPECT_TRUE(wait_for([&] {
      const fs::path root = server_folder_.path() / "mlartifacts" / "1";
      if (!fs::exists(root)) return false;
      for (const auto& entry : fs::directory_iterator(root)) id = entry.path().filename().string();
      return !id.empty();
    }));
    return id;
  }
  // Of the checkpoint that the server could give; -1: none.
  [[nodiscard]] std::int64_t sent_epoch(const std::string& run_id) const {
    const fs::path states = on_server(run_id) / "states";
    try {
      const Params manifest = Params::from_json(read_file(states / "manifest.json"));
      const std::string object = manifest.at("current").at("trainer.json").as_string();
      return Params::from_json(read_file(states / object)).at("epoch").as_int();
    } catch (const Error&) {
      return -1;  // there is none yet, or it is replaced just now
    }
  }
  static std::int64_t epoch_in(const fs::path& artifacts) {
    return Params::from_json(read_file(artifacts / "current/trainer.json")).at("epoch").as_int();
  }
  [[nodiscard]] std::unique_ptr<RunningCommand> start(std::vector<std::string> arguments) const {
    return std::make_unique<RunningCommand>(path(), arguments);
  }
  static void kill_it(RunningCommand& command) {
    command.send(SIGKILL);
    EXPECT_EQ(command.wait().status, 128 + SIGKILL);
  }
  // Kills a run when the server has a checkpoint of that epoch or a later one; gives its id.
  std::string kill_at(RunningCommand& command, std::int64_t epoch) const {
    const std::string id = begun_run();
    EXPECT_TRUE(wait_for([&] { return sent_epoch(id) >= epoch; }));
    kill_it(command);
    return id;
  }

  // The server goes away once it has a checkpoint of the run, which is killed five epochs later; the server
  // comes back.
  void die_in_an_outage(RunningCommand& command, const std::string& id) {
    ASSERT_TRUE(wait_for([&] { return sent_epoch(id) >= 0; }));
    stop_server();
    const std::int64_t seen = epoch_in(here(id));
    ASSERT_TRUE(wait_for([&] { return epoch_in(here(id)) >= seen + 5; }));
    kill_it(command);
    start_server();
  }

  TemporaryFolder server_folder_, first_, second_;
  int port_ = 0;
  std::unique_ptr<RunningCommand> server_;
};

const std::vector<std::string> kLongRun{"run", "toy", "epochs=60", "trainer.sleep_ms=100", "-q"};

// What came of it: every file, and the last of every metric.
struct Result {
  std::map<std::string, std::string> files;
  std::string metrics;
};

TEST_F(RemoteRuns, AreResumedOnAnotherMachineFromWhatWasSentWhileTheyRan) {
  const auto result = [&](const std::string& id) {
    Result all{files_below(on_server(id)), only_run().at("metrics").to_json()};
    all.files.erase("params.yaml");  // has the run's id
    return all;
  };
  const std::string id = kill_at(*start(kLongRun), 3);
  ASSERT_FALSE(fs::exists(on_server(id) / "current")) << "nothing but what was sent while it ran";
  go_to(second_);
  EXPECT_EQ(only_run().at("status").as_string(), "STALE");
  {
    const auto resumed = start({"resume", "toy/run#0", "-q"});
    EXPECT_TRUE(wait_for([&] { return sent_epoch(id) >= 25; }));
    kill_it(*resumed);
  }
  // Its own files of the first part are older than the server's, and of no use.
  go_to(first_);
  write_file(here(id) / "current/trainer.json", "{}");
  const CommandResult last = ivory({"resume", "toy/run#0", "-q"});
  ASSERT_EQ(last.status, 0) << last.err;
  EXPECT_EQ(only_run().at("status").as_string(), "FINISHED");
  EXPECT_FALSE(fs::exists(on_server(id) / "states")) << "what was sent on the way is gone";
  const Result disturbed = result(id);

  ASSERT_EQ(ivory({"delete", "toy/run#0"}).status, 0);
  ASSERT_EQ(ivory({"run", "toy", "epochs=60", "trainer.sleep_ms=0", "-q"}).status, 0);
  const Result whole = result(only_run().at("id").as_string());
  EXPECT_EQ(disturbed.metrics, whole.metrics);
  EXPECT_EQ(disturbed.files, whole.files);
  EXPECT_TRUE(whole.files.contains("best/trainer.json"));
}

TEST_F(RemoteRuns, AreResumedFromTheLocalFilesWhereTheseAreTheNewest) {
  const auto run = start(kLongRun);
  const std::string id = begun_run();
  ASSERT_TRUE(wait_for([&] { return sent_epoch(id) >= 0; }));
  kill_it(*run);
  fs::remove_all(on_server(id) / "states");
  const std::int64_t epoch = epoch_in(here(id));
  const CommandResult resumed = ivory({"resume", "toy/run#0", "-q"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_GE(epoch, 0);
  EXPECT_EQ(epoch_in(on_server(id)), 59);
}

TEST_F(RemoteRuns, HaveEachPointOnceThoughTheServerWasAwayWhenTheyDied) {
  const auto run = start({"run", "toy", "epochs=30", "trainer.sleep_ms=100", "-q"});
  const std::string id = begun_run();
  ASSERT_NO_FATAL_FAILURE(die_in_an_outage(*run, id));
  const CommandResult resumed = ivory({"resume", "toy/run#0", "-q"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_THAT(tracking::open_store(url())->metric_history(id, "val_loss"), SizeIs(30));
}

TEST_F(RemoteRuns, GiveResultsAndPredictionsWhereNoneOfTheirFilesAre) {
  ASSERT_EQ(ivory({"run", "toy", "fold=0-2", "-q"}).status, 0);
  ASSERT_EQ(ivory({"results", "toy/task#0", "-o", "here.csv", "-q"}).status, 0);
  write("new.csv", "x\n1\n2\n3\n");
  ASSERT_EQ(ivory({"predict", "toy/task#0", "new.csv", "-o", "predicted.csv"}).status, 0);
  const std::string results = read("here.csv"), predicted = read("predicted.csv");
  go_to(second_);
  write("new.csv", "x\n1\n2\n3\n");
  const auto expect_the_same = [&] {
    const CommandResult collected = ivory({"results", "toy/task#0", "-o", "there.csv", "-q"});
    ASSERT_EQ(collected.status, 0) << collected.err;
    EXPECT_EQ(read("there.csv"), results);
    const CommandResult made = ivory({"predict", "toy/task#0", "new.csv", "-o", "predicted.csv"});
    ASSERT_EQ(made.status, 0) << made.err;
    EXPECT_EQ(read("predicted.csv"), predicted);
  };
  expect_the_same();
  // They are here now, and are not asked for again.
  fs::rename(server_folder_.path() / "mlartifacts", server_folder_.path() / "away");
  expect_the_same();
  fs::remove_all(path() / ".ivory");
  const CommandResult gone = ivory({"predict", "toy/task#0", "new.csv"});
  EXPECT_EQ(gone.status, 2);
  EXPECT_THAT(gone.err, HasSubstr("has no saved state"));
}

TEST_F(RemoteRuns, GiveTheStateOfARunThatGoesOn) {
  const auto run = start(kLongRun);
  const std::string id = begun_run();
  ASSERT_TRUE(wait_for([&] { return sent_epoch(id) >= 0; }));
  go_to(second_);
  write("new.csv", "x\n1\n");
  const CommandResult predicted = ivory({"predict", id, "new.csv", "-o", "out.csv"});
  EXPECT_EQ(predicted.status, 0) << predicted.err;
  run->send(SIGINT);
  EXPECT_EQ(run->wait().status, 130);
}

TEST_F(RemoteRuns, AreWholeAfterSyncThoughTheServerWasAwayWhenTheyEnded) {
  const auto run = start({"run", "toy", "epochs=20", "trainer.sleep_ms=100", "-q"});
  const std::string id = begun_run();
  ASSERT_TRUE(wait_for([&] { return sent_epoch(id) >= 0; }));
  stop_server();
  const CommandResult ended = run->wait();
  EXPECT_THAT(ended.err, HasSubstr("`ivory sync`"));
  start_server();
  EXPECT_FALSE(fs::exists(on_server(id) / "test"));
  const CommandResult synced = ivory({"sync"});
  EXPECT_EQ(synced.status, 0) << synced.err;
  EXPECT_THAT(synced.out, HasSubstr("states of 1 runs sent"));
  EXPECT_EQ(only_run().at("status").as_string(), "FINISHED");
  EXPECT_FALSE(fs::exists(on_server(id) / "states"));
  EXPECT_EQ(files_below(on_server(id)), files_below(here(id)));
  EXPECT_TRUE(fs::exists(on_server(id) / "test/trainer.json"));
  EXPECT_EQ(ivory({"sync"}).out, "Nothing waits to be sent.\n");
}

TEST_F(RemoteRuns, CanBeResumedElsewhereAfterASyncThoughTheServerWasAwayWhenTheyDied) {
  const auto run = start(kLongRun);
  const std::string id = begun_run();
  ASSERT_NO_FATAL_FAILURE(die_in_an_outage(*run, id));
  const std::int64_t saved = epoch_in(here(id));
  ASSERT_LT(sent_epoch(id), saved);
  EXPECT_THAT(ivory({"sync"}).out, HasSubstr("states of 1 runs sent"));
  EXPECT_EQ(sent_epoch(id), saved);
  EXPECT_EQ(ivory({"sync"}).out, "Nothing waits to be sent.\n");
  go_to(second_);
  const CommandResult resumed = ivory({"resume", "toy/run#0", "-q"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(epoch_in(on_server(id)), 59);
  // The files of the machine where it began are old by now.
  go_to(first_);
  EXPECT_EQ(ivory({"sync"}).out, "Nothing waits to be sent.\n");
  EXPECT_EQ(epoch_in(on_server(id)), 59);
}

TEST_F(RemoteRuns, KeepTheirCheckpointsApartWhenTheyRunAtOnce) {
  ASSERT_EQ(ivory({"run", "toy", "fold=0-2", "lr=0.1,0.2", "epochs=40", "--jobs", "4", "-q"}).status, 0);
  const Params runs = ivory_json({"search", "toy", "--nested"});
  ASSERT_EQ(runs.size(), 6U);
  for (const Params& run : runs.elements()) {
    const fs::path files = on_server(run.at("id").as_string());
    for (const char* state : {"current", "best", "test"})
      EXPECT_EQ(files_below(files / state).size(), 4U) << state;
    EXPECT_EQ(epoch_in(files), 39);
  }
}

TEST_F(RemoteRuns, AreNotRemovedForGoodOverTheServer) {
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  const std::string id = only_run().at("id").as_string();
  ASSERT_EQ(ivory({"delete", id}).status, 0);
  const CommandResult left = ivory({"gc", "--older-than", "0s"});
  EXPECT_EQ(left.status, 0);
  EXPECT_THAT(left.out, HasSubstr("Deleted runs are removed for good where the store of " + url() + " lies"));
  EXPECT_TRUE(fs::exists(on_server(id) / "params.yaml"));
  // What it advises. The files are the server's.
  ::setenv("MLFLOW_TRACKING_URI", url().c_str(), 1);
  const CommandResult removed = ivory({"gc", "--older-than", "0s", "--tracking-uri",
                                       "sqlite:///" + (server_folder_.path() / "mlflow.db").string()});
  ::unsetenv("MLFLOW_TRACKING_URI");
  EXPECT_EQ(removed.status, 0) << removed.err;
  EXPECT_EQ(removed.out, "1 deleted run is removed for good.\n");
  EXPECT_FALSE(fs::exists(on_server(id) / "params.yaml"));
}

// ---- what a client keeps of them

class KeptFiles : public RemoteRuns {
 protected:
  // Of all files below, with the folder itself: as if they had been used two days ago.
  void age(const fs::path& folder) const {
    const auto then = fs::file_time_type::clock::now() - std::chrono::hours(48);
    for (const auto& entry : fs::recursive_directory_iterator(path() / folder))
      fs::last_write_time(entry.path(), then);
    fs::last_write_time(path() / folder, then);
  }
  [[nodiscard]] Params gc(const std::string& age) const { return ivory_json({"gc", "--older-than", age}); }
  static std::int64_t runs(const Params& report, const char* what) {
    return report.at(what).at("runs").as_int();
  }
  [[nodiscard]] bool is_empty(const fs::path& folder) const {
    return !fs::exists(path() / folder) || fs::is_empty(path() / folder);
  }
  void fetch() const { ASSERT_EQ(ivory({"results", "toy/run#0", "-o", "out.csv", "-q"}).status, 0); }
};

const fs::path kRuns = ".ivory/runs", kFetched = ".ivory/fetched";

TEST_F(KeptFiles, OfAFinishedRunThatTheServerHasWholeAreRemovedAndAreFetchedAgain) {
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  fetch();
  const std::string results = read("out.csv");
  const std::string id = only_run().at("id").as_string();
  const auto bytes = [&] {
    std::uintmax_t sum = 0;
    for (const auto& [name, text] : files_below(here(id)))
      if (!name.starts_with("best/")) sum += text.size();  // the best epoch was the last
    return sum;
  }();
  EXPECT_EQ(runs(gc("1d"), "sent"), 0) << "used just now";
  EXPECT_TRUE(fs::exists(here(id)));
  age(kRuns);
  const Params removed = gc("1d");
  EXPECT_EQ(runs(removed, "sent"), 1);
  EXPECT_GE(removed.at("sent").at("bytes").as_int(), static_cast<std::int64_t>(bytes));
  EXPECT_EQ(removed.at("kept").as_int(), 0);
  EXPECT_TRUE(is_empty(kRuns));
  fetch();
  EXPECT_EQ(read("out.csv"), results);
  EXPECT_EQ(runs(gc("0s"), "sent"), 0);
}

TEST_F(KeptFiles, OfATaskAreRemovedWithThoseOfItsRuns) {
  ASSERT_EQ(ivory({"run", "toy", "fold=0-1", "-q"}).status, 0);
  const CommandResult removed = ivory({"gc", "--older-than", "0s"});
  EXPECT_EQ(removed.status, 0) << removed.err;
  EXPECT_THAT(removed.out,
              testing::MatchesRegex("Files of . runs that have been sent are removed: .* freed.\n.*"));
  EXPECT_TRUE(is_empty(kRuns));
  EXPECT_THAT(ivory({"gc", "--older-than", "0s"}).out,
              HasSubstr("No files that were fetched or have been sent"));
}

TEST_F(KeptFiles, OfARunThatWasKilledStay) {
  const std::string id = kill_at(*start(kLongRun), 3);
  age(kRuns);
  const Params report = gc("0s");
  EXPECT_EQ(runs(report, "sent"), 0);
  EXPECT_EQ(report.at("kept").as_int(), 1);
  // Closed, it has ended, but its files wait for `ivory sync`.
  ASSERT_EQ(ivory({"gc", "--stale", "--older-than", "0s"}).status, 0);
  EXPECT_TRUE(fs::exists(here(id) / "current/trainer.json"));
  const auto states = files_below(here(id) / "current");
  ASSERT_EQ(ivory({"sync"}).status, 0);
  EXPECT_EQ(runs(gc("0s"), "sent"), 1);
  EXPECT_TRUE(is_empty(kRuns));
  EXPECT_EQ(files_below(on_server(id) / "current"), states);
  // And it can be gone on with.
  ASSERT_EQ(ivory({"resume", "toy/run#0", "-q"}).status, 0);
  EXPECT_EQ(epoch_in(on_server(id)), 59);
}

TEST_F(KeptFiles, OfARunThatGoesOnStay) {
  const auto run = start(kLongRun);
  const std::string id = begun_run();
  ASSERT_TRUE(wait_for([&] { return sent_epoch(id) >= 0; }));
  const Params report = gc("0s");
  EXPECT_EQ(runs(report, "sent"), 0);
  EXPECT_EQ(report.at("kept").as_int(), 0);
  EXPECT_TRUE(fs::exists(here(id) / "current/trainer.json"));
  run->send(SIGINT);
  EXPECT_EQ(run->wait().status, 130);
}

TEST_F(KeptFiles, StayAsLongAsTheServerHasNotGotEverything) {
  const auto run = start({"run", "toy", "epochs=20", "trainer.sleep_ms=100", "-q"});
  const std::string id = begun_run();
  ASSERT_TRUE(wait_for([&] { return sent_epoch(id) >= 0; }));
  stop_server();
  (void)run->wait();
  // Nothing is asked of a server that is away.
  EXPECT_EQ(gc("0s").at("kept").as_int(), 1);
  start_server();
  EXPECT_EQ(gc("0s").at("kept").as_int(), 1);
  const auto files = files_below(here(id));
  EXPECT_TRUE(files.contains("test/trainer.json"));
  // Its states are sent, but its end waits.
  const fs::path spool = path() / ".ivory/spool";
  fs::copy(spool, path() / "spool", fs::copy_options::recursive);
  ASSERT_EQ(ivory({"sync"}).status, 0);
  fs::rename(path() / "spool", spool / ".." / "again");
  fs::remove_all(spool);
  fs::rename(path() / ".ivory/again", spool);
  EXPECT_EQ(gc("0s").at("kept").as_int(), 1);
  EXPECT_EQ(files_below(here(id)), files);
  ASSERT_EQ(ivory({"sync"}).status, 0);
  EXPECT_EQ(runs(gc("0s"), "sent"), 1);
  EXPECT_EQ(files_below(on_server(id)), files);
}

TEST_F(KeptFiles, OfRunsWhoseServerDoesNotAnswerStay) {
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  const std::string id = only_run().at("id").as_string();
  stop_server();
  const CommandResult failed = ivory({"gc", "--older-than", "0s"});
  EXPECT_EQ(failed.status, 1);
  EXPECT_THAT(failed.err, HasSubstr(std::to_string(port_)));
  EXPECT_TRUE(fs::exists(here(id) / "test"));
}

TEST_F(KeptFiles, ThatWereFetchedAreRemovedWhenTheyWereNotUsedForLong) {
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  go_to(second_);
  fetch();
  age(kFetched);
  fetch();
  EXPECT_EQ(runs(gc("1d"), "fetched"), 0) << "used just now";
  EXPECT_FALSE(is_empty(kFetched));
  age(kFetched);
  const CommandResult removed = ivory({"gc", "--older-than", "1d"});
  EXPECT_THAT(removed.out, HasSubstr("Files of 1 run that were fetched are removed: "));
  EXPECT_TRUE(is_empty(kFetched));
  fetch();
  stop_server();
  EXPECT_EQ(runs(gc("0s"), "fetched"), 1) << "no server is needed to forget";
}

TEST_F(KeptFiles, ThatWereFetchedOfARunThatIsGoneAreRemoved) {
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  const std::string id = only_run().at("id").as_string();
  go_to(second_);
  fetch();
  EXPECT_EQ(runs(gc("1d"), "fetched"), 0);
  const auto store = tracking::open_store("sqlite:///" + (server_folder_.path() / "mlflow.db").string());
  store->delete_run(id);
  store->purge_run(id);
  EXPECT_EQ(runs(gc("1d"), "fetched"), 1);
  EXPECT_TRUE(is_empty(kFetched));
  go_to(first_);
  EXPECT_EQ(runs(gc("1d"), "sent"), 1);
}

TEST_F(KeptFiles, ThatAnotherProcessReadsStay) {
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  go_to(second_);
  fetch();
  fs::path readers;
  for (const auto& entry : fs::recursive_directory_iterator(path() / kFetched))
    if (entry.path().filename() == ".ivory-readers") readers = entry.path();
  {
    const auto reader = FileLock::try_take(readers, FileLock::Mode::kShared);
    ASSERT_NE(reader, nullptr);
    EXPECT_EQ(runs(gc("0s"), "fetched"), 0);
  }
  EXPECT_EQ(runs(gc("0s"), "fetched"), 1);
}

// ---- two at once

class ResumeTwice : public Cli {
 protected:
  void begin_and_kill(const std::vector<std::string>& arguments) const {
    RunningCommand run(path(), arguments);
    wait_for_metrics();
    run.send(SIGKILL);
    EXPECT_EQ(run.wait().status, 128 + SIGKILL);
  }
  // Of two commands begun at the same time, the one that is refused at once; the other is interrupted.
  [[nodiscard]] CommandResult refused_of(const std::vector<std::string>& one,
                                         const std::vector<std::string>& other) const {
    RunningCommand a(path(), one), b(path(), other);
    const auto has_ended = [](const RunningCommand& command) {
      siginfo_t info{};
      return ::waitid(P_PID, static_cast<id_t>(command.pid()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
             info.si_pid != 0;
    };
    EXPECT_TRUE(wait_for([&] { return has_ended(a) || has_ended(b); }));
    RunningCommand& first = has_ended(a) ? a : b;
    RunningCommand& second = &first == &a ? b : a;
    CommandResult result = first.wait();
    EXPECT_TRUE(wait_for([&] {
      return has_ended(second) || ivory({"search", "toy"}).out.find("RUNNING") != std::string::npos;
    }));
    EXPECT_FALSE(has_ended(second)) << "the other goes on";
    second.send(SIGINT);
    EXPECT_EQ(second.wait().status, 130);
    return result;
  }
};

TEST_F(ResumeTwice, LetsOneProcessHaveARun) {
  begin_and_kill({"run", "toy", "epochs=1000", "trainer.sleep_ms=20", "-q"});
  const CommandResult refused = refused_of({"resume", "toy/run#0", "-q"}, {"resume", "toy/run#0", "-q"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("is being resumed by another process"));
  EXPECT_EQ(ivory_json({"search", "toy"}).at(std::size_t{0}).at("status").as_string(), "KILLED");
  // The lock goes with the process, and with a run that is removed its file.
  ASSERT_EQ(ivory({"delete", "toy/run#0"}).status, 0);
  ASSERT_EQ(ivory({"gc", "--older-than", "0s"}).status, 0);
  EXPECT_TRUE(fs::is_empty(path() / "mlruns/1"));
}

TEST_F(ResumeTwice, LetsOneProcessHaveATaskAndItsRuns) {
  begin_and_kill({"run", "toy", "fold=0-1", "epochs=1000", "trainer.sleep_ms=20", "-q", "--jobs", "2"});
  for (const char* const other : {"toy/task#0", "toy/run#0"}) {
    const CommandResult refused = refused_of({"resume", "toy/task#0", "-q"}, {"resume", other, "-q"});
    EXPECT_EQ(refused.status, 2) << refused.out;
    EXPECT_THAT(refused.err, HasSubstr("is being resumed by another process"));
  }
}

}  // namespace
}  // namespace ivory
