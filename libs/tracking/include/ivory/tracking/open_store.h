// From a tracking URI to its store.
#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

inline constexpr std::string_view kDefaultTrackingUri = "sqlite:///mlflow.db";

enum class Access {
  kReadWrite,  // made if it does not exist
  kReadOnly,   // must exist, and nothing in it changes
};

struct StoreScheme;

struct StoreOptions {
  Durability durability = Durability::kProcess;
  // What relative paths in URIs start from; empty: the process's. The artifact root is mlruns in it.
  std::filesystem::path working_directory = {};  // NOLINT(readability-redundant-member-init): as CreateRun
  Access access = Access::kReadWrite;
  // How often a request to a server is tried again; none: MLFLOW_HTTP_REQUEST_MAX_RETRIES.
  std::optional<int> max_retries = {};  // NOLINT(readability-redundant-member-init): as CreateRun
  // Where artifacts of experiments without a place of their own lie: an absolute path or a URI
  // ("mlflow-artifacts:"); empty: mlruns in the working directory.
  std::string artifact_root = {};  // NOLINT(readability-redundant-member-init)
  // Kinds of stores beyond those that this library knows; they live as long as the program.
  std::span<const StoreScheme> further = {};  // NOLINT(readability-redundant-member-init)
};

// A kind of store by how its URIs begin: "sqlite".
struct StoreScheme {
  std::string_view name;
  std::shared_ptr<TrackingStore> (*open)(std::string_view uri, const StoreOptions& options);
  bool (*exists)(std::string_view uri, const StoreOptions& options);
};

// Opens the store of `uri`: sqlite:///relative.db, sqlite:////absolute.db. A new database has the schema of
// MLflow 3.11 with the experiment Default; an existing one may be of any MLflow whose tables and columns
// serve. http(s)://[user:password@]host[:port][/path] is a tracking server, ours or MLflow's, asked for a
// sign of life at once; how it is reached is taken from MLflow's variables (MLFLOW_TRACKING_TOKEN …, see
// docs/tracking-library.md). Shared, as every run of a client logs to one store; it is closed with its last
// owner. Errors: kInvalidArgument for an unknown scheme (naming those supported) or a database that cannot
// serve
//   (naming what it lacks; nothing is written), kNotFound if it must exist and does not, kIo, also
//   for a server that does not answer.
[[nodiscard]] std::shared_ptr<TrackingStore> open_store(std::string_view uri,
                                                        const StoreOptions& options = {});

// Whether there is anything to open. Makes nothing. Errors: as open_store for the URI itself.
[[nodiscard]] bool store_exists(std::string_view uri, const StoreOptions& options = {});

// For messages and logs: a password in it is replaced by ***.
[[nodiscard]] std::string shown_uri(std::string_view uri);

// The schemes that open_store() knows, for messages and for tests over all of them.
[[nodiscard]] std::vector<std::string> store_schemes();

}  // namespace ivory::tracking
