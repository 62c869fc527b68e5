// The file that keeps what a run logs while its server is away. What is read is appended to another and read
// back the same; whatever follows the whole lines does no harm.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/tracking/spool.h>

namespace {
using namespace ivory::tracking;

void require(bool holds) {
  if (!holds) std::abort();
}

// As far as values compare (a NaN does not).
bool same(const SpoolRecord& a, const SpoolRecord& b) {
  if (a.index() != b.index()) return false;
  if (const auto* const batch = std::get_if<Batch>(&a)) {
    const auto& other = std::get<Batch>(b);
    return batch->metrics.size() == other.metrics.size() && batch->params == other.params &&
           batch->tags == other.tags;
  }
  if (const auto* const update = std::get_if<RunUpdate>(&a)) {
    const auto& other = std::get<RunUpdate>(b);
    return update->status == other.status && update->end_time_ms == other.end_time_ms &&
           update->tags == other.tags;
  }
  if (const auto* const inputs = std::get_if<PendingInputs>(&a))
    return inputs->datasets.size() == std::get<PendingInputs>(b).datasets.size();
  return std::get<PendingArtifact>(a).file == std::get<PendingArtifact>(b).file;
}

// With the hash before each line, so that the fuzzer need not find it.
std::string hashed(std::string_view lines) {
  std::string text;
  for (std::size_t at = 0; at < lines.size();) {
    const auto end = std::min(lines.find('\n', at), lines.size());
    const std::string_view line = lines.substr(at, end - at);
    text += ivory::content_hash(line) + " " + std::string(line) + "\n";
    at = end + 1;
  }
  return text;
}

void check(std::string_view bytes) {
  const SpoolContents contents = parse_spool(bytes);
  require(contents.whole_bytes <= bytes.size());
  require(parse_spool(bytes.substr(0, contents.whole_bytes)).records.size() == contents.records.size());
  static const ivory::TemporaryFolder folder;
  Spool spool(folder.path(), contents.tracking_uri, "r");
  for (const SpoolRecord& record : contents.records) spool.append(record);
  if (!spool.empty()) {
    const SpoolContents again = spool.read();
    require(again.records.size() == contents.records.size());
    for (std::size_t i = 0; i < again.records.size(); ++i)
      require(same(again.records[i], contents.records[i]));
  }
  spool.clear();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string& bytes : {std::string(text), hashed(text)}) {
    try {
      check(bytes);
    } catch (const ivory::Error&) {
    }
  }
  return 0;
}
