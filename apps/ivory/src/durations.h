// Spans of time as the command line has them.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

namespace ivory {

// "30d", "10m", "0s": a whole number of seconds, minutes, hours, days or weeks. `option` and `examples`
// ("an age such as 30d, 12h or 0s") are for the message. Errors: kInvalidArgument.
[[nodiscard]] std::chrono::seconds parse_duration(std::string_view text, std::string_view option,
                                                  std::string_view examples);

}  // namespace ivory
