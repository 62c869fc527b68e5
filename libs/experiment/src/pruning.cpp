#include <ivory/experiment/pruning.h>

#include <algorithm>
#include <memory>

#include <ivory/base/error.h>
#include <ivory/experiment/monitor.h>
#include <ivory/experiment/run.h>
#include <ivory/experiment/trainer.h>

namespace ivory {

bool Pruning::judge(const std::vector<double>& scores, std::int64_t step) const {
  return judge_ != nullptr && judge_(scores, step);
}

void Pruning::on_init_begin(Run& run) const {
  if (!in_trial() || run.mode() == "test") return;
  const Monitor* monitor = nullptr;
  for (const auto& [name, value] : run.dict()) {
    if (value.find<Pruning>().get() == this) break;
    if (monitor == nullptr) monitor = value.find<Monitor>().get();
  }
  if (monitor == nullptr)
    throw Error(ErrorCode::kInvalidArgument,
                "a trial's run needs a monitor; expected a member `monitor` before `pruning`");
}

void Pruning::on_epoch_end(Run& run) const {
  if (!in_trial()) return;
  const std::int64_t step = run.find<Monitor>()->epoch();
  if (judge(run.find<Monitor>()->scores(), step)) run.prune(step);
}

}  // namespace ivory
