#include <variant>

#include <ivory/tuning/samplers.h>

#include "halton.h"
#include "sobol.h"
#include "space.h"

namespace ivory::tuning {
namespace {
using Sequence = std::variant<SobolSequence, HaltonSequence>;

class QmcSampler final : public Sampler {
 public:
  explicit QmcSampler(const QmcOptions& options) : options_(options), seed_(seed_or_random(options.seed)) {}
  [[nodiscard]] std::string_view name() const noexcept override {
    return options_.type == QmcType::kSobol ? "qmc" : "halton";
  }

  [[nodiscard]] std::vector<TrialParam> sample_joint(TrialContext& context) const override {
    const History& history = context.history();
    auto& state = context.memory<State>(this);
    const auto& space = state.space.update(history, false);
    if (space.empty()) return {};
    if (state.point.size() != space.size()) {
      state.point.resize(space.size());
      state.sequence = make_sequence(space.size());
    }
    const auto write_point = [&](const auto& sequence) {
      sequence.write_point(static_cast<std::uint64_t>(context.number()), state.point);
    };
    std::visit(write_point, state.sequence);
    std::vector<TrialParam> proposal;
    proposal.reserve(space.size());
    for (std::size_t d = 0; d < space.size(); ++d) {
      const Distribution& distribution = history.distribution(space[d].distribution);
      const auto [low, high] = interval_of(distribution);
      proposal.push_back({history.name(space[d].name), distribution,
                          from_interval(distribution, low + (high - low) * state.point[d])});
    }
    return proposal;
  }
  [[nodiscard]] double sample_independent(TrialContext& context, std::string_view name,
                                          const Distribution& distribution) const override {
    Rng rng = context.rng(seed_, name);
    return sample_uniform(distribution, rng);
  }

 private:
  struct State {
    IntersectionSpace space;
    Sequence sequence = SobolSequence(0, false, 0);  // of as many dimensions as `point`
    std::vector<double> point;
  };
  [[nodiscard]] Sequence make_sequence(std::size_t dimensions) const {
    if (options_.type == QmcType::kSobol) return SobolSequence(dimensions, options_.scramble, seed_);
    return HaltonSequence(dimensions, options_.scramble, seed_);
  }

  QmcOptions options_;
  std::uint64_t seed_;
};
}  // namespace

std::unique_ptr<Sampler> make_qmc_sampler(const QmcOptions& options) {
  return std::make_unique<QmcSampler>(options);
}

}  // namespace ivory::tuning
