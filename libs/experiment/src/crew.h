// Whoever runs the jobs of an execution: this thread, several threads, or several processes.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <ivory/experiment/client.h>
#include <ivory/experiment/execution.h>

#include "run_job.h"

namespace ivory {

// What a crew tells while it is waited for.
class CrewListener {
 public:
  virtual ~CrewListener() = default;
  CrewListener(const CrewListener&) = delete;
  CrewListener& operator=(const CrewListener&) = delete;
  virtual void on_progress(const RunJob& job, const RunProgress& progress) = 0;
  virtual void on_done(const RunJob& job, RunOutcome outcome) = 0;

 protected:
  CrewListener() = default;
};

// One thread, the coordinator's, uses a crew.
class Crew {
 public:
  virtual ~Crew() = default;
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Jobs under way, and how many there may be.
  [[nodiscard]] virtual std::size_t active() const noexcept = 0;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
  // Needs active() < size(). Errors: those of starting a process.
  virtual void give(RunJob job) = 0;
  // Waits until something happened, or a tenth of a second, and tells it. Needs active() > 0.
  virtual void wait(CrewListener& listener) = 0;
  // Asks the jobs under way to end after their epoch, where interrupted() does not.
  virtual void interrupt() {}

 protected:
  Crew() = default;
};

// What kAuto means for so many runs at once. Errors: kInvalidArgument for threads where a module's state
// belongs to the process.
[[nodiscard]] Engine choose_engine(const Experiment& experiment, std::size_t jobs, Engine wanted);

// The references must outlive the crew.
[[nodiscard]] std::unique_ptr<Crew> make_thread_crew(const Client& client, const Experiment& experiment,
                                                     std::size_t size);
// The workers are started at once, so that they load their modules while the coordinator does something else.
[[nodiscard]] std::unique_ptr<Crew> make_process_crew(const Client& client, const Experiment& experiment,
                                                      std::size_t size, std::vector<std::string> command);

}  // namespace ivory
