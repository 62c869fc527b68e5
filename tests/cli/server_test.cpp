// ivory server: what it refuses, and ivory sync with nothing to do.
#include <filesystem>

#include "cli_support.h"

namespace ivory {
namespace {

using testing::HasSubstr;

using ServerCli = Cli;

TEST_F(ServerCli, RefusesAWrongPortBeforeItMakesADatabase) {
  const CommandResult refused = ivory({"server", "--port", "99999"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("--port: expected 0 to 65535, found 99999"));
  EXPECT_FALSE(std::filesystem::exists(path() / "mlflow.db"));
}

TEST_F(ServerCli, SaysThatNothingWaitsToBeSent) {
  const CommandResult sync = ivory({"sync"});
  EXPECT_EQ(sync.status, 0) << sync.err;
  EXPECT_EQ(sync.out, "Nothing waits to be sent.\n");
  EXPECT_FALSE(std::filesystem::exists(path() / "mlflow.db"));
}

}  // namespace
}  // namespace ivory
