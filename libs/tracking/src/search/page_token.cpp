#include <ivory/tracking/page.h>

#include <array>
#include <charconv>
#include <optional>

#include <nlohmann/json.hpp>

#include <ivory/base/error.h>

#include "../python_words.h"

namespace ivory::tracking {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::int64_t kMostResults = 50'000;

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorCode::kInvalidArgument, "Invalid page token, " + why);
}

std::string encode(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = (group << 8U) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j > bytes.size() - i ? '=' : kAlphabet[(group >> (18U - 6U * j)) & 63U];
    }
  }
  return text;
}

// As Python's b64decode(): what is not of the alphabet is passed over, and padding ends the text. Nothing if
// the padding is missing.
std::optional<std::string> decode(std::string_view text) {
  std::string bytes;
  std::uint32_t group = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (c == '=') {
      ++padding;
      if (digits >= 2 && digits + padding >= 4) break;
      continue;
    }
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) continue;
    padding = 0;
    group = (group << 6U) | static_cast<std::uint32_t>(digit);
    if (++digits < 4) continue;
    for (const unsigned shift : {16U, 8U, 0U}) bytes += static_cast<char>((group >> shift) & 0xFFU);
    group = 0;
    digits = 0;
  }
  if (digits == 0) return bytes;
  if (digits == 1 || digits + padding < 4) return std::nullopt;
  group <<= 6U * static_cast<unsigned>(4 - digits);
  bytes += static_cast<char>((group >> 16U) & 0xFFU);
  if (digits == 3) bytes += static_cast<char>((group >> 8U) & 0xFFU);
  return bytes;
}

// As Python's int(): a number is cut, a text must be one.
std::optional<std::int64_t> to_offset(const Json& value) {
  if (value.is_number_integer() || value.is_boolean()) return value.get<std::int64_t>();
  if (value.is_number_float()) {
    const double number = value.get<double>();
    constexpr double kMost = 9e15;
    if (number >= 0 && number < kMost) return static_cast<std::int64_t>(number);
    return std::nullopt;
  }
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string in_python(const Json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_empty(const Json& value) {
  return value.is_null() || value == Json(0) || value == Json("") || value == Json(false);
}

}  // namespace

std::string make_page_token(std::int64_t offset) {
  return encode("{\"offset\": " + std::to_string(offset) + "}");
}

std::int64_t parse_page_token(std::string_view token) {
  if (token.empty()) return 0;
  const auto decoded = decode(token);
  if (!decoded) refuse("could not base64-decode");
  const Json parsed = Json::parse(*decoded, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) refuse("decoded value=b" + python_repr(*decoded));
  const auto found = parsed.is_object() ? parsed.find("offset") : parsed.end();
  if (found == parsed.end() || is_empty(*found)) refuse("parsed value=" + in_python(parsed));
  const auto offset = to_offset(*found);
  if (!offset || *offset < 0) refuse("not stringable " + in_python(*found));
  return *offset;
}

void check_max_results(std::int64_t max_results) {
  if (max_results >= 1 && max_results <= kMostResults) return;
  throw Error(ErrorCode::kInvalidArgument,
              "Invalid value " + std::to_string(max_results) +
                  " for parameter 'max_results' supplied. It must be " +
                  (max_results < 1 ? "a positive integer" : "at most " + std::to_string(kMostResults)));
}

}  // namespace ivory::tracking
