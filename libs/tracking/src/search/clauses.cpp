// From words to clauses: "identifier comparator value", joined by AND.
#include <algorithm>
#include <cctype>
#include <optional>
#include <span>

#include <ivory/base/error.h>
#include <ivory/tracking/search.h>

#include "../python_words.h"
#include "../validation.h"
#include "tokens.h"

namespace ivory::tracking {
namespace {

using Kind = SearchToken::Kind;
using Tokens = std::span<const SearchToken>;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\n\r\f\v") == std::string_view::npos;
}

bool is_operand(const SearchToken& token) {
  return token.kind != Kind::kComparison && token.kind != Kind::kOther && token.kind != Kind::kList &&
         !is_word(token, "AND") && !is_word(token, "OR") && !is_word(token, "NOT");
}

FilterClause::Value kind_of(const SearchToken& token) {
  switch (token.kind) {
    case Kind::kNumber:
      return FilterClause::Value::kNumber;
    case Kind::kText:
      return FilterClause::Value::kText;
    case Kind::kList:
      return FilterClause::Value::kList;
    default:
      return FilterClause::Value::kIdentifier;
  }
}

std::string upper_case(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper;
}

struct Comparison {
  std::string comparator;
  std::size_t words;  // of the comparator
  bool has_list;
};

// The comparator that the tokens begin with.
std::optional<Comparison> comparison_of(Tokens tokens) {
  const auto word = [&](std::size_t i, std::string_view text) {
    return i < tokens.size() && is_word(tokens[i], text);
  };
  if (tokens.empty()) return std::nullopt;
  if (tokens[0].kind == Kind::kComparison) return Comparison{std::string(tokens[0].text), 1, false};
  if (word(0, "LIKE") || word(0, "ILIKE")) return Comparison{upper_case(tokens[0].text), 1, false};
  if (word(0, "NOT") && (word(1, "LIKE") || word(1, "ILIKE")))
    return Comparison{"NOT " + upper_case(tokens[1].text), 2, false};
  if (word(0, "IN")) return Comparison{"IN", 1, true};
  if (word(0, "NOT") && word(1, "IN")) return Comparison{"NOT IN", 2, true};
  if (word(0, "IS") && word(1, "NULL")) return Comparison{"IS NULL", 2, false};
  if (word(0, "IS") && word(1, "NOT") && word(2, "NULL")) return Comparison{"IS NOT NULL", 3, false};
  return std::nullopt;
}

// The clause that the tokens begin with, and of how many it is made.
struct FoundClause {
  FilterClause clause;
  std::size_t words;
};
std::optional<FoundClause> clause_of(Tokens tokens) {
  if (!is_operand(tokens[0])) return std::nullopt;
  auto comparison = comparison_of(tokens.subspan(1));
  if (!comparison) return std::nullopt;
  FilterClause clause{std::string(tokens[0].text), std::move(comparison->comparator),
                      FilterClause::Value::kNone, ""};
  const std::size_t value = 1 + comparison->words;
  const bool is_name = tokens[0].kind == Kind::kWord || tokens[0].kind == Kind::kIdentifier;
  if (clause.comparator.starts_with("IS ")) {
    if (!is_name) return std::nullopt;
    return FoundClause{std::move(clause), value};
  }
  const bool fits = value < tokens.size() && (tokens[value].kind == Kind::kList ||
                                              (!comparison->has_list && is_operand(tokens[value])));
  if (!fits) return std::nullopt;
  if (!is_name)
    refuse("Invalid comparison clause. Expected 'Identifier' found '" + std::string(tokens[0].text) + "'");
  clause.kind = kind_of(tokens[value]);
  clause.value = tokens[value].text;
  return FoundClause{std::move(clause), value + 1};
}

// A semicolon with more after it begins another statement.
void check_one_statement(std::string_view filter, Tokens tokens) {
  for (const SearchToken& token : tokens) {
    if (token.text == ";" && &token != &tokens.back()) {
      refuse("Search filter contained multiple expression " + python_repr(filter) +
             ". Provide AND-ed expression list.");
    }
  }
}

[[noreturn]] void refuse_list() {
  refuse(
      "While parsing a list in the query, expected a non-empty list of string values, but got ill-formed "
      "list.");
}

}  // namespace

std::vector<FilterClause> parse_clauses(std::string_view filter, bool in_quotes) {
  if (filter.empty()) return {};
  check_text(filter, "the filter");
  if (is_blank(filter)) refuse("Invalid filter '" + std::string(filter) + "'. Could not be parsed.");
  const auto words = tokenize(filter);
  const Tokens tokens(words);
  check_one_statement(filter, tokens);
  std::vector<FilterClause> clauses;
  std::string invalid;
  for (std::size_t i = 0; i < tokens.size();) {
    if (is_word(tokens[i], "AND")) {
      ++i;
      continue;
    }
    auto found = clause_of(tokens.subspan(i));
    if (found) {
      clauses.push_back(std::move(found->clause));
      i += found->words;
      continue;
    }
    const std::string_view quote = in_quotes ? "'" : "";
    invalid.append(invalid.empty() ? "" : ", ").append(quote).append(tokens[i].text).append(quote);
    ++i;
  }
  if (!invalid.empty()) refuse("Invalid clause(s) in filter string: " + invalid);
  return clauses;
}

std::string_view without_quotes(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == text.back() &&
                      (text.front() == '\'' || text.front() == '"' || text.front() == '`');
  return quoted ? text.substr(1, text.size() - 2) : text;
}

std::vector<std::string> parse_text_list(std::string_view list) {
  const auto tokens = tokenize(list.substr(1, list.size() - 2));
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const SearchToken& token = tokens[i];
    if (i % 2 == 1) {
      if (token.text != ",") refuse_list();
      continue;
    }
    if (token.kind == Kind::kNumber) {
      refuse(
          "While parsing a list in the query, expected string value, punctuation, or whitespace, but got "
          "different type in list: " +
          std::string(list));
    }
    if (token.text.front() != '\'' && token.text.front() != '"') refuse_list();
    const std::string_view inner = without_quotes(token.text);
    if (inner.size() + 2 != token.text.size()) refuse_list();
    texts.emplace_back(inner);
  }
  if (texts.empty()) {
    refuse(
        "While parsing a list in the query, expected a non-empty list of string values, but got empty list");
  }
  return texts;
}

OrderClause parse_order_clause(std::string_view order_by) {
  const auto fail = [&]() {
    refuse("Invalid order_by clause '" + std::string(order_by) + "'. Could not be parsed.");
  };
  check_text(order_by, "an order_by clause");
  const auto tokens = tokenize(order_by);
  if (tokens.empty() || tokens.size() > 2) fail();
  for (const SearchToken& token : tokens) {
    if (token.kind != Kind::kWord && token.kind != Kind::kIdentifier) fail();
  }
  if (tokens.size() == 1) return {std::string(tokens[0].text), true};
  const bool ascending = is_word(tokens[1], "ASC");
  if (!ascending && !is_word(tokens[1], "DESC"))
    refuse("Invalid ordering key in order_by clause '" + std::string(order_by) + "'.");
  return {std::string(tokens[0].text), ascending};
}

}  // namespace ivory::tracking
