#include "host_check.h"

#include <arpa/inet.h>
#include <fnmatch.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>

namespace ivory::server {
namespace {

// "localhost" of "localhost:5000", "::1" of "[::1]:5000".
std::string without_port(std::string_view host) {
  if (host.starts_with('[')) return std::string(host.substr(1, host.find(']') - 1));
  return std::string(host.substr(0, host.find(':')));
}

// An address itself, not a name that begins like one.
bool is_private_address(const std::string& host) {
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) {
    struct Range {
      std::uint32_t first, mask;
    };
    constexpr std::array kRanges{Range{0x7f000000, 0xff000000}, Range{0x0a000000, 0xff000000},
                                 Range{0xac100000, 0xfff00000}, Range{0xc0a80000, 0xffff0000},
                                 Range{0x00000000, 0xffffffff}};
    const std::uint32_t address = ntohl(four.s_addr);
    return std::ranges::any_of(kRanges,
                               [&](const Range& range) { return (address & range.mask) == range.first; });
  }
  in6_addr six{};
  if (inet_pton(AF_INET6, host.c_str(), &six) != 1) return false;
  constexpr unsigned kUniqueLocal = 0xfc, kMask = 0xfe;
  return IN6_IS_ADDR_LOOPBACK(&six) || (six.s6_addr[0] & kMask) == kUniqueLocal;
}

bool matches(const std::vector<std::string>& patterns, const std::string& text) {
  return std::ranges::any_of(
      patterns, [&](const std::string& pattern) { return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0; });
}

// Names of hosts are the same in upper and lower case.
std::string lowered(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string header(const net::Request& request, std::string_view name) {
  const std::string* const value = request.find_header(name);
  return value == nullptr ? std::string() : *value;
}

}  // namespace

HostCheck::HostCheck(std::vector<std::string> hosts, std::vector<std::string> origins)
    : hosts_(std::move(hosts)), origins_(std::move(origins)) {
  for (std::vector<std::string>* const patterns : {&hosts_, &origins_})
    for (std::string& pattern : *patterns) pattern = lowered(pattern);
}

bool HostCheck::allows_host(const net::Request& request) const {
  const std::string host = lowered(header(request, "Host"));
  const std::string name = without_port(host);
  if (!hosts_.empty()) return matches(hosts_, host) || matches(hosts_, name);
  return name == "localhost" || is_private_address(name);
}

bool HostCheck::allows_origin(const net::Request& request) const {
  const std::string origin = lowered(header(request, "Origin"));
  if (origin.empty() || matches(origins_, origin)) return true;
  const auto scheme = origin.find("://");
  if (scheme == std::string::npos) return false;  // "null", for one
  const std::string place = origin.substr(scheme + 3);
  if (place == lowered(header(request, "Host"))) return true;
  const std::string name = without_port(place);
  return name == "localhost" || name == "127.0.0.1" || name == "::1";
}

net::Fields HostCheck::headers_for(const net::Request& request) const {
  const std::string origin = header(request, "Origin");
  if (origin.empty() || !allows_origin(request)) return {};
  return {{"Access-Control-Allow-Origin", origin},
          {"Vary", "Origin"},
          {"Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"},
          {"Access-Control-Allow-Headers", "Authorization, Content-Type"}};
}

}  // namespace ivory::server
