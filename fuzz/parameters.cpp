// From a parameter file and command line words to resolved parameters. The input is YAML, then lines
// "key=word".
//
// Whatever comes in, what comes out is parameters or an Error of the user's kind; and what was accepted
// holds: YAML and JSON read back as the same tree, an override changes nothing but values, a resolved section
// resolves to itself.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/params.h>
#include <ivory/base/range.h>
#include <ivory/registry/blueprint.h>
#include <ivory/registry/overrides.h>
#include <ivory/registry/registry.h>
#include <ivory/yaml/yaml.h>

namespace {

using ivory::Params;

constexpr std::string_view kSeparator = "\n%%\n";

void require(bool holds) {
  if (!holds) std::abort();
}

// Runs `work`; the user's mistakes are what it is for, anything else ends the program.
template <class Work>
void expect_user_errors(Work work) {
  try {
    work();
  } catch (const ivory::Error& error) {
    require(error.exit_status() == 2 && error.what()[0] != '\0');
  }
}

// NaN is no value that equals itself.
bool holds_nan(const Params& params) {
  if (params.is_real()) return std::isnan(params.as_real());
  if (params.is_list()) {
    for (const Params& element : params.elements())
      if (holds_nan(element)) return true;
  }
  if (params.is_map()) {
    for (const auto& item : params.items())
      if (holds_nan(item.value)) return true;
  }
  return false;
}

void check_round_trips(const Params& params) {
  if (holds_nan(params)) return;
  require(ivory::parse_yaml(ivory::to_yaml(params)) == params);
}

Params parse_arguments(std::string_view text) {
  Params args = Params::map();
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::vector<Params> values = ivory::parse_values(line.substr(equals + 1));
    if (!values.empty()) args.set(line.substr(0, equals), values.front());
  }
  return args;
}

const ivory::Registry& registry() {
  static const ivory::Registry kRegistry;
  return kRegistry;
}

void check_resolution(const Params& section) {
  const ivory::Blueprint blueprint(registry(), section, "torch", {"seed"});
  const Params resolved = blueprint.resolved();
  const ivory::Blueprint again(registry(), resolved, "torch", {"seed"});
  require(holds_nan(resolved) || again.resolved() == resolved);
}

void check(std::string_view input) {
  const std::size_t separator = std::min(input.find(kSeparator), input.size());
  const Params section = ivory::parse_yaml(input.substr(0, separator), "input.yml");
  check_round_trips(section);
  expect_user_errors([&] { check_resolution(section); });
  if (separator == input.size()) return;
  const Params args = parse_arguments(input.substr(separator + kSeparator.size()));
  const ivory::Overridden overridden = ivory::apply_overrides(registry(), "torch", section, args);
  check_round_trips(overridden.params);
  check_resolution(overridden.params);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  expect_user_errors([&] { check(input); });
  return 0;
}
