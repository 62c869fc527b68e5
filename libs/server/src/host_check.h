// Which hosts and origins a request may name: a page of some other site must not reach a server that its
// reader can reach (DNS rebinding, cross-site requests).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <ivory/net_server/http_message.h>

namespace ivory::server {

class HostCheck {
 public:
  // As in ApiOptions.
  HostCheck(std::vector<std::string> hosts, std::vector<std::string> origins);

  [[nodiscard]] bool allows_host(const net::Request& request) const;
  [[nodiscard]] bool allows_origin(const net::Request& request) const;  // also without one
  // May the page that this origin names read the answer? Then with these headers.
  [[nodiscard]] net::Fields headers_for(const net::Request& request) const;

 private:
  std::vector<std::string> hosts_, origins_;
};

}  // namespace ivory::server
