#include <ivory/experiment/early_stopping.h>

#include <memory>
#include <string>

#include <ivory/base/error.h>
#include <ivory/experiment/monitor.h>
#include <ivory/experiment/run.h>

#include "state_values.h"

namespace ivory {
namespace {

// The monitor that stands before the early stopping, and so has seen the epoch before it.
std::shared_ptr<Monitor> monitor_before(const Run& run, const EarlyStopping* self) {
  std::shared_ptr<Monitor> monitor;
  for (const auto& [name, value] : run.dict()) {
    if (value.find<EarlyStopping>().get() == self) break;
    if (monitor == nullptr) monitor = value.find<Monitor>();
  }
  if (monitor == nullptr) {
    throw Error(ErrorCode::kInvalidArgument,
                "early stopping needs a monitor; expected a member `monitor` before it");
  }
  return monitor;
}

}  // namespace

EarlyStopping::EarlyStopping(int patience, double min_delta) : patience_(patience), min_delta_(min_delta) {
  if (patience < 0) {
    throw Error(ErrorCode::kInvalidArgument, "patience",
                "expected 0 or more epochs, found " + std::to_string(patience));
  }
  if (!(min_delta >= 0)) {
    throw Error(ErrorCode::kInvalidArgument, "min_delta",
                "expected 0 or more, found " + real_to_text(min_delta));
  }
}

void EarlyStopping::on_init_begin(Run& run) const {
  if (run.mode() != "test") static_cast<void>(monitor_before(run, this));
}

void EarlyStopping::on_epoch_end(Run& run) {
  const auto monitor = monitor_before(run, this);
  if (monitor->is_better(monitor->score(), best_, min_delta_)) {
    best_ = monitor->score();
    wait_ = 0;
    return;
  }
  if (++wait_ <= patience_) return;
  std::string reason = monitor->metric() + " has not improved for " + std::to_string(wait_) + " epochs";
  if (monitor->best_epoch() >= 0) {
    reason += "; the best was " + real_to_text(monitor->best_score()) + " at epoch " +
              std::to_string(monitor->best_epoch());
  }
  run.stop(std::move(reason));
}

Params EarlyStopping::state_dict() const { return {{"wait", wait_}, {"best", best_}}; }

void EarlyStopping::load_state_dict(const Params& state) {
  const double best = detail::real_of(state.at("best"));
  wait_ = static_cast<int>(state.at("wait").as_int());
  best_ = best;
}

}  // namespace ivory
