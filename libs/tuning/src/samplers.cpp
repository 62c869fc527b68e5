#include <ivory/tuning/samplers.h>

#include <array>

namespace ivory::tuning {

std::span<const SamplerEntry> sampler_table() {
  static constexpr std::array kTable{
      SamplerEntry{"tpe", "draws from where good trials are dense and bad ones are not",
                   [](std::uint64_t seed) { return make_tpe_sampler({.seed = seed}); }},
      SamplerEntry{"random", "evenly from each range",
                   [](std::uint64_t seed) { return make_random_sampler({.seed = seed}); }},
      SamplerEntry{"qmc", "the Sobol sequence, which fills the box evenly",
                   [](std::uint64_t seed) { return make_qmc_sampler({.scramble = true, .seed = seed}); }},
      SamplerEntry{"halton", "the Halton sequence, which fills the box evenly",
                   [](std::uint64_t seed) {
                     return make_qmc_sampler({.type = QmcType::kHalton, .scramble = true, .seed = seed});
                   }},
      SamplerEntry{"nsga2", "a population that breeds; for several objectives",
                   [](std::uint64_t seed) { return make_nsga2_sampler({.seed = seed}); }},
      SamplerEntry{"nsga3", "a population spread over directions; for three and more objectives",
                   [](std::uint64_t seed) { return make_nsga3_sampler({.seed = seed}); }},
  };
  return kTable;
}

}  // namespace ivory::tuning
