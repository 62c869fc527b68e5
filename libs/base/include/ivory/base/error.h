// The one exception type of Ivory, and the "did you mean" of its messages.
#pragma once
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace ivory {

// What kind of failure it is. The edges of the program map it: exit status, HTTP status.
enum class ErrorCode {
  kInvalidArgument,  // the user's input (YAML, command line, data, request) is wrong
  kNotFound,         // something named does not exist
  kConflict,         // it exists already, or is in the wrong state
  kIo,               // a file, a disk or a database failed
  kUnsupported,      // valid, but not possible here
  kInternal,         // our own mistake, or a failure of user code
};

// The operation could not do what its name says. `what()` is the whole message for the user.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  // An error about one argument of a constructor or function: whoever made the call from YAML knows the
  // line of that argument and puts it before the message.
  Error(ErrorCode code, std::string argument, const std::string& message)
      : std::runtime_error(message), code_(code), argument_(std::move(argument)) {}

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  // Name of the argument at fault, or empty.
  [[nodiscard]] const std::string& argument() const noexcept { return argument_; }
  // 2 for wrong input, 1 for anything that failed.
  [[nodiscard]] int exit_status() const noexcept;

 private:
  ErrorCode code_;
  std::string argument_;
};

// The candidate nearest to `name` by edit distance (Damerau-Levenshtein, optimal string alignment; case
// ignored), or empty when none is near enough to be a slip: a third of the name's length, at least one edit.
// Dotted names are also compared by what follows their last dot.
[[nodiscard]] std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

// "; did you mean 'x'?", or, when nothing is near, "; expected one of a, b, c" (at most `limit` names, none
// when there are more), or empty.
[[nodiscard]] std::string did_you_mean(std::string_view name, std::span<const std::string> candidates,
                                       std::size_t limit = 12);

// "a, b, c".
[[nodiscard]] std::string join(std::span<const std::string> words, std::string_view separator = ", ");

}  // namespace ivory
