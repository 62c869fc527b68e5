// Experiments from one store to another.
#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

// The id that a moved run had where it was first: by it a second transfer finds it again.
inline constexpr std::string_view kOriginTag = "ivory.origin";

// A store and how its artifacts are reached.
struct TransferEnd {
  std::shared_ptr<TrackingStore> store;
  std::string tracking_uri;
  // Not empty: the artifacts lie in FOLDER/<experiment id>/<run id>/artifacts, whatever their URIs say (an
  // exported folder that was carried elsewhere).
  std::filesystem::path artifact_root = {};  // NOLINT(readability-redundant-member-init): as CreateRun
};

// A folder that holds experiments by itself: mlflow.db and mlruns, as MLflow would make them there. `access`
// as of open_store().
[[nodiscard]] TransferEnd open_exported(const std::filesystem::path& folder, bool read_only);

struct TransferProgress {
  std::string experiment;
  std::string run;
  std::size_t done = 0;  // runs of all experiments
  std::size_t total = 0;
};

// NOLINTBEGIN(readability-redundant-member-init): as CreateRun
struct TransferOptions {
  std::vector<std::string> experiments = {};  // by name; none: all that are active
  std::function<void(const TransferProgress&)> on_progress = {};
};
// NOLINTEND(readability-redundant-member-init)

struct TransferReport {
  std::size_t experiments = 0;
  std::size_t runs_made = 0;
  std::size_t runs_completed = 0;  // were there, and got what they lacked
  std::size_t runs_present = 0;    // were there, whole
  std::size_t files = 0;
};

// Copies experiments with their tags, their active runs (name, user, status, times, params, tags, whole
// histories of metrics, datasets, nesting) and artifacts. Not copied: logged models, the model registry,
// deleted runs.
//
// Runs get new ids, and the tag ivory.origin with the old one. Done twice it makes nothing twice, and one
// that broke off goes on where it was: a run counts as whole when it has ended there as here; files that are
// there in their size are left. An experiment of the same name is added to. Errors: kNotFound for an
// experiment that is not there (with the nearest name), those of the stores.
TransferReport transfer(const TransferEnd& from, const TransferEnd& to, const TransferOptions& options = {});

}  // namespace ivory::tracking
