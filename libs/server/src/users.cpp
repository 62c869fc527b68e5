#include "users.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/params.h>
#include <ivory/server/passwords.h>
#include <ivory/yaml/yaml.h>

namespace ivory::server {
namespace {

[[noreturn]] void refuse(const Params& where, const std::string& why) {
  throw Error(ErrorCode::kInvalidArgument, where.where() + ": " + why);
}

const std::string& text_of(const Params& value, std::string_view what) {
  if (!value.is_string() || value.as_string().empty()) refuse(value, "expected " + std::string(what));
  return value.as_string();
}

void check_keys(const Params& map, const std::vector<std::string>& known) {
  if (!map.is_map()) refuse(map, "expected a map with " + join(known));
  for (const auto& [key, value] : map.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      refuse(value, "unknown key '" + key + "'" + did_you_mean(key, known));
}

Permission permission_of(const Params& value) {
  const std::vector<std::string> names{"none", "read", "edit", "manage"};
  const std::string& name = text_of(value, "one of none, read, edit, manage");
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) refuse(value, "unknown permission '" + name + "'" + did_you_mean(name, names));
  return static_cast<Permission>(found - names.begin());
}

std::shared_ptr<const Rights> rights_of(const Params& user, Permission otherwise) {
  auto rights = std::make_shared<Rights>();
  rights->everywhere = otherwise;
  rights->models = otherwise;
  if (const Params* admin = user.find("admin")) {
    if (!admin->is_bool()) refuse(*admin, "expected true or false");
    rights->admin = admin->as_bool();
  }
  if (const Params* everywhere = user.find("default"))
    rights->everywhere = rights->models = permission_of(*everywhere);
  if (const Params* models = user.find("models")) rights->models = permission_of(*models);
  if (const Params* experiments = user.find("experiments")) {
    if (!experiments->is_map())
      refuse(*experiments, "expected a map from names of experiments to permissions");
    for (const auto& [name, permission] : experiments->items())
      rights->experiments[name] = permission_of(permission);
  }
  return rights;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size(), '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

// As crypt(3) makes them: "$y$j9T$…". A password in the clear would never let anybody in, and stand in a
// file.
std::string password_hash_of(const Params& value) {
  constexpr std::string_view kMaker = "a hash, from `ivory server --hash-password`";
  const std::string& text = text_of(value, kMaker);
  if (text.front() != '$' || text.find('$', 1) == std::string::npos)
    refuse(value, "this is no hash of a password; expected " + std::string(kMaker));
  return text;
}

std::string token_hash_of(const Params& value) {
  constexpr std::size_t kDigits = 64;
  std::string text = text_of(value, "a hash, from `ivory server --new-token`");
  std::ranges::transform(text, text.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  if (text.size() != kDigits || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    refuse(value, "this is no SHA-256; expected 64 hexadecimal digits, from `ivory server --new-token`");
  return text;
}

bool has_scheme(std::string_view authorization, std::string_view scheme) {
  if (authorization.size() <= scheme.size()) return false;
  for (std::size_t i = 0; i < scheme.size(); ++i)
    if (std::tolower(static_cast<unsigned char>(authorization[i])) != scheme[i]) return false;
  return authorization[scheme.size()] == ' ';
}

}  // namespace

bool Asker::may_with_all(Permission permission) const noexcept {
  if (rights_->admin) return true;
  for (const auto& [name, own] : rights_->experiments)
    if (own < permission) return false;
  return rights_->everywhere >= permission;
}

Permission Asker::on_experiment(std::string_view experiment_name) const noexcept {
  if (rights_->admin) return Permission::kManage;
  const auto own = rights_->experiments.find(experiment_name);
  return own == rights_->experiments.end() ? rights_->everywhere : own->second;
}

Users::Users(std::filesystem::path file) : file_(std::move(file)), known_(read(file_)) {}

void Users::reload() {
  auto known = read(file_);
  const std::lock_guard lock(mutex_);
  known_ = std::move(known);
  seen_.clear();
}

std::shared_ptr<const Users::Known> Users::read(const std::filesystem::path& file) {
  const Params document = read_yaml(file);
  check_keys(document, {"default", "users", "tokens"});
  const Params* const otherwise = document.find("default");
  const Permission everywhere = otherwise == nullptr ? Permission::kRead : permission_of(*otherwise);
  auto known = std::make_shared<Known>();
  const Params* const users = document.find("users");
  if (users == nullptr || !users->is_map() || users->empty())
    throw Error(ErrorCode::kInvalidArgument, file.string() + ": expected users, at least one");
  for (const auto& [name, user] : users->items()) {
    check_keys(user, {"password", "admin", "default", "experiments", "models"});
    const Params* const password = user.find("password");
    known->users[name] = {password == nullptr ? "" : password_hash_of(*password),
                          rights_of(user, everywhere)};
  }
  if (const Params* tokens = document.find("tokens")) {
    if (!tokens->is_list()) refuse(*tokens, "expected a list of {sha256: …, user: …}");
    for (const Params& token : tokens->elements()) {
      check_keys(token, {"sha256", "user"});
      if (token.size() != 2) refuse(token, "expected sha256 and user");
      const std::string& user = text_of(*token.find("user"), "a user's name");
      if (!known->users.contains(user)) refuse(token, "there is no user '" + user + "'");
      known->tokens[token_hash_of(*token.find("sha256"))] = user;
    }
  }
  return known;
}

std::optional<Asker> Users::check(const Known& known, std::string_view authorization) {
  constexpr std::string_view kBearer = "bearer", kBasic = "basic";
  if (has_scheme(authorization, kBearer)) {
    const auto token = known.tokens.find(hash_token(authorization.substr(kBearer.size() + 1)));
    if (token == known.tokens.end()) return std::nullopt;
    return Asker(token->second, known.users.find(token->second)->second.rights);
  }
  if (!has_scheme(authorization, kBasic)) return std::nullopt;
  const auto pair = decode_base64(authorization.substr(kBasic.size() + 1));
  const std::string_view text = pair ? std::string_view(*pair) : std::string_view();
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto user = known.users.find(text.substr(0, colon));
  // A user who is not there takes as long as a wrong password.
  const std::string nobody = "$y$j9T$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  const bool has_password = user != known.users.end() && !user->second.password_hash.empty();
  const bool right = is_password(text.substr(colon + 1), has_password ? user->second.password_hash : nobody);
  if (!right || !has_password) return std::nullopt;
  return Asker(user->first, user->second.rights);
}

std::optional<Asker> Users::find(const net::Request& request) {
  const std::string* const authorization = request.find_header("Authorization");
  if (authorization == nullptr) return std::nullopt;
  const std::string hash = hash_token(*authorization);
  std::shared_ptr<const Known> known;
  const auto find_seen = [&]() -> std::optional<Asker> {
    const std::lock_guard lock(mutex_);
    known = known_;
    const auto seen = seen_.find(hash);
    return seen == seen_.end() ? std::nullopt : std::optional(seen->second);
  };
  if (auto asker = find_seen()) return asker;
  const std::lock_guard one(hashing_);
  if (auto asker = find_seen()) return asker;
  auto asker = check(*known, *authorization);
  const std::lock_guard lock(mutex_);
  constexpr std::size_t kMost = 1000;
  if (seen_.size() >= kMost) seen_.clear();
  if (asker && known == known_) seen_.emplace(hash, *asker);
  return asker;
}

}  // namespace ivory::server
