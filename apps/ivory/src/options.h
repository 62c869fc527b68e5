// Options and words of a command line, declared by the commands and read by CLI11, which stays in
// options.cpp.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ivory {

// The variables given to the methods must outlive parse(), which fills them.
class Options {
 public:
  // `program` is how the command is called: "ivory run".
  Options(std::string program, std::string summary, std::string examples);
  ~Options();
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  // A word by its position; all the words from there on. Words are found before, between and after options.
  void word(std::string_view name, std::string& value, std::string_view help, bool required = true);
  void words(std::string_view name, std::vector<std::string>& values, std::string_view help);
  // `names` as "-v,--verbose".
  void flag(std::string_view names, bool& value, std::string_view help);
  void option(std::string_view names, std::string& value, std::string_view value_name, std::string_view help);
  void option(std::string_view names, std::filesystem::path& value, std::string_view value_name,
              std::string_view help);
  void option(std::string_view names, std::optional<std::int64_t>& value, std::string_view value_name,
              std::string_view help);
  // May be given several times.
  void option(std::string_view names, std::vector<std::string>& values, std::string_view value_name,
              std::string_view help);
  void choice(std::string_view names, std::string& value, std::vector<std::string> choices,
              std::string_view help);

  // False if help was asked for: it has been printed. Errors: kInvalidArgument, with the nearest option.
  [[nodiscard]] bool parse(const std::vector<std::string>& arguments);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace ivory
