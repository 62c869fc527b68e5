#include <ivory/tracking/open_store.h>

#include <array>
#include <optional>
#include <system_error>

#include <ivory/base/error.h>

#include "rest/rest_tracking_store.h"
#include "sql_tracking_store.h"
#include "sqlite_uri.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

bool sqlite_exists(std::string_view uri, const StoreOptions& options) {
  std::error_code missing;
  const auto size = fs::file_size(sqlite_path(uri, options), missing);
  return !missing && size > 0;
}

std::shared_ptr<TrackingStore> open_sqlite(std::string_view uri, const StoreOptions& options) {
  const bool read_only = options.access == Access::kReadOnly;
  storage::DatabaseOptions database;
  database.path = sqlite_path(uri, options);
  database.mode = read_only ? storage::OpenMode::kReadOnly : storage::OpenMode::kCreate;
  database.durability = options.durability;
  if (read_only && !fs::exists(database.path)) {
    throw Error(ErrorCode::kNotFound, "tracking database '" + database.path.string() + "' does not exist");
  }
  return std::make_shared<SqlTrackingStore>(database, working_directory_of(options),
                                            default_artifact_root(options));
}

std::shared_ptr<TrackingStore> open_rest(std::string_view uri, const StoreOptions& options) {
  return std::make_shared<RestTrackingStore>(uri, options);
}

// A server is there or opening it says that it is not.
bool rest_exists(std::string_view, const StoreOptions&) { return true; }

struct Scheme {
  std::string_view name;
  std::shared_ptr<TrackingStore> (*open)(std::string_view uri, const StoreOptions& options);
  bool (*exists)(std::string_view uri, const StoreOptions& options);
};

// A further kind of store is one more line here.
constexpr std::array kSchemes{
    Scheme{"sqlite", open_sqlite, sqlite_exists},
    Scheme{"http", open_rest, rest_exists},
    Scheme{"https", open_rest, rest_exists},
};

const Scheme& get_scheme(std::string_view uri) {
  const std::string_view name = uri.substr(0, uri.find(':'));
  for (const Scheme& scheme : kSchemes) {
    if (uri.size() > name.size() && scheme.name == name) return scheme;
  }
  const auto known = store_schemes();
  throw Error(ErrorCode::kInvalidArgument, "tracking URI '" + std::string(uri) + "': unknown scheme" +
                                               did_you_mean(name, known) + " (supported: " + join(known) +
                                               ")");
}

}  // namespace

std::shared_ptr<TrackingStore> open_store(std::string_view uri, const StoreOptions& options) {
  return get_scheme(uri).open(uri, options);
}

bool store_exists(std::string_view uri, const StoreOptions& options) {
  return get_scheme(uri).exists(uri, options);
}

std::vector<std::string> store_schemes() {
  std::vector<std::string> names;
  names.reserve(kSchemes.size());
  for (const Scheme& scheme : kSchemes) names.emplace_back(scheme.name);
  return names;
}

}  // namespace ivory::tracking
