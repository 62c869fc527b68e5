// Users: who asks, by the file of users.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <ivory/net_server/http_message.h>

#include "rights.h"

namespace ivory::server {

// The file (YAML):
//   default: read                # for users without their own; none, read, edit or manage
//   users:
//     ada: {password: $y$…, admin: true}
//     bob: {password: $y$…, default: none, experiments: {mnist: edit}, models: read}
//   tokens:
//     - {sha256: 9f86…, user: bob}
// Threads: any.
class Users {
 public:
  // Errors: kInvalidArgument with file:line for what it should not hold; those of read_yaml().
  explicit Users(std::filesystem::path file);
  void reload();
  // By the header Authorization, Basic or Bearer. Empty for one that is wrong, or none. A password that was
  // right is known again without its slow hash.
  [[nodiscard]] std::optional<Asker> find(const net::Request& request);

 private:
  struct User {
    std::string password_hash;  // empty: by token alone
    std::shared_ptr<const Rights> rights;
  };
  struct Known {
    std::map<std::string, User, std::less<>> users;
    std::map<std::string, std::string, std::less<>> tokens;  // hash to user
  };

  [[nodiscard]] static std::shared_ptr<const Known> read(const std::filesystem::path& file);
  [[nodiscard]] static std::optional<Asker> check(const Known& known, std::string_view authorization);

  std::filesystem::path file_;
  std::mutex mutex_;
  std::shared_ptr<const Known> known_;
  std::map<std::string, Asker> seen_;  // by the hash of the header
  std::mutex hashing_;                 // one password at a time: guessing takes one thread's time at most
};

}  // namespace ivory::server
