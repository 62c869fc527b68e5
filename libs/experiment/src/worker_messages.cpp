#include "worker_messages.h"

#include <array>
#include <utility>

#include <ivory/yaml/yaml.h>

namespace ivory {
namespace {

constexpr std::array<std::pair<ErrorCode, std::string_view>, 6> kCodes{{
    {ErrorCode::kInvalidArgument, "invalid_argument"},
    {ErrorCode::kNotFound, "not_found"},
    {ErrorCode::kConflict, "conflict"},
    {ErrorCode::kIo, "io"},
    {ErrorCode::kUnsupported, "unsupported"},
    {ErrorCode::kInternal, "internal"},
}};

std::string_view code_name(ErrorCode code) {
  for (const auto& [each, name] : kCodes)
    if (each == code) return name;
  return "internal";
}

}  // namespace

Params open_message(const WorkerSetup& setup) {
  return {{"kind", "open"},
          {"directory", setup.directory},
          {"tracked", setup.tracked},
          {"experiment", setup.experiment},
          {"params", to_yaml(setup.params)}};
}

WorkerSetup to_setup(const Params& message) {
  return {.directory = message.at("directory").as_string(),
          .tracked = message.at("tracked").as_bool(),
          .experiment = message.at("experiment").as_string(),
          .params = parse_yaml(message.at("params").as_string(), message.at("experiment").as_string())};
}

Params run_message(const RunJob& job) {
  Params message{{"kind", "run"}};
  message.set("job", job.to_params());
  return message;
}

Params trial_message(const TrialJob& job) {
  Params message{{"kind", "trial"}};
  message.set("job", job.to_params());
  return message;
}

Params verdict_message(bool prune) { return {{"kind", "verdict"}, {"prune", prune}}; }

Params failed_message(const std::exception& error) {
  const auto* own = dynamic_cast<const Error*>(&error);
  return {{"kind", "failed"},
          {"code", code_name(own == nullptr ? ErrorCode::kInternal : own->code())},
          {"message", error.what()}};
}

ErrorCode to_error_code(std::string_view name) {
  for (const auto& [code, each] : kCodes)
    if (each == name) return code;
  return ErrorCode::kInternal;
}

}  // namespace ivory
