#include "store.h"

#include <algorithm>
#include <filesystem>

#include <ivory/base/error.h>

#include "journal.h"
#include "sql_store.h"

namespace ivory::tuning {
namespace {
constexpr std::string_view kSqlite = "sqlite:///", kJournal = "journal:///";

bool is_postgres(std::string_view url) {
  return url.starts_with("postgresql://") || url.starts_with("postgresql+") || url.starts_with("postgres://");
}

[[noreturn]] void fail_unknown(std::string_view url) {
  std::string message = "unknown storage '" + std::string(url) +
                        "'; expected sqlite:///PATH, journal:///PATH or postgresql://USER@HOST/NAME";
  const auto slashes = url.find("://");
  const std::string rest(slashes == std::string_view::npos ? url : url.substr(slashes + 3));
  const std::string extension = std::filesystem::path(rest).extension();
  const bool is_journal = url.starts_with("journal:") || extension == ".log" || extension == ".journal";
  const bool is_sqlite = url.starts_with("sqlite:") || extension == ".db" || extension == ".sqlite";
  if (is_journal || is_sqlite)
    message += "; did you mean '" + std::string(is_journal ? kJournal : kSqlite) + rest + "'?";
  throw Error(ErrorCode::kInvalidArgument, message);
}

Durability parse_durability(std::string_view text) {
  if (text == "process") return Durability::kProcess;
  if (text == "full") return Durability::kFull;
  throw Error(ErrorCode::kInvalidArgument,
              "the durability of a storage is process or full, not '" + std::string(text) + "'" +
                  did_you_mean(text, std::vector<std::string>{"process", "full"}));
}

// Takes our own options out of the URL's query; a server's are its client's.
std::optional<Durability> take_durability(std::string& url) {
  const auto mark = url.find('?');
  if (mark == std::string::npos) return {};
  const std::string query = url.substr(mark + 1);
  const bool foreign = is_postgres(url);
  url.erase(mark);
  std::optional<Durability> durability;
  std::string kept;
  for (std::size_t at = 0; at <= query.size();) {
    const std::size_t end = std::min(query.find('&', at), query.size());
    const std::string option = query.substr(at, end - at);
    at = end + 1;
    const std::string key = option.substr(0, option.find('='));
    if (key == "durability") {
      durability = parse_durability(std::string_view(option).substr(std::min(key.size() + 1, option.size())));
    } else if (foreign) {
      kept += (kept.empty() ? '?' : '&') + option;
    } else {
      throw Error(ErrorCode::kInvalidArgument, "unknown option '" + key + "' of the storage " + url +
                                                   "; there is durability=process|full" +
                                                   did_you_mean(key, std::vector<std::string>{"durability"}));
    }
  }
  url += kept;
  return durability;
}
}  // namespace

std::optional<StoredStudy> TrialStore::find_study(std::string_view name) {
  std::vector<StoredStudy> all = studies();
  const auto found = std::ranges::find(all, name, &StoredStudy::name);
  return found == all.end() ? std::nullopt : std::optional(std::move(*found));
}

std::unique_ptr<TrialStore> open_store(std::string_view url, Durability durability) {
  std::string address(url);
  durability = take_durability(address).value_or(durability);
  if (address.starts_with(kSqlite) && address.size() > kSqlite.size())
    return open_sqlite(address.substr(kSqlite.size()), durability);
  if (address.starts_with(kJournal) && address.size() > kJournal.size())
    return open_journal(address.substr(kJournal.size()), {.durability = durability});
  if (is_postgres(address)) return open_postgres(address, durability);
  fail_unknown(url);
}

}  // namespace ivory::tuning
