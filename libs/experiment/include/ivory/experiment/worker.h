// The other end of the process engine: a process that takes runs in turn.
#pragma once
namespace ivory {

// Serves the coordinator that started this process, until that closes the channel or dies; SIGINT ends the
// present run after its epoch, and then the worker. What `ivory worker` does; a program that links Ivory and
// gives itself as ExecutionOptions::worker_command calls it too. Returns the exit status.
[[nodiscard]] int serve_runs();

}  // namespace ivory
