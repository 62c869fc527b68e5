#include <ivory/tracking/open_store.h>

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>

#include <ivory/base/error.h>

#include "rest/rest_tracking_store.h"
#include "schema.h"
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

storage::DatabaseOptions postgres_options(std::string_view uri, const StoreOptions& options) {
  storage::DatabaseOptions database;
  database.server = uri;
  database.mode =
      options.access == Access::kReadOnly ? storage::OpenMode::kReadOnly : storage::OpenMode::kCreate;
  database.durability = options.durability;
  return database;
}

std::shared_ptr<TrackingStore> open_postgres(std::string_view uri, const StoreOptions& options) {
  return std::make_shared<SqlTrackingStore>(postgres_options(uri, options), working_directory_of(options),
                                            default_artifact_root(options));
}

bool postgres_exists(std::string_view uri, const StoreOptions& options) {
  auto database = postgres_options(uri, options);
  database.mode = storage::OpenMode::kReadOnly;
  return !storage::Database(database).read(is_empty_database);
}

std::shared_ptr<TrackingStore> open_rest(std::string_view uri, const StoreOptions& options) {
  return std::make_shared<RestTrackingStore>(uri, options);
}

// A server is there or opening it says that it is not.
bool rest_exists(std::string_view, const StoreOptions&) { return true; }

// A further kind of store is one more line here.
constexpr std::array kSchemes{
    StoreScheme{"sqlite", open_sqlite, sqlite_exists},
    StoreScheme{"postgresql", open_postgres, postgres_exists},
    StoreScheme{"http", open_rest, rest_exists},
    StoreScheme{"https", open_rest, rest_exists},
};

std::vector<std::string> names_of(std::span<const StoreScheme> further) {
  std::vector<std::string> names;
  for (const StoreScheme& scheme : kSchemes) names.emplace_back(scheme.name);
  for (const StoreScheme& scheme : further) names.emplace_back(scheme.name);
  return names;
}

const StoreScheme& get_scheme(std::string_view uri, std::span<const StoreScheme> further) {
  const std::string_view name = uri.substr(0, uri.find(':'));
  const auto is_asked_for = [&](const StoreScheme& scheme) {
    return uri.size() > name.size() && scheme.name == name;
  };
  const auto* const own = std::find_if(kSchemes.begin(), kSchemes.end(), is_asked_for);
  if (own != kSchemes.end()) return *own;
  const auto other = std::find_if(further.begin(), further.end(), is_asked_for);
  if (other != further.end()) return *other;
  const auto known = names_of(further);
  throw Error(ErrorCode::kInvalidArgument, "tracking URI '" + std::string(uri) + "': unknown scheme" +
                                               did_you_mean(name, known) + " (supported: " + join(known) +
                                               ")");
}

}  // namespace

std::shared_ptr<TrackingStore> open_store(std::string_view uri, const StoreOptions& options) {
  return get_scheme(uri, options.further).open(uri, options);
}

bool store_exists(std::string_view uri, const StoreOptions& options) {
  return get_scheme(uri, options.further).exists(uri, options);
}

std::vector<std::string> store_schemes() { return names_of({}); }

}  // namespace ivory::tracking
