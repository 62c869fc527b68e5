#include <ivory/net_server/http_message.h>

#include <algorithm>
#include <charconv>

namespace ivory::net {
namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

const std::string* Request::find_header(std::string_view name) const noexcept {
  const auto found =
      std::ranges::find_if(headers, [&](const auto& entry) { return same_name(entry.first, name); });
  return found == headers.end() ? nullptr : &found->second;
}

const std::string* Request::find_query(std::string_view name) const noexcept {
  const auto found = std::ranges::find_if(query, [&](const auto& entry) { return entry.first == name; });
  return found == query.end() ? nullptr : &found->second;
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  constexpr int kHex = 16;
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    char byte = text[at];
    if (byte == '+' && plus_is_space) byte = ' ';
    if (byte == '%') {
      if (at + 2 >= text.size()) return std::nullopt;
      unsigned value = 0;
      const char* const begin = text.data() + at + 1;
      const auto [end, error] = std::from_chars(begin, begin + 2, value, kHex);
      if (error != std::errc() || end != begin + 2) return std::nullopt;
      byte = static_cast<char>(value);
      at += 2;
    }
    if (byte == '\0') return std::nullopt;
    decoded.push_back(byte);
  }
  return decoded;
}

Fields parse_query(std::string_view text) {
  Fields fields;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const std::string_view name = pair.substr(0, pair.find('='));
    const std::string_view value =
        name.size() < pair.size() ? pair.substr(name.size() + 1) : std::string_view{};
    auto decoded_name = percent_decoded(name, true);
    auto decoded_value = percent_decoded(value, true);
    if (decoded_name && decoded_value && !decoded_name->empty())
      fields.emplace_back(*std::move(decoded_name), *std::move(decoded_value));
  }
  return fields;
}

}  // namespace ivory::net
