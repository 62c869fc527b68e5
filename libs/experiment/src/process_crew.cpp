// Runs in worker processes.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/experiment/tracker.h>
#include <ivory/yaml/yaml.h>

#include "crew.h"
#include "worker_messages.h"
#include "worker_process.h"

namespace ivory {
namespace {

// A worker and its job. A worker that dies is replaced when the next job comes.
struct Seat {
  std::unique_ptr<WorkerProcess> worker;
  std::optional<RunJob> job;
  bool ready = false;  // it said that it can take jobs
  bool begun = false;  // it said that it has the job
};

// Its seat is free then.
RunJob take_job(Seat& seat) {
  if (!seat.job) throw Error(ErrorCode::kInternal, "a worker speaks of a run that it was not given");
  RunJob job = *std::move(seat.job);
  seat.job.reset();
  return job;
}

class ProcessCrew final : public Crew {
 public:
  ProcessCrew(const Client& client, const Experiment& experiment, std::size_t size,
              std::vector<std::string> command)
      : command_(std::move(command)),
        opening_(open_message({.directory = client.directory().string(),
                               .tracked = client.tracker() != nullptr,
                               .experiment = experiment.name(),
                               .params = experiment.params()})),
        seats_(size) {
    for (Seat& seat : seats_) start(seat);
  }

  [[nodiscard]] std::size_t active() const noexcept override {
    return static_cast<std::size_t>(
        std::ranges::count_if(seats_, [](const Seat& seat) { return seat.job.has_value(); }));
  }
  [[nodiscard]] std::size_t size() const noexcept override { return seats_.size(); }

  void give(RunJob job) override {
    Seat& seat = *std::ranges::find_if(seats_, [](const Seat& each) { return !each.job; });
    if (seat.worker == nullptr) start(seat);
    // A worker that died while it had nothing to do is noticed when it is listened to.
    static_cast<void>(seat.worker->channel().send(run_message(job)));
    seat.job = std::move(job);
    seat.begun = false;
  }

  void wait(CrewListener& listener) override {
    std::vector<pollfd> watched;
    std::vector<Seat*> owners;
    for (Seat& seat : seats_) {
      if (!seat.job) continue;
      watched.push_back({seat.worker->channel().descriptor(), POLLIN, 0});
      owners.push_back(&seat);
    }
    if (poll(watched.data(), watched.size(), 100) < 0 && errno != EINTR)
      throw Error(ErrorCode::kIo, "cannot wait for workers: " + std::generic_category().message(errno));
    if (interrupted()) interrupt();
    for (std::size_t i = 0; i < watched.size(); ++i)
      if (watched[i].revents != 0) listen(*owners[i], listener);
  }

  void interrupt() override {
    if (std::exchange(interrupted_, true)) return;
    for (const Seat& seat : seats_)
      if (seat.job) seat.worker->send_signal(SIGINT);
  }

 private:
  void start(Seat& seat) {
    seat.worker.reset();
    seat.worker = std::make_unique<WorkerProcess>(command_);
    seat.ready = false;
    static_cast<void>(seat.worker->channel().send(opening_));  // whether it lives is seen when it answers
  }

  void listen(Seat& seat, CrewListener& listener) {
    Channel& channel = seat.worker->channel();
    const bool open = channel.read();
    while (auto message = channel.next()) take(seat, *message, listener);
    if (!open) bury(seat, listener);
  }

  void take(Seat& seat, const Params& message, CrewListener& listener) {
    const std::string& kind = message.at("kind").as_string();
    if (kind == "ready") {
      seat.ready = true;
    } else if (kind == "failed") {
      give_up(seat, to_error_code(message.at("code").as_string()), message.at("message").as_string(),
              listener);
    } else if (kind == "begun") {
      seat.begun = true;
    } else if (kind == "progress") {
      if (seat.job) listener.on_progress(*seat.job, to_progress(message.at("progress")));
    } else if (kind == "done") {
      listener.on_done(take_job(seat), RunOutcome::from_params(message.at("outcome")));
    }
  }

  void bury(Seat& seat, CrewListener& listener) {
    const std::string cause = seat.worker->wait();
    seat.worker.reset();
    if (!seat.job) return;  // after it was interrupted
    if (!seat.ready)
      give_up(seat, ErrorCode::kInternal, "a worker ended with " + cause + " before it could take a run",
              listener);
    if (!seat.begun && !interrupted_) return give(take_job(seat));
    fail(seat, "its worker process ended with " + cause, listener);
  }

  // Without workers no run can be made.
  [[noreturn]] static void give_up(Seat& seat, ErrorCode code, const std::string& message,
                                   CrewListener& listener) {
    if (seat.job) fail(seat, message, listener);
    throw Error(code, message);
  }

  static void fail(Seat& seat, const std::string& message, CrewListener& listener) {
    const RunJob job = take_job(seat);
    RunOutcome outcome;
    outcome.id = job.run_id;
    outcome.name = job.name;
    outcome.update = job.arguments;
    outcome.status = "FAILED";
    outcome.error = message;
    listener.on_done(job, std::move(outcome));
  }

  std::vector<std::string> command_;
  Params opening_;
  std::vector<Seat> seats_;
  bool interrupted_ = false;
};

}  // namespace

std::unique_ptr<Crew> make_process_crew(const Client& client, const Experiment& experiment, std::size_t size,
                                        std::vector<std::string> command) {
  return std::make_unique<ProcessCrew>(client, experiment, size, std::move(command));
}

}  // namespace ivory
