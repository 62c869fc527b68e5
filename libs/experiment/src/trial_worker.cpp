#include "trial_worker.h"

#include <poll.h>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>

#include "worker_messages.h"
#include "worker_process.h"

namespace ivory {
namespace {

class InlineWorker final : public TrialWorker {
 public:
  InlineWorker(Tracker* tracker, const Experiment& experiment) : tracker_(tracker), experiment_(experiment) {}

  [[nodiscard]] TrialOutcome run(const TrialJob& job, const TrialJudge& judge,
                                 const TrialListener& listener) override {
    return do_trial(tracker_, experiment_, job, judge, listener);
  }

 private:
  Tracker* tracker_;
  const Experiment& experiment_;
};

class ProcessWorker final : public TrialWorker {
 public:
  ProcessWorker(Params opening, std::vector<std::string> command)
      : opening_(std::move(opening)), command_(std::move(command)) {
    start();
  }

  [[nodiscard]] TrialOutcome run(const TrialJob& job, const TrialJudge& judge,
                                 const TrialListener& listener) override {
    if (process_ == nullptr) start();
    if (!begin(job)) {  // it died while it had nothing to do
      static_cast<void>(bury());
      start();
      if (!begin(job)) return failed(job, "its worker process ended with " + bury());
    }
    try {
      return attend(job, judge, listener);
    } catch (...) {  // it waits for what will not come
      process_.reset();
      throw;
    }
  }

 private:
  TrialOutcome attend(const TrialJob& job, const TrialJudge& judge, const TrialListener& listener) {
    for (;;) {
      const auto message = receive();
      if (!message) return failed(job, "its worker process ended with " + bury());
      if (auto outcome = take(*message, judge, listener)) return *std::move(outcome);
    }
  }

  void start() {
    process_ = std::make_unique<WorkerProcess>(command_);
    interrupted_ = false;
    static_cast<void>(process_->channel().send(opening_));  // whether it lives is seen when it answers
    const auto answer = receive();
    if (!answer)
      throw Error(ErrorCode::kInternal, "a worker ended with " + bury() + " before it could take a trial");
    if (answer->at("kind").as_string() == "failed")
      throw Error(to_error_code(answer->at("code").as_string()), answer->at("message").as_string());
  }

  // True once it has the trial; false: it is dead.
  bool begin(const TrialJob& job) { return process_->channel().send(trial_message(job)) && receive(); }

  // The next message, and Ctrl-C passed on to the worker while it is waited for. None: it is dead.
  std::optional<Params> receive() {
    constexpr int kPatienceMs = 50;
    Channel& channel = process_->channel();
    for (;;) {
      if (auto message = channel.next()) return message;
      pollfd watched{channel.descriptor(), POLLIN, 0};
      const int ready = poll(&watched, 1, kPatienceMs);
      if (ready < 0 && errno != EINTR)
        throw Error(ErrorCode::kIo, "cannot wait for a worker: " + std::generic_category().message(errno));
      if (interrupted() && !std::exchange(interrupted_, true)) process_->send_signal(SIGINT);
      if (ready > 0 && !channel.read()) return std::nullopt;
    }
  }

  std::optional<TrialOutcome> take(const Params& message, const TrialJudge& judge,
                                   const TrialListener& listener) {
    const std::string& kind = message.at("kind").as_string();
    if (kind == "done") return to_trial_outcome(message.at("outcome"));
    if (kind == "report") {
      static_cast<void>(process_->channel().send(verdict_message(judge(to_report(message.at("report"))))));
    } else if (kind == "progress") {
      listener(static_cast<std::size_t>(message.at("fold").as_int()),
               static_cast<std::size_t>(message.at("folds").as_int()), to_progress(message.at("progress")));
    }
    return std::nullopt;
  }

  // What it ended by.
  std::string bury() {
    std::string cause = process_->wait();
    process_.reset();
    return cause;
  }

  static TrialOutcome failed(const TrialJob& job, const std::string& message) {
    TrialOutcome outcome;
    outcome.run_id = job.run_id;
    outcome.run_name = job.name;
    outcome.status = "FAILED";
    outcome.error = message;
    return outcome;
  }

  Params opening_;
  std::vector<std::string> command_;
  std::unique_ptr<WorkerProcess> process_;
  bool interrupted_ = false;  // it knows
};

}  // namespace

std::unique_ptr<TrialWorker> make_inline_worker(Tracker* tracker, const Experiment& experiment) {
  return std::make_unique<InlineWorker>(tracker, experiment);
}

std::unique_ptr<TrialWorker> make_process_worker(const Params& opening,
                                                 const std::vector<std::string>& command) {
  return std::make_unique<ProcessWorker>(opening, command);
}

}  // namespace ivory
