#include <algorithm>
#include <map>
#include <memory>

#include <ivory/base/error.h>
#include <ivory/tuning/samplers.h>

#include "space.h"

namespace ivory::tuning {
namespace {
using Path = std::span<const ParamRecord>;

std::vector<double> values_of(const Distribution& distribution) {
  if (distribution.is_float() && distribution.step() == 0) {
    throw Error(ErrorCode::kInvalidArgument, "brute force needs a step for a " + distribution.to_text());
  }
  const double step = distribution.is_categorical() ? 1 : distribution.step();
  std::vector<double> values;
  for (std::int64_t i = 0;
       distribution.low() + static_cast<double>(i) * step <= distribution.high() + step * 1e-8; ++i)
    values.push_back(std::min(distribution.low() + static_cast<double>(i) * step, distribution.high()));
  return values;
}

// What trials have tried: a node is what has been suggested so far, its children the values of the next
// parameter.
struct Node {
  bool is_done = false;        // every way from here has been gone to its end
  std::vector<double> values;  // of the next parameter; empty: not known, or none
  std::map<double, std::unique_ptr<Node>> children;

  void add(const History& history, Path path) {
    if (is_done) return;
    if (path.empty()) {
      is_done = values.empty();
      return;
    }
    if (values.empty()) values = values_of(history.distribution(path.front().distribution));
    auto& child = children[path.front().internal];
    if (!child) child = std::make_unique<Node>();
    child->add(history, path.subspan(1));
    is_done = std::ranges::all_of(values, [&](double value) {
      const auto found = children.find(value);
      return found != children.end() && found->second->is_done;
    });
  }
  [[nodiscard]] const Node* find(double value) const {
    const auto found = children.find(value);
    return found == children.end() ? nullptr : found->second.get();
  }
};

std::vector<Path> follow(const std::vector<Path>& paths, double value) {
  std::vector<Path> next;
  for (const Path path : paths) {
    if (!path.empty() && path.front().internal == value) next.push_back(path.subspan(1));
  }
  return next;
}

// True if nothing new is left below `node` while the trials on `running` go on.
bool is_taken(const History& history, const Node* node, const std::vector<Path>& running) {
  if (node && node->is_done) return true;
  if (running.empty()) return false;
  const bool known = node && !node->values.empty();
  const auto further = std::ranges::find_if(running, [](Path path) { return !path.empty(); });
  if (!known && further == running.end()) return true;  // one stands here: nobody knows what comes
  const std::vector<double> values = known ? node->values
                                     : further != running.end()
                                         ? values_of(history.distribution(further->front().distribution))
                                         : std::vector<double>{};
  return std::ranges::all_of(values, [&](double value) {
    return is_taken(history, node ? node->find(value) : nullptr, follow(running, value));
  });
}

class BruteForceSampler final : public Sampler {
 public:
  explicit BruteForceSampler(const BruteForceOptions& options) : seed_(seed_or_random(options.seed)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "brute_force"; }

  [[nodiscard]] double sample_independent(TrialContext& context, std::string_view name,
                                          const Distribution& distribution) const override {
    const History& history = context.history();
    const Tree& tree = follow_history(context);
    const Node* node = &tree.root;
    std::vector<Path> running;
    for (const std::int64_t number : history.running()) {
      if (number != context.number()) running.emplace_back(history.trial(number).params);
    }
    for (const auto& param : context.trial().params) {
      node = node ? node->find(param.internal) : nullptr;
      running = follow(running, param.internal);
    }
    const std::vector<double> all = values_of(distribution);
    const auto left = [&](bool look_at_running) {
      std::vector<double> values;
      for (const double value : all) {
        const std::vector<Path> there = look_at_running ? follow(running, value) : std::vector<Path>{};
        if (!is_taken(history, node ? node->find(value) : nullptr, there)) values.push_back(value);
      }
      return values;
    };
    std::vector<double> candidates = left(true);
    if (candidates.empty()) candidates = left(false);
    if (candidates.empty()) candidates = all;
    Rng rng = context.rng(seed_, name);
    return candidates[rng.below(candidates.size())];
  }

  void after_trial(TrialContext& context, TrialState, std::span<const double>) const override {
    Tree& tree = follow_history(context);
    tree.root.add(context.history(), context.trial().params);
    if (tree.root.is_done) context.stop();
  }

 private:
  struct Tree {
    std::size_t seen = 0;
    Node root;
  };
  Tree& follow_history(TrialContext& context) const {
    auto& tree = context.memory<Tree>(this);
    const History& history = context.history();
    for (; tree.seen < history.finished().size(); ++tree.seen)
      tree.root.add(history, history.trial(history.finished()[tree.seen]).params);
    return tree;
  }
  std::uint64_t seed_;
};
}  // namespace

std::unique_ptr<Sampler> make_brute_force_sampler(const BruteForceOptions& options) {
  return std::make_unique<BruteForceSampler>(options);
}

}  // namespace ivory::tuning
