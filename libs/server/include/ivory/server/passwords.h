// Passwords and tokens, as the users' file keeps them.
#pragma once
#include <string>
#include <string_view>

namespace ivory::server {

// By yescrypt with a fresh salt (crypt(5)). Errors: kInvalidArgument for an empty password, one longer than
// 255 bytes or with a NUL.
[[nodiscard]] std::string hash_password(std::string_view password);
// Takes some 20 ms, whatever the outcome. `hash` may be of any kind that crypt(5) knows.
[[nodiscard]] bool is_password(std::string_view password, const std::string& hash);

// 43 letters and digits, 256 random bits.
[[nodiscard]] std::string make_token();
// What the file keeps of a token: SHA-256 in hex. No slow hash is needed for what cannot be guessed.
[[nodiscard]] std::string hash_token(std::string_view token);

}  // namespace ivory::server
