#include <ivory/tuning/samplers.h>

#include <array>

namespace ivory::tuning {

std::span<const SamplerEntry> sampler_table() {
  static constexpr std::array kTable{
      SamplerEntry{"auto", "picks a sampler by the space, the objectives and the trials so far",
                   [](std::uint64_t seed) { return make_auto_sampler({.seed = seed}); }},
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
      SamplerEntry{"cma-es", "a normal distribution that learns the shape of the function",
                   [](std::uint64_t seed) { return make_cma_es_sampler({.seed = seed}); }, false},
      SamplerEntry{
          "sep-cma-es", "CMA-ES with a diagonal covariance, for many parameters",
          [](std::uint64_t seed) { return make_cma_es_sampler({.use_separable_cma = true, .seed = seed}); },
          false},
      SamplerEntry{
          "cma-es-margin", "CMA-ES for parameters with steps",
          [](std::uint64_t seed) { return make_cma_es_sampler({.with_margin = true, .seed = seed}); }, false},
      SamplerEntry{"gp", "a Gaussian process says where most is to be expected; for few, dear trials",
                   [](std::uint64_t seed) { return make_gp_sampler({.seed = seed}); }},
  };
  return kTable;
}

}  // namespace ivory::tuning
