#include <ivory/experiment/worker.h>

#include <sys/prctl.h>

#include <chrono>
#include <csignal>
#include <exception>

#include <ivory/base/interrupt.h>
#include <ivory/experiment/client.h>

#include "worker_messages.h"
#include "worker_process.h"

namespace ivory {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPause = std::chrono::milliseconds(50);  // between two messages about progress

class Worker {
 public:
  Worker(Channel& channel, const WorkerSetup& setup)
      : channel_(channel),
        client_(setup.directory, setup.tracked),
        experiment_(client_.create_experiment(setup.experiment).with_params(setup.params)) {
    experiment_.load_modules();
  }

  // Until the coordinator has no more, or an interruption. What cannot be sent to a coordinator that is gone
  // need not be.
  void serve() {
    static_cast<void>(channel_.send(Params{{"kind", "ready"}}));
    while (!interrupted()) {
      const auto message = channel_.receive();
      if (!message) return;
      static_cast<void>(channel_.send(Params{{"kind", "begun"}}));
      Params answer{{"kind", "done"}};
      answer.set("outcome", run(RunJob::from_params(message->at("job"))).to_params());
      static_cast<void>(channel_.send(answer));
    }
  }

 private:
  RunOutcome run(const RunJob& job) {
    Clock::time_point next{};
    const auto tell = [&](const RunProgress& progress) {
      const auto now = Clock::now();
      if (now < next) return;
      next = now + kPause;
      Params message{{"kind", "progress"}};
      message.set("progress", to_params(progress));
      static_cast<void>(channel_.send(message));
    };
    return do_job(client_, experiment_, job, tell);
  }

  Channel& channel_;
  Client client_;
  Experiment experiment_;
};

}  // namespace

int serve_runs() {
  // Whatever becomes of the coordinator, its workers do not outlive it. One that died before this line is
  // seen as the end of the channel.
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // NOLINT(cppcoreguidelines-pro-type-vararg): that is how it is called
  const InterruptGuard guard;
  Channel channel(kWorkerDescriptor);
  const auto opening = channel.receive();
  if (!opening) return 0;
  try {
    Worker(channel, to_setup(*opening)).serve();
  } catch (const std::exception& error) {
    static_cast<void>(channel.send(failed_message(error)));
    return 1;
  }
  return 0;
}

}  // namespace ivory
