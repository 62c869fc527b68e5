// Where studies outlive the process: by URL.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/tuning/frozen_trial.h>

#include "backend.h"

namespace ivory::tuning {

struct StoredStudy {
  std::int64_t id = 0;
  std::string name;
  std::vector<Direction> directions;
};

// A file or database with studies in it.
// Threads: one at a time; each backend that open() gave is independent of the store and of the others.
// Errors: kConflict for a study that exists, kNotFound for one that does not, kIo when the medium fails,
//   kInvalidArgument for what is no such store.
class TrialStore {
 public:
  virtual ~TrialStore() = default;
  TrialStore(const TrialStore&) = delete;
  TrialStore& operator=(const TrialStore&) = delete;

  [[nodiscard]] virtual std::vector<StoredStudy> studies() = 0;
  virtual void create_study(const std::string& name, const std::vector<Direction>& directions) = 0;
  virtual void delete_study(const StoredStudy& study) = 0;
  // A History of this study's name and directions is filled by Backend::refresh.
  [[nodiscard]] virtual std::unique_ptr<Backend> open(const StoredStudy& study) = 0;

  [[nodiscard]] std::optional<StoredStudy> find_study(std::string_view name);

 protected:
  TrialStore() = default;
};

// "sqlite:///file.db", "journal:///file.log" (three slashes and a relative path, four and an absolute one),
// "postgresql://user@host:5432/name"; with "?durability=full", or "process", in place of `durability`.
// Errors: kInvalidArgument for another scheme or option.
[[nodiscard]] std::unique_ptr<TrialStore> open_store(std::string_view url,
                                                     Durability durability = Durability::kProcess);

}  // namespace ivory::tuning
