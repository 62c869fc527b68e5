#include <ivory/base/error.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace ivory {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours, no part edited
// twice.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

// The distance if it is small enough for a slip.
std::optional<std::size_t> slip(std::string_view name, std::string_view candidate) {
  const auto allowed = std::max<std::size_t>(1, name.size() / 3);
  const auto longer = std::max(name.size(), candidate.size());
  if (longer - std::min(name.size(), candidate.size()) > allowed) return std::nullopt;
  const auto distance = edit_distance(name, candidate);
  if (distance > allowed || (distance == longer && distance > 0)) return std::nullopt;
  return distance;
}

std::string_view last_component(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

// Removes the leading and trailing components that both have, so that a long common prefix excuses nothing.
void drop_common_components(std::string_view& a, std::string_view& b) {
  for (;;) {
    const auto dot = a.find('.');
    if (dot == std::string_view::npos || a.substr(0, dot + 1) != b.substr(0, dot + 1)) break;
    a.remove_prefix(dot + 1);
    b.remove_prefix(dot + 1);
  }
  for (;;) {
    const auto dot = a.rfind('.');
    if (dot == std::string_view::npos || !b.ends_with(a.substr(dot))) break;
    b.remove_suffix(a.size() - dot);
    a.remove_suffix(a.size() - dot);
  }
}

// Lower is nearer; a match of the last components alone ranks behind an equally near match of the whole.
std::optional<std::size_t> rank(std::string_view name, std::string_view candidate) {
  auto name_rest = name;
  auto candidate_rest = candidate;
  drop_common_components(name_rest, candidate_rest);
  const auto whole = slip(name_rest, candidate_rest);
  const auto last = slip(last_component(name), last_component(candidate));
  std::optional<std::size_t> best;
  if (whole) best = 2 * *whole;
  if (last) best = std::min(best.value_or(2 * *last + 1), 2 * *last + 1);
  return best;
}

}  // namespace

int Error::exit_status() const noexcept {
  switch (code_) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kUnsupported:
      return 2;
    case ErrorCode::kConflict:
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      return 1;
  }
  return 1;
}

std::string nearest_name(std::string_view name, std::span<const std::string> candidates) {
  const std::string* nearest = nullptr;
  std::size_t best = 0;
  for (const auto& candidate : candidates) {
    const auto rank_here = rank(name, candidate);
    if (!rank_here || (nearest && *rank_here >= best)) continue;
    nearest = &candidate;
    best = *rank_here;
  }
  return nearest ? *nearest : std::string();
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates, std::size_t limit) {
  if (const auto nearest = nearest_name(name, candidates); !nearest.empty()) {
    return "; did you mean '" + nearest + "'?";
  }
  if (candidates.empty() || candidates.size() > limit) return {};
  return (candidates.size() == 1 ? "; expected " : "; expected one of ") + join(candidates);
}

std::string join(std::span<const std::string> words, std::string_view separator) {
  std::string joined;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) joined += separator;
    joined += words[i];
  }
  return joined;
}

}  // namespace ivory
