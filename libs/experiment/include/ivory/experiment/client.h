// Client: the entry point. Owns a working directory, the registry of what YAML can name, and a tracker.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/experiment/experiment.h>
#include <ivory/experiment/run.h>

namespace ivory {

// Reads client.yml (or client.yaml) of the directory, if there is one:
//
//   modules: [rectangle.cpp]      # the user's classes: sources, or built libraries
//   tracker:                      # class ivory.Tracker
//     tracking_uri: sqlite:///mlflow.db
//
// Threads: const methods from any thread.
class Client : public Entity {
 public:
  // Errors: kNotFound for a directory that does not exist; kInvalidArgument for a client.yml that is wrong or
  // a module that does not compile.
  explicit Client(const std::filesystem::path& directory = ".", bool tracker = true);

  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
  [[nodiscard]] const Registry& registry() const noexcept { return *registry_; }
  // Null without tracking.
  [[nodiscard]] const std::shared_ptr<Tracker>& tracker() const noexcept { return tracker_; }

  // The experiment of NAME.yml or NAME.yaml in the directory. Errors: kNotFound with the nearest name.
  [[nodiscard]] Experiment create_experiment(std::string_view name) const;
  [[nodiscard]] Run create_run(std::string_view name, const Params& args = {}) const;
  [[nodiscard]] Value create_instance(std::string_view name, std::string_view instance_name,
                                      const Params& args = {}) const;
  // Names of the parameter files in the directory, sorted.
  [[nodiscard]] std::vector<std::string> experiment_names() const;

 private:
  std::filesystem::path directory_;
  std::shared_ptr<Registry> registry_;
  std::shared_ptr<Tracker> tracker_;
};

[[nodiscard]] Client create_client(const std::filesystem::path& directory = ".", bool tracker = true);
// Of the default client, in the process's working directory.
[[nodiscard]] Experiment create_experiment(std::string_view name);
[[nodiscard]] Run create_run(std::string_view name, const Params& args = {});

}  // namespace ivory
