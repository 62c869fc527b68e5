// Which characters make a word, in any script.
#pragma once
namespace ivory::tracking {

// What Python's \w matches, and so what MLflow accepts in the names of metrics, params and tags.
[[nodiscard]] bool is_word_character(char32_t character) noexcept;

}  // namespace ivory::tracking
