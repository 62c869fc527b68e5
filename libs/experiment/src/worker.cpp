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
      const bool is_trial = message->at("kind").as_string() == "trial";
      const Params& job = message->at("job");
      Params answer{{"kind", "done"}};
      answer.set("outcome", is_trial ? to_params(run(TrialJob::from_params(job)))
                                     : run(RunJob::from_params(job)).to_params());
      static_cast<void>(channel_.send(answer));
    }
  }

 private:
  RunOutcome run(const RunJob& job) {
    const auto tell = [&](const RunProgress& progress) {
      if (!is_time()) return;
      Params message{{"kind", "progress"}};
      message.set("progress", to_params(progress));
      static_cast<void>(channel_.send(message));
    };
    return do_job(client_.tracker().get(), experiment_, job, tell);
  }

  TrialOutcome run(const TrialJob& job) {
    const auto tell = [&](std::size_t fold, std::size_t folds, const RunProgress& progress) {
      if (!is_time()) return;
      Params message{{"kind", "progress"}, {"fold", fold}, {"folds", folds}};
      message.set("progress", to_params(progress));
      static_cast<void>(channel_.send(message));
    };
    const auto judge = [&](const tuning::TrialReport& report) {
      Params message{{"kind", "report"}};
      message.set("report", to_params(report));
      static_cast<void>(channel_.send(message));
      const auto verdict = channel_.receive();
      if (!verdict) throw Error(ErrorCode::kIo, "nobody is there to judge the trial");
      return verdict->at("prune").as_bool();
    };
    return do_trial(client_.tracker().get(), experiment_, job, judge, tell);
  }

  // Messages about progress are few.
  bool is_time() {
    const auto now = Clock::now();
    if (now < next_) return false;
    next_ = now + kPause;
    return true;
  }

  Channel& channel_;
  Client client_;
  Experiment experiment_;
  Clock::time_point next_{};  // when progress may be told again
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
