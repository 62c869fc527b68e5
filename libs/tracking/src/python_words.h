// Texts as MLflow's messages show them.
#pragma once
#include <string>
#include <string_view>

namespace ivory::tracking {

// As Python's repr(): in single quotes, or in double ones if the text has only single quotes in it.
[[nodiscard]] std::string python_repr(std::string_view text);
// As Python's json.dumps(): in double quotes, in ASCII.
[[nodiscard]] std::string python_json(std::string_view text);
// As Python's repr() of a finite float or an infinity: the shortest that reads back, "1.0", "1e+16", "inf".
[[nodiscard]] std::string python_repr(double number);
// As Python's posixpath.normpath().
[[nodiscard]] std::string normal_path(std::string_view path);

}  // namespace ivory::tracking
