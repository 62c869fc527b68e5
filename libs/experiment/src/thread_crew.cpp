// Runs in this process.
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "crew.h"

namespace ivory {
namespace {

// On the coordinator's own thread, when it waits.
class InlineCrew final : public Crew {
 public:
  InlineCrew(const Client& client, const Experiment& experiment) : client_(client), experiment_(experiment) {}

  [[nodiscard]] std::size_t active() const noexcept override { return job_ ? 1 : 0; }
  [[nodiscard]] std::size_t size() const noexcept override { return 1; }
  void give(RunJob job) override { job_ = std::move(job); }
  void wait(CrewListener& listener) override {
    if (!job_) return;
    const RunJob job = *std::move(job_);
    job_.reset();
    const auto tell = [&](const RunProgress& progress) { listener.on_progress(job, progress); };
    listener.on_done(job, do_job(client_.tracker().get(), experiment_, job, tell));
  }

 private:
  const Client& client_;
  const Experiment& experiment_;
  std::optional<RunJob> job_;
};

class ThreadCrew final : public Crew {
 public:
  ThreadCrew(const Client& client, const Experiment& experiment, std::size_t size)
      : client_(client), experiment_(experiment) {
    for (std::size_t i = 0; i < size; ++i)
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
  ~ThreadCrew() override {
    for (std::jthread& thread : threads_) thread.request_stop();
    for (std::jthread& thread : threads_) thread.join();
  }
  ThreadCrew(const ThreadCrew&) = delete;
  ThreadCrew& operator=(const ThreadCrew&) = delete;

  [[nodiscard]] std::size_t active() const noexcept override { return active_; }
  [[nodiscard]] std::size_t size() const noexcept override { return threads_.size(); }

  void give(RunJob job) override {
    ++active_;
    const std::scoped_lock lock(mutex_);
    jobs_.push_back(std::move(job));
    job_came_.notify_one();
  }

  void wait(CrewListener& listener) override {
    std::deque<Event> events;
    {
      std::unique_lock lock(mutex_);
      event_came_.wait_for(lock, std::chrono::milliseconds(100), [this] { return !events_.empty(); });
      events.swap(events_);
    }
    for (Event& event : events) {
      if (!event.outcome) {
        listener.on_progress(event.job, event.progress);
        continue;
      }
      --active_;
      listener.on_done(event.job, *std::move(event.outcome));
    }
  }

 private:
  struct Event {
    RunJob job;
    RunProgress progress;
    std::optional<RunOutcome> outcome;  // when it is done
  };

  void work(const std::stop_token& stop) {
    while (const auto job = next_job(stop)) {
      const auto tell = [&](const RunProgress& progress) { add({*job, progress, std::nullopt}); };
      add({*job, {}, do_job(client_.tracker().get(), experiment_, *job, tell)});
    }
  }

  std::optional<RunJob> next_job(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!job_came_.wait(lock, stop, [this] { return !jobs_.empty(); })) return std::nullopt;
    RunJob job = std::move(jobs_.front());
    jobs_.pop_front();
    return job;
  }

  void add(Event event) {
    const std::scoped_lock lock(mutex_);
    events_.push_back(std::move(event));
    event_came_.notify_one();
  }

  const Client& client_;
  const Experiment& experiment_;
  std::size_t active_ = 0;  // the coordinator's
  std::mutex mutex_;
  std::condition_variable_any job_came_;
  std::condition_variable event_came_;
  std::deque<RunJob> jobs_;
  std::deque<Event> events_;
  std::vector<std::jthread> threads_;
};

}  // namespace

std::unique_ptr<Crew> make_thread_crew(const Client& client, const Experiment& experiment, std::size_t size) {
  if (size == 1) return std::make_unique<InlineCrew>(client, experiment);
  return std::make_unique<ThreadCrew>(client, experiment, size);
}

}  // namespace ivory
