#include "counts.h"

#include <unistd.h>

#include <fstream>

namespace ivory::server {
namespace {

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void head(std::string& text, std::string_view name, std::string_view type, std::string_view help) {
  text.append("# HELP ")
      .append(name)
      .append(" ")
      .append(help)
      .append("\n# TYPE ")
      .append(name)
      .append(" ")
      .append(type)
      .append("\n");
}

}  // namespace

void Counts::add(std::string_view method, std::string_view path, int status, std::uint64_t bytes,
                 double seconds) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[{method, path, status}];
  ++entry.count;
  entry.bytes += bytes;
  entry.seconds += seconds;
}

std::string Counts::text(std::size_t connections) const {
  std::string counts, seconds, bytes;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, entry] : entries_) {
      const auto& [method, path, status] = key;
      const std::string labels = "{method=\"" + std::string(method) + "\",path=\"" + std::string(path) +
                                 "\",status=\"" + std::to_string(status) + "\"} ";
      counts += "ivory_http_requests_total" + labels + std::to_string(entry.count) + "\n";
      seconds += "ivory_http_request_seconds_total" + labels + std::to_string(entry.seconds) + "\n";
      bytes += "ivory_http_sent_bytes_total" + labels + std::to_string(entry.bytes) + "\n";
    }
  }
  std::string text;
  head(text, "ivory_http_requests_total", "counter", "Requests answered; status 0: the client went away.");
  text += counts;
  head(text, "ivory_http_request_seconds_total", "counter",
       "Time from the end of the headers to the last byte sent.");
  text += seconds;
  head(text, "ivory_http_sent_bytes_total", "counter", "Bytes sent.");
  text += bytes;
  head(text, "ivory_http_connections", "gauge", "Connections open now.");
  text += "ivory_http_connections " + std::to_string(connections) + "\n";
  head(text, "process_resident_memory_bytes", "gauge", "Memory of the process.");
  text += "process_resident_memory_bytes " + std::to_string(resident_bytes()) + "\n";
  return text;
}

}  // namespace ivory::server
