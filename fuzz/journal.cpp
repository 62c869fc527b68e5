// Optuna's journal file and its distributions. The first byte of the input chooses: j a journal, d the JSON
// of a distribution. What is read is written again and read back the same.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/log.h>
#include <ivory/tuning/distributions.h>
#include <ivory/tuning/study.h>

namespace {
using namespace ivory::tuning;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_distribution(std::string_view json) {
  const Distribution distribution = Distribution::from_json(json);
  require(distribution.low() <= distribution.high());
  require(distribution.contains(distribution.low()));
  require(Distribution::from_json(distribution.to_json()) == distribution);
  require(!distribution.to_text().empty());
}

bool same(const FrozenTrial& a, const FrozenTrial& b) {
  return a.number == b.number && a.state == b.state && a.values.size() == b.values.size() &&
         a.params.size() == b.params.size() && a.intermediate_values.size() == b.intermediate_values.size() &&
         a.user_attrs.size() == b.user_attrs.size() && a.datetime_start == b.datetime_start;
}

void check_journal(std::string_view lines) {
  static const ivory::TemporaryFolder folder;
  const std::string path = folder.path() / "j.log", url = "journal:///" + path;
  const std::string copy_path = folder.path() / "copy.log", copy_url = "journal:///" + copy_path;
  ivory::write_file(path, lines);
  for (const std::string& name : get_all_study_names(url)) {
    std::filesystem::remove(copy_path);
    const Study study = load_study({.storage = url, .study_name = name});
    copy_study(name, url, copy_url);
    const auto before = study.trials(), after = load_study({.storage = copy_url}).trials();
    require(before.size() == after.size());
    for (std::size_t i = 0; i < before.size(); ++i) require(same(before[i], after[i]));
  }
}

void check(char kind, std::string_view text) {
  if (kind == 'j') check_journal(text);
  if (kind == 'd') check_distribution(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return -1;
  ivory::set_log_level(ivory::LogLevel::kOff);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try {
    check(input[0], input.substr(1));
  } catch (const ivory::Error& error) {
    require(error.what()[0] != '\0');
  }
  return 0;
}
