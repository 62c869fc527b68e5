#include "validation.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>

#include <ivory/base/error.h>

#include "word_characters.h"

namespace ivory::tracking {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

// Long texts are shown by their beginning.
std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 80;
  if (text.size() <= kShown) return "'" + std::string(text) + "'";
  std::size_t end = kShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return "'" + std::string(text.substr(0, end)) + "…'";
}

struct Decoded {
  char32_t character;
  std::size_t length;
};

// The character at the beginning of `text`, or nothing where the bytes are not UTF-8.
std::optional<Decoded> decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return Decoded{byte(0), 1};
  std::size_t length = 0;
  char32_t character = 0;
  char32_t smallest = 0;
  if ((byte(0) & 0xE0) == 0xC0) {
    length = 2, character = byte(0) & 0x1F, smallest = 0x80;
  } else if ((byte(0) & 0xF0) == 0xE0) {
    length = 3, character = byte(0) & 0x0F, smallest = 0x800;
  } else if ((byte(0) & 0xF8) == 0xF0) {
    length = 4, character = byte(0) & 0x07, smallest = 0x10000;
  }
  if (length == 0 || text.size() < length) return std::nullopt;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    character = (character << 6) | (byte(i) & 0x3F);
  }
  const bool surrogate = character >= 0xD800 && character <= 0xDFFF;
  if (character < smallest || character > 0x10FFFF || surrogate) return std::nullopt;
  return Decoded{character, length};
}

// Number of characters of valid UTF-8.
std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string cut(const std::string& text, std::size_t characters) {
  if (text.size() <= characters) return text;
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (seen++ == characters) return text.substr(0, i);
  }
  return text;
}

bool has_key_characters_only(std::string_view key) {
  constexpr std::u32string_view kOthers = U"-. /:";
  while (!key.empty()) {
    const auto decoded = decode(key);
    if (!decoded) return false;
    if (!is_word_character(decoded->character) &&
        kOthers.find(decoded->character) == std::u32string_view::npos)
      return false;
    key.remove_prefix(decoded->length);
  }
  return true;
}

// Whether posixpath.normpath(key) would be the key itself, and stay in its folder: keys are file names in
// MLflow's file store.
bool is_normal_path(std::string_view key) {
  if (key.front() == '/' || key.substr(0, 2) == "..") return false;
  for (std::size_t begin = 0; begin <= key.size();) {
    const std::size_t end = std::min(key.find('/', begin), key.size());
    const std::string_view part = key.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

void check_metric(const Metric& metric) {
  check_key(metric.key, "metric");
  if (metric.timestamp_ms < 0) {
    refuse("metric " + in_quotes(metric.key) + ": timestamp " + std::to_string(metric.timestamp_ms) +
           " is before 1970; expected milliseconds >= 0");
  }
}

void check_params_are_distinct(const std::vector<KeyValue>& params) {
  std::set<std::string_view> seen;
  for (const KeyValue& param : params) {
    if (!seen.insert(param.key).second)
      refuse("param " + in_quotes(param.key) + " stands twice in one batch");
  }
}

}  // namespace

void check_text(std::string_view text, std::string_view what) {
  for (std::string_view rest = text; !rest.empty();) {
    const auto decoded = decode(rest);
    if (!decoded) refuse(std::string(what) + " is not UTF-8 text");
    if (decoded->character == 0) refuse(std::string(what) + " holds a NUL character");
    rest.remove_prefix(decoded->length);
  }
}

void check_key(std::string_view key, std::string_view what) {
  const std::string name(what);
  if (key.empty()) refuse(name + " has an empty name");
  check_text(key, "the name of a " + name);
  if (!has_key_characters_only(key)) {
    refuse(name + " name " + in_quotes(key) +
           ": expected letters, digits, underscores (_), dashes (-), periods (.), spaces, colons (:) and "
           "slashes (/)");
  }
  if (!is_normal_path(key)) {
    refuse(name + " name " + in_quotes(key) +
           ": as a path it must be relative and in its shortest form, without '.' and '..'");
  }
  if (const std::size_t length = count_characters(key); length > kMaxKeyLength) {
    refuse(name + " name " + in_quotes(key) + " has " + std::to_string(length) +
           " characters; expected at most " + std::to_string(kMaxKeyLength));
  }
}

void check_experiment_name(std::string_view name) {
  if (name.empty()) refuse("an experiment's name must not be empty");
  check_text(name, "an experiment's name");
  if (const std::size_t length = count_characters(name); length > kMaxExperimentNameLength) {
    refuse("experiment name " + in_quotes(name) + " has " + std::to_string(length) +
           " characters; expected at most " + std::to_string(kMaxExperimentNameLength));
  }
}

void check_experiment_tag(const KeyValue& tag) {
  check_key(tag.key, "experiment tag");
  check_text(tag.value, "experiment tag " + in_quotes(tag.key));
  if (const std::size_t length = count_characters(tag.value); length > kMaxExperimentTagValueLength) {
    refuse("experiment tag " + in_quotes(tag.key) + " has " + std::to_string(length) +
           " characters; expected at most " + std::to_string(kMaxExperimentTagValueLength));
  }
}

Batch checked(const Batch& batch) {
  Batch good = batch;
  for (const Metric& metric : good.metrics) check_metric(metric);
  for (KeyValue& param : good.params) {
    check_key(param.key, "param");
    check_text(param.value, "param " + in_quotes(param.key));
    param.value = cut(param.value, kMaxParamValueLength);
  }
  check_params_are_distinct(good.params);
  for (KeyValue& tag : good.tags) {
    check_key(tag.key, "tag");
    check_text(tag.value, "tag " + in_quotes(tag.key));
    tag.value = cut(tag.value, kMaxTagValueLength);
  }
  return good;
}

}  // namespace ivory::tracking
