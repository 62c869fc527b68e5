#include <ivory/base/interrupt.h>

#include <csignal>

#include <array>
#include <atomic>
#include <mutex>

namespace ivory {
namespace {

// A signal handler reaches nothing but statics.
std::atomic<bool> asked{false};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<bool>::is_always_lock_free, "or a signal handler may not touch it");

constexpr std::array<int, 2> kSignals = {SIGINT, SIGTERM};

// Only async-signal-safe calls here. The signal is blocked while its handler runs, so the raised one arrives
// right after, and ends the process as if nobody had caught it.
extern "C" void on_signal(int number) {
  if (!asked.exchange(true)) return;
  struct sigaction plain{};
  plain.sa_handler = SIG_DFL;
  sigaction(number, &plain, nullptr);
  raise(number);
}

// The guards that live, and what the signals did before the first.
class Handlers {
 public:
  void enter() {
    const std::lock_guard lock(mutex_);
    if (guards_++ > 0) return;
    asked = false;
    for (std::size_t i = 0; i < kSignals.size(); ++i) install(kSignals[i], before_[i]);
  }

  void leave() {
    const std::lock_guard lock(mutex_);
    if (--guards_ > 0) return;
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }

 private:
  static void install(int number, struct sigaction& before) {
    sigaction(number, nullptr, &before);
    const bool ignored = (before.sa_flags & SA_SIGINFO) == 0 && before.sa_handler == SIG_IGN;
    if (ignored) return;
    struct sigaction ours{};
    ours.sa_handler = on_signal;
    ours.sa_flags = SA_RESTART;
    sigemptyset(&ours.sa_mask);
    sigaction(number, &ours, nullptr);
  }

  std::mutex mutex_;
  int guards_ = 0;
  std::array<struct sigaction, kSignals.size()> before_{};
};

Handlers& handlers() {
  static Handlers handlers;
  return handlers;
}

}  // namespace

InterruptGuard::InterruptGuard() { handlers().enter(); }
InterruptGuard::~InterruptGuard() { handlers().leave(); }

bool interrupted() noexcept { return asked; }

}  // namespace ivory
