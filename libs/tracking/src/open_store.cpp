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

// Of a path, which MLflow takes for a folder: as a URI that would do, if there is one.
std::string uri_of_path(std::string_view path, const std::vector<std::string>& known) {
  for (const std::string_view ending : {".db", ".sqlite", ".sqlite3"})
    if (path.ends_with(ending)) return "sqlite:///" + std::string(path);
  const bool knows_folders = std::ranges::find(known, "file") != known.end();
  return knows_folders && !path.empty() ? "file:" + std::string(path) : std::string();
}

[[noreturn]] void refuse_scheme(std::string_view uri, const std::vector<std::string>& known) {
  const std::string named = "tracking URI '" + shown_uri(uri) + "'";
  // The command knows folders; a program asks for them.
  const bool lacks_folders = uri.starts_with("file:");
  const std::string supported =
      " (supported: " + join(known) + (lacks_folders ? "; folders by the library tracking_file)" : ")");
  if (uri.find(':') != std::string_view::npos) {
    throw Error(
        ErrorCode::kInvalidArgument,
        named + ": unknown scheme" + did_you_mean(uri.substr(0, uri.find(':')), known, 0) + supported);
  }
  const std::string meant = uri_of_path(uri, known);
  throw Error(
      ErrorCode::kInvalidArgument,
      named + " has no scheme" + (meant.empty() ? "" : "; did you mean '" + meant + "'?") + supported);
}

const StoreScheme& get_scheme(std::string_view uri, std::span<const StoreScheme> further) {
  // Without "+driver", which SQLAlchemy's URLs may have.
  const std::string_view name = uri.substr(0, std::min(uri.find(':'), uri.find("+psycopg")));
  const auto is_asked_for = [&](const StoreScheme& scheme) {
    return uri.find(':') != std::string_view::npos && scheme.name == name;
  };
  const auto* const own = std::find_if(kSchemes.begin(), kSchemes.end(), is_asked_for);
  if (own != kSchemes.end()) return *own;
  const auto other = std::find_if(further.begin(), further.end(), is_asked_for);
  if (other != further.end()) return *other;
  refuse_scheme(uri, names_of(further));
}

}  // namespace

std::shared_ptr<TrackingStore> open_store(std::string_view uri, const StoreOptions& options) {
  return get_scheme(uri, options.further).open(uri, options);
}

bool store_exists(std::string_view uri, const StoreOptions& options) {
  return get_scheme(uri, options.further).exists(uri, options);
}

std::string shown_uri(std::string_view uri) {
  std::string shown(uri);
  const auto scheme = shown.find("://");
  if (scheme == std::string::npos) return shown;
  const auto user = scheme + 3;
  const auto at = shown.substr(0, shown.find('/', user)).rfind('@');
  const auto colon = shown.find(':', user);
  if (at != std::string::npos && colon < at) shown.replace(colon + 1, at - colon - 1, "***");
  return shown;
}

std::vector<std::string> store_schemes() { return names_of({}); }

}  // namespace ivory::tracking
