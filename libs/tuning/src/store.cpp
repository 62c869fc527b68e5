#include "store.h"

#include <algorithm>

#include <ivory/base/error.h>

#include "journal.h"
#include "sqlite_store.h"

namespace ivory::tuning {

std::optional<StoredStudy> TrialStore::find_study(std::string_view name) {
  std::vector<StoredStudy> all = studies();
  const auto found = std::ranges::find(all, name, &StoredStudy::name);
  return found == all.end() ? std::nullopt : std::optional(std::move(*found));
}

std::unique_ptr<TrialStore> open_store(std::string_view url) {
  constexpr std::string_view kSqlite = "sqlite:///", kJournal = "journal:///";
  if (url.starts_with(kSqlite) && url.size() > kSqlite.size())
    return open_sqlite(std::string(url.substr(kSqlite.size())));
  if (url.starts_with(kJournal) && url.size() > kJournal.size())
    return open_journal(std::string(url.substr(kJournal.size())));
  throw Error(ErrorCode::kInvalidArgument,
              "unknown storage '" + std::string(url) + "'; expected sqlite:///PATH or journal:///PATH");
}

}  // namespace ivory::tuning
