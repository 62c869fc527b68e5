#include <ivory/tracking/logged_models.h>

#include <array>
#include <utility>

namespace ivory::tracking {
namespace {

constexpr std::array<std::pair<LoggedModelStatus, std::string_view>, 4> kStatusNames{{
    {LoggedModelStatus::kUnspecified, "LOGGED_MODEL_STATUS_UNSPECIFIED"},
    {LoggedModelStatus::kPending, "LOGGED_MODEL_PENDING"},
    {LoggedModelStatus::kReady, "LOGGED_MODEL_READY"},
    {LoggedModelStatus::kUploadFailed, "LOGGED_MODEL_UPLOAD_FAILED"},
}};

}  // namespace

std::string_view to_text(LoggedModelStatus status) noexcept {
  for (const auto& [value, name] : kStatusNames) {
    if (value == status) return name;
  }
  return kStatusNames.front().second;
}

std::optional<LoggedModelStatus> find_logged_model_status(std::string_view name) noexcept {
  for (const auto& [value, known] : kStatusNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace ivory::tracking
