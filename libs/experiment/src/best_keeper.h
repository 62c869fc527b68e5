// Keeps the best state of a run that nothing tracks, while `both` runs.
#pragma once
#include <ivory/base/files.h>
#include <ivory/experiment/run.h>

namespace ivory {

class Run::BestKeeper {
 public:
  [[nodiscard]] std::filesystem::path folder() const { return folder_.path() / "best"; }

 private:
  TemporaryFolder folder_;
};

}  // namespace ivory
