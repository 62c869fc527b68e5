#include "tokens.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace ivory::tracking {
namespace {

using Kind = SearchToken::Kind;

constexpr std::size_t kNone = std::string_view::npos;

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
// What is not ASCII counts as a letter.
bool begins_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_in_word(char c) noexcept { return begins_word(c) || is_digit(c) || c == '$' || c == '#'; }

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  std::vector<SearchToken> all() {
    std::vector<SearchToken> tokens;
    while (position_ < text_.size()) {
      if (is_blank(text_[position_])) {
        ++position_;
        continue;
      }
      const auto [kind, end] = next();
      tokens.push_back({kind, text_.substr(position_, end - position_)});
      position_ = end;
    }
    return tokens;
  }

 private:
  struct Found {
    Kind kind;
    std::size_t end;
  };

  [[nodiscard]] Found next() const {
    const char c = text_[position_];
    if (const std::size_t end = end_of_number(position_); end != kNone) return {Kind::kNumber, end};
    if (c == '\'') return closed_or_rest(Kind::kText, end_of_quoted(position_));
    if (begins_word(c) || c == '`' || c == '"') return name();
    if (is_comparison(c)) {
      std::size_t end = position_ + 1;
      while (end < text_.size() && is_comparison(text_[end])) ++end;
      return {Kind::kComparison, end};
    }
    if (c == '(') return closed_or_rest(Kind::kList, end_of_list());
    return {Kind::kOther, position_ + 1};
  }

  static bool is_comparison(char c) noexcept {
    return c == '=' || c == '<' || c == '>' || c == '!' || c == '~';
  }

  // What is opened and not closed is all one, so that reading takes time in proportion to the text.
  [[nodiscard]] Found closed_or_rest(Kind kind, std::size_t end) const {
    return end == kNone ? Found{Kind::kOther, text_.size()} : Found{kind, end};
  }

  [[nodiscard]] char at(std::size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  [[nodiscard]] std::size_t end_of_digits(std::size_t i) const {
    while (is_digit(at(i))) ++i;
    return i;
  }

  // -1, 1.5, .5, 2., 1e-3; none if it runs into a word.
  [[nodiscard]] std::size_t end_of_number(std::size_t begin) const {
    std::size_t i = begin;
    if (at(i) == '-') ++i;
    const std::size_t whole = end_of_digits(i);
    std::size_t end = whole;
    bool has_digits = whole > i;
    if (at(end) == '.') {
      const std::size_t after = end_of_digits(end + 1);
      has_digits = has_digits || after > end + 1;
      end = after;
    }
    if (!has_digits) return kNone;
    if (at(end) == 'e' || at(end) == 'E') {
      std::size_t exponent = end + 1;
      if (at(exponent) == '-' || at(exponent) == '+') ++exponent;
      const std::size_t after = end_of_digits(exponent);
      if (after > exponent) end = after;
    }
    return is_in_word(at(end)) ? kNone : end;
  }

  // From a quote to the last that can end it, as MLflow's parser takes it: two quotes, or a backslash and a
  // quote, are inside unless no other quote follows. Backquotes know no backslash.
  [[nodiscard]] std::size_t end_of_quoted(std::size_t begin) const {
    const char quote = text_[begin];
    std::size_t fallback = kNone;
    for (std::size_t i = begin + 1; i < text_.size(); ++i) {
      const bool escape = text_[i] == '\\' && quote != '`' && at(i + 1) == quote;
      if (text_[i] != quote && !escape) continue;
      if (!escape && at(i + 1) != quote) return i + 1;
      ++i;
      fallback = escape ? i + 1 : i;
    }
    return fallback;
  }

  // name.name.`quoted`: everything that hangs together.
  [[nodiscard]] Found name() const {
    Kind kind = Kind::kWord;
    std::size_t i = position_;
    for (;;) {
      std::size_t end = i;
      if (at(i) == '`' || at(i) == '"') {
        end = end_of_quoted(i);
        kind = Kind::kIdentifier;
      } else {
        while (is_in_word(at(end))) ++end;
      }
      if (end == kNone || end == i) return stopped_at(i);
      if (at(end) != '.' || end + 1 >= text_.size()) return {kind, end};
      i = end + 1;
      if (!is_in_word(at(i)) && at(i) != '`' && at(i) != '"') return {kind, end};
    }
  }

  // A quote without an end: what stands before it and its dot is a name.
  [[nodiscard]] Found stopped_at(std::size_t i) const {
    return i == position_ ? Found{Kind::kOther, text_.size()} : Found{Kind::kIdentifier, i - 1};
  }

  [[nodiscard]] std::size_t end_of_list() const {
    int depth = 0;
    for (std::size_t i = position_; i < text_.size(); ++i) {
      if (text_[i] == '\'' || text_[i] == '"' || text_[i] == '`') {
        const std::size_t end = end_of_quoted(i);
        if (end == kNone) return kNone;
        i = end - 1;
      } else if (text_[i] == '(') {
        ++depth;
      } else if (text_[i] == ')' && --depth == 0) {
        return i + 1;
      }
    }
    return kNone;
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace

std::vector<SearchToken> tokenize(std::string_view text) { return Tokenizer(text).all(); }

bool is_word(const SearchToken& token, std::string_view upper_case) noexcept {
  return token.kind == Kind::kWord &&
         std::equal(token.text.begin(), token.text.end(), upper_case.begin(), upper_case.end(),
                    [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; });
}

}  // namespace ivory::tracking
