// Words of MLflow's search language.
#pragma once
#include <string_view>
#include <vector>

namespace ivory::tracking {

struct SearchToken {
  enum class Kind {
    kWord,        // a name of letters and digits with dots between: metrics.loss, AND
    kIdentifier,  // the same with quoted parts: params.`a b`, "x"
    kText,        // 'text'
    kNumber,      // -1.5e3
    kComparison,  // = != < <= > >= and what else is written with these characters
    kList,        // from "(" to its ")"
    kOther,       // one character, or all from a quote or "(" that is not closed
  };
  Kind kind = Kind::kOther;
  std::string_view text;  // as it is written
};

// Blanks separate and are left out. Views into `text`.
[[nodiscard]] std::vector<SearchToken> tokenize(std::string_view text);

// Whether it is this word in any case.
[[nodiscard]] bool is_word(const SearchToken& token, std::string_view upper_case) noexcept;

}  // namespace ivory::tracking
