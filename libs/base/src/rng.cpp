#include <ivory/base/rng.h>

#include <cassert>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace ivory {
namespace {

using Block = std::array<std::uint32_t, 4>;

__extension__ using Wide = unsigned __int128;

std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::uint32_t high(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32U); }

// FNV-1a, 64 bits.
std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

// What the digest is for: streams and derived seeds of one key have nothing in common.
enum class Use : std::uint32_t { kStream = 1, kSeed = 2 };

// 128 bits of a key: its words go one after another into the state, and the cipher mixes the state after each
// (a CBC chain). The cipher is a bijection, so keys that differ in one word alone never meet. The cipher's
// own key is the use and the number of the word.
Block digest(const RngKey& key, Use use) {
  const std::array<std::uint64_t, 6> words = {key.seed,           key.repeat, hash_text(key.purpose),
                                              key.purpose.size(), key.epoch,  key.sample};
  Block state = {0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U};  // the first digits of pi
  std::uint32_t position = 0;
  for (const auto word : words) {
    state[0] ^= low(word);
    state[1] ^= high(word);
    state = Rng::philox(state, {static_cast<std::uint32_t>(use), position++});
  }
  return state;
}

}  // namespace

Block Rng::philox(Block counter, std::array<std::uint32_t, 2> key) noexcept {
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53U, kMultiplier1 = 0xCD9E8D57U;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9U, kWeyl1 = 0xBB67AE85U;
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    const auto product0 = kMultiplier0 * counter[0];
    const auto product1 = kMultiplier1 * counter[2];
    counter = {high(product1) ^ counter[1] ^ key[0], low(product1), high(product0) ^ counter[3] ^ key[1],
               low(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

// Half of the digest is the cipher's key, half the counter's upper part; the lower part counts 2^64 blocks.
Rng::Rng(const RngKey& key) noexcept {
  const auto bits = digest(key, Use::kStream);
  key_ = {bits[0], bits[1]};
  counter_ = {0, 0, bits[2], bits[3]};
}

Rng::result_type Rng::operator()() noexcept {
  if (used_ == block_.size()) {
    block_ = philox(counter_, key_);
    if (++counter_[0] == 0) ++counter_[1];
    used_ = 0;
  }
  return block_[used_++];
}

std::uint64_t Rng::next64() noexcept {
  const std::uint64_t first = (*this)();
  return first | (static_cast<std::uint64_t>((*this)()) << 32U);
}

double Rng::uniform() noexcept { return static_cast<double>(next64() >> 11U) * 0x1p-53; }

double Rng::uniform(double low, double high) noexcept {
  const double value = low + (high - low) * uniform();
  return value < high || !(low < high) ? value : std::nextafter(high, low);
}

double Rng::normal() noexcept {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));  // of (0, 1]: never the logarithm of 0
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

// Lemire: Fast Random Integer Generation in an Interval, TOMACS 2019.
std::uint64_t Rng::below(std::uint64_t n) noexcept {
  assert(n > 0 && "there is no number below 0");
  auto product = static_cast<Wide>(next64()) * n;
  auto fraction = static_cast<std::uint64_t>(product);
  if (fraction < n) {
    const auto threshold = (0 - n) % n;
    while (fraction < threshold) {
      product = static_cast<Wide>(next64()) * n;
      fraction = static_cast<std::uint64_t>(product);
    }
  }
  return static_cast<std::uint64_t>(product >> 64U);
}

void Rng::shuffle(std::span<std::int64_t> values) noexcept {
  for (std::size_t left = values.size(); left > 1; --left) std::swap(values[left - 1], values[below(left)]);
}

std::vector<std::int64_t> Rng::permutation(std::int64_t n) {
  assert(n >= 0 && "a permutation has no negative length");
  std::vector<std::int64_t> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), std::int64_t{0});
  shuffle(values);
  return values;
}

std::uint64_t derive_seed(const RngKey& key) noexcept {
  const auto bits = digest(key, Use::kSeed);
  return bits[0] | (static_cast<std::uint64_t>(bits[1]) << 32U);
}

}  // namespace ivory
