// ivory types: every class and function that YAML can name.
#include "command.h"

#include <algorithm>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/experiment/client.h>

#include "table.h"

namespace ivory {
namespace {

std::string default_text(const ArgInfo& arg) {
  if (arg.rest) return "any keys";
  return arg.required ? "required" : arg.default_value.to_text();
}

std::string help_text(const ArgInfo& arg) {
  std::string text = arg.help;
  if (arg.choices.empty()) return text;
  std::vector<std::string> choices;
  for (const Params& choice : arg.choices) {
    std::string shown = choice.to_text();  // 32 and "32" are one
    if (std::ranges::find(choices, shown) == choices.end()) choices.push_back(std::move(shown));
  }
  return text + (text.empty() ? "" : "; ") + "one of " + join(choices);
}

std::string arguments_text(const TypeInfo& info) {
  if (info.args.empty()) return "  no arguments\n";
  Table table({"  argument", "type", "default", "meaning"});
  for (const ArgInfo& arg : info.args)
    table.add_row({"  " + arg.name, arg.type.to_text(), default_text(arg), help_text(arg)});
  return table.to_text();
}

// A line of detail, left out when there is nothing to say.
std::string line(std::string_view label, const std::string& text) {
  return text.empty() ? std::string() : "  " + std::string(label) + ": " + text + "\n";
}

std::string detail(const Registry& registry, const TypeInfo& info) {
  std::string text = info.signature() + "\n";
  if (!info.help.empty()) text += "  " + info.help + "\n";
  if (info.abstract) text += "  A base for classes of your own; it cannot be made itself.\n";
  text += "\n" + arguments_text(info) + "\n";
  std::vector<std::string> methods;
  for (const MethodInfo& method : info.methods) methods.push_back(method.name + "()");
  text += line("methods", join(methods));
  text += line("hooks", join(info.hooks));
  if (info.starts) text += line("starts", "it is what a run trains or tests with");
  text += line("also called", join(registry.aliases(info.name)));
  text += line("module", info.module);
  text += line("runs at once", registry.process_owned(info.module).empty()
                                   ? ""
                                   : "one in a process: " + registry.process_owned(info.module));
  return text;
}

std::string listing(const std::vector<const TypeInfo*>& infos) {
  std::string text;
  for (const TypeInfo* info : infos) {
    text += info->signature() + "\n";
    if (!info->help.empty()) text += "    " + info->help + "\n";
  }
  return text;
}

class TypesCommand : public Command {
 public:
  void declare(Options& options) override {
    options.word("PREFIX", prefix_, "how the names begin; a whole name shows everything about it", false);
  }

  int execute() override {
    const Client client(directory(), false);
    const Registry& registry = client.registry();
    const TypeInfo* const exact = registry.find(prefix_);
    const std::vector<const TypeInfo*> infos = exact != nullptr ? std::vector{exact} : registry.list(prefix_);
    if (infos.empty()) static_cast<void>(registry.get(prefix_));  // says which name is near
    print(json() ? as_json(infos) : exact != nullptr ? detail(registry, *exact) : listing(infos));
    return 0;
  }

 private:
  static std::string as_json(const std::vector<const TypeInfo*>& infos) {
    Params list = Params::list();
    for (const TypeInfo* info : infos) list.push_back(info->to_params());
    return list.to_json(2) + "\n";
  }

  std::string prefix_;
};

}  // namespace

std::unique_ptr<Command> make_types_command() { return std::make_unique<TypesCommand>(); }

}  // namespace ivory
