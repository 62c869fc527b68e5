// The contracts of tracking stores over HTTP.
#include <cstdlib>

#include "models_contract.h"
#include "own_server.h"

namespace ivory::tracking {
namespace {

// Our server over SQLite (tests/postgres: over PostgreSQL), and by hand any other that lies empty before each
// test: IVORY_TEST_TRACKING_URI.
std::vector<StorePlace> places() {
  std::vector<StorePlace> places{{"own_server", [] {
                                    const auto server = std::make_shared<server::OwnServer>();
                                    return OpenPlace{
                                        .uri = server->url(), .keeper = server, .is_remote = true};
                                  }}};
  if (const char* const uri = std::getenv("IVORY_TEST_TRACKING_URI"))
    places.push_back({"given_server", [uri] { return OpenPlace{.uri = uri, .is_remote = true}; }});
  return places;
}

INSTANTIATE_TEST_SUITE_P(EveryServer, TrackingStoreContract, testing::ValuesIn(places()), name_of_place);
INSTANTIATE_TEST_SUITE_P(EveryServer, ModelRegistryContract, testing::ValuesIn(places()), name_of_place);
INSTANTIATE_TEST_SUITE_P(EveryServer, LoggedModelsContract, testing::ValuesIn(places()), name_of_place);

}  // namespace
}  // namespace ivory::tracking
