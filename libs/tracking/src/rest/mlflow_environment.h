// The variables by which MLflow's clients are told how to reach a server.
#pragma once
#include <ivory/net_client/http_client.h>

namespace ivory::tracking {

// MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD, _INSECURE_TLS, _SERVER_CERT_PATH, _CLIENT_CERT_PATH;
// MLFLOW_HTTP_REQUEST_TIMEOUT, _MAX_RETRIES, _BACKOFF_FACTOR, _BACKOFF_JITTER. What is not set has MLflow's
// default. Errors: kInvalidArgument with the variable's name for a value that cannot be.
[[nodiscard]] net::HttpOptions http_options_from_environment();

}  // namespace ivory::tracking
