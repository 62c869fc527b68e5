// Tuner: where studies are kept, and how their trials are chosen and given up.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/tuning/study.h>

namespace ivory {

class Client;

inline constexpr std::string_view kDefaultTuningStorage = "sqlite:///optuna.db";

struct TunerOptions {
  // A URL of study.h; empty: in memory. A relative path starts from set_directory().
  std::string storage = std::string(kDefaultTuningStorage);
  std::shared_ptr<const tuning::Sampler> sampler = {};  // none: TPE
  std::shared_ptr<const tuning::Pruner> pruner = {};    // none: the median rule
  // A study of a name that the storage has is gone on with, whoever began it; else that is an error, unless
  // the run that the study belongs to is the same.
  bool load_if_exists = false;
  // See tuning::OptimizeOptions. Without a sampler, TPE gets the seed 0.
  bool deterministic = false;
  std::int64_t lag = 8;
  // "minimize" or "maximize", one a monitored metric; empty: as the monitor says.
  std::vector<std::string> directions = {};
};

// What `tuner:` in client.yml, study.yml or the section `study` of a parameter file makes (class ivory.Tuner,
// also ivory.core.tuner.Tuner):
//
//   tuner:
//     storage: sqlite:///optuna.db
//     sampler: {class: optuna.samplers.TPESampler, seed: 1}     # or a short name: auto, tpe, gp, cma-es …
//     pruner: hyperband
//
// The names are those of declare_tuning.cpp; `ivory types ivory.tuning` lists them.
//
// Threads: const methods from any thread. Errors: those of tuning::create_study() and load_study().
class Tuner {
 public:
  // Errors: kInvalidArgument about "directions" or "lag".
  explicit Tuner(TunerOptions options = {});

  // Where a relative storage starts; the process's directory otherwise. Before studies are made.
  void set_directory(std::filesystem::path directory) { directory_ = std::move(directory); }

  [[nodiscard]] const TunerOptions& options() const noexcept { return options_; }
  // As it was given.
  [[nodiscard]] const std::string& storage() const noexcept { return options_.storage; }
  // The same, with an absolute path.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] bool deterministic() const noexcept { return options_.deterministic; }

  // Names of the studies that it has; none, and nothing is written, if there is no storage yet.
  [[nodiscard]] std::vector<std::string> study_names() const;
  // None if there is no such study. Nothing is written.
  [[nodiscard]] std::optional<tuning::Study> find_study(const std::string& name) const;
  // The study of that name, made if there is none. Errors: kConflict when it is there and `may_exist` and
  // load_if_exists are both false; kInvalidArgument when it is there with other directions.
  [[nodiscard]] tuning::Study create_study(const std::string& name,
                                           const std::vector<tuning::Direction>& directions,
                                           bool may_exist = false) const;

 private:
  TunerOptions options_;
  std::filesystem::path directory_;
};

// The tuner that `section` describes, as `tuner:` in client.yml would; on top of what the client's files say.
//   auto tuner = make_tuner(client, {{"sampler", "auto"}, {"pruner", "hyperband"}});
// Errors: those of Blueprint.
[[nodiscard]] std::shared_ptr<Tuner> make_tuner(const Client& client, const Params& section = Params::map());

}  // namespace ivory
