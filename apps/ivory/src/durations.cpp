#include "durations.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <utility>

#include <ivory/base/error.h>

namespace ivory {

std::chrono::seconds parse_duration(std::string_view text, std::string_view option,
                                    std::string_view examples) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, text.data() + text.size());
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kUnits{
      {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}, {"w", 604'800}}};
  constexpr std::int64_t kMost = 100'000'000;
  for (const auto& [name, seconds] : kUnits)
    if (error == std::errc() && unit == name && number >= 0 && number <= kMost)
      return std::chrono::seconds(number * seconds);
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("{}: expected {}, found '{}'", option, examples, text));
}

}  // namespace ivory
