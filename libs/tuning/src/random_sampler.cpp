#include <ivory/tuning/samplers.h>

#include "space.h"

namespace ivory::tuning {
namespace {
class RandomSampler final : public Sampler {
 public:
  explicit RandomSampler(const RandomOptions& options) : seed_(seed_or_random(options.seed)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "random"; }
  [[nodiscard]] double sample_independent(TrialContext& context, std::string_view name,
                                          const Distribution& distribution) const override {
    Rng rng = context.rng(seed_, name);
    return sample_uniform(distribution, rng);
  }

 private:
  std::uint64_t seed_;
};
}  // namespace

std::unique_ptr<Sampler> make_random_sampler(const RandomOptions& options) {
  return std::make_unique<RandomSampler>(options);
}

}  // namespace ivory::tuning
