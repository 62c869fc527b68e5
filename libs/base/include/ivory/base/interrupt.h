// Ctrl-C: asks the running work to end at the next safe point.
#pragma once
namespace ivory {

// Turns SIGINT and SIGTERM into a flag while it lives; the second signal ends the process at once. A signal
// that the process was told to ignore stays ignored. Guards may be nested: the outermost lowers the flag when
// it is made, and gives the signals back when it ends. Threads: any.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

// True once the user has asked to stop. Any thread.
[[nodiscard]] bool interrupted() noexcept;

// Thrown at a safe point after interrupted(): the run ends as KILLED, the command with status 130.
struct Interrupted {};

}  // namespace ivory
