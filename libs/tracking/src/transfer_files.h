// Artifacts on their way from one store to another.
#pragma once
#include <cstddef>
#include <memory>

#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/transfer.h>

namespace ivory::tracking {

[[nodiscard]] std::unique_ptr<ArtifactStore> artifacts_of(const TransferEnd& end, const RunRecord& run);
[[nodiscard]] std::unique_ptr<ArtifactStore> artifacts_of(const TransferEnd& end, const LoggedModel& model);

// Copies the files that are not there with the same bytes: the states of a run that went on since have the
// sizes they had. Returns how many that were.
std::size_t copy_files(const ArtifactStore& from, ArtifactStore& to);

}  // namespace ivory::tracking
