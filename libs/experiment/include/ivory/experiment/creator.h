// Makes runs and members from a parameter file.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/experiment/entity.h>
#include <ivory/registry/blueprint.h>
#include <ivory/registry/registry.h>
#include <ivory/tracking/entities.h>

namespace ivory {

class Run;
class Study;
class Task;
class Tracker;

// What runs of one experiment share.
struct Workshop {
  std::shared_ptr<const Registry> registry;  // shared with the client
  std::shared_ptr<Tracker> tracker;          // shared with the client; null: nothing is tracked
  std::string directory;                     // where relative paths start
  std::string experiment;                    // name
  std::string source_name;                   // of the parameter file
  Params study = Params::map();              // `tuner` and `objective` of study.yml and client.yml
};

// Where a run of the tracking store comes from. Nothing given: a new run of its own.
// The defaults let designated initializers leave a member out without a warning.
// NOLINTBEGIN(readability-redundant-member-init)
struct RunOrigin {
  // A run that is in the store already, made by somebody else (reserve_run, a process that died): it is taken
  // over, with the tag of this process and as RUNNING. Its name, tags and params stay.
  std::string run_id = {};
  std::string parent_run_id = {};         // nested under this run
  std::optional<std::size_t> index = {};  // its number in its task's plan: the tag `ivory.index`
  std::vector<tracking::KeyValue> tags = {};
};
// NOLINTEND(readability-redundant-member-init)

// An experiment, or a run: something with parameters from which runs and members are made.
//
// Threads: const methods may be called from any thread, but a module whose state belongs to the process
// (torch's generator) is set for the run made last.
// Errors: kInvalidArgument "file:line: …" for parameters that are wrong; then nothing was written.
class Creator : public Entity {
 public:
  // (parameters, update). The parameters are a deep copy of this one's with `args` applied as overrides.h
  // says; the update holds what was given. `name` is the section and class: "run", "task", "study".
  //   auto [params, update] = experiment.create_params({{"hidden_sizes.0", 100}, {"fold", 3}});
  [[nodiscard]] std::pair<Params, Params> create_params(const Params& args = {},
                                                        std::string_view name = "run") const;
  // A run with those parameters. All members are made first; then the tracker, if there is one, gives it an
  // id and a name, or takes over the run that `origin` names.
  [[nodiscard]] Run create_run(const Params& args = {}, std::string_view name = "run",
                               const RunOrigin& origin = {}) const;
  // A task whose runs are of this experiment; `args` are for its section `task`, if the file has one.
  [[nodiscard]] Task create_task(const Params& args = {}, const RunOrigin& origin = {}) const;
  // A study whose trials are of this experiment. Its section `study`, with `tuner:` and `objective:`, is that
  // of the parameter file, on top of study.yml, on top of client.yml. Include study.h.
  [[nodiscard]] Study create_study(const Params& args = {}, const RunOrigin& origin = {}) const;
  // The row of a run in the store, with its name, tags and params, for somebody else to take over: names then
  // follow the order of reserving, whoever makes the runs. No member is made. Errors: kInvalidArgument as for
  // create_run(); kUnsupported without a tracker.
  [[nodiscard]] tracking::RunRecord reserve_run(const Params& args = {}, std::string_view name = "run",
                                                const RunOrigin& origin = {}) const;
  // One member alone, by dotted name ("datasets.data"); the members that it refers to by `$` are made too.
  [[nodiscard]] Value create_instance(std::string_view instance_name, const Params& args = {},
                                      std::string_view name = "run") const;
  // Parameters with every class named and every default filled in.
  [[nodiscard]] Params resolve_params(const Params& args = {}, std::string_view name = "run") const;
  // Makes every member of the run, lets them look at one another (on_init_begin, on_init_end) as a start in
  // `mode` does, and drops them: whatever would fail fails here. Nothing is written.
  void check(const Params& args = {}, std::string_view mode = "both", std::string_view name = "run") const;
  // Loads the modules whose code the members need.
  void load_modules(const Params& args = {}, std::string_view name = "run") const;
  // Why two such runs may not share a process: the reason of the first module whose state belongs to the
  // process, after its name. Empty if they may.
  [[nodiscard]] std::string process_owned(const Params& args = {}, std::string_view name = "run") const;
  // The value that a name stands for now, by which a word on the command line is read.
  [[nodiscard]] Params present_value(std::string_view parameter, const Params& place = {}) const;

 protected:
  Creator() = default;
  [[nodiscard]] const Workshop& workshop() const;
  std::shared_ptr<const Workshop> workshop_;  // null: made directly from instances

 private:
  friend class Client;
  struct Plan;
  static void check_hook(Run& run, const Params& section, Hook hook);
  // One member alone, and all that were made for it.
  [[nodiscard]] std::pair<Value, NamedValues> make_instance(std::string_view instance_name,
                                                            const Params& args, std::string_view name) const;
  void fill(Run& run, Plan& made, std::string_view name, const std::vector<std::string>& modules) const;
  [[nodiscard]] Plan plan(const Params& args, std::string_view name) const;
};

}  // namespace ivory
