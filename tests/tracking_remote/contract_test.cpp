// The contract of tracking stores over HTTP.
#include <cstdlib>

#include "tracking_store_contract.h"

namespace ivory::tracking {
namespace {

// A tracking server, ours or MLflow's, that lies empty before each test: to run the suite against by hand.
std::vector<StorePlace> places() {
  std::vector<StorePlace> places;
  if (const char* const uri = std::getenv("IVORY_TEST_TRACKING_URI"))
    places.push_back({"given_server", [uri] { return OpenPlace{uri, {}}; }});
  return places;
}

INSTANTIATE_TEST_SUITE_P(EveryServer, TrackingStoreContract, testing::ValuesIn(places()), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TrackingStoreContract);

}  // namespace
}  // namespace ivory::tracking
