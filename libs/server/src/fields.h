// What several groups of endpoints read alike.
#pragma once
#include <optional>

#include <ivory/tracking/tracking_store.h>

#include "request_reader.h"

namespace ivory::server {

// Empty if it is absent or unknown.
[[nodiscard]] inline std::optional<tracking::ViewType> find_view_type(const RequestReader& fields,
                                                                      std::string_view name) {
  const auto number = fields.enumerator(name, {{"ACTIVE_ONLY", 1}, {"DELETED_ONLY", 2}, {"ALL", 3}});
  if (!number) return std::nullopt;
  if (*number == 1) return tracking::ViewType::kActiveOnly;
  return *number == 2 ? tracking::ViewType::kDeletedOnly : tracking::ViewType::kAll;
}

// Key, value, timestamp and step of a point, and the model or dataset that it belongs to, if any.
void add_metric(const RequestReader& fields, tracking::Batch& batch);

}  // namespace ivory::server
