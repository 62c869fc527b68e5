#include <ivory/tracking/store_error.h>

#include <array>

namespace ivory::tracking {
namespace {

struct Known {
  Refusal refusal;
  std::string_view name;
  int http_status;
  ErrorCode code;
};

constexpr std::array kKnown{
    Known{Refusal::kInvalidParameterValue, "INVALID_PARAMETER_VALUE", 400, ErrorCode::kInvalidArgument},
    Known{Refusal::kBadRequest, "BAD_REQUEST", 400, ErrorCode::kInvalidArgument},
    Known{Refusal::kResourceAlreadyExists, "RESOURCE_ALREADY_EXISTS", 400, ErrorCode::kConflict},
    Known{Refusal::kResourceDoesNotExist, "RESOURCE_DOES_NOT_EXIST", 404, ErrorCode::kNotFound},
    Known{Refusal::kEndpointNotFound, "ENDPOINT_NOT_FOUND", 404, ErrorCode::kNotFound},
    Known{Refusal::kInvalidState, "INVALID_STATE", 500, ErrorCode::kConflict},
    Known{Refusal::kUnauthenticated, "UNAUTHENTICATED", 401, ErrorCode::kInvalidArgument},
    Known{Refusal::kPermissionDenied, "PERMISSION_DENIED", 403, ErrorCode::kConflict},
    Known{Refusal::kNotImplemented, "NOT_IMPLEMENTED", 501, ErrorCode::kUnsupported},
    Known{Refusal::kResourceExhausted, "RESOURCE_EXHAUSTED", 429, ErrorCode::kIo},
    Known{Refusal::kTemporarilyUnavailable, "TEMPORARILY_UNAVAILABLE", 503, ErrorCode::kIo},
    Known{Refusal::kInternalError, "INTERNAL_ERROR", 500, ErrorCode::kIo},
};

const Known& known(Refusal refusal) noexcept {
  for (const Known& entry : kKnown) {
    if (entry.refusal == refusal) return entry;
  }
  return kKnown.back();
}

Refusal refusal_by(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return Refusal::kInvalidParameterValue;
    case ErrorCode::kNotFound:
      return Refusal::kResourceDoesNotExist;
    case ErrorCode::kConflict:
      return Refusal::kInvalidParameterValue;
    case ErrorCode::kUnsupported:
      return Refusal::kNotImplemented;
    default:
      return Refusal::kInternalError;
  }
}

}  // namespace

std::string_view to_text(Refusal refusal) noexcept { return known(refusal).name; }

Refusal parse_refusal(std::string_view name) noexcept {
  for (const Known& entry : kKnown) {
    if (entry.name == name) return entry.refusal;
  }
  return Refusal::kInternalError;
}

int http_status(Refusal refusal) noexcept { return known(refusal).http_status; }

StoreError::StoreError(Refusal refusal, const std::string& message)
    : Error(known(refusal).code, message), refusal_(refusal) {}

Refusal refusal_of(const Error& error) noexcept {
  const auto* store_error = dynamic_cast<const StoreError*>(&error);
  return store_error != nullptr ? store_error->refusal() : refusal_by(error.code());
}

}  // namespace ivory::tracking
