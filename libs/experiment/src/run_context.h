// What MLflow's client records of who started a run, and from where.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <ivory/tracking/entities.h>

namespace ivory {

// mlflow.user, mlflow.source.name, mlflow.source.type, mlflow.source.git.commit (in a git work tree), and the
// identity of this process.
[[nodiscard]] std::vector<tracking::KeyValue> run_context_tags(const std::filesystem::path& directory);

}  // namespace ivory
