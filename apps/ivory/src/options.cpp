#include "options.h"

#include <charconv>
#include <cstdio>
#include <utility>

#include <CLI/CLI.hpp>

#include <ivory/base/error.h>

namespace ivory {
namespace {

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options({})) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

}  // namespace

struct Options::Parser {
  Parser(std::string name, std::string summary, std::string examples)
      : program(std::move(name)), app(std::move(summary), program) {
    app.set_help_flag("-h,--help", "show this help");
    app.footer("Examples:\n" + std::move(examples));
    app.allow_extras();
    app.get_formatter()->column_width(30);
  }
  // An argument that no option or word takes.
  [[noreturn]] void fail_extra(const std::string& argument) const {
    const std::string name = argument.substr(0, argument.find('='));
    const std::string message = argument.starts_with("-") ? "there is no option '" + name + "'" +
                                                                did_you_mean(name, option_names(app), 0)
                                                          : "'" + argument + "' is one word too many";
    throw Error(ErrorCode::kInvalidArgument, message + "; see `" + program + " --help`");
  }

  std::string program;
  CLI::App app;
};

Options::Options(std::string program, std::string summary, std::string examples)
    : parser_(std::make_unique<Parser>(std::move(program), std::move(summary), std::move(examples))) {}
Options::~Options() = default;

void Options::word(std::string_view name, std::string& value, std::string_view help, bool required) {
  parser_->app.add_option(std::string(name), value, std::string(help))->required(required)->type_name("");
}

void Options::words(std::string_view name, std::vector<std::string>& values, std::string_view help) {
  parser_->app.add_option(std::string(name), values, std::string(help))->type_name("");
}

void Options::flag(std::string_view names, bool& value, std::string_view help) {
  parser_->app.add_flag(std::string(names), value, std::string(help));
}

void Options::option(std::string_view names, std::string& value, std::string_view value_name,
                     std::string_view help) {
  parser_->app.add_option(std::string(names), value, std::string(help))->type_name(std::string(value_name));
}

void Options::option(std::string_view names, std::filesystem::path& value, std::string_view value_name,
                     std::string_view help) {
  const auto take = [&value](const std::string& text) { value = text; };
  parser_->app.add_option_function<std::string>(std::string(names), take, std::string(help))
      ->type_name(std::string(value_name));
}

void Options::option(std::string_view names, std::optional<std::int64_t>& value, std::string_view value_name,
                     std::string_view help) {
  const auto take = [&value, names = std::string(names)](const std::string& text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
      throw CLI::ValidationError(names, "expected an integer, found '" + text + "'");
    value = number;
  };
  parser_->app.add_option_function<std::string>(std::string(names), take, std::string(help))
      ->type_name(std::string(value_name));
}

void Options::option(std::string_view names, std::vector<std::string>& values, std::string_view value_name,
                     std::string_view help) {
  parser_->app.add_option(std::string(names), values, std::string(help))
      ->type_name(std::string(value_name))
      ->allow_extra_args(false);
}

void Options::choice(std::string_view names, std::string& value, std::vector<std::string> choices,
                     std::string_view help) {
  const std::string all = " (" + join(choices) + ")";
  const auto check = [choices = std::move(choices)](const std::string& text) {
    for (const std::string& choice : choices)
      if (choice == text) return std::string();
    return "'" + text + "' is none of " + join(choices) + did_you_mean(text, choices, 0);
  };
  parser_->app.add_option(std::string(names), value, std::string(help) + all)
      ->check(CLI::Validator(check, ""))
      ->type_name("MODE")
      ->capture_default_str();
}

bool Options::parse(const std::vector<std::string>& arguments) {
  CLI::App& app = parser_->app;
  try {
    app.parse(
        std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them from the end
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return false;
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> left = app.remaining();
    if (!left.empty() && left.front().starts_with("-")) parser_->fail_extra(left.front());
    throw Error(ErrorCode::kInvalidArgument,
                std::string(error.what()) + "; see `" + parser_->program + " --help`");
  }
  if (const std::vector<std::string> left = app.remaining(); !left.empty()) parser_->fail_extra(left.front());
  return true;
}

}  // namespace ivory
