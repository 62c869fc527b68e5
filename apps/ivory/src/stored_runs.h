// The runs of a client's tracking store.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/experiment/client.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory {

// Runs of the experiment of that name, or of all if it is empty; newest first. Nothing if there is no store
// yet. Errors: kNotFound for an experiment that the store does not have; those of the store.
[[nodiscard]] std::vector<tracking::RunRecord> stored_runs(const Client& client,
                                                           const std::string& experiment,
                                                           tracking::RunQuery query);

// Names of the store's experiments by their ids, in the order of the store.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> stored_experiments(const Client& client);

// "digits/run#3" for each of the runs.
[[nodiscard]] std::vector<std::string> short_names(const Client& client,
                                                   const std::vector<tracking::RunRecord>& runs);

// "2026-01-31 09:05:00", local; empty for none.
[[nodiscard]] std::string time_text(std::optional<tracking::TimeMs> time);

// What --view says: active, deleted, all.
[[nodiscard]] tracking::ViewType parse_view(std::string_view name);
// What --max says; none: all. Errors: kInvalidArgument below 1.
[[nodiscard]] std::optional<std::size_t> checked_max(std::optional<std::int64_t> count);

}  // namespace ivory
