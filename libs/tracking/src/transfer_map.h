// What a transfer has moved: the old ids and places, and what stands for them now.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <ivory/tracking/store_error.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

// Folders of artifacts.
class MovedPlaces {
 public:
  void add(std::string_view old_uri, std::string_view new_uri);
  // The place of `uri` in the new folder; none if it lies in no folder that was moved.
  [[nodiscard]] std::optional<std::string> find(std::string_view uri) const;

 private:
  std::unordered_map<std::string, std::string> places_;  // old paths without file://
};

struct TransferMap {
  std::map<std::string, RunRecord> runs;      // by old ids
  std::map<std::string, std::string> models;  // ids of logged models
  MovedPlaces places;
};

// The tags that a moved thing gets: those of what it stands for, and the mark of its origin. Where it is
// found again by its origin it has that mark, or is the origin.
[[nodiscard]] std::vector<KeyValue> without_origin(const std::vector<KeyValue>& tags);
[[nodiscard]] std::vector<KeyValue> with_origin(const std::vector<KeyValue>& tags, const std::string& origin);
// The tag of that key; null if there is none.
[[nodiscard]] const std::string* find_tag(const std::vector<KeyValue>& tags, std::string_view key) noexcept;
// The tag of a logged model in which MLflow lists the versions that it is: it follows with these.
inline constexpr std::string_view kModelVersionsTag = "mlflow.modelVersions";
// Those of `wanted` that are not so in `present`.
[[nodiscard]] std::vector<KeyValue> lacking(const std::vector<KeyValue>& wanted,
                                            const std::vector<KeyValue>& present);

// Whether a store refuses as it keeps nothing of that kind: a database or a server of an older MLflow.
[[nodiscard]] bool is_not_kept(const StoreError& error) noexcept;

}  // namespace ivory::tracking
