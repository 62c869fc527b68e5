// What the process shows on stderr and how it takes signals: tried in children, with a file, a pipe or a
// terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include <ivory/base/interrupt.h>
#include <ivory/base/log.h>
#include <ivory/base/progress.h>
#include <ivory/base/progress_table.h>

namespace ivory {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Outcome {
  std::string text;  // what came on stderr
  int status = 0;    // as wait() gives it
};

std::string drain(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto count = read(descriptor, buffer.data(), buffer.size());
    if (count <= 0) return text;  // a terminal whose child is gone gives EIO
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

template <class Body>
[[noreturn]] void run_child(const Body& body) {
  for (const int number : {SIGINT, SIGTERM}) (void)std::signal(number, SIG_DFL);
  body();
  std::fflush(stderr);
  _exit(0);
}

template <class Body>
Outcome in_pipe(const Body& body) {
  std::array<int, 2> ends{};
  EXPECT_EQ(0, pipe(ends.data()));
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    run_child(body);
  }
  close(ends[1]);
  Outcome outcome{drain(ends[0])};
  close(ends[0]);
  waitpid(child, &outcome.status, 0);
  return outcome;
}

template <class Body>
Outcome in_terminal(const Body& body, unsigned short columns = 60) {
  winsize size{};
  size.ws_row = 24;
  size.ws_col = columns;
  int master = -1;
  const pid_t child = forkpty(&master, nullptr, nullptr, &size);
  if (child == 0) run_child(body);
  Outcome outcome{drain(master)};
  close(master);
  waitpid(child, &outcome.status, 0);
  return outcome;
}

void log_all() {
  log_debug("one {}");
  log_info("two %v");
  log_warning("three");
  log_error("four");
}

TEST(Log, PrefixesAllButInfo) { EXPECT_EQ("two %v\nwarning: three\nerror: four\n", in_pipe(log_all).text); }

TEST(Log, KeepsToItsLevel) {
  EXPECT_EQ("debug: one {}\ntwo %v\nwarning: three\nerror: four\n", in_pipe([] {
                                                                      set_log_level(LogLevel::kDebug);
                                                                      log_all();
                                                                    }).text);
  EXPECT_EQ("error: four\n", in_pipe([] {
                               set_log_level(LogLevel::kError);
                               log_all();
                             }).text);
  EXPECT_EQ("", in_pipe([] {
                  set_log_level(LogLevel::kOff);
                  log_all();
                }).text);
}

TEST(Log, TellsItsLevel) {
  const auto outcome = in_pipe([] {
    if (log_level() != LogLevel::kInfo) _exit(1);
    for (const auto level :
         {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError, LogLevel::kOff}) {
      set_log_level(level);
      if (log_level() != level) _exit(2);
    }
    _exit(7);
  });
  EXPECT_EQ(7, WEXITSTATUS(outcome.status));
}

TEST(Log, ColoursOnlyOnATerminal) {
  setenv("TERM", "xterm-256color", 1);
  EXPECT_THAT(in_terminal(log_all).text, HasSubstr("\x1B["));
  EXPECT_THAT(in_pipe(log_all).text, Not(HasSubstr("\x1B")));
}

TEST(Log, NeverMixesLines) {
  const auto text = in_pipe([] {
                      std::vector<std::thread> threads;
                      for (int i = 0; i < 4; ++i) {
                        threads.emplace_back([] {
                          for (int j = 0; j < 200; ++j) log_info("abcdefghijklmnopqrstuvwxyz");
                        });
                      }
                      for (auto& thread : threads) thread.join();
                    }).text;
  std::string expected;
  for (int i = 0; i < 800; ++i) expected += "abcdefghijklmnopqrstuvwxyz\n";
  EXPECT_EQ(expected, text);
}

TEST(Progress, WritesFirstAndLastLineIntoAFile) {
  const auto text = in_pipe([] {
                      Progress progress("epochs", 5);
                      for (int i = 1; i <= 5; ++i) progress.update(i, "val_loss 0." + std::to_string(i));
                      progress.finish();
                      progress.update(9, "after the end");
                    }).text;
  EXPECT_EQ("epochs 1/5  val_loss 0.1\nepochs 5/5  val_loss 0.5\n", text);
}

TEST(Progress, EndsWithItsObject) {
  EXPECT_EQ("epochs 1\nepochs 2\n", in_pipe([] {
                                      Progress progress("epochs", 0);
                                      progress.update(1, "");
                                      progress.update(2, "");
                                    }).text);
  EXPECT_EQ("", in_pipe([] { const Progress progress("epochs", 5); }).text);
}

TEST(Progress, IsSilentAboveInfo) {
  const auto body = [] {
    set_log_level(LogLevel::kWarning);
    Progress progress("epochs", 2);
    progress.update(1, "");
  };
  EXPECT_EQ("", in_pipe(body).text);
  EXPECT_EQ("", in_terminal(body).text);
}

TEST(Progress, RedrawsOneLineOnATerminal) {
  const auto text = in_terminal([] {
                      Progress progress("epochs", 4000);
                      for (int i = 1; i <= 4000; ++i) progress.update(i, "loss é");
                    }).text;
  EXPECT_THAT(text, HasSubstr("\repochs ["));
  EXPECT_THAT(text, HasSubstr("\repochs [####################] 100% 4000/4000  loss é\x1B[K\r\n"));
  EXPECT_EQ(1, std::count(text.begin(), text.end(), '\n'));
  EXPECT_LT(std::count(text.begin(), text.end(), '\r'),
            40);  // two seconds' worth, were the machine that slow
}

TEST(Progress, FitsTheTerminal) {
  const auto text = in_terminal(
                        [] {
                          Progress progress("epochs", 4);
                          progress.update(1, "éééééééééééééééééééééééééééé");
                        },
                        30)
                        .text;
  EXPECT_EQ("\repochs [#####---------------]\x1B[K\r\n", text);
}

void show_two_works() {
  ProgressTable table(3);
  table.begin(0, "first");
  table.begin(1, "second one");
  table.update(1, 2, 4, "loss 0.2");
  table.update(1, 3, 4, "loss 0.1");
  table.update(7, 1, 2, "nobody's");
  table.end(0, 0, "broke");
  table.update(0, 1, 2, "late");
  table.end(1, 4, "loss 0.1");
}

TEST(ProgressTable, PrintsTheFirstAndTheLastLineOfEachInAFile) {
  EXPECT_EQ("second one 2/4  loss 0.2\nfirst 0  broke\nsecond one 4/4  loss 0.1\n",
            in_pipe(show_two_works).text);
}

TEST(ProgressTable, LeavesALineForEachThatEndedOnATerminal) {
  const std::string text = in_terminal(show_two_works, 80).text;
  EXPECT_THAT(text, HasSubstr("first      0  broke\x1B[K\r\n"));  // in columns
  EXPECT_THAT(text, HasSubstr("2/3 done, 0 under way"));
  EXPECT_THAT(text, testing::EndsWith("\x1B[J"));  // and nothing else
}

TEST(ProgressTable, CutsLinesToTheTerminal) {
  const auto body = [] {
    ProgressTable table(1);
    table.begin(0, std::string(200, 'x'));
    table.end(0, 1, "note");
  };
  EXPECT_THAT(in_terminal(body, 20).text,
              testing::AllOf(HasSubstr(std::string(19, 'x')), Not(HasSubstr(std::string(20, 'x')))));
}

TEST(ProgressTable, IsSilentWhenOnlyWarningsAreWanted) {
  const auto body = [] {
    set_log_level(LogLevel::kWarning);
    show_two_works();
  };
  EXPECT_EQ("", in_pipe(body).text);
  EXPECT_EQ("", in_terminal(body).text);
}

TEST(Interrupt, RaisesAFlagAtTheFirstSignal) {
  for (const int number : {SIGINT, SIGTERM}) {
    const auto outcome = in_pipe([&] {
      const InterruptGuard guard;
      if (interrupted()) _exit(1);
      raise(number);
      if (!interrupted()) _exit(2);
      _exit(7);
    });
    ASSERT_TRUE(WIFEXITED(outcome.status));
    EXPECT_EQ(7, WEXITSTATUS(outcome.status));
  }
}

TEST(Interrupt, EndsTheProcessAtTheSecondSignal) {
  const auto outcome = in_pipe([] {
    const InterruptGuard guard;
    raise(SIGINT);
    raise(SIGTERM);
  });
  ASSERT_TRUE(WIFSIGNALED(outcome.status));
  EXPECT_EQ(SIGTERM, WTERMSIG(outcome.status));
}

TEST(Interrupt, GivesTheSignalsBackWithTheOutermostGuard) {
  const auto inner = in_pipe([] {
    const InterruptGuard outer;
    {
      const InterruptGuard guard;
    }
    raise(SIGINT);
    if (interrupted()) _exit(7);
  });
  EXPECT_EQ(7, WEXITSTATUS(inner.status));
  const auto after = in_pipe([] {
    {
      const InterruptGuard guard;
    }
    raise(SIGINT);
  });
  ASSERT_TRUE(WIFSIGNALED(after.status));
}

TEST(Interrupt, KeepsTheFlagUntilTheNextOutermostGuard) {
  const auto outcome = in_pipe([] {
    {
      const InterruptGuard guard;
      raise(SIGINT);
      const InterruptGuard nested;
      if (!interrupted()) _exit(1);
    }
    if (!interrupted()) _exit(2);
    const InterruptGuard fresh;
    _exit(interrupted() ? 3 : 7);
  });
  EXPECT_EQ(7, WEXITSTATUS(outcome.status));
}

TEST(Interrupt, LeavesAnIgnoredSignalIgnored) {
  const auto outcome = in_pipe([] {
    (void)std::signal(SIGINT, SIG_IGN);
    const InterruptGuard guard;
    raise(SIGINT);
    raise(SIGINT);
    _exit(interrupted() ? 1 : 7);
  });
  EXPECT_EQ(7, WEXITSTATUS(outcome.status));
}

}  // namespace
}  // namespace ivory
