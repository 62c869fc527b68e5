// Why a tracking store refused.
#pragma once
#include <string>
#include <string_view>

#include <ivory/base/error.h>

namespace ivory::tracking {

// MLflow's names of refusals, as its clients compare them, with the ErrorCode that the rest of Ivory acts by.
enum class Refusal {
  kInvalidParameterValue,   // INVALID_PARAMETER_VALUE     400, kInvalidArgument
  kBadRequest,              // BAD_REQUEST                 400, kInvalidArgument
  kResourceAlreadyExists,   // RESOURCE_ALREADY_EXISTS     400, kConflict
  kResourceDoesNotExist,    // RESOURCE_DOES_NOT_EXIST     404, kNotFound
  kEndpointNotFound,        // ENDPOINT_NOT_FOUND          404, kNotFound
  kInvalidState,            // INVALID_STATE               500, kConflict
  kUnauthenticated,         // UNAUTHENTICATED             401, kInvalidArgument
  kPermissionDenied,        // PERMISSION_DENIED           403, kConflict
  kNotImplemented,          // NOT_IMPLEMENTED             501, kUnsupported
  kResourceExhausted,       // RESOURCE_EXHAUSTED          429, kIo
  kTemporarilyUnavailable,  // TEMPORARILY_UNAVAILABLE     503, kIo
  kInternalError,           // INTERNAL_ERROR              500, kIo
};

[[nodiscard]] std::string_view to_text(Refusal refusal) noexcept;
// kInternalError for a name that is not known.
[[nodiscard]] Refusal parse_refusal(std::string_view name) noexcept;
[[nodiscard]] int http_status(Refusal refusal) noexcept;

// Stores throw it where MLflow's clients tell errors apart. `code` is the ErrorCode above unless another fits
// better (a write to a deleted run is kConflict to us and INVALID_PARAMETER_VALUE to MLflow).
class StoreError : public Error {
 public:
  StoreError(Refusal refusal, const std::string& message);
  StoreError(Refusal refusal, ErrorCode code, const std::string& message)
      : Error(code, message), refusal_(refusal) {}
  [[nodiscard]] Refusal refusal() const noexcept { return refusal_; }

 private:
  Refusal refusal_;
};

// How MLflow's clients are told of any error: a StoreError's own, else by its code.
[[nodiscard]] Refusal refusal_of(const Error& error) noexcept;

}  // namespace ivory::tracking
