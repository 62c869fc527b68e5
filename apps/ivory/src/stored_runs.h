// The runs of a client's tracking store.
#pragma once
#include <memory>
#include <string>
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

}  // namespace ivory
