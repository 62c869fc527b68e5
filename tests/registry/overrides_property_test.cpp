// Overrides of random trees against a model that lists every path of the tree and asks of each whether the
// name stands for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include <ivory/base/error.h>
#include <ivory/base/rng.h>
#include <ivory/registry/overrides.h>

#include "zoo.h"

namespace {

using ivory::Params;
using ivory::Rng;

constexpr int kTrees = 3000;
// None is a form key or has a default class: the declarations have no say.
const std::vector<std::string> kNames{"a", "b", "c", "d", "e"};

// Leaves are integers, so that types never matter.
Params random_tree(Rng& rng, int depth) {
  const auto kind = rng.below(depth > 0 ? 6 : 2);
  if (kind < 2) return static_cast<int>(rng.below(100));
  const auto size = rng.below(4);
  if (kind == 2) {
    Params list = Params::list();
    for (std::uint64_t i = 0; i < size; ++i) list.push_back(random_tree(rng, depth - 1));
    return list;
  }
  Params map = Params::map();
  for (std::uint64_t i = 0; i < size + 1; ++i)
    map.set(kNames[rng.below(kNames.size())], random_tree(rng, depth - 1));
  return map;
}

Params random_section(Rng& rng) {
  for (;;)
    if (Params tree = random_tree(rng, 4); tree.is_map()) return tree;
}

std::string random_name(Rng& rng) {
  std::string name = kNames[rng.below(kNames.size())];
  for (auto more = rng.below(3); more > 0; --more)
    name += "." + (rng.below(3) == 0 ? std::to_string(rng.below(3)) : kNames[rng.below(kNames.size())]);
  return name;
}

// ---- the model

using Path = std::vector<std::string>;

void list_paths(const Params& node, const Path& path, std::vector<Path>& paths) {
  if (!path.empty()) paths.push_back(path);
  const auto visit = [&](const std::string& word, const Params& part) {
    Path longer = path;
    longer.push_back(word);
    list_paths(part, longer, paths);
  };
  if (node.is_map())
    for (const auto& [key, part] : node.items()) visit(key, part);
  if (node.is_list())
    for (std::size_t i = 0; i < node.size(); ++i) visit(std::to_string(i), node.elements()[i]);
}

Params* walk(Params& tree, const Path& path) {
  Params* node = &tree;
  for (const std::string& word : path) node = node->is_list() ? &node->at(std::stoul(word)) : &node->at(word);
  return node;
}

// A path is meant by a name if it ends with the name's words and no mapping on the way to them (the one that
// holds the first word left out) holds the first word.
bool is_meant(const Params& tree, const Path& path, const Path& name) {
  if (path.size() < name.size()) return false;
  const std::size_t scope = path.size() - name.size();
  if (!std::equal(name.begin(), name.end(), path.begin() + static_cast<std::ptrdiff_t>(scope))) return false;
  Params copy = tree;
  for (std::size_t length = 0; length < scope; ++length) {
    const Params* on_the_way =
        walk(copy, Path(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(length)));
    if (on_the_way->is_map() && on_the_way->contains(name.front())) return false;
  }
  return walk(copy, Path(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(scope)))->is_map();
}

Path words_of(const std::string& name) {
  Path words;
  std::istringstream in(name);
  for (std::string word; std::getline(in, word, '.');) words.push_back(word);
  return words;
}

std::vector<Path> meant(const Params& tree, const std::string& name) {
  std::vector<Path> all;
  list_paths(tree, {}, all);
  std::erase_if(all, [&](const Path& path) { return !is_meant(tree, path, words_of(name)); });
  return all;
}

// ---- the comparison

// The value given: of the kind of the first meant, so that it fits (or does not, where another is meant too).
Params value_like(const Params& present, Rng& rng) {
  if (present.is_int()) return static_cast<int>(100 + rng.below(100));
  return present;
}

// The tree as it should become, or nothing where an override is refused.
std::optional<Params> expected(const Params& tree, const std::string& name, const Params& value) {
  const std::vector<Path> paths = meant(tree, name);
  if (paths.empty()) return std::nullopt;
  Params result = tree;
  for (const Path& path : paths) {
    Params& node = *walk(result, path);
    if (node.kind() != value.kind()) return std::nullopt;
    node = value;
  }
  return result;
}

std::optional<Params> overridden(const Params& tree, const std::string& name, const Params& value) {
  try {
    Params args = Params::map();
    args.set(name, value);
    return ivory::apply_overrides(zoo::registry(), "", tree, args).params;
  } catch (const ivory::Error& error) {
    EXPECT_EQ(ivory::ErrorCode::kInvalidArgument, error.code());
    return std::nullopt;
  }
}

TEST(OverrideProperty, AgreesWithTheModelOnRandomTrees) {
  int applied = 0;
  int several = 0;
  for (int seed = 0; seed < kTrees; ++seed) {
    Rng rng({static_cast<std::uint64_t>(seed), 0, "overrides"});
    const Params tree = random_section(rng);
    const std::string name = random_name(rng);
    const std::vector<Path> paths = meant(tree, name);
    Params copy = tree;
    Params value = paths.empty() ? Params(1) : value_like(*walk(copy, paths.front()), rng);
    if (value.is_list()) value = Params::list();  // fits every list
    const auto wanted = expected(tree, name, value);
    const auto found = overridden(tree, name, value);
    ASSERT_EQ(wanted.has_value(), found.has_value())
        << "seed " << seed << ": " << name << " in " << tree.to_text();
    if (!wanted) continue;
    ASSERT_EQ(*wanted, *found) << "seed " << seed << ": " << name << " in " << tree.to_text();
    ++applied;
    several += paths.size() > 1 ? 1 : 0;
  }
  EXPECT_GT(applied, kTrees / 4);  // the test tests something
  EXPECT_GT(several, kTrees / 100);
}

TEST(OverrideProperty, ColonsAreTheWholeListAtOnce) {
  for (int seed = 0; seed < kTrees / 10; ++seed) {
    Rng rng({static_cast<std::uint64_t>(seed), 0, "colons"});
    const Params tree{{"m", {{"list", {1, 2}}}}, {"n", {{"o", {{"list", {3}}}}}}};
    const auto size = static_cast<std::int64_t>(1 + rng.below(12));
    Params whole = Params::list();
    for (std::int64_t i = 0; i < size; ++i) whole.push_back(static_cast<int>(rng.below(100)));
    Params args = Params::map();
    for (const std::int64_t i : rng.permutation(size))
      args.set("list:" + std::to_string(i), whole.at(static_cast<std::size_t>(i)));
    const auto result = ivory::apply_overrides(zoo::registry(), "", tree, args);
    EXPECT_EQ((Params{{"m", {{"list", whole}}}, {"n", {{"o", {{"list", whole}}}}}}), result.params);
    EXPECT_EQ(args, result.update);
  }
}

}  // namespace
