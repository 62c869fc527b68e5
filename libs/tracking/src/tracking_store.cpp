#include <ivory/base/error.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

RunRecord TrackingStore::get_run(std::string_view run_id) const {
  auto run = find_run(run_id);
  if (!run) throw Error(ErrorCode::kNotFound, "Run with id=" + std::string(run_id) + " not found");
  return *std::move(run);
}

}  // namespace ivory::tracking
