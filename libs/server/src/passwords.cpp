#include <ivory/server/passwords.h>

#include <crypt.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <memory>

#include <ivory/base/error.h>

namespace ivory::server {
namespace {

std::string run_crypt(std::string_view password, const std::string& setting) {
  const std::string text(password);
  const auto data = std::make_unique<crypt_data>();
  const char* const hash = ::crypt_rn(text.c_str(), setting.c_str(), data.get(), sizeof(crypt_data));
  return hash == nullptr ? std::string() : std::string(hash);
}

bool is_same(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

}  // namespace

std::string hash_password(std::string_view password) {
  constexpr std::size_t kLongest = 255;
  if (password.empty() || password.size() > kLongest || password.find('\0') != std::string_view::npos)
    throw Error(ErrorCode::kInvalidArgument, "expected a password of 1 to 255 bytes without a NUL");
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> salt{};
  if (::crypt_gensalt_rn("$y$", 0, nullptr, 0, salt.data(), static_cast<int>(salt.size())) == nullptr)
    throw Error(ErrorCode::kUnsupported, "this machine's crypt() knows no yescrypt");
  std::string hash = run_crypt(password, salt.data());
  if (hash.empty()) throw Error(ErrorCode::kInternal, "crypt() failed");
  return hash;
}

bool is_password(std::string_view password, const std::string& hash) {
  const std::string found = run_crypt(password, hash);
  return !found.empty() && found.front() != '*' && is_same(found, hash);
}

std::string make_token() {
  constexpr std::size_t kBytes = 32;
  std::array<unsigned char, kBytes> bytes{};
  if (RAND_bytes(bytes.data(), kBytes) != 1)
    throw Error(ErrorCode::kIo, "there is no random number to be had");
  constexpr std::size_t kText = 44;
  std::array<unsigned char, kText + 1> text{};
  EVP_EncodeBlock(text.data(), bytes.data(), kBytes);
  std::string token;
  for (const unsigned char c : text) {
    if (c == '=' || c == '\0') break;
    token.push_back(c == '+' ? '-' : c == '/' ? '_' : static_cast<char>(c));
  }
  return token;
}

std::string hash_token(std::string_view token) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(token.data(), token.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    throw Error(ErrorCode::kInternal, "SHA-256 failed");
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i)
    text.append({kHex[digest[i] / kHex.size()], kHex[digest[i] % kHex.size()]});
  return text;
}

}  // namespace ivory::server
