#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include <ivory/tracking/liveness.h>

#include "tracking_support.h"

namespace ivory::tracking {
namespace {

RunRecord run_of(const ProcessIdentity& process, RunStatus status = RunStatus::kRunning) {
  RunRecord run;
  run.status = status;
  run.tags = {{std::string(kProcessTag), process.to_text()}};
  return run;
}

// A child that lives until it is killed.
class Child {
 public:
  Child() : pid_(fork()) {
    if (pid_ == 0) {
      for (;;) pause();
    }
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  // Leaves a zombie until it is reaped.
  void kill_it() const {
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void end() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

// Its identity as it would tell itself.
ProcessIdentity identity_of(const Child& child) {
  auto identity = this_process();
  identity.pid = child.pid();
  std::string stat = read_file("/proc/" + std::to_string(child.pid()) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string skipped;
  for (int i = 3; i < 22; ++i) fields >> skipped;
  fields >> identity.start_ticks;
  return identity;
}

TEST(Liveness, SurvivesTheWayThroughATag) {
  const auto process = this_process();
  EXPECT_EQ(ProcessIdentity::parse(process.to_text()), process);
  for (const char* text :
       {"", "host", "host boot 1 2", "host boot 1 2 3 4", "host boot a 2 3", "h b 1 -2 3", "h b 1 2x 3"}) {
    EXPECT_EQ(ProcessIdentity::parse(text), std::nullopt) << text;
  }
}

TEST(Liveness, SeesItselfAlive) {
  EXPECT_EQ(liveness_of(this_process()), Liveness::kAlive);
  EXPECT_FALSE(is_stale(run_of(this_process())));
  EXPECT_EQ(shown_status(run_of(this_process())), "RUNNING");
}

TEST(Liveness, SeesADeadProcessGoneAlsoBeforeItIsReaped) {
  Child child;
  const auto identity = identity_of(child);
  EXPECT_EQ(liveness_of(identity), Liveness::kAlive);
  child.kill_it();
  EXPECT_EQ(liveness_of(identity), Liveness::kGone);
  child.end();
  EXPECT_EQ(liveness_of(identity), Liveness::kGone);
  EXPECT_TRUE(is_stale(run_of(identity)));
  EXPECT_EQ(shown_status(run_of(identity)), "STALE");
  EXPECT_EQ(shown_status(run_of(identity, RunStatus::kFinished)), "FINISHED");
}

TEST(Liveness, IsNotFooledByAReusedNumberOrANewStartOfTheMachine) {
  auto process = this_process();
  process.start_ticks += 1;
  EXPECT_EQ(liveness_of(process), Liveness::kGone);
  process = this_process();
  process.boot_id = "another";
  EXPECT_EQ(liveness_of(process), Liveness::kGone);
}

TEST(Liveness, DoesNotJudgeWhatItCannotSee) {
  auto process = this_process();
  process.pid = 999'999'999;
  process.host = "elsewhere/1";
  EXPECT_EQ(liveness_of(process), Liveness::kUnknown);
  EXPECT_FALSE(is_stale(run_of(process)));
  process = this_process();
  process.pid_space += 1;
  EXPECT_EQ(liveness_of(process), Liveness::kUnknown);
  EXPECT_FALSE(is_stale(RunRecord{}));
  RunRecord odd;
  odd.tags = {{std::string(kProcessTag), "nonsense"}};
  EXPECT_FALSE(is_stale(odd));
}

}  // namespace
}  // namespace ivory::tracking
