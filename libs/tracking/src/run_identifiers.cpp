#include "run_identifiers.h"

#include <sys/random.h>

#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <system_error>

#include <ivory/base/error.h>

namespace ivory::tracking {
namespace {

// Of at most seven letters, so that a whole name has at most 20 characters.
constexpr std::array<std::string_view, 120> kAdjectives{
    "able",    "agile",   "amused",  "apt",     "ardent",  "astute", "awake",   "bald",    "bold",
    "brash",   "brave",   "bright",  "brisk",   "calm",    "candid", "capable", "careful", "casual",
    "chill",   "clean",   "clever",  "crisp",   "curious", "daring", "dapper",  "deft",    "dreamy",
    "eager",   "earnest", "easy",    "elegant", "epic",    "exact",  "fair",    "famous",  "fancy",
    "fast",    "festive", "fine",    "firm",    "fluent",  "fond",   "frank",   "free",    "fresh",
    "funny",   "gallant", "gentle",  "gifted",  "glad",    "golden", "grand",   "gritty",  "happy",
    "hardy",   "hearty",  "honest",  "humble",  "ideal",   "jolly",  "jovial",  "keen",    "kind",
    "lively",  "loud",    "loyal",   "lucky",   "lush",    "mellow", "merry",   "mighty",  "modest",
    "neat",    "nimble",  "noble",   "open",    "patient", "placid", "playful", "polite",  "popular",
    "prime",   "proud",   "prudent", "quick",   "quiet",   "rare",   "ready",   "regal",   "robust",
    "rugged",  "sassy",   "sedate",  "secure",  "serene",  "sharp",  "shiny",   "silent",  "simple",
    "sincere", "skilled", "sleepy",  "smart",   "smooth",  "solid",  "spicy",   "steady",  "sturdy",
    "stylish", "subtle",  "sunny",   "swift",   "tender",  "tidy",   "upbeat",  "valiant", "vivid",
    "warm",    "wise",    "zealous",
};
constexpr std::array<std::string_view, 120> kNouns{
    "ant",   "ape",   "asp",   "auk",   "badger", "bass",    "bat",   "bear",  "beaver", "bee",     "bird",
    "bison", "boar",  "bug",   "bull",  "calf",   "camel",   "carp",  "cat",   "chimp",  "cod",     "colt",
    "conch", "cow",   "crab",  "crane", "crow",   "cub",     "deer",  "doe",   "dog",    "dolphin", "donkey",
    "dove",  "duck",  "eagle", "eel",   "elk",    "falcon",  "fawn",  "finch", "fish",   "flea",    "fly",
    "foal",  "fowl",  "fox",   "frog",  "gnat",   "gnu",     "goat",  "goose", "grouse", "grub",    "gull",
    "hare",  "hawk",  "hen",   "heron", "hog",    "horse",   "hound", "ibis",  "jackal", "jay",     "kit",
    "kite",  "koala", "koi",   "lamb",  "lark",   "lemur",   "lion",  "lynx",  "mare",   "mink",    "mole",
    "moose", "moth",  "mouse", "mule",  "newt",   "ostrich", "otter", "owl",   "ox",     "panda",   "panther",
    "perch", "pig",   "pug",   "quail", "rabbit", "ram",     "rat",   "raven", "robin",  "rook",    "seal",
    "shad",  "shark", "sheep", "shoat", "shrew",  "shrike",  "skink", "skunk", "sloth",  "slug",    "smelt",
    "snail", "snake", "snipe", "sow",   "sponge", "squid",   "stork", "stag",  "steed",  "stoat",
};

template <std::size_t N>
std::array<std::uint8_t, N> random_bytes() {
  std::array<std::uint8_t, N> bytes{};
  // Up to 256 bytes come whole, once the kernel has gathered its first entropy.
  while (getrandom(bytes.data(), N, 0) != static_cast<ssize_t>(N)) {
    if (errno != EINTR)
      throw Error(ErrorCode::kIo, "no random bytes: " + std::generic_category().message(errno));
  }
  return bytes;
}

std::string to_uuid(std::array<std::uint8_t, 16> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | 0x40);  // version 4
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);  // variant 1
  std::string id;
  id.reserve(32);
  for (const std::uint8_t byte : bytes) {
    id += kDigits[byte >> 4];
    id += kDigits[byte & 15];
  }
  return id;
}

}  // namespace

std::string make_run_id() { return to_uuid(random_bytes<16>()); }

RunIds::RunIds() : count_(std::bit_cast<std::uint32_t>(random_bytes<4>())) {}

std::string RunIds::next() {
  auto bytes = random_bytes<16>();
  std::uint32_t count = count_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 4; i-- > 0; count >>= 8) bytes[i] = static_cast<std::uint8_t>(count);
  return to_uuid(bytes);
}

std::string make_run_name() {
  const auto bytes = random_bytes<12>();
  const auto draw = [&](std::size_t at, std::uint32_t below) {
    std::uint32_t number = 0;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    return number % below;
  };
  std::string name(kAdjectives[draw(0, kAdjectives.size())]);
  name += '-';
  name += kNouns[draw(4, kNouns.size())];
  return name + '-' + std::to_string(draw(8, 1001));
}

std::optional<std::int64_t> number_of_name(std::string_view name, std::string_view prefix) noexcept {
  if (name.size() <= prefix.size() + 1 || name.substr(0, prefix.size()) != prefix ||
      name[prefix.size()] != '#') {
    return std::nullopt;
  }
  const std::string_view digits = name.substr(prefix.size() + 1);
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number < 0) return std::nullopt;
  return number;
}

}  // namespace ivory::tracking
