// Counts: what /metrics tells, in Prometheus' text form.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

namespace ivory::server {

class Counts {
 public:
  // `path` is that of a route, or "other": not what the client made up. It lives as long as the program.
  void add(std::string_view method, std::string_view path, int status, std::uint64_t bytes, double seconds);
  [[nodiscard]] std::string text(std::size_t connections) const;

 private:
  struct Entry {
    std::uint64_t count = 0, bytes = 0;
    double seconds = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::tuple<std::string_view, std::string_view, int>, Entry> entries_;  // method, path, status
};

}  // namespace ivory::server
