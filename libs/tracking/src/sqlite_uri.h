// Tracking URIs of SQLite databases.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include <ivory/tracking/open_store.h>

namespace ivory::tracking {

// Where relative paths start, absolute.
[[nodiscard]] std::filesystem::path working_directory_of(const StoreOptions& options);

// The path in sqlite:///PATH, absolute. Nothing in it is percent-decoded, as in MLflow's URIs.
// Errors: kInvalidArgument if it names no file.
[[nodiscard]] std::filesystem::path sqlite_path(std::string_view uri, const StoreOptions& options);

// Where the artifacts of an experiment go that says nothing of it.
[[nodiscard]] std::string default_artifact_root(const StoreOptions& options);

}  // namespace ivory::tracking
