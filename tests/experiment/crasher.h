// A member that takes its process with it; each program of the tests declares it.
#pragma once
#include <csignal>

#include <ivory/experiment/run.h>
#include <ivory/registry/module.h>

namespace ivory::testing {

// In a run whose parameter `seed` is the one given.
class Crasher {
 public:
  explicit Crasher(int seed) : seed_(seed) {}
  void on_epoch_end(ivory::Run& run) const {
    if (run.seed() == static_cast<std::uint64_t>(seed_)) static_cast<void>(raise(SIGKILL));
  }

 private:
  int seed_;
};

IVORY_MODULE(crash, m) { m.type<Crasher>("crash.Crasher").init<int>(arg("seed")); }

}  // namespace ivory::testing
