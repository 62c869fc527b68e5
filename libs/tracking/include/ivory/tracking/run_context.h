// What MLflow's tags tell of where a run comes from.
#pragma once
#include <filesystem>
#include <vector>

#include <ivory/tracking/entities.h>

namespace ivory::tracking {

// mlflow.user, mlflow.source.name, mlflow.source.type, mlflow.source.git.commit (if `directory` lies in a git
// work tree), and the process's identity (liveness.h).
[[nodiscard]] std::vector<KeyValue> run_context_tags(const std::filesystem::path& directory);

}  // namespace ivory::tracking
